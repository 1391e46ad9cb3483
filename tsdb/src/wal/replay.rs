//! Replay: what the log says, applied to a head.
//!
//! Several threads take the log batch by batch of some hundred kilobytes, and each carries its batch through all stages:
//! **decode** (segments are read in order; decompression and decoding side by side), **series** (in the order of the log: a
//! series is in the head before any sample that names it is looked at; exemplars and metadata, too), **split** (side by side:
//! float samples are read from their records, and it is told which part each is in), **apply** (part after part, to each in
//! the order of the log; histograms, deletions and markers among the samples). So two threads are in different parts, and no
//! batch is looked at by two. There is one batch a thread, so memory does not grow with the log.

mod plan;
mod source;
mod turns;
mod workers;

use super::reader::ReadReport;
use super::record::{Decoded, Floats, HistogramRun, LeftOut, MmapMarker, Run, SampleRun, Tombstone};
use crate::file_error::FileError;
use crate::fs::Fs;
use crate::head::{Part, Split};
use model::{ExemplarRef, LabelsRef, MetadataRef, SeriesRef};
use plan::{Begin, Plan};
use source::{Batch, Source};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use workers::Workers;

/// What a log is replayed into: a head that is being filled.
///
/// Series, exemplars and metadata are handed over one by one, by one thread at a time, in the order of the log; the rest by one
/// thread at a time for each part, in the order of the log, too: so what concerns one series comes as it was logged, floats,
/// histograms, deletions and markers mixed. What a method answers `false` to is counted as left out.
pub trait ReplayTarget: Sync {
    /// What is kept from one batch to the next: one for each part, and one for series, exemplars and metadata.
    type Scratch: Default + Send;

    /// Whether it takes samples from [`ReplayTarget::split`], which may have to read them from their records.
    const SPLITS: bool = false;

    /// Takes a series. One label set may come under several references: all lead to one series.
    fn series(&self, series: SeriesRef, labels: LabelsRef<'_>, scratch: &mut Self::Scratch);

    /// Takes an exemplar; its series came before. `false`: this target takes none.
    fn exemplar(&self, _series: SeriesRef, _exemplar: ExemplarRef<'_>, _scratch: &mut Self::Scratch) -> bool {
        false
    }

    /// Takes what was said of a series, in place of what was said before. `false`: this target takes none.
    fn metadata(&self, _series: SeriesRef, _metadata: MetadataRef<'_>, _scratch: &mut Self::Scratch) -> bool {
        false
    }

    /// Applies those samples that are in `part`.
    fn samples(&self, _samples: SampleRun<'_>, _part: Part, _scratch: &mut Self::Scratch) {}

    /// Applies those histograms that are in `part`. `false`: this target takes none.
    fn histograms(&self, _histograms: HistogramRun<'_>, _part: Part, _scratch: &mut Self::Scratch) -> bool {
        false
    }

    /// Deletes what was applied so far of the series that are in `part`, in the ranges told. `false`: this target does not
    /// delete.
    fn deletions(&self, _deletions: &[Tombstone], _part: Part, _scratch: &mut Self::Scratch) -> bool {
        false
    }

    /// Of the series that are in `part`: the out-of-order samples applied so far are in the chunks told. `false`: this
    /// target takes no such samples.
    fn markers(&self, _markers: &[MmapMarker], _part: Part, _scratch: &mut Self::Scratch) -> bool {
        false
    }

    /// Whether it keeps when counters began, or counts by itself what of that it leaves out.
    fn counts_starts(&self) -> bool {
        false
    }

    /// How many parts there are, for so many threads.
    fn parts(&self, threads: usize) -> usize {
        threads
    }

    /// Sorts what a batch says by part, for [`ReplayTarget::apply`]: its series came before. By any thread, batches in any
    /// order.
    fn split(&self, _batch: &Decoded, _split: &mut Split) {}

    /// Applies what of `batch` is in `part`, run after run. Returns what the whole target leaves out of it. To be written
    /// anew where there is a quicker way than run after run.
    fn apply(&self, batch: &Decoded, _split: &Split, part: Part, scratch: &mut Self::Scratch) -> LeftOut {
        let mut left_out = LeftOut::default();
        for run in batch.runs() {
            match run {
                Run::Samples(run) => {
                    self.samples(run, part, scratch);
                    left_out.start_timestamps += if self.counts_starts() { 0 } else { run.starts() };
                }
                // Those are for targets that split.
                Run::Packed(_) => {}
                Run::Histograms(run) if self.histograms(run, part, scratch) => {
                    left_out.start_timestamps += if self.counts_starts() { 0 } else { run.starts() };
                }
                Run::Histograms(run) => left_out.histograms += run.entries.len() as u64,
                Run::Deletions(run) => {
                    left_out.deletions += if self.deletions(run, part, scratch) { 0 } else { run.len() as u64 };
                }
                Run::Markers(run) => {
                    left_out.mmap_markers += if self.markers(run, part, scratch) { 0 } else { run.len() as u64 };
                }
            }
        }
        left_out
    }

    /// All was applied: what still waits in `part` does no longer. May be said more than once.
    fn settle(&self, _part: Part, _scratch: &mut Self::Scratch) {}
}

/// A place between two records in the files of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    pub segment: u32,
    /// From the start of the segment.
    pub offset_bytes: u64,
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
    /// What was read of them.
    pub size_bytes: u64,
    /// Series in the records, repeated ones among them.
    pub series: u64,
    /// Float samples.
    pub samples: u64,
    pub histograms: u64,
    pub exemplars: u64,
    pub report: ReadReport,
    pub left_out: LeftOut,
}

/// Replays the log in `dir`, its latest checkpoint first, on up to `threads` threads. No directory is an empty log.
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
    replay_plan(fs, Plan::make(fs, dir, Begin::Log)?, target, threads, progress)
}

