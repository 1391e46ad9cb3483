//! Checkpoints: what must outlive the segments it was logged in.
//!
//! A checkpoint is a directory `checkpoint.%08d` of segments, named after the last segment it stands for. It is written
//! from memory, not from the old segments: damage in those cannot get into it, nor stop it.

use super::codec::Compression;
use super::published::SegmentsWriter;
use super::record::Records;
use super::segment::{checkpoint_path, unfinished_path};
use crate::fs::Fs;
use model::{ExemplarRef, HistogramRef, LabelsRef, MetadataRef, SeriesRef, TimeRange};
use std::io;
use std::path::{Path, PathBuf};

/// A checkpoint that is being written. Dropped before it is published, it leaves a directory that the next opening of the
/// log removes.
#[derive(Debug)]
pub struct CheckpointWriter<'a> {
    segments: SegmentsWriter<'a>,
    records: Records,
}

/// Written at once, uncompressed.
const GROUP_BYTES: usize = 256 << 10;

impl<'a> CheckpointWriter<'a> {
    /// Begins the checkpoint that stands for the segments up to `number`, this one inside, of the log in `dir`.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one of that number: then nothing was logged since that one was made.
    pub fn create(
        fs: &'a dyn Fs,
        dir: &Path,
        number: u32,
        compression: Compression,
        segment_bytes: u64,
    ) -> io::Result<Self> {
        let (unfinished, published) = (unfinished_path(dir, number), checkpoint_path(dir, number));
        let segments = SegmentsWriter::create(fs, unfinished, published, compression, segment_bytes)?;
        Ok(Self { segments, records: Records::default() })
    }

    /// Where it is built, and where it will be.
    pub(crate) fn paths(dir: &Path, number: u32) -> [PathBuf; 2] {
        [unfinished_path(dir, number), checkpoint_path(dir, number)]
    }

    /// Adds a series. It must come before its samples.
    ///
    /// # Errors
    /// As a file system's.
    pub fn series(&mut self, series: SeriesRef, labels: LabelsRef<'_>) -> io::Result<()> {
        self.records.series(series, labels);
        self.flush_if(GROUP_BYTES)
    }

    /// Adds a sample of a series that was added before.
    ///
    /// # Errors
    /// As a file system's.
    pub fn sample(&mut self, series: SeriesRef, timestamp_ms: i64, value: f64) -> io::Result<()> {
        self.records.sample(series, timestamp_ms, value);
        self.flush_if(GROUP_BYTES)
    }

    /// Adds a histogram of a series that was added before.
    ///
    /// # Errors
    /// As a file system's.
    pub fn histogram(&mut self, series: SeriesRef, timestamp_ms: i64, histogram: HistogramRef<'_>) -> io::Result<()> {
        self.records.histogram(series, timestamp_ms, histogram);
        self.flush_if(GROUP_BYTES)
    }

    /// Adds an exemplar of a series that was added before.
    ///
    /// # Errors
    /// As a file system's.
    pub fn exemplar(&mut self, series: SeriesRef, exemplar: ExemplarRef<'_>) -> io::Result<()> {
        self.records.exemplar(series, exemplar);
        self.flush_if(GROUP_BYTES)
    }

    /// Adds what was said last of a series that was added before.
    ///
    /// # Errors
    /// As a file system's.
    pub fn metadata(&mut self, series: SeriesRef, metadata: MetadataRef<'_>) -> io::Result<()> {
        self.records.metadata(series, metadata);
        self.flush_if(GROUP_BYTES)
    }

    /// Adds a deletion of samples in a range, both ends inside, of a series that was added before.
    ///
    /// # Errors
    /// As a file system's.
    pub fn deletion(&mut self, series: SeriesRef, range: TimeRange) -> io::Result<()> {
        self.records.deletion(series, range);
        self.flush_if(GROUP_BYTES)
    }

    /// See [`Records::barrier`].
    pub fn barrier(&mut self) {
        self.records.barrier();
    }

    /// Makes the checkpoint durable, then visible. Afterwards the segments it stands for may go.
    ///
    /// # Errors
    /// As a file system's. The segments must stay.
    pub fn publish(mut self) -> io::Result<()> {
        self.flush_if(0)?;
        self.segments.publish()
    }

    fn flush_if(&mut self, at_least_bytes: usize) -> io::Result<()> {
        if self.records.size_bytes() < at_least_bytes {
            return Ok(());
        }
        let records = &self.records;
        self.segments.write(|buffer| {
            records.copy_series(buffer);
            records.copy_others(buffer, None);
        })?;
        self.records.clear();
        Ok(())
    }
}
