use super::{fixed, label_value, parse, two_digits};
use serde_json::Value;

fn bits(text: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(text, 16).unwrap())
}

/// Every number of the recording, in the forms that are written here.
#[test]
fn numbers_are_written_as_go_writes_them() {
    let Some(path) = testkit::golden("numbers_are_written_as_go_writes_them", "promql/numbers.jsonl") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut seen = 0;
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        if record["kind"] == "float" {
            let value = bits(record["bits"].as_str().unwrap());
            let want = |field: &str| record[field].as_str().unwrap().to_owned();
            let got = [two_digits(value), fixed(value), label_value(value)];
            assert_eq!(got, [want("g2"), want("f6"), want("om")], "{line}");
            seen += 1;
        }
    }
    assert!(seen > 900);
}

#[test]
fn numbers_are_read_as_go_reads_them() {
    let Some(path) = testkit::golden("numbers_are_read_as_go_reads_them", "promql/numbers.jsonl") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let mut seen = 0;
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        if record["kind"] == "parse_float" && !record["in"].is_null() {
            let got = parse(record["in"].as_str().unwrap().as_bytes());
            let want = record["go"].as_str().map(bits);
            let same = match (got, want) {
                (Some(got), Some(want)) => got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan(),
                (got, want) => got == want,
            };
            assert!(same, "{got:?}: {line}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}
