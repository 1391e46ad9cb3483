//! How series are read: what is made of replicas, and which of the aggregates is taken.

use model::TimeRange;
use tsdb::Aggregate;

/// How the chunks of a series become samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// How replicas are made one. `None`: what overlaps is joined, each timestamp once.
    pub dedup: Option<DedupFunc>,
    /// What is read of downsampled chunks, and whether the samples are those of counters.
    pub reading: Reading,
    /// What the select is about, both ends inside: which replica is followed depends on where one begins to look.
    pub range: TimeRange,
    /// Of each series the newest sample in `range` is all that is looked at: what lies before it may be left out.
    pub newest_only: bool,
}

/// The algorithms of `--deduplication.func`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum DedupFunc {
    /// One replica is followed, another is turned to in its gaps: [`tsdb::dedup::penalty`].
    #[default]
    Penalty,
    /// The samples of all replicas: [`tsdb::dedup::chain`].
    Chain,
}

/// What is read of downsampled chunks. Raw chunks are read as they are, whatever this says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Reading {
    /// Sum by count.
    #[default]
    Average,
    Count,
    Sum,
    Min,
    Max,
    /// A counter without resets. Where there are several replicas this is what becomes of raw chunks, too: only then can
    /// one go on where another has ended.
    Counter,
    /// The same, but that the resets of raw samples, which are asked for, stay in.
    Resets,
}

impl Default for ReadOptions {
    /// Everything, joined.
    fn default() -> Self {
        Self { dedup: None, reading: Reading::default(), range: TimeRange::ALL, newest_only: false }
    }
}

impl Reading {
    /// What the nearest enclosing function or aggregation of a selector wants, by its name in PromQL.
    pub fn of(func: &str) -> Self {
        let is = |name: &str| func.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        match func {
            _ if is("min") => Self::Min,
            _ if is("max") => Self::Max,
            _ if is("count") => Self::Count,
            _ if func.starts_with("sum_") => Self::Sum,
            "rate" | "irate" | "increase" | "xrate" | "xincrease" => Self::Counter,
            "resets" => Self::Resets,
            _ => Self::Average,
        }
    }

    /// The aggregates that have to be asked for.
    pub fn aggregates(self) -> &'static [Aggregate] {
        match self {
            Self::Average => &[Aggregate::Count, Aggregate::Sum],
            Self::Count => &[Aggregate::Count],
            Self::Sum => &[Aggregate::Sum],
            Self::Min => &[Aggregate::Min],
            Self::Max => &[Aggregate::Max],
            Self::Counter | Self::Resets => &[Aggregate::Counter],
        }
    }
}

/// The aggregates that a select asks for on behalf of `func`, its nearest enclosing function or aggregation.
pub fn aggregates_for(func: &str) -> &'static [Aggregate] {
    Reading::of(func).aggregates()
}

#[cfg(test)]
mod tests;
