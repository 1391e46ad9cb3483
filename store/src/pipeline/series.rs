//! Reading the entries of series.

use super::BlockRequest;
use crate::block_error::BlockError;
use crate::budget::Reservation;
use crate::files::BlockFiles;
use crate::index_header::IndexHeader;
use crate::limits::Fetch;
use crate::metrics::Refetch;
use crate::reorder::Reorder;
use crate::rows::SeriesRows;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesOrdered;
use model::PackedBuilder;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tsdb::cursor::{Corruption, Fault};
use tsdb::index::{ChunkMeta, SeriesEntry};

/// A series is named by where its entry stands, in units of this.
const ALIGNMENT: u64 = 16;
/// Entries with less between them may be read in one piece.
const GAP_BYTES: u64 = 512 << 10;
/// Reads in flight.
const READS_AHEAD: usize = 3;
/// The most series in a batch.
const BATCH_SERIES: usize = 1024;
/// After so many entries others get their turn.
const ENTRIES_AT_A_TIME: usize = 256;
/// A larger entry is none.
const MAX_ENTRY_BYTES: u64 = 64 << 20;

/// Rows whose chunks are to be read.
#[derive(Debug)]
pub(crate) struct RowBatch {
    pub(crate) rows: SeriesRows,
    pub(crate) _reservations: Vec<Reservation>,
}

pub(crate) type Rows = mpsc::Sender<Result<RowBatch, BlockError>>;

/// Reads entries of a block, relabels their series and sends them in order.
pub(crate) struct SeriesReader<'a> {
    pub(crate) files: &'a BlockFiles,
    pub(crate) header: &'a IndexHeader,
    pub(crate) request: &'a BlockRequest,
    pub(crate) reorder: Reorder,
    pub(crate) staged: Staged,
    pub(crate) sender: Rows,
}

/// Rows in order that are not sent yet.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    rows: SeriesRows,
    /// What their chunks are taken to be, but for the last.
    chunk_bytes: u64,
    /// How many of them were counted.
    counted: usize,
    reservations: Vec<Reservation>,
    reserved_bytes: u64,
    emitted: usize,
}

/// The entries of neighbouring series.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    bytes: Range<u64>,
    ids: Range<usize>,
}

/// Nobody takes the rows any more, or all that were asked for are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Go {
    On,
    Stop,
}

