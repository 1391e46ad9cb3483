//! The newest sample of each series: what an instant selector asks for, from the hot lines.
//!
//! A series whose newest sample is in the window costs its hot line and its labels; no chunk is copied or decoded. Only
//! where the window ends before the newest sample are chunks looked into.

use super::Head;
use super::copies::{Copies, LastCopy, SERIES_PER_LOCK, SeriesCopy, last_row};
use super::selection::{Selection, View, Window};
use super::shard::Shard;
use super::shown::Shown;
use crate::chunk;
use crate::series::{Chunk, ColumnSeriesBatch, SourceError};
use model::{HistogramColumn, Matcher, SampleColumns, TimeRange, is_stale};
use std::sync::Arc;

/// A walk over the newest samples of selected series.
#[derive(Debug)]
pub struct LastCursor {
    selection: Selection,
    shown: Shown,
    window: Window,
    copies: Copies,
    columns: SampleColumns,
}

impl LastCursor {
    pub(super) fn new(view: Arc<View>, shown: Shown, matchers: &[Matcher], range: TimeRange) -> Self {
        let window = view.clip(range);
        let selection = Selection::new(view, matchers, range, shown.added.as_ref());
        Self { selection, shown, window, copies: Copies::default(), columns: SampleColumns::default() }
    }

    /// Replaces the contents of `batch` by the next at most `max_series` series; leaves it empty at the end. Of each series
    /// the newest sample of the window; nothing where there is none, or where it is a stale marker.
    ///
    /// # Errors
    /// A chunk that cannot be read or decoded; the cursor is at its end afterwards.
    pub fn next_batch(&mut self, max_series: usize, batch: &mut ColumnSeriesBatch) -> Result<(), SourceError> {
        batch.clear();
        let (view, Some(range)) = (Arc::clone(&self.selection.view), self.window.whole()) else { return Ok(()) };
        let mut left = max_series;
        while left > 0 {
            let bunch = self.selection.next(left.min(SERIES_PER_LOCK));
            if bunch.series.is_empty() {
                return Ok(());
            }
            let times = self.window;
            self.copies.take(&view, bunch, false, |copies, shard, number| take(copies, shard, number, times));
            if let Err(error) = finish(&mut self.copies, &mut self.columns, &view.head, range) {
                self.window = Window::default();
                return Err(error);
            }
            self.copies.labels(&view.head, bunch, &self.shown);
            for (labels, last) in self.copies.series() {
                let Some(LastCopy { timestamp_ms, value, row }) = last else { continue };
                match row.and_then(|row| self.copies.histogram(row)) {
                    Some(histogram) => batch.push_histogram(labels, timestamp_ms, histogram),
                    None => batch.push_float(labels, timestamp_ms, value),
                }
            }
            left = max_series - batch.len();
        }
        Ok(())
    }
}

/// Looks into chunks where that is needed, and drops series without a sample.
fn finish(copies: &mut Copies, columns: &mut SampleColumns, head: &Head, range: TimeRange) -> Result<(), SourceError> {
    copies.read_chunks(head)?;
    let mut result = Ok(());
    copies.retain(|copy, chunks, histograms| {
        if copy.last.is_none() {
            match newest_in(chunks, range, columns, histograms) {
                Ok(last) => copy.last = last,
                Err(error) => result = Err(error),
            }
        }
        copy.last.is_some_and(|last| !is_stale(last.value))
    });
    result
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
