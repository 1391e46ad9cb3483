//! Writing a snapshot.

use super::beside::{BESIDE, Relied, push_relied};
use super::dir::{snapshot_path, unfinished_path};
use super::items::{EXEMPLARS, SnapshotSeries, push_deletion, push_deletions, push_series};
use crate::fs::Fs;
use crate::wal::{BasedRun, Compression, LogPlace, RecordRun, Records, SegmentsWriter, Tombstone, push_exemplar};
use model::{ExemplarRef, MetadataRef, SeriesRef};
use std::io;
use std::path::Path;

/// A snapshot that is being written. Dropped before it is published, it leaves a directory that
/// [`SnapshotDirs`](super::SnapshotDirs) lists as unfinished.
#[derive(Debug)]
pub struct SnapshotWriter<'a> {
    segments: SegmentsWriter<'a>,
    series: RecordRun,
    stones: Vec<u8>,
    exemplars: BasedRun,
    segment_bytes: u64,
    /// What Prometheus' format has no place for.
    beside: Option<SegmentsWriter<'a>>,
    said: Records,
}

/// Written at once, uncompressed.
const GROUP_BYTES: usize = 256 << 10;

impl<'a> SnapshotWriter<'a> {
    /// Begins the snapshot, in the data directory `dir`, of what was logged up to `place`. What the head holds beyond that
    /// may be in it: it is logged behind `place`, and passed over when that is read.
    ///
    /// # Errors
    /// `AlreadyExists` if there is one of that place: then nothing was logged since that one was made.
    pub fn create(
        fs: &'a dyn Fs,
        dir: &Path,
        place: LogPlace,
        compression: Compression,
        segment_bytes: u64,
    ) -> io::Result<Self> {
        let (unfinished, published) = (unfinished_path(dir, place), snapshot_path(dir, place));
        let segments = SegmentsWriter::create(fs, unfinished, published, compression, segment_bytes)?;
        let (series, exemplars) = (RecordRun::default(), BasedRun::default());
        let (beside, said) = (None, Records::default());
        Ok(Self { segments, series, stones: Vec::new(), exemplars, segment_bytes, beside, said })
    }

    /// Where it will be.
    pub fn dir(&self) -> &Path {
        self.segments.dir()
    }

    /// Adds a series. A label set may come again, under another reference that later samples may name, without a chunk.
    ///
    /// # Errors
    /// As a file system's.
    pub fn series(&mut self, series: &SnapshotSeries<'_>) -> io::Result<()> {
        push_series(&mut self.series, series);
        if self.series.size_bytes() < GROUP_BYTES { Ok(()) } else { self.flush_series() }
    }

    /// Adds a deletion.
    pub fn deletion(&mut self, deletion: Tombstone) {
        push_deletion(&mut self.stones, deletion);
    }

    /// Adds an exemplar; they come in the order in which they came in.
    pub fn exemplar(&mut self, series: SeriesRef, exemplar: ExemplarRef<'_>) {
        push_exemplar(&mut self.exemplars, EXEMPLARS, series, exemplar);
    }

    /// Adds what was said last of a series, for us alone.
    ///
    /// # Errors
    /// As a file system's.
    pub fn metadata(&mut self, series: SeriesRef, said: MetadataRef<'_>) -> io::Result<()> {
        self.said.metadata(series, said);
        if self.said.size_bytes() < GROUP_BYTES { Ok(()) } else { self.flush_said() }
    }

    /// Says what the snapshot relies on, for us alone and when all metadata were added.
    ///
    /// # Errors
    /// As a file system's.
    pub fn relies_on(&mut self, relied: &Relied) -> io::Result<()> {
        self.flush_said()?;
        let mut run = RecordRun::default();
        push_relied(&mut run, relied);
        self.beside()?.write(|buffer| run.copy(buffer))
    }

    /// Removes what was written.
    pub fn give_up(self) {
        self.segments.give_up();
    }

    /// Makes the snapshot durable, then visible. Afterwards older ones may go, and no earlier than that.
    ///
    /// # Errors
    /// As a file system's.
    pub fn publish(mut self) -> io::Result<()> {
        self.flush_series()?;
        push_deletions(&mut self.series, &self.stones);
        self.flush_series()?;
        let exemplars = self.exemplars.run();
        self.segments.write(|buffer| exemplars.copy(buffer))?;
        self.segments.publish()
    }

    fn flush_said(&mut self) -> io::Result<()> {
        let mut said = std::mem::take(&mut self.said);
        let written = self.beside()?.write(|buffer| said.copy(buffer));
        said.clear();
        self.said = said;
        written
    }

    fn beside(&mut self) -> io::Result<&mut SegmentsWriter<'a>> {
        let beside = match self.beside.take() {
            Some(beside) => beside,
            None => self.segments.beside(BESIDE, self.segment_bytes)?,
        };
        Ok(self.beside.insert(beside))
    }

    fn flush_series(&mut self) -> io::Result<()> {
        let series = &self.series;
        self.segments.write(|buffer| series.copy(buffer))?;
        self.series.clear();
        Ok(())
    }
}