impl SeriesReader<'_> {
    /// Reads the series with those ids, which rise, and of which as many as are asked for were counted. What goes wrong is
    /// sent.
    pub(crate) async fn run(mut self, ids: &[u32]) {
        if let Err(error) = self.read_all(ids).await {
            // Nobody left to tell is no fault.
            let _ = self.sender.send(Err(error)).await;
        }
    }

    async fn read_all(&mut self, ids: &[u32]) -> Result<(), BlockError> {
        let window = match self.request.limit {
            // What is not read is not there to be sorted.
            Some(limit) if !self.reorder.sorts_all() => limit.max(1),
            _ => ids.len().max(1),
        };
        let mut counted = self.request.limit.unwrap_or(usize::MAX);
        for ids in ids.chunks(window) {
            // It takes more to find so many, because some are not in the range or in the shard.
            self.request.means.touched.series(ids.len().saturating_sub(counted) as u64)?;
            counted = counted.saturating_sub(ids.len());
            if self.read_window(ids).await? == Go::Stop {
                break;
            }
        }
        if self.reorder.sorts_all() {
            // Sorted, it is there twice for a moment.
            let (_, held_bytes) = self.reorder.held_back();
            self.reserve(held_bytes.saturating_mul(2)).await?;
        }
        self.reorder.finish(&mut self.staged.rows);
        self.send(true).await?;
        Ok(())
    }

    async fn read_window(&mut self, ids: &[u32]) -> Result<Go, BlockError> {
        let (files, request) = (self.files, self.request);
        let mut parts = parts(ids, files, request.batch_bytes)?.into_iter().peekable();
        let object: Arc<str> = files.index_name().into();
        let mut reads = FuturesOrdered::new();
        loop {
            while reads.len() < READS_AHEAD
                && let Some(part) = parts.peek()
            {
                let (budget, bytes) = (&request.means.budget, part.bytes.end - part.bytes.start);
                let reservation = match reads.is_empty() {
                    true => budget.reserve(bytes).await?,
                    false => match budget.reserve_ahead(bytes) {
                        Some(reservation) => reservation,
                        None => break,
                    },
                };
                let Some(part) = parts.next() else { break };
                let object = Arc::clone(&object);
                reads.push_back(async move {
                    let means = (&request.means, Fetch::Series);
                    let bytes = files.read(&object, part.bytes.clone(), means, reservation).await;
                    bytes.map(|bytes| (part, bytes))
                });
            }
            let Some(read) = reads.next().await else { return Ok(Go::On) };
            let (part, bytes) = read?;
            let ids = ids.get(part.ids.clone()).unwrap_or_default();
            if self.decode(&bytes, part.bytes.start, ids).await? == Go::Stop {
                return Ok(Go::Stop);
            }
        }
    }

    async fn decode(&mut self, bytes: &Bytes, start: u64, ids: &[u32]) -> Result<Go, BlockError> {
        let (mut entry, mut packed, mut chunks) = (SeriesEntry::default(), PackedBuilder::default(), Vec::new());
        for (count, &id) in ids.iter().enumerate() {
            if count % ENTRIES_AT_A_TIME == ENTRIES_AT_A_TIME - 1 {
                yield_now().await;
            }
            let at = (u64::from(id) * ALIGNMENT).saturating_sub(start);
            let here = usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
            if let Err(fault) = entry.decode(here) {
                self.read_again(id, fault, &mut entry).await?;
            }
            chunks.clear();
            let range = self.request.range;
            let wanted = |chunk: &&ChunkMeta| chunk.min_ms <= range.max_ms() && range.min_ms() <= chunk.max_ms;
            chunks.extend(entry.chunks.iter().filter(wanted));
            if !chunks.is_empty() && self.take(&entry, &chunks, &mut packed).await? == Go::Stop {
                return Ok(Go::Stop);
            }
        }
        Ok(Go::On)
    }

    /// Reads an entry on its own that was larger than it was taken to be, or damaged: the second reading counts.
    async fn read_again(&self, id: u32, fault: Corruption, entry: &mut SeriesEntry) -> Result<(), BlockError> {
        let (files, means) = (self.files, &self.request.means);
        let (object, start) = (files.index_name(), u64::from(id) * ALIGNMENT);
        means.metrics.refetched(Refetch::Series);
        let mut fault = fault;
        // The size of the entry, and with it the entry.
        for _ in 0..2 {
            let bytes = match fault.fault {
                Fault::Truncated { want, .. } => fault.offset.saturating_add(want),
                _ => files.series_bytes,
            };
            if bytes > MAX_ENTRY_BYTES {
                break;
            }
            let end = start.saturating_add(bytes).min(files.index_bytes);
            let reservation = means.budget.reserve(end.saturating_sub(start)).await?;
            let bytes = files.read(&object, start..end, (means, Fetch::Series), reservation).await?;
            match entry.decode(&bytes) {
                Ok(()) => return Ok(()),
                Err(again) => fault = again,
            }
        }
        Err(BlockFiles::damaged(object, start.saturating_add(fault.offset), fault.fault))
    }

    /// Takes the series of `entry` with those of its chunks that are wanted.
    async fn take(
        &mut self,
        entry: &SeriesEntry,
        chunks: &[ChunkMeta],
        packed: &mut PackedBuilder,
    ) -> Result<Go, BlockError> {
        let BlockRequest { means, shard, skip_chunks, limit, .. } = self.request;
        let chunks = if *skip_chunks { &[] } else { chunks };
        let labels = self.header.pack_labels(&entry.labels, packed)?;
        self.staged.make_room(labels.as_packed().len(), chunks.len(), &self.reorder, means).await?;
        let wanted = |sent: model::LabelsRef<'_>| shard.as_ref().is_none_or(|shard| shard.holds(sent));
        if !self.reorder.push(labels, chunks, wanted, &mut self.staged.rows) {
            return Ok(Go::On);
        }
        means.touched.chunks(chunks.len() as u64)?;
        let done = self.staged.emitted + self.staged.rows.len() + self.reorder.held_back().0;
        if limit.is_some_and(|limit| done >= limit) && !self.reorder.sorts_all() {
            return Ok(Go::Stop);
        }
        self.send(false).await
    }

    async fn reserve(&mut self, bytes: u64) -> Result<(), BlockError> {
        self.staged.reservations.push(self.request.means.budget.reserve(bytes).await?);
        self.staged.reserved_bytes += bytes;
        Ok(())
    }

    /// Sends what is staged, if it is a batch or there will be no more.
    async fn send(&mut self, all: bool) -> Result<Go, BlockError> {
        let (batch_bytes, last_bytes) = (self.request.batch_bytes, self.files.usual_chunk_bytes());
        self.staged.count(last_bytes);
        let is_batch = |rows: &SeriesRows, chunk_bytes| {
            rows.len() >= BATCH_SERIES || rows.size_bytes() >= batch_bytes || chunk_bytes + last_bytes >= batch_bytes
        };
        if self.staged.rows.is_empty() || !all && !is_batch(&self.staged.rows, self.staged.chunk_bytes) {
            return Ok(Go::On);
        }
        let staged = std::mem::take(&mut self.staged);
        self.staged.emitted = staged.emitted + staged.rows.len();
        if !self.reorder.sorts_all() {
            // What is held back has its memory here as well.
            let (_, held_bytes) = self.reorder.held_back();
            if held_bytes > 0 {
                self.reserve(held_bytes).await?;
            }
            let batch = RowBatch { rows: staged.rows, _reservations: staged.reservations };
            return Ok(if self.sender.send(Ok(batch)).await.is_ok() { Go::On } else { Go::Stop });
        }
        let (mut rows, mut chunk_bytes) = (SeriesRows::default(), 0);
        for (index, (labels, chunks)) in staged.rows.iter().enumerate() {
            rows.push(labels, chunks);
            chunk_bytes += taken_bytes(chunks, last_bytes) + last_bytes.min(chunks.len() as u64 * last_bytes);
            if index + 1 < staged.rows.len() && !is_batch(&rows, chunk_bytes) {
                continue;
            }
            let reservation = self.request.means.budget.reserve(rows.size_bytes()).await?;
            let batch = RowBatch { rows: std::mem::take(&mut rows), _reservations: vec![reservation] };
            chunk_bytes = 0;
            if self.sender.send(Ok(batch)).await.is_err() {
                return Ok(Go::Stop);
            }
        }
        Ok(Go::On)
    }
}

