//! What a query may use, and how it is told to stop.

#[cfg(test)]
mod tests;

use crate::{Budget, QueryError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// What a query may use.
#[derive(Debug, Clone)]
pub struct QueryLimits {
    /// Samples held at one time, as Prometheus counts them (`query.max-samples`).
    pub max_samples: usize,
    /// Where the bytes it holds are reserved: a budget of this query, within that of its tenant and that of the process.
    pub memory: Budget,
}

impl Default for QueryLimits {
    /// Prometheus' number of samples, and no limit on bytes.
    fn default() -> Self {
        Self { max_samples: 50_000_000, memory: Budget::unlimited() }
    }
}

/// Stops a query from any thread; the query looks at it once per series. Cloning gives another handle of the same.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicU8>);

const RUNNING: u8 = 0;
const CANCELLED: u8 = 1;
const TIMED_OUT: u8 = 2;

impl Cancel {
    /// Stops the query because nobody waits for it any more.
    pub fn cancel(&self) {
        self.stop(CANCELLED);
    }

    /// Stops the query because its time is over.
    pub fn time_out(&self) {
        self.stop(TIMED_OUT);
    }

    /// The first reason stays.
    fn stop(&self, reason: u8) {
        let _ = self.0.compare_exchange(RUNNING, reason, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// # Errors
    /// Why the query was stopped, if it was.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        match self.0.load(Ordering::Relaxed) {
            RUNNING => Ok(()),
            TIMED_OUT => Err(QueryError::TimedOut),
            _ => Err(QueryError::Cancelled),
        }
    }
}

/// Counts the samples a query holds, over all its threads.
#[derive(Debug, Clone)]
pub(crate) struct SampleCount(Arc<Count>);

#[derive(Debug)]
struct Count {
    held: AtomicUsize,
    /// The most that were held so far.
    peak: AtomicUsize,
    limit: usize,
}

impl SampleCount {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Count { held: AtomicUsize::new(0), peak: AtomicUsize::new(0), limit }))
    }

    /// Counts `samples` more.
    ///
    /// # Errors
    /// [`QueryError::TooManySamples`].
    pub(crate) fn add(&self, samples: usize) -> Result<(), QueryError> {
        let held = self.0.held.fetch_add(samples, Ordering::Relaxed).saturating_add(samples);
        // Mostly it is not a new one, and then nothing is written that other threads look at.
        if held > self.0.peak.load(Ordering::Relaxed) {
            self.0.peak.fetch_max(held, Ordering::Relaxed);
        }
        if held > self.0.limit { Err(QueryError::TooManySamples) } else { Ok(()) }
    }

    /// The most that were held at one time.
    pub(crate) fn peak(&self) -> usize {
        self.0.peak.load(Ordering::Relaxed)
    }

    /// Counts samples that are forgotten when what holds them is dropped.
    pub(crate) fn hold(&self) -> HeldSamples {
        HeldSamples { count: self.clone(), samples: 0, uncounted: 0 }
    }

    /// `samples` are no longer held.
    pub(crate) fn remove(&self, samples: usize) {
        self.0.held.fetch_sub(samples, Ordering::Relaxed);
    }
}

/// Samples that are counted until this is dropped.
#[derive(Debug)]
pub(crate) struct HeldSamples {
    count: SampleCount,
    samples: usize,
    /// Those of them that the others do not know of yet.
    uncounted: usize,
}

/// So many samples are counted together: the count is one for all threads.
const COUNTED_TOGETHER: usize = 4096;

impl HeldSamples {
    /// Counts `samples` more, sooner or later.
    ///
    /// # Errors
    /// [`QueryError::TooManySamples`].
    pub(crate) fn add(&mut self, samples: usize) -> Result<(), QueryError> {
        self.uncounted += samples;
        if self.uncounted >= COUNTED_TOGETHER { self.count_all() } else { Ok(()) }
    }

    /// Counts those that are not yet.
    ///
    /// # Errors
    /// [`QueryError::TooManySamples`].
    pub(crate) fn count_all(&mut self) -> Result<(), QueryError> {
        let samples = std::mem::take(&mut self.uncounted);
        self.samples += samples;
        self.count.add(samples)
    }

    /// From now on somebody else answers for them.
    pub(crate) fn hand_over(mut self) {
        self.samples = 0;
    }
}

impl Drop for HeldSamples {
    fn drop(&mut self) {
        self.count.remove(self.samples);
    }
}
