//! Many sorted answers, arriving as they like, made one.
//!
//! Each stream is read ahead up to a number of bytes while the others are merged. A series is handed out once every stream has
//! shown that it has no more of it. Nothing runs by itself: streams are read while the merged one is polled.

use super::chunks::{Gathered, are_ordered};
use crate::loser_tree::LoserTree;
use crate::store::{SeriesBatch, SeriesFrame, SeriesStream, StoreError};
use futures::future::BoxFuture;
use futures::stream::{self, FuturesUnordered};
use futures::{FutureExt, StreamExt};
use model::LabelsRef;
use std::collections::VecDeque;
use tsdb::{Chunk, ChunkSeriesBatch};

/// A batch is full with so many series,
const BATCH_SERIES: usize = 512;
/// or so many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// With so many series it is handed out rather than waiting for a stream.
const WORTHWHILE_SERIES: usize = 32;
/// A batch of so many is handed out as it came, where nothing is left to merge it with.
const WHOLE_SERIES: usize = 32;
/// Bytes that may wait of all streams together, and at least of each. As much again may wait in the window of its connection:
/// a stream is there when others have caught up, and what is merged still lies in the processor's caches.
const AHEAD_BYTES: usize = 4 << 20;
const LEAST_AHEAD_BYTES: usize = 256 << 10;

/// Merges `streams`, each sorted, up to `limit` series. Equal label sets become one series with the chunks of all; of those
/// that are equal in bytes one is kept. Warnings pass as they come. The first error ends it.
pub(crate) fn merge_frames(streams: Vec<SeriesStream>, limit: Option<usize>) -> SeriesStream {
    let ahead_bytes = (AHEAD_BYTES / streams.len().max(1)).max(LEAST_AHEAD_BYTES);
    merge_frames_within(streams, limit, ahead_bytes)
}

/// The same; a stream of which `ahead_bytes` wait is not read on. It is read whenever nothing of it waits.
pub fn merge_frames_within(streams: Vec<SeriesStream>, limit: Option<usize>, ahead_bytes: usize) -> SeriesStream {
    let merged = MergedFrames::new(streams, limit, ahead_bytes.max(1));
    stream::unfold(merged, |mut merged| async move { Some((merged.next().await?, merged)) }).boxed()
}

/// A stream that is being read, and then what came of it.
type Read = BoxFuture<'static, (usize, SeriesStream, Option<Result<SeriesFrame, StoreError>>)>;

struct MergedFrames {
    sources: Vec<Source>,
    reads: FuturesUnordered<Read>,
    ahead_bytes: usize,
    /// Made once each source has shown its first series or its end.
    tree: Option<LoserTree>,
    /// The source that won last and whose next series is not there yet.
    dry: Option<usize>,
    series: OpenSeries,
    batch: ChunkSeriesBatch,
    batch_bytes: usize,
    /// Series that may still be handed out.
    left: usize,
    failed: bool,
}

#[derive(Default)]
struct Source {
    /// Absent while it is read, and at its end.
    stream: Option<SeriesStream>,
    ended: bool,
    /// Batches, and what each takes.
    waiting: VecDeque<(ChunkSeriesBatch, usize)>,
    waiting_bytes: usize,
    current: ChunkSeriesBatch,
    at: usize,
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
    /// A source must be read first.
    Wait,
    End,
}

