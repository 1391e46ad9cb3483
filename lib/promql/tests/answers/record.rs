//! The recordings' lines.

use crate::histogram;
use crate::store::StoredSeries;
use model::{Labels, SampleColumns};
use serde_json::Value as Json;

/// A query with its answer.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) query: String,
    /// Start, end and step in milliseconds; the step of an instant query is 0.
    pub(crate) times: (i64, i64, i64),
    pub(crate) lookback_ms: i64,
    pub(crate) result: Json,
    pub(crate) error: Option<String>,
    pub(crate) error_class: Option<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) infos: Vec<String>,
    /// A float sum over an order that is random in Prometheus itself.
    pub(crate) loose: bool,
}

impl Record {
    pub(crate) fn read(line: &str) -> Self {
        let json: Json = serde_json::from_str(line).unwrap();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let texts = |name: &str| {
            let all = json[name].as_array().map(Vec::as_slice).unwrap_or_default();
            all.iter().map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let number = |name: &str| json[name].as_i64();
        let times = match number("t") {
            Some(time) => (time, time, 0),
            None => (number("start").unwrap(), number("end").unwrap(), number("step").unwrap()),
        };
        Self {
            id: text("id").unwrap(),
            query: text("query").unwrap(),
            times,
            lookback_ms: number("lookback").unwrap_or(300_000),
            result: json["result"].clone(),
            error: text("error"),
            error_class: text("errclass"),
            warnings: texts("warnings"),
            infos: texts("infos"),
            loose: json["loose"].as_bool().unwrap_or(false),
        }
    }
}

/// The series of a data set.
pub(crate) fn read_series(text: &str) -> Vec<StoredSeries> {
    text.lines()
        .map(|line| {
            let json: Json = serde_json::from_str(line).unwrap();
            let mut columns = SampleColumns::default();
            for sample in json["samples"].as_array().unwrap() {
                let timestamp_ms = sample[0].as_i64().unwrap();
                match sample[1].as_str() {
                    Some(value) => columns.push(timestamp_ms, float(value)),
                    None => histogram::read(&sample[1], |read| columns.push_histogram(timestamp_ms, read)),
                }
                columns.set_start(sample[2].as_i64().unwrap_or(0));
            }
            StoredSeries { labels: labels(&json["labels"]), columns }
        })
        .collect()
}

pub(crate) fn float(hex: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(hex, 16).unwrap())
}

pub(crate) fn labels(json: &Json) -> Labels {
    let pairs = json.as_object().unwrap().iter();
    Labels::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap()))).unwrap()
}
