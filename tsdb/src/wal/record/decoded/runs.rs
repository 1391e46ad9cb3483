//! Items of several kinds as they followed each other in the log.
//!
//! A series may have floats, then histograms, then floats; a deletion is of what was there when it was logged; a marker
//! says where the samples before it are. So whoever applies what was logged takes run after run.

use super::{Decoded, LoggedHistogram, LoggedSample, MmapMarker, PackedSamples, Tombstone};
use model::{HistogramColumn, HistogramRef};

/// Items of one kind that followed each other.
#[derive(Debug, Clone, Copy)]
pub enum Run<'a> {
    Samples(SampleRun<'a>),
    /// Float samples that nobody read yet; only if they were asked for: see [`Decoded::keep_samples`].
    Packed(&'a [PackedSamples]),
    Histograms(HistogramRun<'a>),
    Deletions(&'a [Tombstone]),
    Markers(&'a [MmapMarker]),
}

/// Float samples.
#[derive(Debug, Clone, Copy, Default)]
pub struct SampleRun<'a> {
    pub samples: &'a [LoggedSample],
    /// When the counters behind them began; those that are missing at the end are not known.
    pub starts_ms: &'a [i64],
}

/// Histograms.
#[derive(Debug, Clone, Copy)]
pub struct HistogramRun<'a> {
    pub entries: &'a [LoggedHistogram],
    /// The rows that the entries name, and others.
    pub rows: &'a HistogramColumn,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RunKind {
    Samples,
    Packed,
    Histograms,
    Deletions,
    Markers,
}

/// A run, and where it ends among the items of its kind. It begins where the last run of its kind ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunEnd {
    pub(super) kind: RunKind,
    pub(super) end: usize,
}

impl Decoded {
    /// Samples, histograms, deletions and markers as they followed each other.
    pub fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let (mut samples, mut packed, mut histograms, mut deletions, mut markers) = (0, 0, 0, 0, 0);
        self.runs.iter().map(move |&RunEnd { kind, end }| match kind {
            RunKind::Samples => {
                let starts_ms = self.starts_ms.get(samples..).unwrap_or_default();
                let samples = next(&self.samples, &mut samples, end);
                let starts_ms = starts_ms.get(..samples.len()).unwrap_or(starts_ms);
                Run::Samples(SampleRun { samples, starts_ms })
            }
            RunKind::Packed => Run::Packed(next(&self.packed, &mut packed, end)),
            RunKind::Histograms => {
                let entries = next(&self.histograms, &mut histograms, end);
                Run::Histograms(HistogramRun { entries, rows: &self.histogram_rows })
            }
            RunKind::Deletions => Run::Deletions(next(&self.tombstones, &mut deletions, end)),
            RunKind::Markers => Run::Markers(next(&self.markers, &mut markers, end)),
        })
    }
}

/// The items up to `end`, from where the last ones ended.
fn next<'a, T>(items: &'a [T], start: &mut usize, end: usize) -> &'a [T] {
    let taken = items.get(*start..end).unwrap_or_default();
    *start = end;
    taken
}

impl SampleRun<'_> {
    /// When the counter behind sample `at` began; 0: that is not known.
    pub fn start_ms(&self, at: usize) -> i64 {
        self.starts_ms.get(at).copied().unwrap_or(0)
    }

    /// Of how many samples it is known when their counters began.
    pub fn starts(&self) -> u64 {
        self.starts_ms.iter().map(|&start_ms| u64::from(start_ms != 0)).sum()
    }
}

impl<'a> HistogramRun<'a> {
    /// Of how many histograms it is known when their counters began.
    pub fn starts(self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.start_ms != 0)).sum()
    }

    /// Each entry with its histogram.
    pub fn iter(self) -> impl Iterator<Item = (LoggedHistogram, HistogramRef<'a>)> {
        self.entries.iter().filter_map(move |entry| Some((*entry, self.rows.get(entry.row as usize)?)))
    }
}
