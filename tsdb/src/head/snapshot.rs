//! A head into a snapshot, while it goes on taking samples.
//!
//! **Order.** Whoever asks cuts the log first. What was logged before the cut was in the head before it was logged, under the
//! lock of its shard; so each shard that is copied later has it. What comes between the cut and the copy is in the snapshot
//! and in the log behind the cut, and a replay passes over it. The copies need not be of one moment.
//!
//! A chunk that is full lies in the chunk files, not in the snapshot: those files must be durable before it is published,
//! and not earlier than all is copied. A chunk that no file took is nowhere but in memory: then there is no snapshot.

use super::Head;
use super::dictionary::PairId;
use super::shard::Shard;
use crate::file_error::FileError;
use crate::head_chunks::HeadChunkError;
use crate::series::Encoding;
use crate::snapshot::{ChunkEnd, LastSample, OpenChunk, Relied, SnapshotSeries, SnapshotWriter};
use crate::wal::Tombstone;
use model::{HistogramColumn, LabelsRef, SeriesRef};
use parking_lot::Mutex;
use std::io;
use std::ops::Range;

/// Why a head could not be written as a snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotWriteError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    HeadChunks(#[from] HeadChunkError),
    #[error("{0} full chunks are in memory only: no file took them yet")]
    ChunksInMemory(usize),
}

/// Of a series in a snapshot, about: half a chunk and labels.
pub(super) const SERIES_BYTES: u64 = 512;

/// How many series are copied while a shard is locked once, as for a reader.
const SERIES_PER_LOCK: u32 = 256;

/// Copies of a few series.
#[derive(Debug, Default)]
struct Few {
    series: Vec<Copied>,
    pairs: Vec<PairId>,
    data: Vec<u8>,
    newest: HistogramColumn,
    labels: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Copied {
    series: SeriesRef,
    pairs_end: usize,
    open: Option<CopiedChunk>,
}

#[derive(Debug, Clone, Copy)]
struct CopiedChunk {
    min_ms: i64,
    max_ms: i64,
    encoding: Encoding,
    data_end: usize,
    last: CopiedLast,
}

#[derive(Debug, Clone, Copy)]
enum CopiedLast {
    Bits(u64, ChunkEnd),
    /// The row of the newest histogram.
    Row(usize),
}

impl Head {
    /// How many bytes a snapshot would have now, about.
    pub fn likely_snapshot_bytes(&self) -> u64 {
        self.series().saturating_mul(SERIES_BYTES)
    }

    /// Writes all that a log before the present moment said of this head, and perhaps more, and makes the files durable that
    /// the snapshot relies on. Appends go on meanwhile; truncations must not come in between.
    ///
    /// # Errors
    /// The snapshot must not be published.
    pub fn write_snapshot(&self, writer: &mut SnapshotWriter<'_>) -> Result<(), SnapshotWriteError> {
        let dir = writer.dir().to_owned();
        let at = |source: io::Error| FileError { path: dir.clone(), source };
        // Pairs stay what they are until their text was copied.
        let _pin = self.epochs.pin(i64::MAX);
        let mut few = Few::default();
        for shard in &self.shards {
            let end = shard.lock().lines.len();
            for start in (0..end).step_by(SERIES_PER_LOCK as usize) {
                few.copy(shard, start..end.min(start + SERIES_PER_LOCK), self.options.chunk_range_ms)?;
                few.write(self, writer).map_err(at)?;
            }
        }
        let mut written = Ok(());
        self.for_each_alias(&mut |series, labels| {
            if written.is_ok() {
                written = writer.series(&SnapshotSeries { series, labels, open: None });
            }
        });
        self.for_each_deletion(|series, range| writer.deletion(Tombstone { series, range }));
        let mut exemplars = 0;
        self.for_each_exemplar(|series, exemplar| {
            writer.exemplar(series, exemplar);
            exemplars += 1;
        });
        self.for_each_metadata(|series, _, said| {
            if written.is_ok() {
                written = writer.metadata(series, said);
            }
        });
        written.map_err(at)?;
        self.files.sync()?;
        let highest = SeriesRef(self.dictionary.read().next_reference().0.saturating_sub(1));
        // What lies before the floor is dropped when no reader keeps it any longer, be that tomorrow.
        let chunk_files = self.files.files().into_iter().filter(|file| file.newest_ms >= self.floor_ms()).collect();
        writer.relies_on(&Relied { highest, exemplars, chunk_files }).map_err(at)?;
        Ok(())
    }
}

impl Few {
    fn copy(
        &mut self,
        shard: &Mutex<Shard>,
        numbers: Range<u32>,
        chunk_range_ms: i64,
    ) -> Result<(), SnapshotWriteError> {
        self.series.clear();
        self.pairs.clear();
        self.data.clear();
        self.newest.clear();
        let shard = shard.lock();
        match shard.kept_chunks() {
            0 => {}
            kept => return Err(SnapshotWriteError::ChunksInMemory(kept)),
        }
        for number in numbers.filter(|&number| shard.lines[number].is_live()) {
            let line = &shard.lines[number];
            self.pairs.extend(shard.pairs(number));
            let open = self.copy_open(&shard, number, chunk_range_ms);
            self.series.push(Copied { series: line.reference(), pairs_end: self.pairs.len(), open });
        }
        Ok(())
    }

    fn copy_open(&mut self, shard: &Shard, number: u32, chunk_range_ms: i64) -> Option<CopiedChunk> {
        let line = &shard.lines[number];
        let min_ms = shard.open_min_ms(number)?;
        let encoding = shard.write_open_chunk(number, &mut self.data)?;
        let last = match line.is_histogram() {
            false => CopiedLast::Bits(line.value_bits, shard.chunk_end(number, chunk_range_ms)),
            true => {
                shard.push_newest_histogram(number, &mut self.newest);
                CopiedLast::Row(self.newest.len().saturating_sub(1))
            }
        };
        Some(CopiedChunk { min_ms, max_ms: line.last_ms, encoding, data_end: self.data.len(), last })
    }

    fn write(&mut self, head: &Head, writer: &mut SnapshotWriter<'_>) -> io::Result<()> {
        let Self { series, pairs, data, newest, labels } = self;
        let (mut pairs_start, mut data_start) = (0, 0);
        for copied in &*series {
            labels.clear();
            {
                let dictionary = head.dictionary.read();
                for &pair in &pairs[pairs_start..copied.pairs_end] {
                    labels.extend_from_slice(dictionary.packed(pair));
                }
            }
            pairs_start = copied.pairs_end;
            let open = copied.open.and_then(|chunk| {
                let CopiedChunk { min_ms, max_ms, encoding, data_end, last } = chunk;
                let data = &data[std::mem::replace(&mut data_start, data_end)..data_end];
                let (last, end) = match last {
                    CopiedLast::Bits(bits, end) => (LastSample::Float(f64::from_bits(bits)), Some(end)),
                    CopiedLast::Row(row) => (LastSample::Histogram(newest.get(row)?), None),
                };
                Some(OpenChunk { min_ms, max_ms, encoding, data, last, end })
            });
            let (series, labels) = (copied.series, LabelsRef::from_packed_unchecked(labels));
            writer.series(&SnapshotSeries { series, labels, open })?;
        }
        Ok(())
    }
}
