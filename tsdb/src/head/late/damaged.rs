//! Late chunks that cannot be read: found, and taken out of their series, so that they do not keep the others from becoming
//! blocks.

use super::{LateSample, place_of};
use crate::chunk;
use crate::head::Head;
use crate::head::chunk_list::FullChunk;
use crate::head::selection::Located;
use crate::head_chunks::HeadChunkRef;
use crate::series::SourceError;
use model::{SampleColumns, SeriesRef, TimeRange};
use std::io::ErrorKind;

/// A late chunk that cannot be read.
#[derive(Debug, Clone)]
pub struct BadLateChunk {
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
    /// The late chunks that may have samples in `range` and cannot be read, or not decoded. Reads each of them.
    ///
    /// # Errors
    /// A file that cannot be read, which says nothing of what is in it.
    pub fn bad_late_chunks(&self, range: TimeRange) -> Result<Vec<BadLateChunk>, SourceError> {
        let (mut bad, mut columns) = (Vec::new(), SampleColumns::default());
        for (number, shard) in (0..).zip(&self.shards) {
            let lines: Vec<u32> = shard.lock().late.lines().collect();
            for some in lines.chunks(SERIES_PER_LOCK) {
                let listed: Vec<(u32, SeriesRef, FullChunk)> = {
                    let shard = shard.lock();
                    let of = |&line: &u32| {
                        let series = shard.lines[line].reference();
                        shard.late.chunks(line).map(move |chunk| (line, series, chunk)).collect::<Vec<_>>()
                    };
                    some.iter().flat_map(of).collect()
                };
                let overlaps = |chunk: &FullChunk| chunk.min_ms <= range.max_ms() && chunk.max_ms >= range.min_ms();
                for (line, series, chunk) in listed.into_iter().filter(|(.., chunk)| overlaps(chunk)) {
                    if let Some(fault) = self.fault_of(&chunk, &mut columns)? {
                        let at = Located { shard: number, number: line };
                        let FullChunk { min_ms, max_ms, .. } = chunk;
                        let references = self.references(series);
                        bad.push(BadLateChunk { place: place_of(&chunk), references, min_ms, max_ms, fault, at });
                    }
                }
            }
        }
        Ok(bad)
    }

    /// Takes a chunk that cannot be read out of its series; `samples`, which the log has of it, wait in the buffer again. They are
    /// not logged once more: the segments that have them must stay until blocks have what [`Head::late_reader`] reads from
    /// then on.
    pub fn replace_late_chunk(&self, bad: &BadLateChunk, samples: &SampleColumns) {
        let Located { shard, number } = bad.at;
        let mut shard = self.shards[shard as usize].lock();
        let line = &shard.lines[number];
        let is_it = line.is_live() && bad.references.first() == Some(&line.reference());
        if !is_it || !shard.late.detach(number, bad.place) {
            return;
        }
        let (late, layouts) = shard.late_mut();
        for (at, (&timestamp_ms, &value)) in samples.timestamps_ms.iter().zip(&samples.values).enumerate() {
            let sample = samples.histogram(at).map_or(LateSample::Float(value), LateSample::Histogram);
            // Of several of one time the first that was logged stays.
            late.insert(layouts, number, timestamp_ms, sample);
        }
    }

    /// Why a chunk cannot be read; `None`: it can.
    fn fault_of(&self, chunk: &FullChunk, columns: &mut SampleColumns) -> Result<Option<String>, SourceError> {
        columns.clear();
        match self.files.read(place_of(chunk)) {
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
