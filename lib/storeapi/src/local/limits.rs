//! What one `Series` request may take.

use crate::store::StoreError;
use tsdb::ChunkSeriesBatch;

/// Samples that a chunk counts for, whatever it holds: as many as heads put into one.
const SAMPLES_A_CHUNK: u64 = 120;

/// Limits of a `Series` request, Thanos' `--store.limits.request-series` and `-samples`; 0: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeriesLimits {
    pub series: u64,
    /// Each chunk counts as 120.
    pub samples: u64,
}

/// What a request has taken so far.
#[derive(Debug)]
pub(super) struct Taken {
    limits: SeriesLimits,
    series: u64,
    samples: u64,
}

impl Taken {
    pub(super) fn new(limits: SeriesLimits) -> Self {
        Self { limits, series: 0, samples: 0 }
    }

    /// Counts a batch.
    pub(super) fn add(&mut self, batch: &ChunkSeriesBatch) -> Result<(), StoreError> {
        if self.limits == SeriesLimits::default() {
            return Ok(());
        }
        for (_, chunks) in batch.iter() {
            self.add_series(chunks.len() as u64 * SAMPLES_A_CHUNK)?;
        }
        Ok(())
    }

    /// Counts a series of so many samples.
    pub(super) fn add_series(&mut self, samples: u64) -> Result<(), StoreError> {
        self.series += 1;
        self.samples += samples;
        check("series", self.limits.series, self.series)?;
        check("samples", self.limits.samples, self.samples)
    }
}

/// The text is Thanos'.
fn check(what: &str, limit: u64, taken: u64) -> Result<(), StoreError> {
    if limit == 0 || taken <= limit {
        return Ok(());
    }
    Err(StoreError::LimitExceeded(format!("failed to send {what}: limit {limit} violated (got {taken})")))
}
