//! What was answered, and how far two answers are apart.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// All values of an answer by series and time in milliseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer(BTreeMap<String, Vec<(i64, f64)>>);

/// How far two answers are apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// Values only one of them has.
    missing: usize,
    /// All that one of them has, and the other.
    values: (usize, usize),
    /// By what part of itself a value differs, at most.
    most: f64,
    /// Where: the number of the request, the series, and the time in milliseconds.
    place: Option<(String, i64)>,
}

/// Sums over the same values in another order are so far apart, and less.
const ROUNDING: f64 = 1e-9;

impl Answer {
    /// Adds what the request of this number was answered. What is no JSON of the query API adds nothing.
    pub(super) fn add(&mut self, request: usize, body: &[u8]) {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let result = answer.pointer("/data/result").and_then(Value::as_array);
        if answer.pointer("/data/resultType").is_some_and(|kind| kind == "scalar") {
            let pair = result.map_or(&[][..], Vec::as_slice);
            self.push(format!("{request}"), time_ms(pair), number(pair.get(1)));
            return;
        }
        for series in result.into_iter().flatten() {
            let key = format!("{request} {}", labels(&series["metric"]));
            let of = |many: &str, one: &str| {
                series[many].as_array().cloned().unwrap_or_else(|| series.get(one).cloned().into_iter().collect())
            };
            let floats = of("values", "value");
            let points = floats.iter().filter_map(|point| Some((time_ms(point.as_array()?), number(point.get(1)))));
            self.0.entry(key.clone()).or_default().extend(points);
            for point in of("histograms", "histogram") {
                self.push_histogram(&key, time_ms(point.as_array().map_or(&[], Vec::as_slice)), &point[1]);
            }
        }
        // Series that differ only by their names are one here.
        self.0
            .values_mut()
            .for_each(|points| points.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))));
    }

    fn push_histogram(&mut self, series: &str, at_ms: i64, histogram: &Value) {
        for member in ["count", "sum"] {
            self.push(format!("{series} {member}"), at_ms, number(histogram.get(member)));
        }
        for bucket in histogram["buckets"].as_array().into_iter().flatten() {
            self.push(format!("{series} {}..{}", bucket[1], bucket[2]), at_ms, number(bucket.get(3)));
        }
    }

    fn push(&mut self, series: String, at_ms: i64, value: f64) {
        self.0.entry(series).or_default().push((at_ms, value));
    }

    fn values(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// Whether the same values are there at each time, whichever series have them.
    pub(super) fn has_same_values(&self, other: &Self) -> bool {
        let sorted = |answer: &Self| {
            let mut points: Vec<(i64, f64)> = answer.0.values().flatten().copied().collect();
            points.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
            points
        };
        sorted(self) == sorted(other)
    }

    pub(super) fn difference(&self, other: &Self) -> Difference {
        let (mut matched, mut most, mut farthest, mut place) = (0, 0.0_f64, 0.0, None);
        for (series, points) in &self.0 {
            let mut theirs = other.0.get(series).into_iter().flatten().peekable();
            for &(at_ms, value) in points {
                while theirs.next_if(|point| point.0 < at_ms).is_some() {}
                // One that only we have is as far away as can be.
                let their = theirs.next_if(|point| point.0 == at_ms);
                let apart = their.map_or(f64::INFINITY, |point| apart(value, point.1));
                if apart > farthest {
                    (farthest, place) = (apart, Some((series.clone(), at_ms)));
                }
                if their.is_some() {
                    (matched, most) = (matched + 1, most.max(apart));
                }
            }
        }
        let values = (self.values(), other.values());
        Difference { missing: values.0 + values.1 - 2 * matched, values, most, place }
    }
}

impl Difference {
    /// Whether it is more than rounding.
    pub(super) fn is_real(&self) -> bool {
        self.missing > 0 || self.most > ROUNDING
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        self.place.as_ref().map_or_else(String::new, |(series, at_ms)| format!(", at {at_ms} ms of request {series}"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { missing, values: (ours, theirs), most, .. } = self;
        match missing {
            0 if ours + theirs == 0 => f.write_str("both empty"),
            0 if *most == 0.0 => f.write_str("equal"),
            0 => write!(f, "within {most:.0e}"),
            _ => write!(f, "{ours} values here, {theirs} there, {missing} on one side only, others within {most:.0e}"),
        }
    }
}

/// Without the name, which VictoriaMetrics takes away elsewhere, and without our external labels.
fn labels(metric: &Value) -> String {
    let mut labels = metric.as_object().cloned().unwrap_or_default();
    ["__name__", "replica", "tenant_id"].iter().for_each(|name| {
        labels.remove(*name);
    });
    Value::Object(labels).to_string()
}

fn time_ms(pair: &[Value]) -> i64 {
    (pair.first().and_then(Value::as_f64).unwrap_or_default() * 1000.0).round() as i64
}

fn number(text: Option<&Value>) -> f64 {
    text.and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

fn apart(one: f64, other: f64) -> f64 {
    match one.is_nan() && other.is_nan() || one == other {
        true => 0.0,
        // One of them is no number, or not finite.
        false if !(one - other).is_finite() => f64::INFINITY,
        false => (one - other).abs() / one.abs().max(other.abs()),
    }
}

#[cfg(test)]
mod tests;
