//! What a write is, between the one who received it and the one who stores it.

use bytes::Bytes;
use model::{Durable, Fingerprint, InvalidTenant};
use std::future::Future;
use std::ops::{Deref, Range};
use std::pin::Pin;
use std::sync::Arc;

mod encode;
mod extras;
mod fields;
mod histograms;
mod label_set;
#[cfg(test)]
mod messages;
mod rejections;
mod remote_write;
mod server;
mod shape;
mod version_2;
mod walk;

pub use encode::RequestEncoder;
pub use extras::{ExemplarField, ExemplarFields};
pub use fields::{LabelFields, SampleFields};
pub use histograms::{BadHistogram, HistogramAt, HistogramFault, HistogramFields, HistogramScratch};
pub use label_set::{Excerpt, InvalidLabelSet, LabelLimits, pack_labels};
pub use rejections::{Rejected, Rejection, Rejections};
pub use remote_write::{ForwardPart, InvalidRemoteWrite, RemoteWrite, TenantBatch, forward_request, forward_tuples};
pub use server::RemoteWriteServer;
pub use version_2::{InvalidRequest2, Outline, Request2, Spellings, Symbols};
pub use walk::{Malformed, Tally, count_rows};

/// One series of a write that has labels and anything else: where they lie in the batch's body. In a body of remote write 2.0
/// all of it is as 2.0 has it, with references in place of labels; but the fingerprint is that of the labels spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesSlice {
    /// The whole series with its key and size, as field 1 of a request has it: what is forwarded if it is spelled out.
    pub field: Range<u32>,
    /// The label fields of the message, with their tags; contiguous unless it is scattered.
    pub labels: Range<u32>,
    /// The sample fields of the message, with their tags; contiguous unless it is scattered. Empty: it has none.
    pub samples: Range<u32>,
    /// The keyed hash of the labels. Names no series if it is scattered.
    pub fingerprint: Fingerprint,
    /// Where its first histogram lies; the others are behind it, with other fields between them. 0: it has none.
    histograms_at: u32,
    /// Where its first exemplar, or its metadata, lie; likewise.
    extras_at: u32,
}

/// The fingerprint of what has no contiguous labels. A region with that hash, should it ever come, takes the slow path.
const SCATTERED: Fingerprint = Fingerprint(0);

impl SeriesSlice {
    /// Whether the message interleaves its fields, so that no slice holds just the labels: both ranges are the whole message
    /// then, and the series takes the slow path.
    pub fn is_scattered(&self) -> bool {
        self.fingerprint == SCATTERED
    }

    /// Whether it has histograms.
    pub fn has_histograms(&self) -> bool {
        self.histograms_at > 0
    }

    /// Whether it has exemplars or metadata.
    pub fn has_extras(&self) -> bool {
        self.extras_at > 0
    }

    /// Whether it has neither samples nor histograms.
    pub fn is_bare(&self) -> bool {
        self.samples.is_empty() && !self.has_histograms()
    }

    /// Whether there is nothing in it to be stored, by anybody: it is passed over and not forwarded.
    pub fn is_void(&self) -> bool {
        self.is_bare() && !self.has_extras()
    }

    /// Takes everything out of it.
    pub fn clear(&mut self) {
        self.samples = 0..0;
        (self.histograms_at, self.extras_at) = (0, 0);
    }
}

/// The series of one request, as slices of its decompressed body. Made by [`WriteBatch::walk`] and [`Request2::read`].
#[derive(Debug, Clone)]
pub struct WriteBatch {
    pub body: Bytes,
    pub series: Vec<SeriesSlice>,
    /// What labels refer to, in a body of remote write 2.0; `None`: they are spelled out, as in 1.0.
    pub symbols: Option<Arc<Symbols>>,
    /// Milliseconds since the epoch when the request came in: what "too far ahead" is measured against.
    pub received_ms: i64,
    /// Which replica of a replicated write this is, from 1; 0: it was not replicated yet. Who only stores does not care.
    pub replica: u32,
}

/// A batch whose labels are spelled out: its series can be sent on as they lie. Made by [`WriteBatch::spelled`].
#[derive(Debug, Clone)]
pub struct SpelledBatch(WriteBatch);

impl SpelledBatch {
    /// The same for whoever takes any batch.
    pub fn into_batch(self) -> WriteBatch {
        self.0
    }

    /// Some of its series, for another replica.
    pub fn with(&self, series: Vec<SeriesSlice>, replica: u32) -> Self {
        Self(WriteBatch { body: self.body.clone(), series, symbols: None, received_ms: self.received_ms, replica })
    }
}

impl Deref for SpelledBatch {
    type Target = WriteBatch;

    fn deref(&self) -> &WriteBatch {
        &self.0
    }
}

/// What became of a batch that was taken.
#[derive(Debug, Default)]
pub struct WriteOutcome {
    /// Proof that everything accepted is safe; `None` if nothing was.
    pub durable: Option<Durable>,
    /// Float samples stored, equal repeats among them.
    pub samples_accepted: u64,
    /// Histograms, likewise.
    pub histograms_accepted: u64,
    /// Exemplars stored or repeated; where none are kept, all that came with series that are.
    pub exemplars_accepted: u64,
    /// What was refused, and why; indices are into [`WriteBatch::series`].
    pub rejections: Rejections,
}

/// Why a whole batch was not taken. Nothing of it may be reported as stored, although some of it may be: repeating the
/// batch is harmless.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the log could not be written: {0}")]
    LogFailed(String),
    #[error("disk space is below the floor of {floor_bytes} bytes")]
    DiskFull { floor_bytes: u64 },
    #[error("not ready: {0}")]
    NotReady(String),
    #[error("the tenant has reached its limit of {limit} active series")]
    SeriesLimit { limit: u64 },
    #[error("there are {limit} tenants, which is the limit")]
    TenantLimit { limit: usize },
    #[error("there are more than {limit} tenants in one request")]
    TooManyTenants { limit: usize },
    #[error("a write quorum is not reachable: {0}")]
    Unavailable(String),
    #[error("no ingester can be named: {0}")]
    NoPlace(String),
    #[error("request replica exceeds receiver replication factor: {replica} of {replication_factor}")]
    Replica { replica: u64, replication_factor: usize },
    #[error("tenant name not valid: {0}")]
    Tenant(#[from] InvalidTenant),
}

/// Takes writes: one per process that can store, or reach who stores.
pub trait WriteTarget: Send + Sync + std::fmt::Debug {
    /// Whether batches of remote write 2.0 should come as they are. Else they are better spelled out before, where there is a
    /// budget for that; this one would have to do it.
    fn reads_symbols(&self) -> bool {
        false
    }

    /// Stores `batch` for `tenant` and resolves once what was accepted is durable. A row that is void
    /// ([`SeriesSlice::is_void`]) is passed over; one that has nothing but exemplars or metadata makes no series.
    ///
    /// # Errors
    /// The batch was not taken, or nobody vouches for it: see [`WriteError`]. What is refused of a batch that was taken is no
    /// error and is listed in the outcome.
    fn write<'a>(
        &'a self,
        tenant: &'a model::TenantId,
        batch: WriteBatch,
    ) -> Pin<Box<dyn Future<Output = Result<WriteOutcome, WriteError>> + Send + 'a>>;
}
