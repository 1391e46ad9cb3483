//! What a target did not store of a batch it took: every refusal counted, the first few told.

/// Why one series (or some samples of it) was not stored while the rest of the batch was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejection {
    /// A sample older than the newest of its series.
    OutOfOrder,
    /// The newest timestamp again, with another value.
    DuplicateTimestamp,
    /// A sample older than what the head still takes.
    OutOfBounds,
    /// A sample that came later than late ones may.
    TooOld,
    /// A sample too far ahead of the clock.
    TooFarInFuture,
    /// Labels that are no label set: an empty or repeated name, an empty value, invalid UTF-8, or beyond the limits.
    InvalidLabels,
    /// No `__name__`, on a path whose own software asks for one.
    MissingName,
    /// References to symbols that are not there, or an odd number of them: labels of a series, or of an exemplar.
    InvalidReference,
    /// A series without samples and histograms, on a path whose own software asks for one.
    NoSamples,
    /// A series with samples and histograms, on a path whose own software asks for one of them.
    MixedSamples,
    /// A histogram whose parts do not fit each other.
    InvalidHistogram,
    /// A histogram with more buckets than are allowed.
    TooManyBuckets,
    /// An exemplar whose labels are no label set.
    InvalidExemplar,
    /// An exemplar older than the newest of its series.
    ExemplarOutOfOrder,
    /// An exemplar with longer labels than there may be.
    ExemplarTooLong,
    /// A series that ingesters elsewhere refused, at least in part. What they said is in the detail.
    Conflict,
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The row of the batch; `None` for what has no row.
    pub series: Option<u32>,
    pub why: Rejection,
    /// What to tell the sender: which label or which timestamp. Nothing unescaped in it.
    pub detail: String,
}

/// Refusals by reason, with examples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rejections {
    counts: [u64; Rejection::ALL.len()],
    examples: Vec<Rejected>,
}

impl Rejection {
    /// Every reason, in order.
    pub const ALL: [Self; 16] = [
        Self::OutOfOrder,
        Self::DuplicateTimestamp,
        Self::OutOfBounds,
        Self::TooOld,
        Self::TooFarInFuture,
        Self::InvalidLabels,
        Self::MissingName,
        Self::InvalidReference,
        Self::NoSamples,
        Self::MixedSamples,
        Self::InvalidHistogram,
        Self::TooManyBuckets,
        Self::InvalidExemplar,
        Self::ExemplarOutOfOrder,
        Self::ExemplarTooLong,
        Self::Conflict,
    ];

    /// The reason as the value of a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutOfOrder => "out_of_order",
            Self::DuplicateTimestamp => "duplicate_timestamp",
            Self::OutOfBounds => "out_of_bounds",
            Self::TooOld => "too_old",
            Self::TooFarInFuture => "too_far_in_future",
            Self::InvalidLabels => "invalid_labels",
            Self::MissingName => "missing_name",
            Self::InvalidReference => "invalid_reference",
            Self::NoSamples => "no_samples",
            Self::MixedSamples => "mixed_samples",
            Self::InvalidHistogram => "invalid_histogram",
            Self::TooManyBuckets => "too_many_buckets",
            Self::InvalidExemplar => "invalid_exemplar",
            Self::ExemplarOutOfOrder => "exemplar_out_of_order",
            Self::ExemplarTooLong => "exemplar_too_long",
            Self::Conflict => "conflict",
        }
    }

    /// The reason in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::OutOfOrder => "out of order",
            Self::DuplicateTimestamp => "another value for a timestamp that is stored",
            Self::OutOfBounds => "out of bounds",
            Self::TooOld => "too old",
            Self::TooFarInFuture => "too far in the future",
            Self::InvalidLabels => "invalid labels",
            Self::MissingName => "no metric name",
            Self::InvalidReference => "invalid references to symbols",
            Self::NoSamples => "a series must contain at least one sample or histogram",
            Self::MixedSamples => "a series must contain either samples or histograms, not both",
            Self::InvalidHistogram => "invalid histogram",
            Self::TooManyBuckets => "too many buckets",
            Self::InvalidExemplar => "invalid labels of an exemplar",
            Self::ExemplarOutOfOrder => "exemplar out of order",
            Self::ExemplarTooLong => "labels of an exemplar are too long",
            Self::Conflict => "refused by its ingesters",
        }
    }

    /// What is counted under this reason.
    pub fn unit(self) -> &'static str {
        match self {
            Self::OutOfOrder | Self::DuplicateTimestamp | Self::OutOfBounds | Self::TooOld | Self::TooFarInFuture => {
                "samples"
            }
            Self::InvalidLabels
            | Self::MissingName
            | Self::InvalidReference
            | Self::NoSamples
            | Self::MixedSamples
            | Self::Conflict => "series",
            Self::InvalidHistogram | Self::TooManyBuckets => "histograms",
            Self::InvalidExemplar | Self::ExemplarOutOfOrder | Self::ExemplarTooLong => "exemplars",
        }
    }
}

impl Rejection {
    /// Whether an ingester of Thanos answers as if all were well: it drops what is refused and says nothing.
    pub fn is_passed_over_by_thanos(self) -> bool {
        matches!(self, Self::InvalidHistogram)
    }

    /// Whether it concerns exemplars and no sample.
    pub fn is_of_exemplars(self) -> bool {
        matches!(self, Self::InvalidExemplar | Self::ExemplarOutOfOrder | Self::ExemplarTooLong)
    }
}

impl Rejections {
    /// How many refusals are told as examples.
    pub const MAX_EXAMPLES: usize = 16;
    /// How long the detail of an example may be, in bytes; the rest is cut off.
    pub const MAX_DETAIL_BYTES: usize = 1024;

    /// Counts `count` refusals, and keeps the first as an example if there is room.
    pub fn add(&mut self, series: Option<u32>, why: Rejection, count: u64, detail: impl FnOnce() -> String) {
        if count == 0 {
            return;
        }
        self.counts[why as usize] += count;
        if self.examples.len() < Self::MAX_EXAMPLES {
            let mut detail = detail();
            detail.truncate(detail.floor_char_boundary(Self::MAX_DETAIL_BYTES));
            self.examples.push(Rejected { series, why, detail });
        }
    }

    /// Adds what another part of the same request refused.
    pub fn merge(&mut self, other: Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        let room = Self::MAX_EXAMPLES - self.examples.len();
        self.examples.extend(other.examples.into_iter().take(room));
    }

    /// Takes out all of one reason.
    pub fn forget(&mut self, why: Rejection) {
        self.deduct(why, u64::MAX);
    }

    /// Takes out `count` of one reason, or as many as there are; examples go with the last.
    pub fn deduct(&mut self, why: Rejection, count: u64) {
        let left = self.count(why).saturating_sub(count);
        self.counts[why as usize] = left;
        if left == 0 {
            self.examples.retain(|example| example.why != why);
        }
    }

    /// How much was refused for this reason.
    pub fn count(&self, why: Rejection) -> u64 {
        self.counts[why as usize]
    }

    /// Whether nothing was refused.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// How much was refused in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The reasons that occurred, with their counts.
    pub fn counts(&self) -> impl Iterator<Item = (Rejection, u64)> {
        Rejection::ALL.into_iter().zip(self.counts).filter(|(_, count)| *count > 0)
    }

    /// The first refusals.
    pub fn examples(&self) -> &[Rejected] {
        &self.examples
    }
}

#[cfg(test)]
mod tests;
