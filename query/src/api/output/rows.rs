//! The result of a query as JSON, which is written while it is sent: of the text no more than a piece is held, and the next
//! one gets the same memory again.

use super::steps::StepTexts;
use crate::api::histogram::HistogramWriter;
use crate::api::json;
use crate::api::number::{push_plain, push_plain_time};
use model::{Labels, SampleColumns};
use promql::{Column, Grid, Series, Value};

/// The object with type and result, the type first: Grafana's parser streams then. A piece may end between any two samples.
#[derive(Debug)]
pub(in crate::api) struct Rows {
    value: Value,
    /// How many series are to be written, and where writing goes on; `None`: all was written.
    count: usize,
    next: Option<Place>,
    /// What comes behind the result.
    end: Vec<u8>,
    writer: Writer,
}

/// What comes next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    series: usize,
    within: Within,
}

/// What comes next of a series: what its lists have from there on, of steps or samples. Some is written of a list that does not
/// go on from the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Labels,
    Floats(usize),
    Histograms(usize),
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

/// No more room than this is made for what was not seen yet. It is small enough to be in a cache until it is sent, and for the
/// allocator to have it at hand again.
const MOST_ROOM_BYTES: usize = 128 << 10;
/// What is made for an answer of which nothing was seen: room that doubles from there comes to the most.
const LEAST_ROOM_BYTES: usize = MOST_ROOM_BYTES >> 7;
/// A piece with at least so many bytes gets no further sample: there is room for the one that made it so large.
pub(super) const PIECE_BYTES: usize = MOST_ROOM_BYTES / 8 * 7;

/// How the lists of a series begin.
pub(super) const VALUES: &[u8] = br#","values":["#;
const HISTOGRAMS: &[u8] = br#","histograms":["#;

