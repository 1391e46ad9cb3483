//! Feeds the engine: opens the selects of a query one after another, and pushes what the store sends.
//!
//! Batches are evaluated on the CPU pool, a few at once, and accepted in the order in which they came, so the answer does
//! not depend on who was faster. While evaluations lag, nothing more is taken from the store, which then waits itself.

use crate::api::ApiError;
use crate::metrics::Metrics;
use futures::{Stream, StreamExt};
use promql::{Evaluator, Output, Partial, Query, Select};
use service::CpuPool;
use std::sync::Arc;
use std::time::Duration;
use storeapi::{EngineBatch, SelectHints, SeriesBatch, SeriesFrame, SeriesRequest, Store, StoreError};
use tokio::sync::Semaphore;

/// Batches under this many bytes are evaluated where they arrive: handing them over would cost more.
const INLINE_BYTES: usize = 64 * 1024;

/// Runs queries over one store.
#[derive(Debug)]
pub(crate) struct Driver {
    store: Arc<dyn Store>,
    pool: CpuPool,
    /// One for each query that may run.
    permits: Semaphore,
    metrics: Metrics,
}

/// What a query gave.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) output: Output,
    /// What stores said is missing.
    pub(crate) store_warnings: Vec<String>,
}

/// One frame of a select, evaluated.
enum Step {
    Partial(Partial),
    Warning(String),
}

impl Driver {
    pub(crate) fn new(store: Arc<dyn Store>, pool: CpuPool, max_concurrent: usize, metrics: Metrics) -> Self {
        metrics.max_in_flight.set(i64::try_from(max_concurrent).unwrap_or(i64::MAX));
        Self { store, pool, permits: Semaphore::new(max_concurrent), metrics }
    }

    /// Runs `query` within `timeout`, its wait for a place among the running ones counted. Dropping the future cancels it.
    pub(crate) async fn run(&self, query: Query, timeout: Duration) -> Result<Answered, ApiError> {
        let started = tokio::time::Instant::now();
        let cancel = CancelOnDrop(query.cancel());
        self.metrics.in_flight.inc();
        let answered = tokio::time::timeout(timeout, self.admitted(query)).await;
        self.metrics.in_flight.dec();
        self.metrics.duration_seconds.observe(started.elapsed().as_secs_f64());
        drop(cancel);
        let answered = answered.unwrap_or_else(|_| {
            Err(ApiError::Timeout(format!("query timed out: it took longer than {} s", timeout.as_secs_f64())))
        });
        if answered.is_err() {
            self.metrics.failed.inc();
        }
        answered
    }

    async fn admitted(&self, mut query: Query) -> Result<Answered, ApiError> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        let mut store_warnings = Vec::new();
        for select in 0..query.selects().len() {
            let frames = self.store.series(request_of(&query.selects()[select]));
            let mut steps = self.evaluate(frames, query.evaluator(select)?);
            while let Some(step) = steps.next().await {
                match step? {
                    Step::Partial(partial) => query.accept(partial)?,
                    Step::Warning(warning) => store_warnings.push(warning),
                }
            }
            drop(steps);
            query.finish(select)?;
        }
        Ok(Answered { output: query.into_output()?, store_warnings })
    }

    /// The frames of a select, evaluated: as many at once as there are threads, in order.
    fn evaluate<'a>(
        &'a self,
        frames: impl Stream<Item = Result<SeriesFrame, StoreError>> + Send + 'a,
        evaluator: Evaluator,
    ) -> impl Stream<Item = Result<Step, ApiError>> + 'a {
        let evaluations = frames.map(move |frame| self.evaluate_frame(frame, evaluator.clone()));
        Box::pin(evaluations.buffered(self.pool.threads() + 1))
    }

    async fn evaluate_frame(
        &self,
        frame: Result<SeriesFrame, StoreError>,
        evaluator: Evaluator,
    ) -> Result<Step, ApiError> {
        match frame? {
            SeriesFrame::Warning(warning) => Ok(Step::Warning(warning)),
            SeriesFrame::Series(batch) => self.evaluate_batch(batch, evaluator).await.map(Step::Partial),
        }
    }

    async fn evaluate_batch(&self, batch: SeriesBatch, evaluator: Evaluator) -> Result<Partial, ApiError> {
        use promql::SeriesBatch as _;
        let batch = EngineBatch::new(batch);
        let size_bytes = batch.size_bytes();
        self.metrics.series.inc_by(batch.len() as u64);
        self.metrics.bytes.inc_by(size_bytes as u64);
        if size_bytes < INLINE_BYTES {
            return Ok(evaluator.evaluate(&batch)?);
        }
        let evaluated = self.pool.run(move || evaluator.evaluate(&batch)).await;
        Ok(evaluated.map_err(|error| ApiError::Internal(error.to_string()))??)
    }
}

fn request_of(select: &Select) -> SeriesRequest {
    SeriesRequest {
        hints: SelectHints { step_ms: select.step_ms, range_ms: select.range_ms, func: select.func.clone() },
        ..SeriesRequest::new(select.matchers.as_slice(), select.range)
    }
}

/// Stops evaluations on other threads when nobody waits for them any more.
struct CancelOnDrop(promql::Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
