//! Reading the chunks of rows.

use super::series::RowBatch;
use super::{BlockBatch, BlockRequest};
use crate::block_error::{BlockError, BlockFailure, SERIES};
use crate::budget::Reservation;
use crate::chunk_reads::{self, ChunkRead, ChunkReads, ChunkSizes, ReadLimits};
use crate::files::BlockFiles;
use crate::limits::Fetch;
use crate::metrics::Refetch;
use crate::rows::SeriesRows;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::try_join_all;
use futures::stream::FuturesOrdered;
use std::ops::Range;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tsdb::cursor::{Corruption, Fault};
use tsdb::downsample;
use tsdb::index::ChunkMeta;
use tsdb::segment::{ChunkRef, RawFrame, decode_raw_frame};
use tsdb::{Aggregate, Chunk, ChunkSeriesBatch, Encoding};

/// Batches in flight.
const BATCHES_AHEAD: usize = 3;
/// After so many bytes of chunks others get their turn.
const BYTES_AT_A_TIME: usize = 256 << 10;
/// At least so many gaps fit into the largest read: with little memory few reads over gaps are on their way, and it takes longer
/// to wait for these than for more without gaps at the same time.
const GAPS_OF_A_READ: u64 = 16;
/// What is smaller costs less to copy than to hold.
const SMALL_BYTES: usize = 4 << 10;
/// What ends a frame.
const CRC_BYTES: usize = 4;
/// A larger chunk is none.
const MAX_CHUNK_BYTES: u64 = 64 << 20;

pub(crate) type Batches = mpsc::Sender<Result<BlockBatch, BlockFailure>>;

/// Reads the chunks of a block and sends whole series.
#[derive(Debug)]
pub(crate) struct ChunkReader<'a> {
    pub(crate) files: &'a BlockFiles,
    pub(crate) request: &'a BlockRequest,
}

/// Rows, and what is to be read for them.
struct Planned {
    rows: RowBatch,
    reads: ChunkReads,
    /// For the reads.
    read_bytes: u64,
    /// For these and for what the batch takes besides.
    bytes: u64,
}

/// A chunk whose sum is right.
#[derive(Clone, Default)]
struct Frame {
    encoding: u8,
    data: Bytes,
}

/// The same where it was found.
struct Found {
    encoding: u8,
    data: Data,
}

/// Where the data of a chunk are.
enum Data {
    /// In this range of the read.
    Within(Range<usize>),
    /// It was read alone.
    Alone(Bytes),
}

