//! Many sorted answers, arriving as they like, made one.
//!
//! Each stream is read ahead up to a number of bytes while the others are merged. A series is handed out once every stream has
//! shown that it has no more of it. Nothing runs by itself: streams are read while the merged one is polled.

use super::chunks::Gathered;
use super::source::{Answer, Next, Part, Parts, Source, Twin, are_whole};
use crate::grpc::FoundSeries;
use crate::loser_tree::LoserTree;
use crate::store::{SeriesBatch, SeriesFrame, SeriesStream, StoreError};
use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use model::LabelsRef;
use tsdb::{Chunk, ChunkSeriesBatch};

/// A batch is full with so many series,
const BATCH_SERIES: usize = 512;
/// or so many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// With so many series it is handed out rather than waiting for a stream. A store that merges its blocks holds them against the
/// memory of the request until then.
const WORTHWHILE_SERIES: usize = 32;
/// A batch of so many is handed out as it came, where nothing is left to merge it with.
const WHOLE_SERIES: usize = 32;
/// Bytes that may wait of all streams together, and at least of each. As much again may wait in the window of its connection:
/// a stream is there when others have caught up, and what is merged still lies in the processor's caches.
const AHEAD_BYTES: usize = 4 << 20;
const LEAST_AHEAD_BYTES: usize = 256 << 10;

/// So many sources are looked at for what another one tells.
const TWINS: usize = 8;

/// Merges `answers`, each sorted, up to `limit` series. Equal label sets become one series with the chunks of all; of those
/// that are equal in bytes one is kept. Warnings pass as they come. The first error ends it.
pub(crate) fn merge_answers(answers: Vec<Answer>, limit: Option<usize>) -> SeriesStream {
    let ahead_bytes = (AHEAD_BYTES / answers.len().max(1)).max(LEAST_AHEAD_BYTES);
    merge_within(answers, limit, ahead_bytes)
}

/// The same; a stream of which `ahead_bytes` wait is not read on. It is read whenever nothing of it waits.
pub fn merge_frames_within(streams: Vec<SeriesStream>, limit: Option<usize>, ahead_bytes: usize) -> SeriesStream {
    merge_within(streams.into_iter().map(Answer::read).collect(), limit, ahead_bytes)
}

fn merge_within(answers: Vec<Answer>, limit: Option<usize>, ahead_bytes: usize) -> SeriesStream {
    let merged = MergedFrames::new(answers, limit, ahead_bytes.max(1));
    stream::unfold(merged, |mut merged| async move { Some((merged.next().await?, merged)) }).boxed()
}

/// A stream that is being read, and then what came of it.
type Read = BoxFuture<'static, (usize, Parts, Option<Result<Part, StoreError>>)>;

struct MergedFrames {
    sources: Vec<Source>,
    reads: FuturesUnordered<Read>,
    ahead_bytes: usize,
    /// So many sources have shown their first series, or their end.
    known: usize,
    /// The labels of these, packed,
    first: Vec<Option<Vec<u8>>>,
    /// and who comes next, once all have.
    tree: Option<LoserTree>,
    /// The source that won last, and is to be moved on.
    dry: Option<usize>,
    /// Whose current series that source has passed since, as it was the same as its own.
    passed: Option<usize>,
    series: OpenSeries,
    batch: ChunkSeriesBatch,
    batch_bytes: usize,
    /// Series that may still be handed out.
    left: usize,
    failed: bool,
}

/// The series that is being put together.
#[derive(Default)]
struct OpenSeries {
    is_open: bool,
    /// Its labels.
    packed: Vec<u8>,
    chunks: Gathered,
}

/// What merging came to.
enum Step {
    Frame(SeriesFrame),
    Failed(StoreError),
    /// A source must be read first.
    Wait,
    End,
}

/// Where a source has been moved.
enum Moved {
    /// To a series, the current one.
    On,
    Wait,
    End,
}

impl MergedFrames {
    fn new(answers: Vec<Answer>, limit: Option<usize>, ahead_bytes: usize) -> Self {
        let mut merged = Self {
            sources: answers.into_iter().map(Source::new).collect(),
            reads: FuturesUnordered::new(),
            ahead_bytes,
            known: 0,
            first: Vec::new(),
            tree: None,
            dry: None,
            passed: None,
            series: OpenSeries::default(),
            batch: ChunkSeriesBatch::default(),
            batch_bytes: 0,
            left: limit.unwrap_or(usize::MAX),
            failed: false,
        };
        for source in 0..merged.sources.len() {
            merged.read(source);
        }
        merged
    }

