//! `storeapi/*.jsonl`: calls of Thanos' gRPC services, one a line.

use bytes::Bytes;
use serde_json::Value;
use std::path::Path;

/// A call and its answer.
#[derive(Debug)]
pub(crate) struct Call {
    /// File and name, for messages.
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) request: Bytes,
    pub(crate) code: String,
    pub(crate) text: String,
    /// The messages of the answer, encoded and as JSON.
    pub(crate) frames: Vec<(Bytes, Value)>,
}

/// The calls of `method` in all files; in those whose name is `file`, if it is given. `None` if there are no recordings.
pub(crate) fn calls(test: &str, file: Option<&str>, method: &str) -> Option<Vec<Call>> {
    let folder = testkit::golden(test, "storeapi")?;
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.retain(|path| file.is_none_or(|name| path.file_stem().is_some_and(|stem| stem == name)));
    files.sort();
    let calls = files.iter().flat_map(|path| read(path)).filter(|call| call.method == method);
    Some(calls.collect())
}

fn read(path: &Path) -> Vec<Call> {
    let file = path.file_stem().unwrap().to_string_lossy();
    let text = std::fs::read_to_string(path).unwrap();
    let call = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let frames = line["frames"].as_array().unwrap().iter();
        Call {
            name: format!("{file} {}", string(&line["name"])),
            method: string(&line["method"]),
            request: hex(&line["request_hex"]),
            code: string(&line["grpc_code"]),
            text: string(&line["grpc_message"]),
            frames: frames.map(|frame| (hex(&frame["hex"]), frame["decoded"].clone())).collect(),
        }
    };
    text.lines().map(call).collect()
}

pub(crate) fn string(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn hex(value: &Value) -> Bytes {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}
