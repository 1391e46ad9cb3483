//! The newest sample of each series: what an instant selector asks for, from the hot lines.
//!
//! A series whose newest sample is in the window costs its hot line and its labels; no chunk is copied or decoded. Only
//! where the window ends before the newest sample are chunks looked into.

use super::Head;
use super::copies::{Copies, LastCopy, SERIES_PER_LOCK, SeriesCopy, last_row};
use super::selection::{Selection, View, Window};
use super::shard::Shard;
use crate::chunk;
use crate::series::{Chunk, SourceError};
use model::{HistogramColumn, HistogramRef, LabelsRef, Matcher, SampleColumns, TimeRange, is_stale};
use std::sync::Arc;

/// Series with one sample each, in order of their labels.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct LastSamples {
    labels: Vec<u8>,
    ends: Vec<usize>,
    samples: SampleColumns,
}

/// A walk over the newest samples of selected series.
#[derive(Debug)]
pub struct LastCursor {
    selection: Selection,
    window: Window,
    copies: Copies,
    columns: SampleColumns,
}

impl LastSamples {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.labels.clear();
        self.ends.clear();
        self.samples.clear();
    }

    /// The samples, one a series. Their times are in no order.
    pub fn samples(&self) -> &SampleColumns {
        &self.samples
    }

    /// Labels, timestamp in milliseconds and value of each series, in order; of a histogram the value is its sum, and
    /// [`SampleColumns::histogram`] of [`LastSamples::samples`] has the rest.
    pub fn iter(&self) -> impl Iterator<Item = (LabelsRef<'_>, i64, f64)> {
        let mut start = 0;
        let samples = self.samples.timestamps_ms.iter().zip(&self.samples.values);
        self.ends.iter().zip(samples).map_while(move |(&end, (&timestamp_ms, &value))| {
            let packed = self.labels.get(std::mem::replace(&mut start, end)..end)?;
            Some((LabelsRef::from_packed_unchecked(packed), timestamp_ms, value))
        })
    }

    fn push(&mut self, labels: LabelsRef<'_>, last: LastCopy, histogram: Option<HistogramRef<'_>>) {
        self.labels.extend_from_slice(labels.as_packed());
        self.ends.push(self.labels.len());
        match histogram {
            Some(histogram) => self.samples.push_histogram(last.timestamp_ms, histogram),
            None => self.samples.push(last.timestamp_ms, last.value),
        }
    }
}

impl LastCursor {
    pub(super) fn new(view: Arc<View>, matchers: &[Matcher], range: TimeRange) -> Self {
        let window = view.clip(range);
        let selection = Selection::new(view, matchers, range);
        Self { selection, window, copies: Copies::default(), columns: SampleColumns::default() }
    }

    /// Replaces the contents of `batch` by the next at most `max_series` series; leaves it empty at the end. Of each series
    /// the newest sample of the window; nothing where there is none, or where it is a stale marker.
    ///
    /// # Errors
    /// A chunk that cannot be read or decoded; the cursor is at its end afterwards.
    pub fn next_batch(&mut self, max_series: usize, batch: &mut LastSamples) -> Result<(), SourceError> {
        batch.clear();
        let (view, Some(range)) = (Arc::clone(&self.selection.view), self.window.whole()) else { return Ok(()) };
        while batch.is_empty() {
            let some = self.selection.next(max_series.min(SERIES_PER_LOCK));
            if some.is_empty() {
                return Ok(());
            }
            let times = self.window;
            self.copies.take(&view, some, |copies, shard, number| take(copies, shard, number, times));
            if let Err(error) = self.finish(&view.head, range) {
                self.window = Window::default();
                return Err(error);
            }
            for (labels, last, _) in self.copies.series() {
                let Some(last) = last else { continue };
                batch.push(labels, last, last.row.and_then(|row| self.copies.histogram(row)));
            }
        }
        Ok(())
    }

    /// Looks into chunks where that is needed, and drops series without a sample.
    fn finish(&mut self, head: &Head, range: TimeRange) -> Result<(), SourceError> {
        self.copies.read_chunks(head)?;
        let (columns, mut result) = (&mut self.columns, Ok(()));
        self.copies.retain(|copy, chunks, histograms| {
            if copy.last.is_none() {
                match newest_in(chunks, range, columns, histograms) {
                    Ok(last) => copy.last = last,
                    Err(error) => result = Err(error),
                }
            }
            copy.last.is_some_and(|last| !is_stale(last.value))
        });
        result?;
        self.copies.labels(head);
        Ok(())
    }
}

/// Takes the newest sample from the hot line, or the chunks it is in.
fn take(copies: &mut Copies, shard: &Shard, number: u32, times: Window) -> Option<SeriesCopy> {
    let line = &shard.lines[number];
    let last_ms = line.last_ms;
    // A late sample is newer than that only if it came to a series that had been silent for long.
    let later = |late: TimeRange| TimeRange::new(late.min_ms().max(last_ms), late.max_ms());
    let is_newest = line.has_sample()
        && times.in_order.is_some_and(|range| range.contains(last_ms))
        && !copies.is_deleted(last_ms)
        && !times.late.and_then(later).is_some_and(|range| shard.late.overlaps(number, range));
    match is_newest {
        true => Some(copies.take_last(shard, number)),
        false if times.has(shard, number) => copies.take_series(shard, number, times),
        false => None,
    }
}

/// The newest sample in `range`; chunks are in order.
fn newest_in(
    chunks: &[Chunk],
    range: TimeRange,
    columns: &mut SampleColumns,
    histograms: &mut HistogramColumn,
) -> Result<Option<LastCopy>, SourceError> {
    for chunk in chunks.iter().rev() {
        columns.clear();
        chunk::decode(chunk.encoding, &chunk.data, columns).map_err(|error| SourceError::Corrupt {
            file: "chunks_head".to_owned(),
            offset: 0,
            fault: error.to_string(),
        })?;
        let end = columns.timestamps_ms.partition_point(|&timestamp_ms| timestamp_ms <= range.max_ms());
        let Some(at) = end.checked_sub(1) else { continue };
        let (Some(&timestamp_ms), Some(&value)) = (columns.timestamps_ms.get(at), columns.values.get(at)) else {
            continue;
        };
        if range.contains(timestamp_ms) {
            return Ok(Some(match columns.histogram(at) {
                Some(histogram) => {
                    histograms.push(histogram);
                    last_row(histograms, timestamp_ms)
                }
                None => LastCopy { timestamp_ms, value, row: None },
            }));
        }
    }
    Ok(None)
}
