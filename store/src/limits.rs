//! How much one request may touch, counted over all its blocks.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The limits of a request, as Thanos has them; `None`: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestLimits {
    /// Series that the matchers accept, in each block anew. `--store.limits.request-series`.
    pub series: Option<u64>,
    /// Samples, taken as [`SAMPLES_PER_CHUNK`] a chunk. `--store.limits.request-samples`.
    pub samples: Option<u64>,
    /// Bytes fetched from the bucket. `--store.grpc.downloaded-bytes-limit`.
    pub downloaded_bytes: Option<u64>,
}

/// As how many samples a chunk counts, whatever it holds.
pub const SAMPLES_PER_CHUNK: u64 = 120;

/// What a request has touched so far.
#[derive(Debug)]
pub(crate) struct Touched {
    series: Limiter,
    chunks: Limiter,
    bytes: Limiter,
}

/// A limit that was reached. Its text is that of Thanos, by which queriers know it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rpc error: code = ResourceExhausted desc = exceeded {what}: limit {limit} violated (got {got})")]
pub(crate) struct LimitReached {
    pub(crate) what: What,
    pub(crate) limit: u64,
    pub(crate) got: u64,
}

/// Which limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Series,
    Chunks,
    /// Bytes, of this kind.
    Bytes(Fetch),
}

/// What bytes are fetched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetch {
    Postings,
    Series,
    Chunks,
}

#[derive(Debug)]
struct Limiter {
    limit: Option<u64>,
    taken: AtomicU64,
}

impl Touched {
    /// Nothing yet.
    pub(crate) fn new(limits: &RequestLimits) -> Self {
        let limiter = |limit| Limiter { limit, taken: AtomicU64::new(0) };
        Self {
            series: limiter(limits.series),
            chunks: limiter(limits.samples.map(|samples| samples / SAMPLES_PER_CHUNK)),
            bytes: limiter(limits.downloaded_bytes),
        }
    }

    /// Counts series that the matchers of a block accept.
    pub(crate) fn series(&self, count: u64) -> Result<(), LimitReached> {
        self.series.take(count, What::Series)
    }

    /// Counts chunks that are to be sent.
    pub(crate) fn chunks(&self, count: u64) -> Result<(), LimitReached> {
        self.chunks.take(count, What::Chunks)
    }

    /// Counts bytes that are to be fetched.
    pub(crate) fn bytes(&self, count: u64, fetch: Fetch) -> Result<(), LimitReached> {
        self.bytes.take(count, What::Bytes(fetch))
    }
}

impl Limiter {
    fn take(&self, count: u64, what: What) -> Result<(), LimitReached> {
        let Some(limit) = self.limit else { return Ok(()) };
        let got = self.taken.fetch_add(count, Ordering::Relaxed).saturating_add(count);
        if got <= limit { Ok(()) } else { Err(LimitReached { what, limit, got }) }
    }
}

impl fmt::Display for What {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Series => out.write_str("series limit"),
            Self::Chunks => out.write_str("chunks limit"),
            Self::Bytes(fetch) => write!(out, "bytes limit while fetching {fetch}"),
        }
    }
}

impl fmt::Display for Fetch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Postings => "postings",
            Self::Series => "series",
            Self::Chunks => "chunks",
        })
    }
}

#[cfg(test)]
mod tests;
