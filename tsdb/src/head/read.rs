//! Reading: series with their chunks, in order of their labels.
//!
//! A select only finds and sorts ([`Selection`]). A batch then takes the next few series: their label pairs, the places of
//! their full chunks and a copy of their open ones, under the locks of their shards and at most [`SERIES_PER_LOCK`] at a
//! time; full chunks are read when no lock is held.
//!
//! There is no isolation from appends: a series shows what it has when its batch is made. What a reader never sees is a
//! series younger than itself; what it always sees are chunks that a truncation dropped after it began.

use super::Head;
use super::copies::{Copies, SERIES_PER_LOCK};
use super::last::LastCursor;
use super::selection::{Selection, View, Window};
use crate::series::{ChunkSeriesBatch, SeriesCursor, SeriesSource, SourceError};
use model::{Matcher, TimeRange};
use std::sync::Arc;

/// A head as a source of series. To be made before the list of blocks is read: then what moves into a block meanwhile is in
/// one of the two, or in both.
#[derive(Debug)]
pub struct HeadReader {
    view: Arc<View>,
}

/// A walk over selected series.
#[derive(Debug)]
struct HeadCursor {
    selection: Selection,
    window: Window,
    copies: Copies,
}

impl Head {
    /// Reads the head from now on, samples in `range`.
    pub fn reader(self: &Arc<Self>, range: TimeRange) -> HeadReader {
        HeadReader { view: Arc::new(View::new(self, range)) }
    }

    /// As [`Head::reader`], but series come in the order in which they were created: not for who merges them with others.
    pub fn reader_as_created(self: &Arc<Self>, range: TimeRange) -> HeadReader {
        HeadReader { view: Arc::new(View::as_created(self, range)) }
    }

    /// Reads the samples of the head that came in order, and no others.
    pub fn in_order_reader(self: &Arc<Self>, range: TimeRange) -> HeadReader {
        HeadReader { view: Arc::new(View::in_order(self, range)) }
    }

    /// Reads the late samples of the head, and no others.
    pub fn late_reader(self: &Arc<Self>, range: TimeRange) -> HeadReader {
        HeadReader { view: Arc::new(View::of_late(self, range)) }
    }
}

impl HeadReader {
    /// The newest sample in `range` of each series that `matchers` accept; see [`LastCursor`].
    pub fn select_last(&self, matchers: &[Matcher], range: TimeRange) -> LastCursor {
        LastCursor::new(Arc::clone(&self.view), matchers, range)
    }
}

impl SeriesSource for HeadReader {
    fn time_range(&self) -> Option<TimeRange> {
        self.view.clip(self.view.head.whole_range()?).whole()
    }

    fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Box<dyn SeriesCursor>, SourceError> {
        let selection = Selection::new(Arc::clone(&self.view), matchers, range);
        Ok(Box::new(HeadCursor { selection, window: self.view.clip(range), copies: Copies::default() }))
    }

    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(self.view.label_names(matchers))
    }

    fn label_values(&self, name: &[u8], matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(self.view.label_values(name, matchers))
    }
}

impl SeriesCursor for HeadCursor {
    fn next_batch(
        &mut self,
        max_series: usize,
        skip_chunks: bool,
        batch: &mut ChunkSeriesBatch,
    ) -> Result<(), SourceError> {
        batch.clear();
        let view = Arc::clone(&self.selection.view);
        // Series that went away since they were found leave nothing; an empty batch would be the end.
        while batch.is_empty() {
            let window = self.selection.next(max_series.min(SERIES_PER_LOCK));
            if window.is_empty() {
                return Ok(());
            }
            let times = if skip_chunks { Window::default() } else { self.window };
            self.copies.take(&view, window, |copies, shard, number| copies.take_series(shard, number, times));
            self.push_copies(&view.head, batch)?;
        }
        Ok(())
    }
}

impl HeadCursor {
    /// Reads what lies in files and adds all to `batch`.
    fn push_copies(&mut self, head: &Head, batch: &mut ChunkSeriesBatch) -> Result<(), SourceError> {
        self.copies.read_chunks(head)?;
        self.copies.labels(head);
        for (labels, _, chunks) in self.copies.series() {
            batch.push(labels, chunks.iter().cloned());
        }
        Ok(())
    }
}
