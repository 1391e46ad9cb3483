//! The notation of the recordings.

use model::{Labels, LabelsRef, SampleColumns};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The lines of a file of JSON lines.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A float sample `["f", t, hex bits]` as (t, bits); none for a histogram.
pub(crate) fn float_sample(sample: &Value) -> Option<(i64, u64)> {
    let bits = (sample[0] == "f").then(|| sample[2].as_str().unwrap())?;
    Some((sample[1].as_i64().unwrap(), u64::from_str_radix(bits, 16).unwrap()))
}

/// Float samples `[t, hex bits]` as (t, bits); none if there is a histogram among them.
pub(crate) fn pairs(samples: &Value) -> Option<Vec<(i64, u64)>> {
    let pair = |sample: &Value| {
        let bits = sample.get(1)?.as_str().unwrap();
        Some((sample[0].as_i64().unwrap(), u64::from_str_radix(bits, 16).unwrap()))
    };
    samples.as_array().unwrap().iter().map(pair).collect()
}

/// The samples of columns as (t, bits).
pub(crate) fn bits(columns: &SampleColumns) -> Vec<(i64, u64)> {
    assert_eq!(columns.timestamps_ms.len(), columns.values.len());
    columns.timestamps_ms.iter().zip(&columns.values).map(|(&t, value)| (t, value.to_bits())).collect()
}

/// Bytes written in hex.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// Labels written as an object.
pub(crate) fn labels(object: &Value) -> Labels {
    let pairs = object.as_object().unwrap().iter();
    Labels::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap()))).unwrap()
}

/// A list of strings.
pub(crate) fn strings(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|string| string.as_str().unwrap()).collect()
}

/// A series of a block, as recorded.
pub(crate) struct Series {
    pub(crate) labels: Labels,
    pub(crate) line: Value,
}

impl Series {
    /// Its samples, if all are floats, as (t, bits).
    pub(crate) fn floats(&self) -> Option<Vec<(i64, u64)>> {
        self.line["samples"].as_array().unwrap().iter().map(float_sample).collect()
    }

    /// Whether all its chunks have the plain float encoding.
    pub(crate) fn is_xor(&self) -> bool {
        self.chunks().iter().all(|chunk| chunk[2] == 1)
    }

    pub(crate) fn chunks(&self) -> &Vec<Value> {
        self.line["chunks"].as_array().unwrap()
    }

    pub(crate) fn is(&self, labels: LabelsRef<'_>) -> bool {
        self.labels.as_ref() == labels
    }
}

/// A block of a case: its directory, and the path of what is recorded of it, to which endings are added.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
}

impl Case {
    /// The series in order of the index.
    pub(crate) fn series(&self) -> Vec<Series> {
        let lines = lines(&self.dir.with_extension("expected.jsonl"));
        lines.into_iter().map(|line| Series { labels: labels(&line["l"]), line }).collect()
    }

    /// Names, values, symbols and sections.
    pub(crate) fn postings(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir.with_extension("postings.json")).unwrap()).unwrap()
    }
}

/// All recorded blocks; none, and said so, if they are not there.
pub(crate) fn blocks(test: &str) -> Vec<Case> {
    let Some(root) = testkit::golden(test, "tsdb/blocks") else { return Vec::new() };
    let mut cases = Vec::new();
    for case in std::fs::read_dir(root).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
        for block in std::fs::read_dir(case.path()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir()) {
            let name = format!("{}/{}", case.file_name().display(), block.file_name().display());
            cases.push(Case { name, dir: block.path() });
        }
    }
    assert!(cases.len() > 30, "{} blocks", cases.len());
    cases.sort_by(|left, right| left.name.cmp(&right.name));
    cases
}