impl MergedFrames {
    fn new(streams: Vec<SeriesStream>, limit: Option<usize>, ahead_bytes: usize) -> Self {
        let sources = streams.into_iter().map(|stream| Source { stream: Some(stream), ..Source::default() }).collect();
        let mut merged = Self {
            sources,
            reads: FuturesUnordered::new(),
            ahead_bytes,
            tree: None,
            dry: None,
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
        if let Some(mut stream) = state.stream.take() {
            let read = async move {
                let frame = stream.next().await;
                (source, stream, frame)
            };
            self.reads.push(read.boxed());
        }
    }

    /// Takes what was read; gives what must be handed out at once.
    fn take(
        &mut self,
        (source, stream, frame): (usize, SeriesStream, Option<Result<SeriesFrame, StoreError>>),
    ) -> Option<Result<SeriesFrame, StoreError>> {
        let state = &mut self.sources[source];
        let mut out = None;
        match frame {
            None => {
                state.ended = true;
                return None;
            }
            Some(Ok(SeriesFrame::Series(batch))) => {
                let batch = match batch {
                    SeriesBatch::Chunks(batch) => batch,
                    SeriesBatch::Columns(batch) => batch.encoded(),
                };
                if !batch.is_empty() {
                    let size_bytes = batch.size_bytes();
                    state.waiting_bytes += size_bytes;
                    state.waiting.push_back((batch, size_bytes));
                }
            }
            Some(Ok(warning @ SeriesFrame::Warning(_))) => out = Some(Ok(warning)),
            Some(Err(error)) => {
                self.failed = true;
                return Some(Err(error));
            }
        }
        state.stream = Some(stream);
        self.read(source);
        out
    }

    /// Merges what is there.
    fn merge(&mut self) -> Step {
        let Some(mut tree) = self.tree.take().or_else(|| self.start()) else {
            return Step::Wait;
        };
        let step = self.merge_by(&mut tree);
        self.tree = Some(tree);
        step
    }

    fn start(&mut self) -> Option<LoserTree> {
        let mut keys = Vec::with_capacity(self.sources.len());
        for source in 0..self.sources.len() {
            if !self.is_known(source) {
                return None;
            }
            keys.push(self.sources[source].labels().map(|labels| labels.as_packed().to_vec()));
        }
        Some(LoserTree::new(keys))
    }

    fn merge_by(&mut self, tree: &mut LoserTree) -> Step {
        loop {
            if let Some(source) = self.dry {
                if !self.is_known(source) {
                    return match self.batch.len() >= WORTHWHILE_SERIES {
                        true => self.hand_out(),
                        false => Step::Wait,
                    };
                }
                tree.advance(self.sources[source].labels());
                self.dry = None;
            }
            if let Some(step) = self.pass_whole(tree) {
                return step;
            }
            let winner = tree.winner().filter(|_| self.left > 0);
            if self.series.is_open && winner.is_none_or(|(_, packed)| packed != self.series.packed) {
                self.close_series();
                if self.batch.len() >= BATCH_SERIES || self.batch_bytes >= BATCH_BYTES {
                    return self.hand_out();
                }
            }
            let Some((source, packed)) = winner.filter(|_| self.left > 0) else {
                return match self.batch.is_empty() {
                    true => Step::End,
                    false => self.hand_out(),
                };
            };
            let state = &mut self.sources[source];
            if let Some((_, chunks)) = state.current.get(state.at) {
                self.series.add(packed, chunks);
            }
            state.at += 1;
            match state.labels() {
                Some(labels) => tree.advance(Some(labels)),
                None => self.dry = Some(source),
            }
        }
    }

    /// Where one source is left, hands its batches out as they came; those before them first. `None`: they have to be looked
    /// at series by series, because they are small or large, or more than is wanted, or not whole. A last series that may go on
    /// in the next batch is kept back.
    fn pass_whole(&mut self, tree: &LoserTree) -> Option<Step> {
        let (source, packed) = tree.winner()?;
        let state = self.sources.get(source).filter(|state| state.at == 0)?;
        let len = state.current.len();
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
        if !are_whole(&state.current) {
            return None;
        }
        let may_go_on = state.may_go_on();
        let mut batch = std::mem::take(&mut state.current);
        if may_go_on && let Some((labels, chunks)) = batch.get(len - 1) {
            self.series.add(labels.as_packed(), chunks);
            batch.truncate(len - 1);
        }
        self.left -= batch.len();
        self.dry = Some(source);
        Some(Step::Frame(SeriesFrame::Series(SeriesBatch::Chunks(batch))))
    }

    /// Whether the source's current series is known, or that it has ended; the next batch is taken if it is there.
    fn is_known(&mut self, source: usize) -> bool {
        let state = &mut self.sources[source];
        if state.at < state.current.len() {
            return true;
        }
        let Some((batch, size_bytes)) = state.waiting.pop_front() else {
            return state.ended;
        };
        state.waiting_bytes -= size_bytes;
        state.current = batch;
        state.at = 0;
        self.read(source);
        true
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

impl Source {
    /// The labels of the current series; `None` if there is none.
    fn labels(&self) -> Option<LabelsRef<'_>> {
        self.current.get(self.at).map(|(labels, _)| labels)
    }

    /// Whether the last series of the current batch may have more chunks in the next one, as a store splits large ones.
    fn may_go_on(&self) -> bool {
        let last = self.current.get(self.current.len().wrapping_sub(1));
        match (self.waiting.front(), last) {
            (Some((next, _)), Some((labels, _))) => next.get(0).is_some_and(|(next, _)| next == labels),
            _ => !self.ended,
        }
    }
}

/// Whether each series is there once, its chunks in order.
fn are_whole(batch: &ChunkSeriesBatch) -> bool {
    let mut before = None;
    batch.iter().all(|(labels, chunks)| before.replace(labels) != Some(labels) && are_ordered(chunks))
}

impl OpenSeries {
    fn add(&mut self, packed: &[u8], chunks: &[Chunk]) {
        if !self.is_open {
            self.is_open = true;
            self.packed.clear();
            self.packed.extend_from_slice(packed);
        }
        self.chunks.add(chunks);
    }
}

#[cfg(test)]
mod tests;
