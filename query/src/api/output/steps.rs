//! The floats of a series of a range query: all series have the same times, whose text is made once.

use crate::api::json;
use crate::api::number::push_value;
use promql::{FloatColumn, Grid};

/// What stands in front of the value of each step.
#[derive(Debug)]
pub(super) struct StepTexts(Vec<StepText>);

/// The end of the sample before, and the begin of that of the step. It is copied as a whole and what is too much is taken
/// away: copies whose size is known take no call.
#[derive(Debug, Clone, Copy)]
struct StepText {
    text: [u8; StepText::MOST_BYTES],
    size: usize,
}

/// How a sample ends.
const END: &[u8] = b"\"]";

impl StepTexts {
    /// Those of the steps of `grid`.
    pub(super) fn new(grid: &Grid) -> Self {
        Self(grid.times_ms().map(StepText::new).collect())
    }

    /// Appends the samples of a column as a list.
    pub(super) fn push(&self, floats: &FloatColumn, out: &mut Vec<u8>) {
        match floats.as_full() {
            Some(values) => push_list(self.0.iter().zip(values.iter().copied()), out),
            None => push_list(floats.iter().map(|(step, value)| (&self.0[step], value)), out),
        }
    }
}

fn push_list<'a>(mut samples: impl Iterator<Item = (&'a StepText, f64)>, out: &mut Vec<u8>) {
    out.push(b'[');
    if let Some((step, value)) = samples.next() {
        out.extend_from_slice(step.of_first());
        push_value(value, out);
        samples.for_each(|(step, value)| {
            step.push(out);
            push_value(value, out);
        });
        out.extend_from_slice(END);
    }
    out.push(b']');
}

impl StepText {
    /// The marks around a time, and the longest time: 16 digits before the point, three behind it and a sign.
    const MOST_BYTES: usize = 32;

    fn new(time_ms: i64) -> Self {
        let mut text = END.to_vec();
        text.push(b',');
        json::begin_sample(time_ms, &mut text);
        let size = text.len().min(Self::MOST_BYTES);
        text.resize(Self::MOST_BYTES, 0);
        let text = text.first_chunk().copied().unwrap_or_default();
        Self { text, size }
    }

    fn push(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.size;
        out.extend_from_slice(&self.text);
        out.truncate(end);
    }

    /// For the first sample, before which there is none.
    fn of_first(&self) -> &[u8] {
        &self.text[END.len() + 1..self.size]
    }
}
