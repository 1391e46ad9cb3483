//! The notation of the recordings.

use serde_json::Value;
use std::path::Path;

/// The lines of a file of JSON lines; those of `<path>.gz` are not looked for.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A float sample `["f", t, hex bits]` as (t, bits); none for a histogram.
pub(crate) fn float_sample(sample: &Value) -> Option<(i64, u64)> {
    let bits = (sample[0] == "f").then(|| sample[2].as_str().unwrap())?;
    Some((sample[1].as_i64().unwrap(), u64::from_str_radix(bits, 16).unwrap()))
}

/// Bytes written in hex.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}