impl Rows {
    /// Of `value`, at most `limit` series, and then `end`.
    pub(super) fn new(value: Value, limit: usize, end: Vec<u8>) -> Self {
        let count = series_of(&value).min(limit);
        Self { value, count, next: Some(Place::default()), end, writer: Writer::default() }
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
        for text in [r#"{"resultType":""#, kind, r#"","result":["#] {
            out.extend_from_slice(text.as_bytes());
        }
        match &self.value {
            Value::Scalar { time_ms, value } => {
                push_plain_time(*time_ms, out);
                out.extend_from_slice(b",\"");
                push_plain(*value, out);
                out.push(b'"');
            }
            Value::String { time_ms, value } => {
                push_plain_time(*time_ms, out);
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

    /// Appends a series from `place` on; answers what is left of it.
    fn push(&mut self, Place { series: at, within }: Place, out: &mut Vec<u8>) -> Option<Within> {
        let Self { value, writer, .. } = self;
        match value {
            Value::Scalar { .. } | Value::String { .. } => None,
            Value::Vector { time_ms, series } => {
                writer.push_element(*time_ms, &series[at], out);
                None
            }
            Value::Matrix { grid, series } => writer.push_row(grid, &series[at], within, out),
            Value::Samples { series } => writer.push_samples(&series[at], within, out),
        }
    }
}

impl Iterator for Rows {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut place = self.next?;
        let is_begin = place == Place::default();
        let mut out = Vec::with_capacity(if is_begin { LEAST_ROOM_BYTES } else { MOST_ROOM_BYTES });
        if is_begin {
            self.begin(&mut out);
        }
        while place.series < self.count {
            if out.len() >= PIECE_BYTES {
                self.next = Some(place);
                return Some(out);
            }
            if place.series > 0 && place.within == Within::Labels {
                out.push(b',');
            }
            if let Some(within) = self.push(place, &mut out) {
                place.within = within;
                continue;
            }
            place = Place { series: place.series + 1, within: Within::Labels };
            if is_begin && place.series == 1 {
                // The others are much like the first, an eighth longer at most: what is written is then copied once less for
                // each time it would have doubled.
                let like_first = out.len().saturating_mul(self.count - 1);
                let others = like_first.saturating_add(like_first / 8);
                out.reserve(others.min(MOST_ROOM_BYTES.saturating_sub(out.len())));
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
    fn push_row(&mut self, grid: &Grid, one: &Series, within: Within, out: &mut Vec<u8>) -> Option<Within> {
        let Column { floats, histograms } = &one.column;
        let push_floats = |from, out: &mut Vec<u8>| match floats.is_empty() {
            true => None,
            false => self.times.get_or_insert_with(|| StepTexts::new(grid)).push(floats, from, out),
        };
        let push_histograms = |from, out: &mut Vec<u8>| {
            let some = histograms.iter().skip_while(|(step, _)| *step < from);
            let push = |step, histogram, out: &mut Vec<u8>| self.histograms.push(grid.time_ms(step), histogram, out);
            if histograms.is_empty() { None } else { push_list(HISTOGRAMS, some, from, out, push) }
        };
        within.push(&one.labels, push_floats, push_histograms, out)
    }

    /// Samples at times of their own.
    fn push_samples(
        &mut self,
        (labels, samples): &(Labels, SampleColumns),
        within: Within,
        out: &mut Vec<u8>,
    ) -> Option<Within> {
        let SampleColumns { timestamps_ms, values, histograms, histogram_at, .. } = samples;
        let push_floats = |from, out: &mut Vec<u8>| {
            let all = timestamps_ms.iter().zip(values).enumerate().skip(from);
            let some = all.filter(|(at, _)| histograms.is_empty() || samples.histogram_row(*at).is_none());
            let push = |_, (time_ms, value): (&i64, &f64), out: &mut Vec<u8>| json::push_sample(*time_ms, *value, out);
            if histograms.len() == samples.len() { None } else { push_list(VALUES, some, from, out, push) }
        };
        let push_histograms = |from, out: &mut Vec<u8>| {
            let some = histogram_at.iter().enumerate().skip(from);
            let some =
                some.filter_map(|(row, at)| Some((row, (timestamps_ms.get(*at as usize)?, histograms.get(row)?))));
            let push = |_, (time_ms, histogram): (&i64, _), out: &mut Vec<u8>| {
                self.histograms.push(*time_ms, histogram, out);
            };
            if histograms.is_empty() { None } else { push_list(HISTOGRAMS, some, from, out, push) }
        };
        within.push(labels, push_floats, push_histograms, out)
    }
}

impl Within {
    /// Appends a series from there on, its lists by what is given for that: from where they go on to where the piece is full.
    /// Answers what is left then.
    fn push(
        mut self,
        labels: &Labels,
        mut push_floats: impl FnMut(usize, &mut Vec<u8>) -> Option<usize>,
        mut push_histograms: impl FnMut(usize, &mut Vec<u8>) -> Option<usize>,
        out: &mut Vec<u8>,
    ) -> Option<Self> {
        if self == Self::Labels {
            push_metric(labels, out);
            self = Self::Floats(0);
        }
        if let Self::Floats(from) = self {
            if let Some(next) = push_floats(from, out) {
                return Some(Self::Floats(next));
            }
            self = Self::Histograms(0);
        }
        if let Self::Histograms(from) = self
            && let Some(next) = push_histograms(from, out)
        {
            return Some(Self::Histograms(next));
        }
        out.push(b'}');
        None
    }
}

/// Appends items, each after its place in a list, as this list has them from `from` on, until the piece is full. Answers which
/// place comes next then.
fn push_list<T>(
    begin: &[u8],
    items: impl Iterator<Item = (usize, T)>,
    from: usize,
    out: &mut Vec<u8>,
    mut push: impl FnMut(usize, T, &mut Vec<u8>),
) -> Option<usize> {
    let mut is_first = from == 0;
    if is_first {
        out.extend_from_slice(begin);
    }
    for (at, item) in items {
        if !std::mem::take(&mut is_first) {
            if out.len() >= PIECE_BYTES {
                return Some(at);
            }
            out.push(b',');
        }
        push(at, item, out);
    }
    out.push(b']');
    None
}

fn push_metric(labels: &Labels, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"metric":"#);
    json::push_labels(labels.as_ref(), out);
}

#[cfg(test)]
mod tests;