/// As [`replay`], of a log that has no checkpoints: what was cut off its beginning is not missing.
///
/// # Errors
/// As [`replay`].
pub fn replay_late<T: ReplayTarget>(
    fs: &dyn Fs,
    dir: &Path,
    target: &T,
    threads: NonZeroUsize,
    progress: &ReplayProgress,
) -> Result<Replayed, FileError> {
    replay_plan(fs, Plan::make(fs, dir, Begin::FirstSegment)?, target, threads, progress)
}

/// As [`replay`], of what is behind `place` alone; of checkpoints only one that stands for more than lies before it.
///
/// # Errors
/// As [`replay`].
pub fn replay_from<T: ReplayTarget>(
    fs: &dyn Fs,
    (dir, place): (&Path, LogPlace),
    target: &T,
    threads: NonZeroUsize,
    progress: &ReplayProgress,
) -> Result<Replayed, FileError> {
    replay_plan(fs, Plan::make(fs, dir, Begin::Place(place))?, target, threads, progress)
}

fn replay_plan<T: ReplayTarget>(
    fs: &dyn Fs,
    plan: Plan,
    target: &T,
    threads: NonZeroUsize,
    progress: &ReplayProgress,
) -> Result<Replayed, FileError> {
    let size_bytes = plan.size_bytes();
    progress.total_bytes.store(size_bytes, Ordering::Relaxed);
    let (segments, report) = (plan.segments.len() as u64, plan.report);
    let replayed = Replayed { checkpoint: plan.checkpoint, segments, size_bytes, report, ..Replayed::default() };
    let floats = if T::SPLITS { Floats::Packed } else { Floats::Read };
    let source = Source::new(fs, plan.segments, floats, progress);
    let threads = if size_bytes < ONE_THREAD_BYTES { 1 } else { threads.get() };
    Workers::new(&source, target, replayed, threads).run(threads)
}

/// A log smaller than this is not worth a thread: a process opens many such.
const ONE_THREAD_BYTES: u64 = 1 << 20;

impl Replayed {
    /// What is applied in the order of the log.
    fn series<T: ReplayTarget>(&mut self, batch: &mut Batch, target: &T, scratch: &mut T::Scratch) {
        let decoded = &batch.decoded;
        for logged in decoded.series() {
            target.series(logged.series, logged.labels, scratch);
        }
        self.left_out.add(&decoded.left_out);
        for (series, exemplar) in decoded.exemplars() {
            self.left_out.exemplars += u64::from(!target.exemplar(series, exemplar, scratch));
        }
        for (series, metadata) in decoded.metadata() {
            self.left_out.metadata += u64::from(!target.metadata(series, metadata, scratch));
        }
        self.series += decoded.series_len() as u64;
        self.samples += decoded.samples.len() as u64;
        self.histograms += decoded.histograms.len() as u64;
        self.exemplars += decoded.exemplars_len() as u64;
        self.report.add(std::mem::take(&mut batch.report));
    }

    /// What else was found when a batch was split.
    fn add_split(&mut self, batch: &mut Batch) {
        self.samples += batch.split.packed_samples();
        batch.report_faults();
        // They had been taken for read.
        self.report.records = self.report.records.saturating_sub(batch.split.faults().len() as u64);
        self.report.add(std::mem::take(&mut batch.report));
    }
}

impl ReplayProgress {
    /// Bytes of the log that were read, and how many there are.
    pub fn bytes(&self) -> (u64, u64) {
        (self.read_bytes.load(Ordering::Relaxed), self.total_bytes.load(Ordering::Relaxed))
    }

    /// Samples that were read, histograms among them.
    pub fn samples(&self) -> u64 {
        self.samples.load(Ordering::Relaxed)
    }
}
