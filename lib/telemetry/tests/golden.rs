//! Numbers as Go printed them.
#![allow(clippy::unwrap_used, reason = "test code")]

use std::io::{BufRead, BufReader};

#[test]
fn numbers_are_printed_as_go_prints_them() {
    let Some(path) = testkit::golden("numbers_are_printed_as_go_prints_them", "promql/numbers.jsonl") else { return };
    let mut compared = 0;
    for line in BufReader::new(std::fs::File::open(path).unwrap()).lines() {
        let row: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        if row["kind"] != "float" {
            continue;
        }
        let bits = u64::from_str_radix(row["bits"].as_str().unwrap(), 16).unwrap();
        let mut got = String::new();
        telemetry::write_float(f64::from_bits(bits), &mut got);
        assert_eq!(got, row["g"].as_str().unwrap(), "{bits:016x}");
        compared += 1;
    }
    assert!(compared > 900, "compared only {compared}");
}

#[test]
fn values_of_a_real_scrape_come_back_the_same() {
    let Some(path) = testkit::golden("values_of_a_real_scrape_come_back_the_same", "queryapi/frontend-metrics.txt")
    else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let mut compared = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let value = line.rsplit(' ').next().unwrap();
        let le = line.split("le=\"").nth(1).and_then(|rest| rest.split('"').next());
        for number in [Some(value), le].into_iter().flatten() {
            let mut got = String::new();
            telemetry::write_float(number.parse().unwrap(), &mut got);
            assert_eq!(got, number, "{line}");
            compared += 1;
        }
    }
    assert!(compared > 300, "compared only {compared}");
}