impl ChunkReader<'_> {
    /// Reads the chunks of the rows received until there are no more. What goes wrong is sent.
    pub(crate) async fn run(&self, mut rows: mpsc::Receiver<Result<RowBatch, BlockError>>, sender: &Batches) {
        let failure = |error| BlockFailure::at(SERIES, self.files.block)(error);
        let mut planned: Option<Planned> = None;
        let mut reads = FuturesOrdered::new();
        let mut more = true;
        loop {
            if let Some(next) = planned.take() {
                let budget = &self.request.means.budget;
                let reservation = match reads.is_empty() {
                    true => budget.reserve(next.bytes).await.map(Some),
                    false => Ok(budget.reserve_ahead(next.bytes)),
                };
                match reservation {
                    Ok(Some(reservation)) => reads.push_back(self.read(next, reservation)),
                    Ok(None) => planned = Some(next),
                    Err(error) => return drop(sender.send(Err(failure(error.into()))).await),
                }
            }
            let takes_rows = more && planned.is_none() && reads.len() < BATCHES_AHEAD;
            if !takes_rows && reads.is_empty() && planned.is_none() {
                return;
            }
            let read = tokio::select! {
                row = rows.recv(), if takes_rows => {
                    match row.map(|rows| rows.and_then(|rows| self.plan(rows))) {
                        Some(Ok(next)) => planned = Some(next),
                        // What was read before it comes before it.
                        Some(Err(error)) => {
                            while let Some(read) = reads.next().await {
                                let broken = read.is_err();
                                if sender.send(read.map_err(failure)).await.is_err() || broken {
                                    return;
                                }
                            }
                            return drop(sender.send(Err(failure(error))).await);
                        }
                        None => more = false,
                    }
                    continue;
                }
                Some(read) = reads.next(), if !reads.is_empty() => read,
            };
            let broken = read.is_err();
            if sender.send(read.map_err(failure)).await.is_err() || broken {
                return;
            }
        }
    }

    fn plan(&self, rows: RowBatch) -> Result<Planned, BlockError> {
        let BlockRequest { aggregates, batch_bytes, .. } = self.request;
        let sizes = ChunkSizes { estimate_bytes: self.files.usual_chunk_bytes(), files: &self.files.segment_bytes };
        let chunks = rows.rows.chunks();
        let gap_bytes = self.files.read_cost().gap_bytes.min(batch_bytes / GAPS_OF_A_READ);
        let limits = ReadLimits { gap_bytes, max_bytes: *batch_bytes };
        let reads =
            ChunkReads::plan(chunks, sizes, limits).map_err(|place| self.damaged(place, 0, "no chunk can be here"))?;
        let slots = chunks.len() * aggregates.len().max(1);
        let each = size_of::<usize>() + size_of::<Frame>() + size_of::<Found>();
        let besides = rows.rows.size_bytes() + (slots * size_of::<Chunk>() + chunks.len() * each) as u64;
        let read_bytes = chunk_reads::memory_bytes(&reads.reads, *batch_bytes);
        Ok(Planned { rows, reads, read_bytes, bytes: read_bytes + besides })
    }

    async fn read(&self, planned: Planned, mut reservation: Reservation) -> Result<BlockBatch, BlockError> {
        let Planned { rows, reads, read_bytes, .. } = planned;
        let mut memory = reservation.split_off(read_bytes);
        let mut frames = vec![Frame::default(); rows.rows.chunks().len()];
        let mut left = reads.reads.as_slice();
        while let Some(next) = left.first() {
            if next.size_bytes() > memory.bytes() {
                // More was kept than it was taken to be: this is for chunks that are larger, as when one is read again.
                memory.shrink_to(0);
                let bytes = chunk_reads::memory_bytes(left, self.request.batch_bytes);
                memory = self.request.means.budget.reserve(bytes).await?;
            }
            let (some, others) = left.split_at(chunk_reads::fitting(left, memory.bytes()));
            left = others;
            let fetched = self.fetch(some).await?;
            let found = self.find(&rows.rows, &reads.order, some, &fetched).await?;
            let kept = keep(some, fetched, found, &mut memory);
            let numbers = some.iter().flat_map(|read| reads.order.get(read.chunks.clone()).unwrap_or_default());
            for (&number, frame) in numbers.zip(kept) {
                if let Some(slot) = frames.get_mut(number) {
                    *slot = frame;
                }
            }
        }
        let series = self.assemble(&rows.rows, frames)?;
        Ok(BlockBatch { series, _reservation: reservation })
    }

    /// What is read, in the order of `reads`.
    async fn fetch(&self, reads: &[ChunkRead]) -> Result<Vec<Bytes>, BlockError> {
        let parts = self.files.read_cost().parts_at_once;
        let fetched = chunk_reads::at_once(reads, parts).into_iter().map(|some| async move {
            let object = self.files.segment_name(some.first().map_or(0, |read| read.file_index));
            let ranges: Vec<_> = some.iter().map(|read| read.range.clone()).collect();
            self.files.fetch(&object, &ranges, (&self.request.means, Fetch::Chunks)).await
        });
        Ok(try_join_all(fetched).await?.into_iter().flatten().collect())
    }

    /// The chunks of `reads`, in their order, in what was read.
    async fn find(
        &self,
        rows: &SeriesRows,
        order: &[usize],
        reads: &[ChunkRead],
        fetched: &[Bytes],
    ) -> Result<Vec<Found>, BlockError> {
        let mut all = Vec::with_capacity(reads.iter().map(|read| read.chunks.len()).sum());
        let (mut unchecked_bytes, mut largest_bytes) = (0, 0);
        for (read, bytes) in reads.iter().zip(fetched) {
            for &number in order.get(read.chunks.clone()).unwrap_or_default() {
                let Some(chunk) = rows.chunks().get(number) else { continue };
                let (found, frame_bytes) = self.frame(chunk.place, read.range.start, bytes).await?;
                unchecked_bytes += frame_bytes;
                largest_bytes = largest_bytes.max(frame_bytes);
                if unchecked_bytes > BYTES_AT_A_TIME {
                    unchecked_bytes = 0;
                    yield_now().await;
                }
                all.push(found);
            }
        }
        self.files.saw_chunks(all.len() as u64, largest_bytes as u64);
        Ok(all)
    }

    /// The frame of a chunk and its size, out of `bytes`, which were read from `start`, or, if these are too short or damaged,
    /// read once more.
    async fn frame(&self, place: ChunkRef, start: u64, bytes: &Bytes) -> Result<(Found, usize), BlockError> {
        let at = u64::from(place.offset()).checked_sub(start).and_then(|at| usize::try_from(at).ok());
        let here = at.and_then(|at| Some((bytes.get(at..)?, at)));
        let (here, at) = here.unwrap_or_default();
        let fault = match decode_raw_frame(here) {
            Ok(RawFrame { encoding, data, frame_bytes }) => {
                // The checksum is what follows the data.
                let end = at + frame_bytes - CRC_BYTES;
                let data = Data::Within(end - data.len()..end);
                return Ok((Found { encoding, data }, frame_bytes));
            }
            Err(fault) => fault,
        };
        self.request.means.metrics.refetched(Refetch::Chunk);
        self.read_again(place, fault).await
    }

    async fn read_again(&self, place: ChunkRef, fault: Corruption) -> Result<(Found, usize), BlockError> {
        let (files, means) = (self.files, &self.request.means);
        let (object, start) = (files.segment_name(place.file_index()), u64::from(place.offset()));
        let file_bytes = files.segment_bytes.get(place.file_index() as usize).copied().unwrap_or(0);
        let mut fault = fault;
        // The size of the chunk, and with it the chunk.
        for _ in 0..2 {
            let bytes = match fault.fault {
                Fault::Truncated { want, .. } => fault.offset.saturating_add(want),
                _ => files.chunk_bytes,
            };
            if bytes > MAX_CHUNK_BYTES {
                break;
            }
            let end = start.saturating_add(bytes).min(file_bytes);
            let reservation = means.budget.reserve(end.saturating_sub(start)).await?;
            let bytes = files.read(&object, start..end, (means, Fetch::Chunks), reservation).await?;
            match decode_raw_frame(&bytes) {
                Ok(RawFrame { encoding, data, frame_bytes }) => {
                    return Ok((Found { encoding, data: Data::Alone(bytes.slice_ref(data)) }, frame_bytes));
                }
                Err(again) => fault = again,
            }
        }
        Err(self.damaged(place, fault.offset, fault.fault))
    }

    /// Puts rows and frames, which are in the order of their chunks, together.
    fn assemble(&self, rows: &SeriesRows, frames: Vec<Frame>) -> Result<ChunkSeriesBatch, BlockError> {
        let mut batch = ChunkSeriesBatch::default();
        let mut frames = frames.into_iter();
        let mut chunks = Vec::new();
        for (labels, metas) in rows.iter() {
            for (meta, frame) in metas.iter().zip(frames.by_ref()) {
                self.open(meta, frame, &mut chunks)?;
            }
            batch.push(labels, chunks.drain(..));
        }
        Ok(batch)
    }

    /// Adds what is asked for of a chunk.
    fn open(&self, meta: &ChunkMeta, frame: Frame, chunks: &mut Vec<Chunk>) -> Result<(), BlockError> {
        let Frame { encoding, data } = frame;
        if encoding == downsample::ENCODING {
            let parts = downsample::split_aggregates(meta.min_ms, meta.max_ms, &data);
            let parts = parts.map_err(|fault| self.damaged(meta.place, 0, fault))?;
            for (aggregate, part) in downsample::AGGREGATES.into_iter().zip(parts) {
                if self.request.aggregates.contains(&aggregate) {
                    chunks.push(part.ok_or(BlockError::AbsentAggregate(aggregate))?);
                }
            }
            return Ok(());
        }
        let Some(known) = Encoding::from_byte(encoding) else {
            return Err(self.damaged(meta.place, 0, Fault::Encoding(encoding)));
        };
        let aggregate = Aggregate::Raw;
        chunks.push(Chunk { min_ms: meta.min_ms, max_ms: meta.max_ms, aggregate, encoding: known, data });
        Ok(())
    }

    fn damaged(&self, place: ChunkRef, further: u64, fault: impl ToString) -> BlockError {
        let offset = u64::from(place.offset()).saturating_add(further);
        BlockFiles::damaged(self.files.segment_name(place.file_index()), offset, fault)
    }
}

