//! What Prometheus and Thanos recorded of labels, matchers and hashes.
#![allow(clippy::unwrap_used, reason = "a recording that is not as its README says is a failed test")]

use model::{Label, LabelsRef, MatchOp, Matcher, ring_hash};
use serde_json::Value;

/// The lines of a recording, or none (and the test is told as skipped).
fn lines(test: &str, path: &str) -> Vec<Value> {
    let Some(file) = testkit::golden(test, path) else { return Vec::new() };
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 100, "{path} has {} lines only", lines.len());
    lines
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().map_or_else(Vec::new, |list| list.iter().map(|item| item.as_str().unwrap()).collect())
}

/// The pairs of a line: `lx` in hex if it is there, else `l`.
fn pairs(line: &Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let decode = match line.get("lx") {
        Some(_) => |text: &str| unhex(text),
        None => |text: &str| text.as_bytes().to_vec(),
    };
    let list = line.get("lx").unwrap_or(&line["l"]).as_array().unwrap();
    list.iter().map(|pair| (decode(pair[0].as_str().unwrap()), decode(pair[1].as_str().unwrap()))).collect()
}

/// The packed layout, written out here once more. Recorded sets may have empty values, which no builder makes.
fn pack(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut packed = Vec::new();
    for string in pairs.iter().flat_map(|(name, value)| [name, value]) {
        match string.len() {
            short @ 0..255 => packed.push(short as u8),
            long => {
                packed.push(255);
                packed.extend_from_slice(&(long as u32).to_le_bytes()[..3]);
            }
        }
        packed.extend_from_slice(string);
    }
    packed
}

#[test]
fn label_hashes() {
    let lines = lines("label_hashes", "tsdb/labels.jsonl");
    for line in &lines {
        let packed = pack(&pairs(line));
        assert_eq!(packed.len() as u64, line["bytes_len"].as_u64().unwrap(), "{line}");
        let labels = LabelsRef::from_packed(&packed).unwrap();
        let names = ["a", "instance", "l1", "l3"];
        let got = [labels.packed_hash(), labels.stable_hash(), labels.hash_for(&names), labels.hash_without(&names)];
        let want = ["hash", "stable", "for", "without"].map(|key| line[key].as_str().unwrap());
        assert_eq!(got.map(|hash| format!("{hash:016x}")), want, "{labels:?}");
    }
}

#[test]
fn label_order() {
    let lines = lines("label_order", "tsdb/labels-sorted.jsonl");
    let sets: Vec<Vec<u8>> = lines.iter().map(|line| pack(&pairs(line))).collect();
    for (line, neighbours) in lines.iter().skip(1).zip(sets.windows(2)) {
        let [before, this] = neighbours else { unreachable!() };
        let (before, this) = (LabelsRef::from_packed(before).unwrap(), LabelsRef::from_packed(this).unwrap());
        // The sign of the line before against this one.
        let want = line["cmp_prev"].as_i64().unwrap().cmp(&0);
        assert_eq!(before.cmp(&this), want, "{before:?} against {this:?}");
        assert_eq!(this.cmp(&before), want.reverse(), "{this:?} against {before:?}");
    }
}

#[test]
fn ring_hashes() {
    for line in lines("ring_hashes", "hashring/series.jsonl") {
        let labels = pairs_of_series(&line);
        for (tenant, want) in line["hash"].as_object().unwrap() {
            // In the order of the file, which is not always that of the names.
            let in_order = labels.iter().map(|(name, value)| Label { name, value });
            let got = format!("{:016x}", ring_hash(tenant.as_bytes(), in_order));
            assert_eq!(got, want.as_str().unwrap(), "{labels:?} for {tenant:?}");
        }
    }
}

fn pairs_of_series(line: &Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let text = |value: &Value| value.as_str().unwrap().as_bytes().to_vec();
    line["labels"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
}

#[test]
fn matchers() {
    let lines = lines("matchers", "tsdb/matchers.jsonl");
    let mut faults = Vec::new();
    for line in &lines {
        let pattern = match line["re_hex"].as_str() {
            Some(hex) => unhex(hex),
            None => line["re"].as_str().unwrap().as_bytes().to_vec(),
        };
        if let Err(fault) = check_matcher(&pattern, line) {
            faults.push(format!("{:?}: {fault}", String::from_utf8_lossy(&pattern)));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), lines.len(), faults.join("\n"));
}

fn check_matcher(pattern: &[u8], line: &Value) -> Result<(), String> {
    let made = Matcher::new(MatchOp::Regex, "x", pattern);
    if let Some(want) = line["err"].as_str() {
        let got = made.err().map(|err| err.to_string());
        return if got.as_deref() == Some(want) { Ok(()) } else { Err(format!("want error {want:?}, got {got:?}")) };
    }
    let matcher = made.map_err(|err| format!("error {err}"))?;
    let inverse = Matcher::new(MatchOp::NotRegex, "x", pattern).map_err(|err| format!("error {err}"))?;
    for (key, want) in [("yes", true), ("no", false)] {
        for value in strings(&line[key]) {
            if matcher.matches(value.as_bytes()) != want || inverse.matches(value.as_bytes()) == want {
                return Err(format!("{value:?} should match: {want}"));
            }
            if want && !value.as_bytes().starts_with(matcher.prefix()) {
                return Err(format!("prefix {:?} is not that of {value:?}", matcher.prefix()));
            }
        }
    }
    let prefix = line["prefix"].as_str().unwrap().as_bytes();
    if !matcher.prefix().starts_with(prefix) {
        return Err(format!("prefix {:?}, recorded {prefix:?}", matcher.prefix()));
    }
    if !line["set"].is_null() {
        // Recorded as text, so what is no UTF-8 is lost there.
        let mut want: Vec<String> = strings(&line["set"]).into_iter().map(str::to_owned).collect();
        want.sort();
        want.dedup();
        let got = matcher.set_values().ok_or("no set")?;
        let got: Vec<String> = got.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect();
        if got != want {
            return Err(format!("set {got:?}, want {want:?}"));
        }
    }
    Ok(())
}
