//! Writes a block: chunk files, index, meta, all below a temporary name until it is complete and durable.

use super::meta::{BlockFile, Compaction, Meta, Stats, Thanos};
use super::tombstones::EMPTY_FILE;
use super::{CREATION_SUFFIX, trim};
use crate::chunk::{self, ChunkError};
use crate::file_error::FileError;
use crate::fs::{Fs, publish_dir};
use crate::index::{ChunkMeta, IndexWriteError, IndexWriter};
use crate::segment::{MAX_SEGMENT_BYTES, SegmentFile, SegmentWriter};
use crate::series::{Chunk, ChunkSeriesBatch, Encoding, SeriesCursor, SourceError};
use model::{LabelsRef, SampleColumns};
use std::path::{Path, PathBuf};
use ulid::Ulid;

/// So many series are asked of a cursor at once.
const BATCH_SERIES: usize = 256;

/// What a block is to be.
#[derive(Debug, Clone)]
pub struct BlockSpec {
    pub ulid: Ulid,
    /// The first millisecond of its range, inside. Samples before it are left out.
    pub min_ms: i64,
    /// The end of its range, **outside**. Samples at or after it are left out.
    pub max_ms: i64,
    pub compaction: Compaction,
    /// Written as given, but for the list of files.
    pub thanos: Option<Thanos>,
    pub max_segment_bytes: u64,
}

/// Why a block could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BlockWriteError {
    #[error("series {labels}: {source}")]
    Chunk { labels: String, source: ChunkError },
    #[error(transparent)]
    Index(#[from] IndexWriteError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Takes sorted series and makes a block of them. One that is dropped unfinished leaves nothing behind.
#[derive(Debug)]
pub struct BlockWriter<'f> {
    fs: &'f dyn Fs,
    dir: PathBuf,
    tmp: TemporaryDir<'f>,
    spec: BlockSpec,
    segments: SegmentWriter<'f>,
    index: IndexWriter,
    stats: Stats,
    metas: Vec<ChunkMeta>,
    columns: SampleColumns,
}

/// A directory that goes when it was not kept.
#[derive(Debug)]
struct TemporaryDir<'f> {
    fs: &'f dyn Fs,
    path: PathBuf,
}

impl BlockSpec {
    /// A block of raw samples cut from a head.
    pub fn new(ulid: Ulid, min_ms: i64, max_ms: i64) -> Self {
        let compaction = Compaction { level: 1, sources: vec![ulid], ..Compaction::default() };
        Self { ulid, min_ms, max_ms, compaction, thanos: None, max_segment_bytes: MAX_SEGMENT_BYTES }
    }

    fn contains(&self, timestamp_ms: i64) -> bool {
        self.min_ms <= timestamp_ms && timestamp_ms < self.max_ms
    }
}

impl<'f> BlockWriter<'f> {
    /// Begins a block in the data directory `dir`.
    ///
    /// # Errors
    /// A directory that could not be created.
    pub fn create(fs: &'f dyn Fs, dir: &Path, spec: BlockSpec) -> Result<Self, FileError> {
        let tmp = TemporaryDir { fs, path: dir.join(format!("{}{CREATION_SUFFIX}", spec.ulid)) };
        let chunks = tmp.path.join("chunks");
        fs.create_dir_all(&chunks).map_err(FileError::at(&chunks))?;
        Ok(Self {
            fs,
            dir: dir.to_owned(),
            segments: SegmentWriter::new(fs, &chunks, spec.max_segment_bytes),
            tmp,
            spec,
            index: IndexWriter::new(),
            stats: Stats::default(),
            metas: Vec::new(),
            columns: SampleColumns::default(),
        })
    }

    /// Adds a series, which sorts after those before it; its chunks are in order of time and do not overlap. Samples
    /// outside the block's range are left out, and with them a series that has no others.
    ///
    /// # Errors
    /// Series or chunks out of order, a chunk at the border of the range that cannot be decoded, a failed write.
    pub fn add(&mut self, labels: LabelsRef<'_>, chunks: &[Chunk]) -> Result<(), BlockWriteError> {
        let at_fault = |source| BlockWriteError::Chunk { labels: format!("{labels:?}"), source };
        self.metas.clear();
        for chunk in chunks {
            let inside = self.spec.contains(chunk.min_ms) && self.spec.contains(chunk.max_ms);
            if inside {
                self.add_chunk(chunk, at_fault)?;
            } else if chunk.max_ms >= self.spec.min_ms && chunk.min_ms < self.spec.max_ms {
                let keep = |timestamp_ms| self.spec.contains(timestamp_ms);
                for trimmed in trim::retain(chunk, &mut self.columns, keep).map_err(at_fault)? {
                    self.add_chunk(&trimmed, at_fault)?;
                }
            }
        }
        if !self.metas.is_empty() {
            self.index.add(labels, &self.metas)?;
            self.stats.num_series += 1;
            self.stats.num_chunks += self.metas.len() as u64;
        }
        Ok(())
    }

