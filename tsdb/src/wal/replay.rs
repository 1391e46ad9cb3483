//! Replay: what the log says, applied to a head.
//!
//! Three stages, batch by batch of some hundred kilobytes: **read** (segments in order; checksums, decompression and
//! decoding on several threads), **intern** (in the order of the log, on the calling thread: a reference gets its place in
//! the head before any sample that names it is looked at), **apply** (several threads, each with its own lanes of the head,
//! each in the order of the log). The number of batches under way is fixed, so memory does not grow with the log.

mod apply;
mod intern;
mod plan;
mod source;

pub use intern::Aliases;

use super::reader::ReadReport;
use super::record::LeftOut;
use crate::file_error::FileError;
use crate::fs::Fs;
use model::{LabelsRef, SeriesRef, TimeRange};
use plan::Plan;
use std::fmt::Debug;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a log is replayed into: a head. Called from several threads at once.
pub trait ReplayTarget: Sync {
    /// Where a series is in the head.
    type Place: Copy + Eq + Send + Sync + Debug;

    /// Finds or creates the series with these labels. Returns its place, and the reference the head knows it by: `series`
    /// unless it was there already.
    fn series(&self, series: SeriesRef, labels: LabelsRef<'_>) -> (Self::Place, SeriesRef);

    /// Which of `lanes` lanes a series is in. Everything in one lane is applied by one thread.
    fn lane(&self, place: Self::Place, lanes: usize) -> usize;

    /// Applies samples of series of one lane, in the order they were logged. Samples that the head has already, or that are
    /// older than what it has, are passed over. Returns how many were new.
    fn samples(&self, samples: &[PlacedSample<Self::Place>]) -> u64;

    /// Deletes what a series has in a range. Called while no other call runs.
    fn delete(&self, place: Self::Place, range: TimeRange);
}

/// A logged sample of a series whose place is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlacedSample<P> {
    pub place: P,
    pub timestamp_ms: i64,
    pub value: f64,
}

/// How far a replay is; looked at from other threads.
#[derive(Debug, Default)]
pub struct ReplayProgress {
    total_bytes: AtomicU64,
    read_bytes: AtomicU64,
    samples: AtomicU64,
}

/// What a replay did.
#[derive(Debug, Default)]
pub struct Replayed {
    /// The checkpoint it began with.
    pub checkpoint: Option<u32>,
    /// Segments read, those of the checkpoint among them.
    pub segments: u64,
    /// Series records, and samples, that were read.
    pub series: u64,
    pub samples: u64,
    /// Samples that were new to the head.
    pub applied_samples: u64,
    /// Samples and deletions that name a reference of which no record is left. Ordinary after a checkpoint: their series
    /// had nothing that was still needed.
    pub unknown_refs: u64,
    /// References beyond the first of one label set.
    pub aliases: Aliases,
    /// The largest reference in the log.
    pub last_ref: Option<SeriesRef>,
    pub report: ReadReport,
    pub left_out: LeftOut,
}

/// Replays the log in `dir`, its latest checkpoint first, on up to `threads` threads a stage. No log there is an empty log.
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
    progress.total_bytes.store(plan.size_bytes(), Ordering::Relaxed);
    let threads = if plan.size_bytes() < ONE_THREAD_BYTES { NonZeroUsize::MIN } else { threads };
    let mut replayed = Replayed {
        checkpoint: plan.checkpoint,
        segments: plan.segments.len() as u64,
        report: plan.report.clone(),
        ..Replayed::default()
    };
    intern::run(fs, plan, target, threads.get(), progress, &mut replayed)?;
    Ok(replayed)
}

/// A log smaller than this is not worth a thread: a process opens many such.
const ONE_THREAD_BYTES: u64 = 1 << 20;

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
