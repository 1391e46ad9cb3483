//! Reading the chunks of rows.

use super::series::RowBatch;
use super::{BlockBatch, BlockRequest};
use crate::block_error::{BlockError, BlockFailure, SERIES};
use crate::budget::Reservation;
use crate::chunk_reads::{ChunkReads, ChunkSizes};
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
    /// For the reads and for what the batch takes besides.
    bytes: u64,
}

/// A chunk whose sum is right.
struct Frame {
    encoding: u8,
    data: Data,
}

/// Where the data of a chunk are.
enum Data {
    /// In this range of a read.
    Within { read: usize, range: Range<usize> },
    /// It was read alone.
    Alone(Bytes),
}

/// What was read of a chunk file, and the memory for it.
struct Fetched {
    bytes: Bytes,
    reservation: Reservation,
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
        let reads = ChunkReads::plan(chunks, sizes, *batch_bytes)
            .map_err(|place| self.damaged(place, 0, "no chunk can be here"))?;
        let slots = chunks.len() * aggregates.len().max(1);
        let besides = rows.rows.size_bytes() + (slots * size_of::<Chunk>() + chunks.len() * size_of::<Frame>()) as u64;
        let bytes = reads.size_bytes() + besides;
        Ok(Planned { rows, reads, bytes })
    }

    async fn read(&self, planned: Planned, mut reservation: Reservation) -> Result<BlockBatch, BlockError> {
        let Planned { rows, reads, .. } = planned;
        let means = (&self.request.means, Fetch::Chunks);
        let fetched = reads.reads.iter().map(|read| {
            let range = read.range.clone();
            let reservation = reservation.split_off(range.end - range.start);
            let object = self.files.segment_name(read.file_index);
            async move {
                let bytes = self.files.fetch(&object, range, means).await?;
                Ok::<_, BlockError>(Fetched { bytes, reservation })
            }
        });
        // Split before the first is awaited.
        let fetched: Vec<_> = fetched.collect();
        let fetched = try_join_all(fetched).await?;
        let mut frames = Vec::with_capacity(rows.rows.chunks().len());
        let (mut unchecked_bytes, mut largest_bytes) = (0, 0);
        for (chunk, &read) in rows.rows.chunks().iter().zip(&reads.read_of) {
            let start = reads.reads.get(read).map_or(0, |read| read.range.start);
            let (frame, frame_bytes) = self.frame(chunk, (read, start), &fetched).await?;
            unchecked_bytes += frame_bytes;
            largest_bytes = largest_bytes.max(frame_bytes);
            if unchecked_bytes > BYTES_AT_A_TIME {
                unchecked_bytes = 0;
                yield_now().await;
            }
            frames.push(frame);
        }
        self.files.saw_chunks(frames.len() as u64, largest_bytes as u64);
        let held = hold(fetched, &mut frames);
        let series = self.assemble(&rows.rows, frames, &held)?;
        Ok(BlockBatch { series, _reservation: reservation })
    }

    /// The frame of a chunk and its size, out of what was read or, if that is too short or damaged, read once more.
    async fn frame(
        &self,
        chunk: &ChunkMeta,
        (read, start): (usize, u64),
        fetched: &[Fetched],
    ) -> Result<(Frame, usize), BlockError> {
        let at = u64::from(chunk.place.offset()).checked_sub(start).and_then(|at| usize::try_from(at).ok());
        let here = fetched.get(read).zip(at).and_then(|(fetched, at)| Some((fetched.bytes.get(at..)?, at)));
        let (here, at) = here.unwrap_or_default();
        let fault = match decode_raw_frame(here) {
            Ok(RawFrame { encoding, data, frame_bytes }) => {
                // The checksum is what follows the data.
                let end = at + frame_bytes - CRC_BYTES;
                let data = Data::Within { read, range: end - data.len()..end };
                return Ok((Frame { encoding, data }, frame_bytes));
            }
            Err(fault) => fault,
        };
        self.request.means.metrics.refetched(Refetch::Chunk);
        self.read_again(chunk.place, fault).await
    }

    async fn read_again(&self, place: ChunkRef, fault: Corruption) -> Result<(Frame, usize), BlockError> {
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
                    return Ok((Frame { encoding, data: Data::Alone(bytes.slice_ref(data)) }, frame_bytes));
                }
                Err(again) => fault = again,
            }
        }
        Err(self.damaged(place, fault.offset, fault.fault))
    }

    /// Puts rows and frames, which are in the order of their chunks, together.
    fn assemble(&self, rows: &SeriesRows, frames: Vec<Frame>, held: &[Bytes]) -> Result<ChunkSeriesBatch, BlockError> {
        let mut batch = ChunkSeriesBatch::default();
        let mut frames = frames.into_iter();
        let mut chunks = Vec::new();
        for (labels, metas) in rows.iter() {
            for (meta, frame) in metas.iter().zip(frames.by_ref()) {
                let data = match frame.data {
                    Data::Within { read, range } => held.get(read).map(|bytes| bytes.slice(range)).unwrap_or_default(),
                    Data::Alone(data) => data,
                };
                self.open(meta, frame.encoding, data, &mut chunks)?;
            }
            batch.push(labels, chunks.drain(..));
        }
        Ok(batch)
    }

    /// Adds what is asked for of a chunk.
    fn open(&self, meta: &ChunkMeta, encoding: u8, data: Bytes, chunks: &mut Vec<Chunk>) -> Result<(), BlockError> {
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

/// Ties the memory for what was read to it. Of a read that is mostly not wanted, only what is wanted is kept: whoever has a
/// slice holds all of it.
fn hold(fetched: Vec<Fetched>, frames: &mut [Frame]) -> Vec<Bytes> {
    let mut wanted_bytes = vec![0; fetched.len()];
    for frame in frames.iter() {
        if let Data::Within { read, range } = &frame.data
            && let Some(bytes) = wanted_bytes.get_mut(*read)
        {
            *bytes += range.len();
        }
    }
    let mut kept: Vec<Option<Vec<u8>>> = Vec::with_capacity(fetched.len());
    for (fetched, wanted_bytes) in fetched.iter().zip(wanted_bytes) {
        kept.push((wanted_bytes < fetched.bytes.len() / 2).then(|| Vec::with_capacity(wanted_bytes)));
    }
    for frame in frames {
        if let Data::Within { read, range } = &mut frame.data
            && let Some(Some(kept)) = kept.get_mut(*read)
        {
            let data = fetched.get(*read).and_then(|fetched| fetched.bytes.get(range.clone())).unwrap_or_default();
            *range = kept.len()..kept.len() + data.len();
            kept.extend_from_slice(data);
        }
    }
    let held = fetched.into_iter().zip(kept).map(|(Fetched { bytes, reservation }, kept)| {
        let bytes = kept.map_or(bytes, Bytes::from);
        reservation.hold(bytes)
    });
    held.collect()
}
