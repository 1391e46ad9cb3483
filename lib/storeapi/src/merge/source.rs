//! One of the answers that are merged: what has arrived of it, and the series that it is at.

use super::chunks::{Gathered, are_ordered};
use crate::grpc::{FoundSeries, UnreadSeries};
use crate::store::{SeriesBatch, SeriesFrame, SeriesStream, StoreError, UnreadFrame, UnreadStream};
use futures::StreamExt;
use futures::stream::BoxStream;
use model::{LabelsRef, PackedBuilder};
use std::collections::VecDeque;
use tsdb::{Chunk, ChunkSeriesBatch};

/// An answer that is merged with others.
pub(crate) struct Answer {
    parts: Parts,
    told: Told,
}

pub(super) type Parts = BoxStream<'static, Result<Part, StoreError>>;

/// How a fault is told that is found while series are read: as the warning that is the last of the answer, or as an error.
type Told = Box<dyn Fn(StoreError) -> Result<SeriesFrame, StoreError> + Send>;

/// What arrives of an answer.
pub(super) enum Part {
    Batch(ChunkSeriesBatch),
    Unread(UnreadSeries),
    Warning(String),
}

/// An answer under way.
pub(super) struct Source {
    /// Absent while it is read, and at its end.
    pub(super) parts: Option<Parts>,
    told: Told,
    pub(super) ended: bool,
    /// What has arrived, and what each takes.
    waiting: VecDeque<(Held, usize)>,
    pub(super) waiting_bytes: usize,
    held: Held,
    unread: Unread,
}

/// What series are taken from.
enum Held {
    /// `at` is behind the current series.
    Batch {
        batch: ChunkSeriesBatch,
        at: usize,
    },
    Frame(UnreadSeries),
}

/// The current series of a frame.
#[derive(Default)]
struct Unread {
    /// Where it lies, and how many of its bytes are labels, if these are its first; `None` once it was taken.
    place: Option<(FoundSeries, Option<usize>)>,
    labels: PackedBuilder,
    chunks: Vec<Chunk>,
    /// What was told of it in this frame and those before.
    told_bytes: usize,
}

/// What comes next in a source.
pub(super) enum Next {
    /// A series of a batch, which is the current one now.
    Read,
    /// A series that is still to be read.
    Found(FoundSeries),
    /// What has arrived is used up.
    Wait,
    End,
}

/// What a series has in common with the current one of another source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twin {
    Equal,
    /// Its labels, which take so many bytes.
    Labels(usize),
}

impl Answer {
    /// An answer of series that were read.
    pub(crate) fn read(frames: SeriesStream) -> Self {
        let part = |frame: Result<SeriesFrame, StoreError>| {
            Ok(match frame? {
                SeriesFrame::Series(SeriesBatch::Chunks(batch)) => Part::Batch(batch),
                SeriesFrame::Series(SeriesBatch::Columns(batch)) => Part::Batch(batch.encoded()),
                SeriesFrame::Warning(text) => Part::Warning(text),
            })
        };
        Self { parts: frames.map(part).boxed(), told: Box::new(Err) }
    }

    /// An answer of series that are not; `told` is asked once, if they cannot be.
    pub(crate) fn unread(
        frames: UnreadStream,
        told: impl Fn(StoreError) -> Result<SeriesFrame, StoreError> + Send + 'static,
    ) -> Self {
        let part = |frame: Result<UnreadFrame, StoreError>| {
            Ok(match frame? {
                UnreadFrame::Series(series) => Part::Unread(series),
                UnreadFrame::Warning(text) => Part::Warning(text),
            })
        };
        Self { parts: frames.map(part).boxed(), told: Box::new(told) }
    }
}

impl Source {
    pub(super) fn new(answer: Answer) -> Self {
        Self {
            parts: Some(answer.parts),
            told: answer.told,
            ended: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            held: Held::Batch { batch: ChunkSeriesBatch::default(), at: 0 },
            unread: Unread::default(),
        }
    }

    /// Takes series that arrived.
    pub(super) fn take_batch(&mut self, batch: ChunkSeriesBatch) {
        if !batch.is_empty() {
            let size_bytes = batch.size_bytes();
            self.take(Held::Batch { batch, at: 0 }, size_bytes);
        }
    }

    /// The same.
    pub(super) fn take_unread(&mut self, series: UnreadSeries) {
        let size_bytes = series.size_bytes();
        self.take(Held::Frame(series), size_bytes);
    }

    fn take(&mut self, held: Held, size_bytes: usize) {
        self.waiting_bytes += size_bytes;
        self.waiting.push_back((held, size_bytes));
    }

    /// Leaves the current series for the next one of what is held.
    pub(super) fn next(&mut self) -> Result<Next, StoreError> {
        self.unread.place = None;
        match &mut self.held {
            Held::Batch { batch, at } if *at < batch.len() => {
                *at += 1;
                return Ok(Next::Read);
            }
            Held::Batch { .. } => {}
            Held::Frame(series) => {
                if let Some(found) = series.find_next()? {
                    return Ok(Next::Found(found));
                }
            }
        }
        Ok(if self.ended && self.waiting.is_empty() { Next::End } else { Next::Wait })
    }

    /// Goes on with what arrived next, if there is something.
    pub(super) fn go_on(&mut self) -> bool {
        let Some((held, size_bytes)) = self.waiting.pop_front() else { return false };
        self.waiting_bytes -= size_bytes;
        self.held = held;
        true
    }

