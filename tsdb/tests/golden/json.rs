//! The notation of the recordings.

use model::{
    BUCKET_CELLS, CUSTOM_BUCKETS_SCHEMA, HistogramLayout, HistogramRef, Labels, LabelsRef, Numbers, ResetHint,
    SampleColumns, Span,
};
use serde_json::{Map, Value, json};
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

/// Samples of all kinds `[kind, t, value]` or `[kind, t, value, st]`.
pub(crate) fn columns(samples: &Value) -> SampleColumns {
    let mut columns = SampleColumns::default();
    samples.as_array().unwrap().iter().for_each(|sample| push(sample, &mut columns));
    columns
}

/// Appends one sample.
pub(crate) fn push(sample: &Value, columns: &mut SampleColumns) {
    let time_ms = sample[1].as_i64().unwrap();
    match sample[0].as_str().unwrap() {
        "f" => columns.push(time_ms, float(&sample[2])),
        "h" => with_histogram(&sample[2], Numbers::Integer, |found| columns.push_histogram(time_ms, found)),
        "fh" => with_histogram(&sample[2], Numbers::Float, |found| columns.push_histogram(time_ms, found)),
        other => panic!("a sample of kind {other}"),
    }
    columns.set_start(sample[3].as_i64().unwrap_or(0));
}

/// Hands over a histogram, `h` or `fh` without its time.
pub(crate) fn with_histogram<Out>(value: &Value, numbers: Numbers, take: impl FnOnce(HistogramRef<'_>) -> Out) -> Out {
    let list = |name: &str| value[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let spans = |name| {
        let span =
            |span: &Value| Span { offset: span[0].as_i64().unwrap() as i32, length: span[1].as_u64().unwrap() as u32 };
        list(name).iter().map(span).collect()
    };
    let schema = value["schema"].as_i64().unwrap() as i32;
    let bounds = list("cv").iter().map(float).collect();
    let layout = HistogramLayout::new(schema, float(&value["zt"]), spans("ps"), spans("ns"), bounds).unwrap();
    let cell = |value: &Value| match numbers {
        Numbers::Integer => value.as_u64().unwrap(),
        Numbers::Float => float(value).to_bits(),
    };
    let mut cells = vec![cell(&value["c"]), cell(&value["zc"])];
    for name in ["pb", "nb"] {
        let mut count = 0_u64;
        cells.extend(list(name).iter().map(|bucket| match numbers {
            Numbers::Float => cell(bucket),
            // As differences to the bucket before.
            Numbers::Integer => {
                count = count.wrapping_add_signed(bucket.as_i64().unwrap());
                count
            }
        }));
    }
    assert_eq!(cells.len(), layout.cells(), "{value}");
    let hint = ResetHint::from_number(value["hint"].as_u64().unwrap()).unwrap();
    take(HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum: float(&value["sum"]) })
}

/// A float written as the hex of its bits.
pub(crate) fn float(value: &Value) -> f64 {
    f64::from_bits(u64::from_str_radix(value.as_str().unwrap(), 16).unwrap())
}

/// All samples as they would be recorded.
pub(crate) fn notation(columns: &SampleColumns) -> Vec<Value> {
    write(columns, false)
}

/// The same by meaning: without empty buckets, and without hints but for gauges. Spans depend on how samples met in a chunk,
/// hints on what the reader knows of the chunk before.
pub(crate) fn by_meaning(columns: &SampleColumns) -> Vec<Value> {
    write(columns, true)
}

fn write(columns: &SampleColumns, by_meaning: bool) -> Vec<Value> {
    assert_eq!(columns.timestamps_ms.len(), columns.values.len());
    let sample = |(at, (&time_ms, value)): (usize, (&i64, &f64))| {
        let mut sample = match columns.histogram(at) {
            None => vec![json!("f"), json!(time_ms), bits_of(*value)],
            Some(found) => {
                let kind = if found.numbers == Numbers::Integer { "h" } else { "fh" };
                assert_eq!(found.sum.to_bits(), value.to_bits(), "the sum stands among the values");
                vec![json!(kind), json!(time_ms), Value::Object(written(found, by_meaning))]
            }
        };
        if columns.start_ms(at) != 0 {
            sample.push(json!(columns.start_ms(at)));
        }
        Value::Array(sample)
    };
    columns.timestamps_ms.iter().zip(&columns.values).enumerate().map(sample).collect()
}

fn bits_of(value: f64) -> Value {
    json!(format!("{:016x}", value.to_bits()))
}

/// A histogram without its time.
fn written(found: HistogramRef<'_>, by_meaning: bool) -> Map<String, Value> {
    let cell = |cell: u64| match found.numbers {
        Numbers::Integer => json!(cell),
        Numbers::Float => bits_of(f64::from_bits(cell)),
    };
    let gauge_only = if found.hint == ResetHint::Gauge { found.hint } else { ResetHint::Unknown };
    let hint = if by_meaning { gauge_only } else { found.hint };
    let layout = found.layout;
    let mut fields = Map::new();
    fields.insert("hint".to_owned(), json!(hint as u8));
    fields.insert("schema".to_owned(), json!(layout.schema()));
    fields.insert("zt".to_owned(), bits_of(layout.zero_threshold()));
    fields.insert("zc".to_owned(), cell(found.cells[1]));
    fields.insert("c".to_owned(), cell(found.cells[0]));
    fields.insert("sum".to_owned(), bits_of(found.sum));
    assert!(found.cells.len() >= BUCKET_CELLS + found.positive().len() + found.negative().len());
    let sides = [("ps", "pb", layout.positive(), found.positive()), ("ns", "nb", layout.negative(), found.negative())];
    for (spans_name, buckets_name, spans, counts) in sides {
        let mut lists = (Vec::new(), Vec::new());
        if by_meaning {
            let mut index = 0_i64;
            let mut counts = counts.iter();
            for span in spans {
                index += i64::from(span.offset);
                for (&count, at) in counts.by_ref().take(span.length as usize).zip(index..) {
                    if found.numbers.value(count) != 0.0 {
                        lists.0.push(json!(at));
                        lists.1.push(cell(count));
                    }
                }
                index += i64::from(span.length);
            }
        } else {
            lists.0 = spans.iter().map(|span| json!([span.offset, span.length])).collect();
            let mut before = 0;
            lists.1.extend(counts.iter().map(|&count| match found.numbers {
                Numbers::Float => cell(count),
                Numbers::Integer => json!(count.wrapping_sub(std::mem::replace(&mut before, count)).cast_signed()),
            }));
        }
        for (name, list) in [(spans_name, lists.0), (buckets_name, lists.1)] {
            if !list.is_empty() {
                fields.insert(name.to_owned(), Value::Array(list));
            }
        }
    }
    if layout.schema() == CUSTOM_BUCKETS_SCHEMA && !layout.custom_bounds().is_empty() {
        fields.insert("cv".to_owned(), layout.custom_bounds().iter().map(|bound| bits_of(*bound)).collect());
    }
    fields
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
