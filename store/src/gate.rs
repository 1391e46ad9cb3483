//! How many requests are answered at a time.

use crate::metrics::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Lets so many requests in, and so many more wait.
#[derive(Debug)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    max: usize,
    waiting: AtomicUsize,
    max_waiting: usize,
    metrics: Metrics,
}

/// A request that was let in; on drop, the next is.
#[derive(Debug)]
pub(crate) struct Entered {
    _place: Option<OwnedSemaphorePermit>,
    metrics: Metrics,
}

/// As many are waiting as may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{max} requests are answered and {max_waiting} wait, more are not taken (--store.grpc.series-max-concurrency): ask \
     again later"
)]
pub(crate) struct TooMany {
    max: usize,
    max_waiting: usize,
}

/// One that waits, counted.
struct Waiting<'a>(&'a AtomicUsize);

impl Gate {
    /// Lets `max` in, at least one.
    pub(crate) fn new(max: usize, max_waiting: usize, metrics: Metrics) -> Self {
        let max = max.max(1);
        metrics.gate_max.set(i64::try_from(max).unwrap_or(i64::MAX));
        Self { places: Arc::new(Semaphore::new(max)), max, waiting: AtomicUsize::new(0), max_waiting, metrics }
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// Too many wait already.
    pub(crate) async fn enter(&self) -> Result<Entered, TooMany> {
        let began = Instant::now();
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => Some(place),
            Err(_) => {
                let waiting = Waiting(&self.waiting);
                if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.max_waiting {
                    return Err(TooMany { max: self.max, max_waiting: self.max_waiting });
                }
                let place = Arc::clone(&self.places).acquire_owned().await;
                drop(waiting);
                // Nobody closes it.
                place.ok()
            }
        };
        self.metrics.gate_seconds.observe(began.elapsed().as_secs_f64());
        self.metrics.gate_queries.inc();
        self.metrics.gate_in_flight.inc();
        Ok(Entered { _place: place, metrics: self.metrics.clone() })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.metrics.gate_in_flight.dec();
    }
}

#[cfg(test)]
mod tests;