/// The chunks found in reads, in their order. A read of which most is wanted is kept, and takes its part of `memory` with it.
/// Of others only the chunks are kept, since whoever has a slice holds all of it: they are copied to one place, and each is
/// let go before the next, so that both together take no more than the reads did.
fn keep(reads: &[ChunkRead], fetched: Vec<Bytes>, found: Vec<Found>, memory: &mut Reservation) -> Vec<Frame> {
    let bytes_within = |found: &Found| match &found.data {
        Data::Within(range) => range.len(),
        Data::Alone(_) => 0,
    };
    let mut wanted = Vec::with_capacity(reads.len());
    let mut of_reads = found.as_slice();
    for (read, bytes) in reads.iter().zip(&fetched) {
        let (of_read, others) = of_reads.split_at(read.chunks.len().min(of_reads.len()));
        of_reads = others;
        let wanted_bytes: usize = of_read.iter().map(bytes_within).sum();
        let copied = wanted_bytes < bytes.len() / 2 || bytes.len() < SMALL_BYTES;
        wanted.push(copied.then_some(wanted_bytes));
    }
    let mut copies = Vec::with_capacity(wanted.iter().flatten().sum());
    let mut frames = Vec::with_capacity(found.len());
    let mut copied = Vec::new();
    let mut found = found.into_iter();
    for ((read, bytes), wanted) in reads.iter().zip(fetched).zip(wanted) {
        let held = wanted.is_none().then(|| memory.split_off(bytes.len() as u64).hold(bytes.clone()));
        for Found { encoding, data } in found.by_ref().take(read.chunks.len()) {
            let data = match (data, &held) {
                (Data::Alone(data), _) => data,
                (Data::Within(range), Some(held)) => held.slice(range),
                (Data::Within(range), None) => {
                    let start = copies.len();
                    copies.extend_from_slice(bytes.get(range).unwrap_or_default());
                    copied.push((frames.len(), start..copies.len()));
                    Bytes::new()
                }
            };
            frames.push(Frame { encoding, data });
        }
    }
    let copies = memory.split_off(copies.len() as u64).hold(Bytes::from(copies));
    for (at, range) in copied {
        if let Some(frame) = frames.get_mut(at) {
            frame.data = copies.slice(range);
        }
    }
    frames
}
