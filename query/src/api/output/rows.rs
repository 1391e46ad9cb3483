//! The result of a query as JSON, which is written while it is sent: of the text no more than a piece is held, and the next
//! one gets the same memory again.

use super::steps::StepTexts;
use crate::api::histogram::HistogramWriter;
use crate::api::json;
use crate::api::number::{push_plain, push_time};
use model::{Labels, SampleColumns};
use promql::{Column, Grid, Series, Value};

/// The object with type and result, the type first: Grafana's parser streams then. Comes in pieces of whole series.
#[derive(Debug)]
pub(in crate::api) struct Rows {
    value: Value,
    /// How many series are to be written, and which one comes next; `None`: all was written.
    count: usize,
    next: Option<usize>,
    /// What comes behind the result.
    end: Vec<u8>,
    writer: Writer,
    /// What the next piece likely takes.
    room: usize,
}

/// What series have in common.
#[derive(Debug, Default)]
struct Writer {
    /// Of an instant query: what stands in front of each value.
    before_value: Vec<u8>,
    /// Of a range query, once there is a float.
    times: Option<StepTexts>,
    histograms: HistogramWriter,
}

/// A piece with at least so many bytes is not made larger. It is small enough to be in a cache until it is sent.
const PIECE_BYTES: usize = 128 << 10;
/// No more room than this is made for series that were not seen yet: for a piece and the end of its last series.
const MOST_ROOM_BYTES: usize = PIECE_BYTES / 8 * 9;

impl Rows {
    /// Of `value`, at most `limit` series, and then `end`.
    pub(super) fn new(value: Value, limit: usize, end: Vec<u8>) -> Self {
        let count = series_of(&value).min(limit);
        Self { value, count, next: Some(0), end, writer: Writer::default(), room: 0 }
    }

    /// Whether series are left out.
    pub(super) fn are_cut(&self) -> bool {
        series_of(&self.value) > self.count
    }

    pub(in crate::api) fn are_done(&self) -> bool {
        self.next.is_none()
    }

    /// Appends what comes before the first series, or all of a value that is none.
    fn begin(&mut self, out: &mut Vec<u8>) {
        let kind = match &self.value {
            Value::Scalar { .. } => "scalar",
            Value::String { .. } => "string",
            Value::Vector { .. } => "vector",
            Value::Matrix { .. } | Value::Samples { .. } => "matrix",
        };
        out.extend_from_slice(format!(r#"{{"resultType":"{kind}","result":["#).as_bytes());
        match &self.value {
            Value::Scalar { time_ms, value } => {
                push_time(*time_ms, out);
                out.extend_from_slice(b",\"");
                push_plain(*value, out);
                out.push(b'"');
            }
            Value::String { time_ms, value } => {
                push_time(*time_ms, out);
                out.push(b',');
                json::push_string(value, out);
            }
            Value::Vector { time_ms, .. } => {
                self.writer.before_value.extend_from_slice(br#","value":"#);
                json::begin_sample(*time_ms, &mut self.writer.before_value);
            }
            Value::Matrix { .. } | Value::Samples { .. } => {}
        }
    }

    /// Appends a series.
    fn push(&mut self, at: usize, out: &mut Vec<u8>) {
        let Self { value, writer, .. } = self;
        match value {
            Value::Scalar { .. } | Value::String { .. } => {}
            Value::Vector { time_ms, series } => writer.push_element(*time_ms, &series[at], out),
            Value::Matrix { grid, series } => writer.push_row(grid, &series[at], out),
            Value::Samples { series } => writer.push_samples(&series[at], out),
        }
    }
}

impl Iterator for Rows {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let first = self.next?;
        let mut out = Vec::with_capacity(self.room);
        if first == 0 {
            self.begin(&mut out);
        }
        for at in first..self.count {
            if out.len() >= PIECE_BYTES {
                self.next = Some(at);
                self.room = self.room.max(out.len() + out.len() / 8);
                return Some(out);
            }
            if at > 0 {
                out.push(b',');
            }
            self.push(at, &mut out);
            if at == 0 {
                // The others are much like the first, an eighth longer at most: what is written is then copied once less for
                // each time it would have doubled.
                let like_first = out.len().saturating_mul(self.count - 1);
                out.reserve(like_first.saturating_add(like_first / 8).min(MOST_ROOM_BYTES));
            }
        }
        out.push(b']');
        out.append(&mut self.end);
        self.next = None;
        Some(out)
    }
}

fn series_of(value: &Value) -> usize {
    match value {
        Value::Scalar { .. } | Value::String { .. } => 0,
        Value::Vector { series, .. } | Value::Matrix { series, .. } => series.len(),
        Value::Samples { series } => series.len(),
    }
}

impl Writer {
    /// A series of an instant query at that time.
    fn push_element(&mut self, time_ms: i64, one: &Series, out: &mut Vec<u8>) {
        push_metric(&one.labels, out);
        match one.column.histograms.get(0) {
            Some(histogram) => {
                out.extend_from_slice(br#","histogram":"#);
                self.histograms.push(time_ms, histogram, out);
            }
            None => {
                out.extend_from_slice(&self.before_value);
                json::end_sample(one.column.floats.get(0).unwrap_or(f64::NAN), out);
            }
        }
        out.push(b'}');
    }

    /// A series of a range query.
    fn push_row(&mut self, grid: &Grid, one: &Series, out: &mut Vec<u8>) {
        let Column { floats, histograms } = &one.column;
        push_metric(&one.labels, out);
        if !floats.is_empty() {
            out.extend_from_slice(br#","values":"#);
            self.times.get_or_insert_with(|| StepTexts::new(grid)).push(floats, out);
        }
        if !histograms.is_empty() {
            out.extend_from_slice(br#","histograms":"#);
            let push = |(step, histogram), out: &mut Vec<u8>| self.histograms.push(grid.time_ms(step), histogram, out);
            json::push_list(histograms.iter(), out, push);
        }
        out.push(b'}');
    }

    /// Samples at times of their own.
    fn push_samples(&mut self, (labels, samples): &(Labels, SampleColumns), out: &mut Vec<u8>) {
        push_metric(labels, out);
        let all = || samples.timestamps_ms.iter().zip(&samples.values).enumerate();
        if samples.histograms.len() < samples.len() {
            out.extend_from_slice(br#","values":"#);
            let floats = all().filter(|(at, _)| !samples.has_histograms() || samples.histogram(*at).is_none());
            json::push_list(floats, out, |(_, (time_ms, value)), out| json::push_sample(*time_ms, *value, out));
        }
        if samples.has_histograms() {
            out.extend_from_slice(br#","histograms":"#);
            let histograms = all().filter_map(|(at, (time_ms, _))| Some((*time_ms, samples.histogram(at)?)));
            json::push_list(histograms, out, |(time_ms, histogram), out| self.histograms.push(time_ms, histogram, out));
        }
        out.push(b'}');
    }
}

fn push_metric(labels: &Labels, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"metric":"#);
    json::push_labels(labels.as_ref(), out);
}

#[cfg(test)]
mod tests;
