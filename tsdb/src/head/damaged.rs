//! Chunks that cannot be read: found, and taken out of their series, so that they do not keep the others from becoming blocks.

use super::Head;
use super::chunk_list::{FullChunk, Place};
use super::late::LateSample;
use super::selection::Located;
use super::shard::Shard;
use crate::chunk;
use crate::head_chunks::HeadChunkRef;
use crate::series::SourceError;
use model::{SampleColumns, SeriesRef, TimeRange};
use parking_lot::Mutex;
use std::io::ErrorKind;

/// Which chunks of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkKind {
    /// Of samples that came in order.
    InOrder,
    /// Of late samples.
    Late,
}

/// A chunk that cannot be read.
#[derive(Debug, Clone)]
pub struct BadChunk {
    pub kind: ChunkKind,
    pub place: HeadChunkRef,
    /// The references under which the log may have its samples; its series' own is the first.
    pub references: Vec<SeriesRef>,
    /// The times of its samples, both ends inside.
    pub min_ms: i64,
    pub max_ms: i64,
    pub fault: String,
    at: Located,
}

/// How many series' chunks are listed while a shard is locked once.
const SERIES_PER_LOCK: usize = 256;

impl Head {
    /// The chunks of that kind that may have samples in `range` and cannot be read, or not decoded. Reads each of them.
    ///
    /// # Errors
    /// A file that cannot be read, which says nothing of what is in it.
    pub fn bad_chunks(&self, kind: ChunkKind, range: TimeRange) -> Result<Vec<BadChunk>, SourceError> {
        let (mut bad, mut columns) = (Vec::new(), SampleColumns::default());
        for (number, shard) in (0..).zip(&self.shards) {
            for some in lines(shard, kind).chunks(SERIES_PER_LOCK) {
                for (line, series, chunk) in listed(shard, kind, some, range) {
                    let Place::File(place) = chunk.place else { continue };
                    let place = HeadChunkRef(place);
                    if let Some(fault) = self.fault_at(place, &mut columns)? {
                        let at = Located { shard: number, number: line };
                        let FullChunk { min_ms, max_ms, .. } = chunk;
                        let references = self.references(series);
                        bad.push(BadChunk { kind, place, references, min_ms, max_ms, fault, at });
                    }
                }
            }
        }
        Ok(bad)
    }

    /// Takes a chunk that cannot be read out of its series, and puts `samples`, which the log has of it, in its place: late ones
    /// into the buffer again, others into chunks. They are not logged once more: the segments that have them must stay until
    /// blocks have what is read from then on.
    pub fn replace_chunk(&self, bad: &BadChunk, samples: &SampleColumns) {
        let Located { shard, number } = bad.at;
        let mut shard = self.shards[shard as usize].lock();
        let line = &shard.lines[number];
        let is_it = line.is_live() && bad.references.first() == Some(&line.reference());
        if !is_it {
            return;
        }
        match bad.kind {
            ChunkKind::Late => replace_late(&mut shard, number, bad, samples),
            ChunkKind::InOrder => self.replace_in_order(&mut shard, number, bad, samples),
        }
    }

    fn replace_in_order(&self, shard: &mut Shard, number: u32, bad: &BadChunk, samples: &SampleColumns) {
        let mut chunks: Vec<_> = shard.full_chunks(number).collect();
        let Some(at) = chunks.iter().position(|chunk| chunk.place == Place::File(bad.place.0)) else { return };
        chunks.remove(at);
        shard.set_full_chunks(number, &chunks);
        self.fill_gap(shard, number, samples);
    }

    /// Why the chunk at `place` cannot be read; `None`: it can.
    ///
    /// # Errors
    /// As [`Head::bad_chunks`].
    pub(super) fn fault_at(
        &self,
        place: HeadChunkRef,
        columns: &mut SampleColumns,
    ) -> Result<Option<String>, SourceError> {
        columns.clear();
        match self.files.read(place) {
            Ok(chunk) => {
                let decoded = chunk::decode(chunk.encoding, &chunk.data, columns);
                Ok(decoded.err().map(|fault| fault.to_string()))
            }
            Err(SourceError::Io { file, source }) if source.kind() != ErrorKind::NotFound => {
                Err(SourceError::Io { file, source })
            }
            Err(fault) => Ok(Some(fault.to_string())),
        }
    }

    /// The reference of a series, then all others that the log may have samples of it under.
    fn references(&self, series: SeriesRef) -> Vec<SeriesRef> {
        let aliases = self.aliases.lock();
        let others = aliases.iter().filter(|alias| alias.of == series).map(|alias| alias.alias);
        std::iter::once(series).chain(others).collect()
    }
}

/// The lines of a shard that may have chunks of that kind.
fn lines(shard: &Mutex<Shard>, kind: ChunkKind) -> Vec<u32> {
    let shard = shard.lock();
    match kind {
        ChunkKind::InOrder => (0..shard.lines.len()).filter(|&line| shard.lines[line].is_live()).collect(),
        ChunkKind::Late => shard.late.lines().collect(),
    }
}

/// The chunks of some lines that overlap `range`, with the reference of the series.
fn listed(shard: &Mutex<Shard>, kind: ChunkKind, lines: &[u32], range: TimeRange) -> Vec<(u32, SeriesRef, FullChunk)> {
    let (shard, mut listed) = (shard.lock(), Vec::new());
    for &line in lines {
        let series = shard.lines[line].reference();
        let mut list = |chunk: FullChunk| {
            if chunk.min_ms <= range.max_ms() && chunk.max_ms >= range.min_ms() {
                listed.push((line, series, chunk));
            }
        };
        match kind {
            ChunkKind::InOrder => shard.full_chunks(line).for_each(&mut list),
            ChunkKind::Late => shard.late.chunks(line).for_each(&mut list),
        }
    }
    listed
}

fn replace_late(shard: &mut Shard, number: u32, bad: &BadChunk, samples: &SampleColumns) {
    if !shard.late.detach(number, bad.place) {
        return;
    }
    let (late, layouts) = shard.late_mut();
    for (at, (&timestamp_ms, &value)) in samples.timestamps_ms.iter().zip(&samples.values).enumerate() {
        let sample = samples.histogram(at).map_or(LateSample::Float(value), LateSample::Histogram);
        // Of several of one time the first that was logged stays.
        late.insert(layouts, number, timestamp_ms, sample);
    }
}
