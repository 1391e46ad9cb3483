//! What templates work with, and how it is printed.

use jiff::Timestamp;
use model::{FloatHistogram, ShortFloat};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A value. Copies are cheap.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Not there.
    Nothing,
    Bool(bool),
    Whole(i64),
    Float(f64),
    Histogram(Rc<FloatHistogram>),
    Text(Rc<str>),
    Labels(Rc<BTreeMap<String, String>>),
    Sample(Rc<Sample>),
    Vector(Rc<[Rc<Sample>]>),
    Args(Rc<Args>),
    /// What a template begins with.
    Data(Rc<Data>),
    /// Milliseconds since the epoch.
    Time(i64),
    /// Nanoseconds.
    Duration(i64),
}

/// What `args` makes: values by name.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) values: BTreeMap<String, Value>,
    /// How many of these stand in each other here.
    depth: usize,
}

/// So many `args` may stand in each other: whoever prints one, or is done with it, goes through all of them.
const MAX_DEPTH: usize = 100;

/// A sample that a query gave.
#[derive(Debug, Clone)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    /// Then it is what the query gave, and the value is not.
    pub histogram: Option<FloatHistogram>,
}

/// What a template is expanded for.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) labels: Value,
    pub(super) external_labels: Value,
    pub(super) external_url: Value,
    pub(super) value: Value,
}

impl Args {
    /// Those called `arg0`, `arg1` and so on.
    pub(super) fn new(values: &[Value]) -> Result<Self, String> {
        let depth_of = |value: &Value| if let Value::Args(inner) = value { inner.depth } else { 0 };
        let depth = 1 + values.iter().map(depth_of).max().unwrap_or(0);
        if depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} in each other"));
        }
        let named = values.iter().enumerate().map(|(index, value)| (format!("arg{index}"), value.clone()));
        Ok(Self { values: named.collect(), depth })
    }
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// Whether a condition holds that is this value.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Bool(value) => *value,
            Self::Whole(value) | Self::Duration(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Labels(map) => !map.is_empty(),
            Self::Args(args) => !args.values.is_empty(),
            Self::Vector(samples) => !samples.is_empty(),
            Self::Histogram(_) | Self::Sample(_) | Self::Data(_) | Self::Time(_) => true,
        }
    }

    /// What Go calls its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nothing => "<nil>",
            Self::Bool(_) => "bool",
            Self::Whole(_) => "int",
            Self::Float(_) => "float64",
            Self::Histogram(_) => "*histogram.FloatHistogram",
            Self::Text(_) => "string",
            Self::Labels(_) => "map[string]string",
            Self::Sample(_) => "*template.sample",
            Self::Vector(_) => "template.queryResult",
            Self::Args(_) => "map[string]interface {}",
            Self::Data(_) => {
                "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
            }
            Self::Time(_) => "*time.Time",
            Self::Duration(_) => "*time.Duration",
        }
    }

    /// A number, or the histogram in its place.
    pub(super) fn of_number(value: f64, histogram: Option<&FloatHistogram>) -> Self {
        histogram.map_or(Self::Float(value), |histogram| Self::Histogram(Rc::new(histogram.clone())))
    }

    /// As it stands in a text, at most about `most` bytes of it.
    pub(super) fn print(&self, most: usize) -> String {
        match self {
            Self::Nothing => "<no value>".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Float(value) => float_text(*value),
            Self::Histogram(histogram) => histogram.to_string(),
            Self::Text(text) => text.to_string(),
            Self::Labels(map) => map_text(map, String::clone, most),
            Self::Args(args) => map_text(&args.values, |value| value.print(most), most),
            Self::Sample(sample) => sample_text(sample, most),
            Self::Vector(samples) => {
                let mut text = "[".to_owned();
                for (index, sample) in samples.iter().enumerate().take_while(|(index, _)| *index < most) {
                    if text.len() > most {
                        break;
                    }
                    text += if index > 0 { " " } else { "" };
                    text += &sample_text(sample, most);
                }
                text + "]"
            }
            Self::Data(data) => {
                let Data { labels, external_labels, external_url, value } = &**data;
                let parts = [labels, external_labels, external_url, value].map(|part| part.print(most));
                format!("{{{}}}", parts.join(" "))
            }
            Self::Time(time_ms) => time_text(*time_ms),
            Self::Duration(nanoseconds) => duration_text(*nanoseconds),
        }
    }
}

fn sample_text(sample: &Sample, most: usize) -> String {
    let labels = map_text(&sample.labels, String::clone, most);
    format!("{{{labels} {}}}", Value::of_number(sample.value, sample.histogram.as_ref()).print(most))
}

fn map_text<V>(map: &BTreeMap<String, V>, print: impl Fn(&V) -> String, most: usize) -> String {
    let mut text = "map[".to_owned();
    for (index, (name, value)) in map.iter().enumerate() {
        // Before the value is printed: it may have others in it, and these yet others.
        if text.len() > most {
            break;
        }
        text += &format!("{}{name}:{}", if index > 0 { " " } else { "" }, print(value));
    }
    text + "]"
}

/// Go's `%v`.
pub(super) fn float_text(value: f64) -> String {
    ShortFloat(value).to_string()
}

/// A time as Go prints one that is in UTC.
pub(super) fn time_text(time_ms: i64) -> String {
    let Ok(time) = Timestamp::from_millisecond(time_ms) else { return format!("{time_ms} ms") };
    let fraction = time_ms.rem_euclid(1000);
    let fraction = format!(".{fraction:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction} +0000 UTC", time.strftime("%Y-%m-%d %H:%M:%S"))
}

/// A duration as Go prints it.
pub(super) fn duration_text(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let size = nanoseconds.unsigned_abs();
    let scaled = |unit: u64, places: usize, name: &str| {
        let fraction = format!(".{:0places$}", size % unit);
        format!("{sign}{}{}{name}", size / unit, fraction.trim_end_matches('0').trim_end_matches('.'))
    };
    match size {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{size}ns"),
        1_000..1_000_000 => scaled(1_000, 3, "µs"),
        1_000_000..1_000_000_000 => scaled(1_000_000, 6, "ms"),
        _ => {
            let (minutes, rest) = (size / 60_000_000_000, size % 60_000_000_000);
            let fraction = format!(".{:09}", rest % 1_000_000_000);
            let seconds = format!("{}{}s", rest / 1_000_000_000, fraction.trim_end_matches('0').trim_end_matches('.'));
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}"),
            }
        }
    }
}
