//! The floats of a series of a range query: all series have the same times, whose text is made once.

use super::rows::{PIECE_BYTES, VALUES};
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
        let mut text = Vec::with_capacity(StepText::MOST_BYTES);
        Self(grid.times_ms().map(|time_ms| StepText::new(time_ms, &mut text)).collect())
    }

    /// Appends the samples of a column from step `from` on, as the list of them has them, until the piece is full. Answers
    /// which step comes next then.
    pub(super) fn push(&self, floats: &FloatColumn, from: usize, out: &mut Vec<u8>) -> Option<usize> {
        match floats.as_run() {
            Some((first, values)) => {
                let left = from.saturating_sub(first);
                self.push_some((first + left..).zip(values.get(left..)?.iter().copied()), from, out)
            }
            None => self.push_some(floats.iter().skip_while(|(step, _)| *step < from), from, out),
        }
    }

    fn push_some(
        &self,
        mut samples: impl Iterator<Item = (usize, f64)>,
        from: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        if from == 0 {
            out.extend_from_slice(VALUES);
            let (step, value) = samples.next()?;
            out.extend_from_slice(self.0[step].of_first());
            push_value(value, out);
        }
        for (step, value) in samples {
            if out.len() >= PIECE_BYTES {
                return Some(step);
            }
            self.0[step].push(out);
            push_value(value, out);
        }
        out.extend_from_slice(END);
        out.push(b']');
        None
    }
}

impl StepText {
    /// The marks around a time, and the longest time: 16 digits before the point, three behind it and a sign.
    const MOST_BYTES: usize = 32;

    /// Made in `text`, which is used again for the next.
    fn new(time_ms: i64, text: &mut Vec<u8>) -> Self {
        text.clear();
        text.extend_from_slice(END);
        text.push(b',');
        json::begin_sample(time_ms, text);
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