    /// Forgets what is left of it, and tells why.
    pub(super) fn give_up(&mut self, error: StoreError) -> Result<SeriesFrame, StoreError> {
        (self.parts, self.ended) = (None, true);
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.held = Held::Batch { batch: ChunkSeriesBatch::default(), at: 0 };
        self.unread.place = None;
        (self.told)(error)
    }

    /// The labels of the current series; `None` if there is none.
    pub(super) fn labels(&mut self) -> Option<LabelsRef<'_>> {
        match &self.held {
            Held::Batch { batch, at } => batch.get(at.checked_sub(1)?).map(|(labels, _)| labels),
            // It was read.
            Held::Frame(_) => self.unread.labels.finish().ok(),
        }
    }

    /// Moves the chunks of the current series to `gathered`; it is nobody's twin any more.
    pub(super) fn take_chunks(&mut self, gathered: &mut Gathered) {
        match &self.held {
            Held::Batch { batch, at } => {
                if let Some((_, chunks)) = at.checked_sub(1).and_then(|at| batch.get(at)) {
                    gathered.add(chunks.iter().cloned());
                }
            }
            Held::Frame(_) => {
                gathered.add(self.unread.chunks.drain(..));
                self.unread.place = None;
            }
        }
    }
}

// === frames ===

impl Source {
    /// Reads a series that was found, which becomes the current one; its labels must not sort before `last`.
    pub(super) fn read(&mut self, found: FoundSeries, last: Option<LabelsRef<'_>>) -> Result<(), StoreError> {
        let Held::Frame(series) = &self.held else { return Ok(()) };
        let Unread { place, labels, chunks, told_bytes } = &mut self.unread;
        chunks.clear();
        let (labels, front, bytes) = series.read(&found, labels, chunks)?;
        let goes_on = match last {
            Some(last) if labels < last => return Err(series.not_sorted(labels, last)),
            Some(last) => labels == last,
            None => false,
        };
        *told_bytes = if goes_on { *told_bytes } else { 0 } + bytes;
        series.check_held(*told_bytes)?;
        *place = Some((found, front));
        Ok(())
    }

    /// What a series that was found in it has in common with the current one of `other`.
    pub(super) fn twin(&self, found: &FoundSeries, other: &Self) -> Option<Twin> {
        let (Held::Frame(ours), Held::Frame(theirs)) = (&self.held, &other.held) else { return None };
        let (place, front) = other.unread.place.as_ref()?;
        let (ours, theirs) = (ours.bytes(found), theirs.bytes(place));
        if ours == theirs {
            return Some(Twin::Equal);
        }
        let labels = theirs.get(..(*front)?)?;
        ours.starts_with(labels).then_some(Twin::Labels(labels.len()))
    }

    /// Passes a series that was found, whose twin has all of it. `goes_on`: it is the same as the one before.
    pub(super) fn pass(&mut self, found: &FoundSeries, goes_on: bool) -> Result<(), StoreError> {
        let Held::Frame(series) = &self.held else { return Ok(()) };
        let told_bytes = &mut self.unread.told_bytes;
        *told_bytes = if goes_on { *told_bytes + series.bytes(found).len() } else { 0 };
        series.check_held(*told_bytes)
    }

    /// Appends the chunks of a series that was found to `chunks`. `false`, and nothing has happened: it has other labels than
    /// those that take so many bytes. `goes_on`: it is the same as the one before.
    pub(super) fn read_behind(
        &mut self,
        found: &FoundSeries,
        labels: usize,
        goes_on: bool,
        chunks: &mut Vec<Chunk>,
    ) -> Result<bool, StoreError> {
        let Held::Frame(series) = &self.held else { return Ok(false) };
        let held = chunks.len();
        let read = series.read_behind(found, labels, chunks);
        let Ok(Some(bytes)) = read else {
            chunks.truncate(held);
            return read.map(|_| false);
        };
        let told_bytes = &mut self.unread.told_bytes;
        *told_bytes = if goes_on { *told_bytes } else { 0 } + bytes;
        series.check_held(*told_bytes)?;
        Ok(true)
    }

    /// Lends the chunks of the current series out, and takes them back.
    pub(super) fn chunks_mut(&mut self) -> &mut Vec<Chunk> {
        &mut self.unread.chunks
    }
}

// === batches ===

impl Source {
    /// The batch whose first series is the current one.
    pub(super) fn fresh_batch(&self) -> Option<&ChunkSeriesBatch> {
        match &self.held {
            Held::Batch { batch, at: 1 } => Some(batch),
            Held::Batch { .. } | Held::Frame(_) => None,
        }
    }

    /// Moves the batch out.
    pub(super) fn take_held(&mut self) -> ChunkSeriesBatch {
        match &mut self.held {
            Held::Batch { batch, at } => {
                *at = 0;
                std::mem::take(batch)
            }
            Held::Frame(_) => ChunkSeriesBatch::default(),
        }
    }

    /// Whether the last series of the batch may have more chunks in what comes next, as a store splits large ones.
    pub(super) fn may_go_on(&self) -> bool {
        let Held::Batch { batch, .. } = &self.held else { return true };
        let last = batch.get(batch.len().wrapping_sub(1));
        match (self.waiting.front(), last) {
            (Some((Held::Batch { batch: next, .. }, _)), Some((labels, _))) => {
                next.get(0).is_some_and(|(next, _)| next == labels)
            }
            (Some(_), _) => true,
            (None, _) => !self.ended,
        }
    }
}

/// Whether each series is there once, its chunks in order.
pub(super) fn are_whole(batch: &ChunkSeriesBatch) -> bool {
    let mut before = None;
    batch.iter().all(|(labels, chunks)| before.replace(labels) != Some(labels) && are_ordered(chunks))
}