    /// Adds a chunk of the series at hand, all of it.
    fn add_chunk(
        &mut self,
        chunk: &Chunk,
        at_fault: impl Fn(ChunkError) -> BlockWriteError + Copy,
    ) -> Result<(), BlockWriteError> {
        let samples = u64::from(chunk::sample_count(chunk.encoding, &chunk.data).map_err(at_fault)?);
        let place = self.segments.append(chunk.encoding, &chunk.data)?;
        self.metas.push(ChunkMeta { min_ms: chunk.min_ms, max_ms: chunk.max_ms, place });
        self.stats.num_samples += samples;
        match chunk.encoding {
            Encoding::Xor | Encoding::Xor2 => self.stats.num_float_samples += samples,
            Encoding::Histogram | Encoding::FloatHistogram | Encoding::HistogramSt | Encoding::FloatHistogramSt => {
                self.stats.num_histogram_samples += samples
            }
        }
        Ok(())
    }

    /// Adds all series of a cursor.
    ///
    /// # Errors
    /// As [`BlockWriter::add`], and what the cursor fails with.
    pub fn add_all(&mut self, cursor: &mut dyn SeriesCursor) -> Result<(), BlockWriteError> {
        let mut batch = ChunkSeriesBatch::default();
        loop {
            cursor.next_batch(BATCH_SERIES, false, &mut batch)?;
            if batch.is_empty() {
                return Ok(());
            }
            for (labels, chunks) in batch.iter() {
                self.add(labels, chunks)?;
            }
        }
    }

    /// Completes the block and publishes it under its name. `None`, and nothing published, if it has no sample.
    ///
    /// # Errors
    /// A failed write. If publishing itself failed, the block may be there but not durable.
    pub fn finish(self) -> Result<Option<Meta>, BlockWriteError> {
        let Self { fs, dir, tmp, spec, segments, index, stats, .. } = self;
        if stats.num_samples == 0 {
            return Ok(None);
        }
        let segment_files = segments.finish()?;
        let index_bytes = index.finish(fs, &tmp.path.join("index"))?;
        let thanos = spec.thanos.map(|thanos| Thanos { files: list_files(&segment_files, index_bytes), ..thanos });
        let meta = Meta {
            ulid: spec.ulid,
            min_ms: spec.min_ms,
            max_ms: spec.max_ms,
            stats,
            compaction: spec.compaction,
            version: 1,
            thanos,
            other: serde_json::Map::new(),
        };
        write_file(fs, &tmp.path.join("tombstones"), &EMPTY_FILE)?;
        write_file(fs, &tmp.path.join("meta.json"), &meta.encode())?;
        let to = dir.join(spec.ulid.to_string());
        publish_dir(fs, &tmp.path, &to).map_err(FileError::at(&to))?;
        Ok(Some(meta))
    }
}

/// Does nothing once the directory was renamed.
impl Drop for TemporaryDir<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is removed when the data directory is opened again.
        let _ = self.fs.remove_dir_all(&self.path);
    }
}

/// The list of a block's files, as Thanos has it: sorted, `meta.json` without a size.
fn list_files(segments: &[SegmentFile], index_bytes: u64) -> Vec<BlockFile> {
    let file = |rel_path: String, size_bytes| BlockFile { rel_path, size_bytes, ..BlockFile::default() };
    let mut files: Vec<_> =
        segments.iter().map(|each| file(format!("chunks/{}", each.name), each.size_bytes)).collect();
    files.push(file("index".into(), index_bytes));
    files.push(file("meta.json".into(), 0));
    files
}

fn write_file(fs: &dyn Fs, path: &Path, content: &[u8]) -> Result<(), FileError> {
    let mut file = fs.create_new(path).map_err(FileError::at(path))?;
    file.append(content).and_then(|()| file.sync_data()).map_err(FileError::at(path))
}
