//! What a head is given to append, and what it says of it.

use model::{ExemplarRef, Fingerprint, HistogramRef, LabelsRef, MetadataRef};

/// Series with samples, as they came in; read in place while the head holds a shard's lock.
pub trait AppendSource {
    /// How many series there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of series `index`: the keyed hash of its canonical label region (see [`model::Fingerprinter`]).
    fn fingerprint(&self, index: usize) -> Fingerprint;

    /// The samples of series `index` as (milliseconds, value), in the order they came in.
    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)>;

    /// The histograms of series `index` as (milliseconds, histogram), valid ones, in the order they came in.
    fn histograms(&self, _index: usize) -> impl Iterator<Item = (i64, HistogramRef<'_>)> {
        std::iter::empty()
    }

    /// The exemplars of series `index`, in the order they came in.
    fn exemplars(&self, _index: usize) -> impl Iterator<Item = ExemplarRef<'_>> {
        std::iter::empty()
    }

    /// What was said of the metric that series `index` is of.
    fn metadata(&self, _index: usize) -> Option<MetadataRef<'_>> {
        None
    }

    /// The checked labels of series `index`, to create it with. `None`: append only if the series is known, else report
    /// it as missed.
    fn labels(&self, index: usize) -> Option<LabelsRef<'_>>;
}

/// What an append must hold to.
#[derive(Debug, Clone, Copy)]
pub struct AppendLimits {
    /// Samples after this are refused as too far ahead. Milliseconds, inside.
    pub max_ms: i64,
    /// At most so many series in the head; creating more is refused.
    pub max_series: u64,
}

/// What became of the series of an [`AppendSource`].
#[derive(Debug, Default)]
pub struct Appended {
    /// Floats stored or repeated with an equal value, all of them in the log's buffer.
    pub accepted: u64,
    /// Histograms, likewise.
    pub histograms: u64,
    /// Exemplars stored or repeated; where the head keeps none, all that came of series it has.
    pub exemplars: u64,
    /// How many of both came late and were taken all the same.
    pub late: u64,
    /// Series created.
    pub created: u64,
    /// Indices of series the head does not know and was given no labels for.
    pub missed: Vec<u32>,
    /// The first [`Appended::MAX_REFUSED`] refusals.
    pub refused: Vec<Refused>,
    /// How many samples, floats and histograms, were refused in all.
    pub refused_total: u64,
    /// Exemplars that were refused, which is no reason to refuse a sample.
    pub exemplars_refused: ExemplarRefusals,
}

impl Appended {
    /// How many refusals are listed.
    pub const MAX_REFUSED: usize = 64;
}

/// How many exemplars were refused, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExemplarRefusals {
    /// Before the newest of their series.
    pub out_of_order: u64,
    /// Names and values of their labels have more than [`MAX_EXEMPLAR_RUNES`] characters.
    pub labels_too_long: u64,
}

/// How many characters the names and values of an exemplar's labels have together, at most (OpenMetrics 1.0).
pub const MAX_EXEMPLAR_RUNES: usize = 128;

/// One refused sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refused {
    /// Index into the source.
    pub series: u32,
    pub timestamp_ms: i64,
    pub why: RefusedBecause,
}

/// Why a sample was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusedBecause {
    /// Older than the newest sample of its series.
    OutOfOrder,
    /// The newest timestamp of its series again, or that of a late sample, with another value.
    DuplicateTimestamp,
    /// Older than what the head still takes.
    OutOfBounds,
    /// Out of order or out of bounds, and farther behind the newest sample of the head than late ones may be.
    TooOld,
    /// After [`AppendLimits::max_ms`].
    TooFarInFuture,
    /// Its series would be one more than [`AppendLimits::max_series`].
    SeriesLimit,
}