    async fn next(&mut self) -> Option<Result<SeriesFrame, StoreError>> {
        if self.failed {
            return None;
        }
        // What has arrived makes room to read on, whether or not it is needed yet.
        while let Some(Some(read)) = self.reads.next().now_or_never() {
            if let Some(out) = self.take(read) {
                return Some(out);
            }
        }
        loop {
            match self.merge() {
                Step::Frame(frame) => return Some(Ok(frame)),
                Step::Failed(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
                Step::End => return None,
                Step::Wait => {}
            }
            let read = self.reads.next().await?;
            if let Some(out) = self.take(read) {
                return Some(out);
            }
        }
    }

    /// Reads a source on, if there is room for more of it.
    fn read(&mut self, source: usize) {
        let state = &mut self.sources[source];
        if state.waiting_bytes >= self.ahead_bytes {
            return;
        }
        if let Some(mut parts) = state.parts.take() {
            let read = async move {
                let part = parts.next().await;
                (source, parts, part)
            };
            self.reads.push(read.boxed());
        }
    }

    /// Takes what was read; gives what must be handed out at once.
    fn take(
        &mut self,
        (source, parts, part): (usize, Parts, Option<Result<Part, StoreError>>),
    ) -> Option<Result<SeriesFrame, StoreError>> {
        let state = &mut self.sources[source];
        // It may have been given up in the meantime.
        if state.ended {
            return None;
        }
        let mut out = None;
        match part {
            None => {
                state.ended = true;
                return None;
            }
            Some(Ok(Part::Batch(batch))) => state.take_batch(batch),
            Some(Ok(Part::Unread(series))) => state.take_unread(series),
            Some(Ok(Part::Warning(text))) => out = Some(Ok(SeriesFrame::Warning(text))),
            Some(Err(error)) => {
                self.failed = true;
                return Some(Err(error));
            }
        }
        state.parts = Some(parts);
        self.read(source);
        out
    }

    /// Merges what is there.
    fn merge(&mut self) -> Step {
        let mut tree = match self.tree.take().map_or_else(|| self.start(), Ok) {
            Ok(tree) => tree,
            Err(step) => return step,
        };
        let step = self.merge_by(&mut tree);
        self.tree = Some(tree);
        step
    }

    /// Moves all sources to their first series.
    fn start(&mut self) -> Result<LoserTree, Step> {
        while self.known < self.sources.len() {
            let source = self.known;
            let moved = self.advance(source, None).map_err(|error| self.give_up(source, error))?;
            let labels = match moved {
                Moved::Wait => return Err(Step::Wait),
                Moved::On => self.sources[source].labels().map(|labels| labels.as_packed().to_vec()),
                Moved::End => None,
            };
            self.first.push(labels);
            self.known += 1;
        }
        Ok(LoserTree::new(std::mem::take(&mut self.first)))
    }

    fn merge_by(&mut self, tree: &mut LoserTree) -> Step {
        loop {
            if let Some(source) = self.dry {
                match self.advance(source, Some(tree)) {
                    Ok(Moved::Wait) if self.batch.len() >= WORTHWHILE_SERIES => return self.hand_out(),
                    Ok(Moved::Wait) => return Step::Wait,
                    Ok(Moved::On) => tree.advance(self.sources[source].labels()),
                    Ok(Moved::End) => tree.advance(None),
                    Err(error) => return self.give_up(source, error),
                }
                (self.dry, self.passed) = (None, None);
            }
            if let Some(step) = self.pass_whole(tree) {
                return step;
            }
            let winner = tree.winner().filter(|_| self.left > 0);
            let is_same = winner.is_some_and(|(_, packed)| packed == self.series.packed);
            let winner = winner.map(|(source, _)| source);
            if self.series.is_open && !is_same {
                self.close_series();
                if self.batch.len() >= BATCH_SERIES || self.batch_bytes >= BATCH_BYTES {
                    return self.hand_out();
                }
            }
            let Some(source) = winner.filter(|_| self.left > 0) else {
                return match self.batch.is_empty() {
                    true => Step::End,
                    false => self.hand_out(),
                };
            };
            if !self.series.is_open {
                self.series.is_open = true;
                tree.swap_winner(&mut self.series.packed);
            }
            self.sources[source].take_chunks(&mut self.series.chunks);
            self.dry = Some(source);
        }
    }

    /// Moves a source, which won last, to its next series. What is the same as the current one of another source is passed:
    /// it becomes part of that.
    fn advance(&mut self, source: usize, tree: Option<&LoserTree>) -> Result<Moved, StoreError> {
        loop {
            match self.sources[source].next()? {
                Next::Read => return Ok(Moved::On),
                Next::End => return Ok(Moved::End),
                Next::Wait => {
                    if !self.sources[source].go_on() {
                        return Ok(Moved::Wait);
                    }
                    self.read(source);
                }
                Next::Found(found) => {
                    if tree.is_some() && self.pass(source, &found)? {
                        continue;
                    }
                    let last = match self.passed {
                        Some(other) => tree.and_then(|tree| tree.labels(other)),
                        None => tree.map(|_| self.series.packed.as_slice()),
                    };
                    let last = last.map(LabelsRef::from_packed_unchecked);
                    self.sources[source].read(found, last)?;
                    return Ok(Moved::On);
                }
            }
        }
    }

    /// Passes a series that a source has found, if it is the current one of another source.
    fn pass(&mut self, source: usize, found: &FoundSeries) -> Result<bool, StoreError> {
        let ours = &self.sources[source];
        let twin_of = |(other, theirs): (usize, &Source)| Some((other, ours.twin(found, theirs)?));
        let mut others = self.sources.iter().enumerate().take(TWINS).filter(|(other, _)| *other != source);
        let Some((other, twin)) = others.find_map(twin_of) else { return Ok(false) };
        let goes_on = self.passed == Some(other);
        match twin {
            Twin::Equal => self.sources[source].pass(found, goes_on)?,
            Twin::Labels(labels) => {
                let mut chunks = std::mem::take(self.sources[other].chunks_mut());
                let passed = self.sources[source].read_behind(found, labels, goes_on, &mut chunks);
                *self.sources[other].chunks_mut() = chunks;
                if !passed? {
                    return Ok(false);
                }
            }
        }
        self.passed = Some(other);
        Ok(true)
    }

    /// Goes on without a source whose series cannot be read.
    fn give_up(&mut self, source: usize, error: StoreError) -> Step {
        match self.sources[source].give_up(error) {
            Ok(warning) => Step::Frame(warning),
            Err(error) => Step::Failed(error),
        }
    }

    /// Where one source is left, hands its batches out as they came; those before them first. `None`: they have to be looked
    /// at series by series, because they are small or large, or more than is wanted, or not whole. A last series that may go on
    /// in the next batch is kept back.
    fn pass_whole(&mut self, tree: &LoserTree) -> Option<Step> {
        let (source, packed) = tree.winner()?;
        let len = self.sources.get(source)?.fresh_batch()?.len();
        if !(WHOLE_SERIES..=BATCH_SERIES.min(self.left)).contains(&len) || !tree.is_last() {
            return None;
        }
        if self.series.is_open {
            // The limit counts the open one.
            if packed == self.series.packed || len >= self.left {
                return None;
            }
            self.close_series();
        }
        if !self.batch.is_empty() {
            return Some(self.hand_out());
        }
        let state = self.sources.get_mut(source)?;
        if !are_whole(state.fresh_batch()?) {
            return None;
        }
        let may_go_on = state.may_go_on();
        let mut batch = state.take_held();
        if may_go_on && let Some((labels, chunks)) = batch.get(len - 1) {
            self.series.open(labels.as_packed(), chunks);
            batch.truncate(len - 1);
        }
        self.left -= batch.len();
        self.dry = Some(source);
        Some(Step::Frame(SeriesFrame::Series(SeriesBatch::Chunks(batch))))
    }

    fn close_series(&mut self) {
        self.batch_bytes += self.series.packed.len() + self.series.chunks.size_bytes();
        let labels = LabelsRef::from_packed_unchecked(&self.series.packed);
        self.batch.push(labels, self.series.chunks.take());
        self.series.is_open = false;
        self.left -= 1;
    }

    fn hand_out(&mut self) -> Step {
        self.batch_bytes = 0;
        Step::Frame(SeriesFrame::Series(SeriesBatch::Chunks(self.batch.take())))
    }
}

impl OpenSeries {
    fn open(&mut self, packed: &[u8], chunks: &[Chunk]) {
        self.is_open = true;
        self.packed.clear();
        self.packed.extend_from_slice(packed);
        self.chunks.add(chunks.iter().cloned());
    }
}

#[cfg(test)]
mod tests;
