//! What a write is, between the one who received it and the one who stores it.

use bytes::Bytes;
use model::{Durable, Fingerprint};
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;

/// One series of a write: where its parts lie in the batch's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesSlice {
    /// The label fields of the message, with their tags; contiguous unless [`SeriesSlice::scattered`].
    pub labels: Range<u32>,
    /// The sample fields of the message, with their tags; contiguous unless [`SeriesSlice::scattered`].
    pub samples: Range<u32>,
    /// The keyed hash of `labels`. Meaningless if scattered.
    pub fingerprint: Fingerprint,
    /// The message interleaves its fields, so no slice holds just the labels: both ranges are the whole message, and the
    /// series takes the slow path.
    pub scattered: bool,
}

/// The series of one request, as slices of its decompressed body.
#[derive(Debug, Clone)]
pub struct WriteBatch {
    pub body: Bytes,
    pub series: Vec<SeriesSlice>,
    /// Milliseconds since the epoch when the request came in: what "too far ahead" is measured against.
    pub received_ms: i64,
}

/// Why one series (or some samples of it) was not stored while the rest of the batch was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejection {
    /// A sample older than the newest of its series.
    OutOfOrder,
    /// The newest timestamp again, with another value.
    DuplicateTimestamp,
    /// A sample older than what the head still takes.
    OutOfBounds,
    /// A sample too far ahead of the clock.
    TooFarInFuture,
    /// Labels that are no label set: an empty or repeated name, invalid UTF-8, or beyond the limits.
    InvalidLabels,
    /// No `__name__`, on a path whose own software asks for one.
    MissingName,
    /// A histogram, which is not stored yet.
    Histogram,
}

/// What became of a batch that was taken.
#[derive(Debug)]
pub struct WriteOutcome {
    /// Proof that everything accepted is safe.
    pub durable: Durable,
    /// Samples stored, equal repeats among them.
    pub samples_accepted: u64,
    /// What was refused and why, one entry a refused sample or series, in the order of the batch; at most
    /// [`WriteOutcome::MAX_REJECTED`] are listed.
    pub rejected: Vec<Rejected>,
    /// How many were refused in all.
    pub rejected_total: u64,
}

impl WriteOutcome {
    /// How many refusals an outcome lists.
    pub const MAX_REJECTED: usize = 64;
}

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Index into [`WriteBatch::series`].
    pub series: u32,
    pub why: Rejection,
    /// What to tell the sender: which label or which timestamp. At most 1 KiB, nothing unescaped in it.
    pub detail: String,
}

/// Why a whole batch was not taken. Nothing of it may be reported as stored.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("series {series} at byte {at}: {what}")]
    Malformed { series: u32, at: usize, what: &'static str },
    #[error("the log could not be written: {0}")]
    LogFailed(String),
    #[error("disk space is below the floor of {floor_bytes} bytes")]
    DiskFull { floor_bytes: u64 },
    #[error("not ready: {0}")]
    NotReady(String),
    #[error("the tenant has reached its limit of {limit} active series")]
    SeriesLimit { limit: u64 },
}

/// Takes writes: one per process that can store, or reach who stores.
pub trait WriteTarget: Send + Sync + std::fmt::Debug {
    /// Stores `batch` for `tenant` and resolves once what was accepted is durable.
    fn write<'a>(
        &'a self,
        tenant: &'a model::TenantId,
        batch: WriteBatch,
    ) -> Pin<Box<dyn Future<Output = Result<WriteOutcome, WriteError>> + Send + 'a>>;
}
