//! Replay: what the log says, applied to a head.
//!
//! Three stages, batch by batch of some hundred kilobytes: **decode** (segments are read in order; decompression and
//! decoding on several threads), **series** (in the order of the log, on the calling thread: a series is in the head before
//! any sample that names it is looked at), **samples** (several threads, each with shards of its own, each in the order of
//! the log). The number of batches under way is fixed, so memory does not grow with the log.

mod decoders;
mod parts;
mod plan;
mod source;

use super::reader::ReadReport;
use super::record::{LeftOut, LoggedSample};
use crate::file_error::FileError;
use crate::fs::Fs;
use crate::head::{Part, Replay, ReplayScratch};
use decoders::Decoders;
use model::{LabelsRef, SeriesRef, TimeRange};
use parts::Parts;
use plan::Plan;
use source::{Batch, Source};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What a log is replayed into: a head that is being filled.
pub trait ReplayTarget: Sync {
    /// What a thread needs, to be used again.
    type Scratch: Default + Send;

    /// Takes a series. One label set may come under several references: all lead to one series.
    fn series(&self, series: SeriesRef, labels: LabelsRef<'_>, scratch: &mut Self::Scratch);

    /// Applies those samples that are in `part`. Called by one thread for each part, in the order of the log.
    fn samples(&self, samples: &[LoggedSample], part: Part, scratch: &mut Self::Scratch);

    /// Deletes what was logged before of a series in a range. Called while nothing else is. `false`: this target does not
    /// delete.
    fn delete(&self, _series: SeriesRef, _range: TimeRange) -> bool {
        false
    }
}

/// How far a replay is; looked at from other threads.
#[derive(Debug, Default)]
pub struct ReplayProgress {
    total_bytes: AtomicU64,
    read_bytes: AtomicU64,
    samples: AtomicU64,
}

/// What a replay read.
#[derive(Debug, Default)]
pub struct Replayed {
    /// The checkpoint it began with.
    pub checkpoint: Option<u32>,
    /// Segments read, those of the checkpoint among them.
    pub segments: u64,
    /// Series in the records, repeated ones among them.
    pub series: u64,
    pub samples: u64,
    pub report: ReadReport,
    pub left_out: LeftOut,
}

/// Replays the log in `dir`, its latest checkpoint first, on up to `threads` threads a stage. No directory is an empty log.
///
/// # Errors
/// A file that cannot be opened or read. Damage is no error: see [`Replayed::report`].
pub fn replay<T: ReplayTarget>(
    fs: &dyn Fs,
    dir: &Path,
    target: &T,
    threads: NonZeroUsize,
    progress: &ReplayProgress,
) -> Result<Replayed, FileError> {
    let plan = Plan::make(fs, dir)?;
    let size_bytes = plan.size_bytes();
    progress.total_bytes.store(size_bytes, Ordering::Relaxed);
    let (segments, report) = (plan.segments.len() as u64, plan.report);
    let mut replayed = Replayed { checkpoint: plan.checkpoint, segments, report, ..Replayed::default() };
    let source = Source::new(fs, plan.segments, progress);
    if threads == NonZeroUsize::MIN || size_bytes < ONE_THREAD_BYTES {
        replayed.run_here(&source, target)?;
    } else {
        replayed.run(&source, target, threads.get())?;
    }
    Ok(replayed)
}

/// A log smaller than this is not worth a thread: a process opens many such.
const ONE_THREAD_BYTES: u64 = 1 << 20;

impl Replayed {
    fn run_here<T: ReplayTarget>(&mut self, source: &Source<'_>, target: &T) -> Result<(), FileError> {
        let (mut batch, mut scratch) = (Batch::default(), T::Scratch::default());
        while source.fill(&mut batch)? {
            self.series(&mut batch, target, &mut scratch);
            target.samples(&batch.decoded.samples, Part::WHOLE, &mut scratch);
            self.delete(&batch, target);
        }
        Ok(())
    }

    fn run<T: ReplayTarget>(&mut self, source: &Source<'_>, target: &T, threads: usize) -> Result<(), FileError> {
        thread::scope(|scope| {
            let decoders = Decoders::start(source, scope, threads);
            let parts = Parts::start(target, scope, threads, decoders.empty());
            let mut scratch = T::Scratch::default();
            decoders.drain(|mut batch| {
                self.series(&mut batch, target, &mut scratch);
                let batch = Arc::new(batch);
                parts.apply(&batch);
                if !batch.decoded.tombstones.is_empty() {
                    parts.settle();
                    self.delete(&batch, target);
                }
                parts.give_back(batch);
            })?;
            parts.settle();
            Ok(())
        })
    }

    fn series<T: ReplayTarget>(&mut self, batch: &mut Batch, target: &T, scratch: &mut T::Scratch) {
        for logged in batch.decoded.series() {
            target.series(logged.series, logged.labels, scratch);
        }
        self.series += batch.decoded.series_len() as u64;
        self.samples += batch.decoded.samples.len() as u64;
        self.left_out.add(&batch.decoded.left_out);
        self.report.add(std::mem::take(&mut batch.report));
    }

    /// Prometheus cuts a deletion to what its head has, so it does not touch what is logged later, be it applied already.
    fn delete<T: ReplayTarget>(&mut self, batch: &Batch, target: &T) {
        for tombstone in &batch.decoded.tombstones {
            let deleted = target.delete(tombstone.series, tombstone.range);
            self.left_out.deletions += u64::from(!deleted);
        }
    }
}

impl ReplayProgress {
    /// Bytes of the log that were read, and how many there are.
    pub fn bytes(&self) -> (u64, u64) {
        (self.read_bytes.load(Ordering::Relaxed), self.total_bytes.load(Ordering::Relaxed))
    }

    /// Samples that were read.
    pub fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }
}

impl ReplayTarget for Replay<'_> {
    type Scratch = ReplayScratch;

    fn series(&self, series: SeriesRef, labels: LabelsRef<'_>, scratch: &mut ReplayScratch) {
        Replay::series(self, series, labels, scratch);
    }

    fn samples(&self, samples: &[LoggedSample], part: Part, scratch: &mut ReplayScratch) {
        Replay::samples(self, samples, part, scratch);
    }
}
