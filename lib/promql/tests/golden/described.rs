//! Described series in the form in which they are recorded.

use model::{HistogramRef, ResetHint, Span};
use promql::testlang::{SequenceValue, SeriesDescription};
use serde_json::{Map, Value, json};

pub(crate) fn labels(series: &SeriesDescription) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let pairs = series.labels.iter().map(|label| (text(label.name), json!(text(label.value))));
    Value::Object(pairs.collect())
}

pub(crate) fn values(series: &SeriesDescription) -> Value {
    let value = |value: &SequenceValue| match *value {
        SequenceValue::Omitted => Value::Null,
        SequenceValue::Float(value) => hex(value.to_bits()),
        SequenceValue::Histogram { row, hint_set } => histogram(series.histograms.get(row).unwrap(), hint_set),
    };
    series.values.iter().map(value).collect()
}

fn hex(bits: u64) -> Value {
    json!(format!("{bits:016x}"))
}

fn histogram(histogram: HistogramRef<'_>, hint_set: bool) -> Value {
    let layout = histogram.layout;
    let hint = match histogram.hint {
        ResetHint::Unknown => "unknown",
        ResetHint::Reset => "reset",
        ResetHint::NotReset => "not_reset",
        ResetHint::Gauge => "gauge",
    };
    let spans = |spans: &[Span]| spans.iter().map(|span| json!([span.offset, span.length])).collect::<Value>();
    let cells = |cells: &[u64]| cells.iter().map(|cell| hex(*cell)).collect::<Value>();
    let mut object = Map::new();
    object.insert("schema".to_owned(), json!(layout.schema()));
    object.insert("count".to_owned(), hex(histogram.count()));
    object.insert("sum".to_owned(), hex(histogram.sum.to_bits()));
    object.insert("hint".to_owned(), json!(hint));
    object.insert("hint_set".to_owned(), json!(hint_set));
    let bounds: Value = layout.custom_bounds().iter().map(|bound| hex(bound.to_bits())).collect();
    let lists = [
        ("ps", spans(layout.positive())),
        ("pb", cells(histogram.positive())),
        ("ns", spans(layout.negative())),
        ("nb", cells(histogram.negative())),
        ("cv", bounds),
    ];
    for (name, list) in lists {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            object.insert(name.to_owned(), list);
        }
    }
    for (name, bits) in [("zt", layout.zero_threshold().to_bits()), ("zc", histogram.zero_count())] {
        if bits != 0 {
            object.insert(name.to_owned(), hex(bits));
        }
    }
    Value::Object(object)
}
