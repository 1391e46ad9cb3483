//! The newest sample of each series: what an instant selector asks for, from the hot lines.
//!
//! A series whose newest sample is in the window costs its hot line and its labels; no chunk is copied or decoded. Only
//! where the window ends before the newest sample are chunks looked into.

use super::Head;
use super::copies::{Copies, SERIES_PER_LOCK, SeriesCopy};
use super::selection::{Selection, View, Window};
use super::shard::Shard;
use crate::chunk;
use crate::series::{Chunk, SourceError};
use model::{LabelsRef, Matcher, SampleColumns, TimeRange, is_stale};
use std::sync::Arc;

/// Series with one sample each, in order of their labels.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct LastSamples {
    labels: Vec<u8>,
    ends: Vec<usize>,
    timestamps_ms: Vec<i64>,
    values: Vec<f64>,
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
        self.timestamps_ms.clear();
        self.values.clear();
    }

    /// Labels, timestamp in milliseconds and value of each series, in order.
    pub fn iter(&self) -> impl Iterator<Item = (LabelsRef<'_>, i64, f64)> {
        let mut start = 0;
        let samples = self.timestamps_ms.iter().zip(&self.values);
        self.ends.iter().zip(samples).map_while(move |(&end, (&timestamp_ms, &value))| {
            let packed = self.labels.get(std::mem::replace(&mut start, end)..end)?;
            Some((LabelsRef::from_packed_unchecked(packed), timestamp_ms, value))
        })
    }

    fn push(&mut self, labels: LabelsRef<'_>, (timestamp_ms, value): (i64, f64)) {
        self.labels.extend_from_slice(labels.as_packed());
        self.ends.push(self.labels.len());
        self.timestamps_ms.push(timestamp_ms);
        self.values.push(value);
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
                last.into_iter().for_each(|last| batch.push(labels, last));
            }
        }
        Ok(())
    }

    /// Looks into chunks where that is needed, and drops series without a sample.
    fn finish(&mut self, head: &Head, range: TimeRange) -> Result<(), SourceError> {
        self.copies.read_chunks(head)?;
        let (columns, mut result) = (&mut self.columns, Ok(()));
        self.copies.retain(|copy, chunks| {
            if copy.last.is_none() {
                match newest_in(chunks, range, columns) {
                    Ok(last) => copy.last = last,
                    Err(error) => result = Err(error),
                }
            }
            copy.last.is_some_and(|(_, value)| !is_stale(value))
        });
        result?;
        self.copies.labels(head);
        Ok(())
    }
}

/// Takes the newest sample from the hot line, or the chunks it is in.
fn take(copies: &mut Copies, shard: &Shard, number: u32, times: Window) -> Option<SeriesCopy> {
    let line = &shard.lines[number];
    let last = (line.last_ms, f64::from_bits(line.value_bits));
    // A late sample is newer than that only if it came to a series that had been silent for long.
    let later = |late: TimeRange| TimeRange::new(late.min_ms().max(last.0), late.max_ms());
    let is_newest = line.has_sample()
        && times.in_order.is_some_and(|range| range.contains(last.0))
        && !copies.is_deleted(last.0)
        && !times.late.and_then(later).is_some_and(|range| shard.late.overlaps(number, range));
    match is_newest {
        true => copies.take_last(shard, number, last),
        false if times.has(shard, number) => copies.take_series(shard, number, times),
        false => None,
    }
}

/// The newest sample in `range`; chunks are in order.
fn newest_in(
    chunks: &[Chunk],
    range: TimeRange,
    columns: &mut SampleColumns,
) -> Result<Option<(i64, f64)>, SourceError> {
    for chunk in chunks.iter().rev() {
        columns.clear();
        chunk::decode(chunk.encoding, &chunk.data, columns).map_err(|error| SourceError::Corrupt {
            file: "chunks_head".to_owned(),
            offset: 0,
            fault: error.to_string(),
        })?;
        if columns.has_histograms() {
            let fault = format!("the newest sample is a histogram, in a chunk of encoding {:?}", chunk.encoding);
            return Err(SourceError::Corrupt { file: "chunks_head".to_owned(), offset: 0, fault });
        }
        let end = columns.timestamps_ms.partition_point(|&timestamp_ms| timestamp_ms <= range.max_ms());
        let mut samples = columns.timestamps_ms.iter().zip(&columns.values).take(end);
        if let Some((&timestamp_ms, &value)) = samples.next_back().filter(|(time, _)| range.contains(**time)) {
            return Ok(Some((timestamp_ms, value)));
        }
    }
    Ok(None)
}
