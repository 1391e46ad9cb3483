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
use super::shown::Shown;
use crate::series::{ChunkSeriesBatch, SeriesCursor, SeriesSource, SourceError};
use model::{Labels, Matcher, TimeRange};
use std::sync::Arc;

/// A head as a source of series. To be made before the list of blocks is read: then what moves into a block meanwhile is in
/// one of the two, or in both.
#[derive(Debug)]
pub struct HeadReader {
    view: Arc<View>,
    shown: Shown,
}

/// A walk over selected series.
#[derive(Debug)]
struct HeadCursor {
    selection: Selection,
    shown: Shown,
    window: Window,
    copies: Copies,
}

impl Head {
    /// Reads the head from now on, samples in `range`.
    pub fn reader(self: &Arc<Self>, range: TimeRange) -> HeadReader {
        HeadReader::of(View::new(self, range))
    }

    /// As [`Head::reader`], but series come in the order in which they were created: not for who merges them with others.
    pub fn reader_as_created(self: &Arc<Self>, range: TimeRange) -> HeadReader {
        HeadReader::of(View::as_created(self, range))
    }

    /// Reads the samples of the head that came in order, and no others.
    pub fn in_order_reader(self: &Arc<Self>, range: TimeRange) -> HeadReader {
        HeadReader::of(View::in_order(self, range))
    }

    /// Reads the late samples of the head, and no others.
    pub fn late_reader(self: &Arc<Self>, range: TimeRange) -> HeadReader {
        HeadReader::of(View::of_late(self, range))
    }
}

impl HeadReader {
    fn of(view: View) -> Self {
        Self { view: Arc::new(view), shown: Shown { added: Labels::empty(), names: None } }
    }

    /// The same reader, with `added` among the labels of all series. `None`: a series has a label of one of these names, or one
    /// of `without`.
    pub fn with_labels(&self, added: &Labels, without: &[Vec<u8>]) -> Option<Self> {
        let are_new = self.lacks(added.iter().map(|label| label.name).chain(without.iter().map(Vec::as_slice)));
        let are_alone = self.shown.added.as_ref().is_empty();
        let shown = Shown { added: added.clone(), names: self.shown.names.clone() };
        (are_new && are_alone).then(|| Self { view: Arc::clone(&self.view), shown })
    }

    /// The same reader, whose series are shown with their labels of `names` (sorted) alone. `None`: a series has a label of one
    /// of the names `absent`.
    pub fn with_labels_only(&self, names: &[Vec<u8>], absent: &[&[u8]]) -> Option<Self> {
        let shown = Shown { added: self.shown.added.clone(), names: Some(names.into()) };
        self.lacks(absent.iter().copied()).then(|| Self { view: Arc::clone(&self.view), shown })
    }

    /// Whether no series that it sees has a label of one of these names.
    fn lacks<'a>(&self, mut names: impl Iterator<Item = &'a [u8]>) -> bool {
        let dictionary = self.view.head.dictionary.read();
        // A name that comes later is that of a series which the reader does not see.
        names.all(|name| dictionary.find_name(name).is_none())
    }

    /// The newest sample in `range` of each series that `matchers` accept; see [`LastCursor`].
    pub fn select_last(&self, matchers: &[Matcher], range: TimeRange) -> LastCursor {
        LastCursor::new(Arc::clone(&self.view), self.shown.clone(), matchers, range)
    }
}

impl SeriesSource for HeadReader {
    fn time_range(&self) -> Option<TimeRange> {
        self.view.clip(self.view.head.whole_range()?).whole()
    }

    fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Box<dyn SeriesCursor>, SourceError> {
        let (window, shown) = (self.view.clip(range), self.shown.clone());
        let selection = Selection::new(Arc::clone(&self.view), matchers, range, shown.added.as_ref());
        Ok(Box::new(HeadCursor { selection, shown, window, copies: Copies::default() }))
    }

    fn with_labels(&self, added: &Labels, without: &[Vec<u8>]) -> Option<Box<dyn SeriesSource>> {
        Some(Box::new(Self::with_labels(self, added, without)?))
    }

    fn with_labels_only(&self, names: &[Vec<u8>], absent: &[&[u8]]) -> Option<Box<dyn SeriesSource>> {
        Some(Box::new(Self::with_labels_only(self, names, absent)?))
    }

    fn at_most(&self, matchers: &[Matcher]) -> Option<u64> {
        self.view.head.at_most(matchers)
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
        let times = if skip_chunks { Window::default() } else { self.window };
        let view = Arc::clone(&self.selection.view);
        // Series that went away since they were found leave nothing; an empty batch would be the end.
        while batch.is_empty() {
            let bunch = self.selection.next(max_series.min(SERIES_PER_LOCK));
            if bunch.series.is_empty() {
                return Ok(());
            }
            self.copies
                .take(&view, bunch, !skip_chunks, |copies, shard, number| copies.take_series(shard, number, times));
            self.copies.read_chunks(&view.head)?;
            self.copies.labels(&view.head, bunch, &self.shown);
            self.copies.move_to(batch);
        }
        Ok(())
    }
}
