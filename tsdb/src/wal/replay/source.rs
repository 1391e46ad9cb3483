//! The first stage: batches of decoded records, numbered in the order of the log.

use super::ReplayProgress;
use crate::file_error::FileError;
use crate::fs::Fs;
use crate::head::Split;
use crate::wal::assemble::StoredRecords;
use crate::wal::codec::Unpacker;
use crate::wal::reader::{Damage, ReadReport, SegmentReader, decode_stored};
use crate::wal::record::{Decoded, Floats};
use crate::wal::segment::Numbered;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::vec;

/// Reads the segments of a replay, one batch at a time, for any number of threads.
pub(super) struct Source<'a> {
    fs: &'a dyn Fs,
    progress: &'a ReplayProgress,
    floats: Floats,
    reading: Mutex<Reading>,
}

struct Reading {
    segments: vec::IntoIter<Numbered>,
    reader: Option<(SegmentReader, PathBuf)>,
    /// The number of the next batch.
    next: u64,
}

/// What a thread needs to read and decode; reused.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Its place in the order of the log.
    pub(super) number: u64,
    /// The segment it is from.
    path: PathBuf,
    pub(super) decoded: Decoded,
    pub(super) report: ReadReport,
    pub(super) split: Split,
    stored: StoredRecords,
    unpacker: Unpacker,
}

impl Batch {
    /// Puts what was wrong in records, found when they were split, into the report.
    pub(super) fn report_faults(&mut self) {
        for &(offset, fault) in self.split.faults() {
            self.report.damage(Damage { file: self.path.clone(), offset, fault, tail: false, kept: false });
        }
    }
}

impl<'a> Source<'a> {
    pub(super) fn new(fs: &'a dyn Fs, segments: Vec<Numbered>, floats: Floats, progress: &'a ReplayProgress) -> Self {
        let reading = Reading { segments: segments.into_iter(), reader: None, next: 0 };
        Self { fs, progress, floats, reading: Mutex::new(reading) }
    }

    /// Fills `batch`; `false` at the end, and its number is then that of batches there were. Reading takes turns, decoding does not.
    pub(super) fn fill(&self, batch: &mut Batch) -> Result<bool, FileError> {
        batch.decoded.clear();
        batch.report = ReadReport::default();
        let Some(path) = self.read(batch)? else { return Ok(false) };
        let Batch { decoded, report, stored, unpacker, .. } = batch;
        decode_stored(&path, stored, self.floats, unpacker, decoded, report);
        batch.path = path;
        Ok(true)
    }

    /// Says that the samples of a batch, which was split, were read.
    pub(super) fn count(&self, batch: &Batch) {
        let Batch { decoded, split, .. } = batch;
        let read = (decoded.samples.len() + decoded.histograms.len()) as u64 + split.packed_samples();
        self.progress.samples.fetch_add(read, Ordering::Relaxed);
    }

    /// Takes the next stored records; returns the segment they are from.
    fn read(&self, batch: &mut Batch) -> Result<Option<PathBuf>, FileError> {
        let mut reading = self.reading.lock();
        loop {
            if let Some((reader, path)) = &mut reading.reader {
                let before = reader.read_bytes();
                let more = reader.next(&mut batch.stored, &mut batch.report).map_err(FileError::at(path))?;
                self.progress.read_bytes.fetch_add(reader.read_bytes() - before, Ordering::Relaxed);
                if more {
                    let path = path.clone();
                    batch.number = reading.next;
                    reading.next += 1;
                    return Ok(Some(path));
                }
                reading.reader = None;
            }
            let Some(segment) = reading.segments.next() else {
                batch.number = reading.next;
                return Ok(None);
            };
            let reader = SegmentReader::open_at(self.fs, &segment.path, segment.skip_bytes);
            let reader = reader.map_err(FileError::at(&segment.path))?;
            reading.reader = Some((reader, segment.path));
        }
    }
}
