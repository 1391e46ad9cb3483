use super::{atan2, exp2, function, pow};
use crate::ast::BinaryOp;
use crate::binary::between_scalars;
use crate::chain::{go_max, go_min};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

fn bits(json: &Value) -> f64 {
    f64::from_bits(u64::from_str_radix(json.as_str().unwrap(), 16).unwrap())
}

/// What we have under a name of the recording.
fn ours(name: &str, x: f64, y: f64) -> Option<f64> {
    Some(match name {
        "^" => pow(x, y),
        "exp2" => exp2(x),
        "atan2" => atan2(x, y),
        "%" => between_scalars(BinaryOp::Mod, x, y),
        "/" => between_scalars(BinaryOp::Div, x, y),
        "min_of" => go_min(x, y),
        "max_of" => go_max(x, y),
        name => function(name)?(x),
    })
}

/// Every function and operator, bit for bit as Go computed it.
#[test]
fn numbers_are_go_s() {
    let Some(path) = testkit::golden("numbers_are_go_s", "promql/maths.jsonl.gz") else { return };
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut seen = 0;
    for line in BufReader::new(GzDecoder::new(std::fs::File::open(path).unwrap())).lines() {
        let record: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let name = record["fn"].as_str().unwrap();
        let (x, y) = (bits(&record["x"]), if record["y"].is_null() { 0.0 } else { bits(&record["y"]) });
        let want = bits(&record["r"]);
        let Some(got) = ours(name, x, y) else { continue };
        seen += 1;
        if got.to_bits() != want.to_bits() && !(got.is_nan() && want.is_nan()) {
            wrong.entry(name.to_owned()).or_default().push(format!("{x:e} {y:e}: {got:e}, want {want:e}"));
        }
    }
    assert!(seen > 9000, "{seen}");
    let shown: Vec<String> = wrong
        .iter()
        .map(|(name, cases)| format!("{name} {}: {:?}", cases.len(), &cases[..cases.len().min(4)]))
        .collect();
    assert!(wrong.is_empty(), "{}", shown.join("\n"));
}
