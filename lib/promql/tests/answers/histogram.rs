//! Histograms in the recordings, and as they are compared: without empty buckets, whatever the spans.

use crate::record::float;
use model::{HistogramLayout, HistogramRef, Numbers, ResetHint, Span};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// A histogram as it is compared. Numbers are bits, of which any NaN is one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plain {
    schema: i32,
    hint: ResetHint,
    zero_threshold: u64,
    bounds: Vec<u64>,
    /// By name and index: count, sum, and the buckets that are not empty.
    numbers: BTreeMap<(&'static str, i64), u64>,
}

impl Plain {
    pub(crate) fn of(histogram: HistogramRef<'_>) -> Self {
        let (layout, numbers) = (histogram.layout, histogram.numbers);
        let mut found =
            BTreeMap::from([(("count", 0), bits(numbers.value(histogram.count()))), (("sum", 0), bits(histogram.sum))]);
        found.insert(("zero", 0), bits(numbers.value(histogram.zero_count())));
        let sides = [
            ("positive", layout.positive(), histogram.positive()),
            ("negative", layout.negative(), histogram.negative()),
        ];
        for (side, spans, cells) in sides {
            let mut cells = cells.iter();
            let mut index = 0;
            for span in spans {
                index += i64::from(span.offset);
                for cell in cells.by_ref().take(span.length as usize) {
                    found.insert((side, index), bits(numbers.value(*cell)));
                    index += 1;
                }
            }
        }
        found.retain(|(name, _), bits| matches!(*name, "count" | "sum") || f64::from_bits(*bits) != 0.0);
        Self {
            schema: layout.schema(),
            hint: histogram.hint,
            zero_threshold: bits(layout.zero_threshold()),
            bounds: layout.custom_bounds().iter().map(|bound| bits(*bound)).collect(),
            numbers: found,
        }
    }

    /// Whether all but the numbers is equal, and those are as `close` says.
    pub(crate) fn is_like(&self, other: &Self, close: impl Fn(f64, f64) -> bool) -> bool {
        let shape = |plain: &Self| (plain.schema, plain.hint, plain.zero_threshold, plain.bounds.clone());
        shape(self) == shape(other)
            && self.numbers.len() == other.numbers.len()
            && self.numbers.iter().all(|(name, own)| {
                let other = other.numbers.get(name);
                other.is_some_and(|other| close(f64::from_bits(*own), f64::from_bits(*other)))
            })
    }
}

fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// Calls `f` with the histogram that `json` is.
pub(crate) fn read<T>(json: &Json, f: impl FnOnce(HistogramRef<'_>) -> T) -> T {
    let list = |name: &str| json[name].as_array().cloned().unwrap_or_default();
    let number = |json: &Json| json.as_str().map_or(0.0, float);
    let spans = |name: &str| -> Vec<Span> {
        let span = |json: &Json| Span {
            offset: i32::try_from(json[0].as_i64().unwrap()).unwrap(),
            length: u32::try_from(json[1].as_u64().unwrap()).unwrap(),
        };
        list(name).iter().map(span).collect()
    };
    let layout = HistogramLayout::new(
        i32::try_from(json["schema"].as_i64().unwrap()).unwrap(),
        number(&json["zt"]),
        spans("ps"),
        spans("ns"),
        list("cv").iter().map(number).collect(),
    );
    let counts = [number(&json["count"]), number(&json["zc"])].into_iter();
    let buckets = list("pb").into_iter().chain(list("nb"));
    let cells: Vec<u64> = counts.chain(buckets.map(|json| number(&json))).map(f64::to_bits).collect();
    let hint = match json["hint"].as_str().unwrap() {
        "reset" => ResetHint::Reset,
        "not_reset" => ResetHint::NotReset,
        "gauge" => ResetHint::Gauge,
        _ => ResetHint::Unknown,
    };
    let (numbers, sum) = (Numbers::Float, number(&json["sum"]));
    f(HistogramRef { layout: &layout.unwrap(), hint, numbers, cells: &cells, sum })
}