impl Staged {
    /// Reserves what a series more takes.
    async fn make_room(
        &mut self,
        label_bytes: usize,
        chunks: usize,
        reorder: &Reorder,
        means: &crate::files::Means,
    ) -> Result<(), BlockError> {
        // External labels are few and short beside this.
        let more = (label_bytes * 2 + chunks * size_of::<ChunkMeta>() + 512) as u64;
        let needed = self.rows.size_bytes() + reorder.held_back().1 + more;
        if needed > self.reserved_bytes {
            // In ever larger steps.
            let step = (needed - self.reserved_bytes).max(self.reserved_bytes / 2).max(4 << 10);
            self.reservations.push(means.budget.reserve(step).await?);
            self.reserved_bytes += step;
        }
        Ok(())
    }

    /// Adds up what the chunks of new rows are taken to be.
    fn count(&mut self, chunk_bytes: u64) {
        let from = self.counted.saturating_sub(1);
        self.chunk_bytes += taken_bytes(self.rows.chunks().get(from..).unwrap_or_default(), chunk_bytes);
        self.counted = self.rows.chunks().len();
    }
}

/// What chunks are taken to be, but for the last: where one lies shortly behind another, that ends there.
fn taken_bytes(chunks: &[ChunkMeta], chunk_bytes: u64) -> u64 {
    let between = |pair: &[ChunkMeta]| match pair {
        [left, right] => right.place.0.checked_sub(left.place.0).unwrap_or(chunk_bytes).min(chunk_bytes),
        _ => 0,
    };
    chunks.windows(2).map(between).sum()
}

/// The reads for the entries of `ids`, each of about `max_bytes` at most.
fn parts(ids: &[u32], files: &BlockFiles, max_bytes: u64) -> Result<Vec<Part>, BlockError> {
    let estimate = files.series_bytes.min((max_bytes / 2).max(4 << 10));
    let gap_bytes = GAP_BYTES.min(max_bytes / 4);
    let mut parts: Vec<Part> = Vec::new();
    for (index, &id) in ids.iter().enumerate() {
        let start = u64::from(id) * ALIGNMENT;
        if start >= files.index_bytes {
            return Err(BlockFiles::damaged(files.index_name(), start, "no series can be here"));
        }
        let end = (start + estimate).min(files.index_bytes);
        let last = parts
            .last_mut()
            .filter(|last| start <= last.bytes.end.saturating_add(gap_bytes) && end - last.bytes.start <= max_bytes);
        match last {
            Some(last) => {
                last.bytes.end = last.bytes.end.max(end);
                last.ids.end = index + 1;
            }
            None => parts.push(Part { bytes: start..end, ids: index..index + 1 }),
        }
    }
    Ok(parts)
}
