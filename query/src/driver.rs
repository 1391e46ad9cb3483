//! Feeds the engine: opens the selects of a query one after another, and pushes what the store sends.
//!
//! What lies in this process is walked on the CPU pool, or here if it is little, and evaluated where it is found ([`pulled`]).
//! What comes from afar is evaluated on the CPU pool, a few batches at once, or here as long as it is little. Either way they
//! are accepted in the order in which they came, so the answer does not depend on who was faster; while evaluations lag, nothing
//! more is taken from the store, which then waits itself.

mod pulled;

use crate::api::{ApiError, Scope, Timings, Told};
use crate::config::Flavour;
use crate::metrics::Metrics;
use futures::{Stream, StreamExt};
use promql::{Evaluator, Operator, Output, Partial, Query};
use pulled::{Pulled, Turn};
use service::{CpuPool, CpuPoolError};
use std::sync::Arc;
use std::time::Duration;
use storeapi::{EngineBatch, ReadOptions, SeriesBatch, SeriesFrame, SeriesStream, Store, StoreError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What has fewer bytes than this is worked on where it arrives: handing it over would cost more.
const INLINE_BYTES: usize = 64 * 1024;
/// So are the first batches of a select, as long as they have no more than this together: they often are all of it, a few hundred
/// series, and then nothing is won by having them done elsewhere.
const FIRST_BYTES: usize = 256 * 1024;

/// Runs queries over one store.
#[derive(Debug)]
pub(crate) struct Driver {
    store: Arc<dyn Store>,
    pool: CpuPool,
    /// One for each query that may run.
    permits: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// What a query gave.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) output: Output,
    /// What was looked at and how long it took, if samples were counted.
    pub(crate) told: Option<Told>,
    /// What operators did, if that is asked for.
    pub(crate) operators: Vec<Operator>,
    /// What is missing, by what stores said.
    pub(crate) missing: Vec<String>,
}

/// How the frames of a select are taken.
#[derive(Debug, Clone, Copy)]
struct How {
    reading: ReadOptions,
    flavour: Flavour,
    /// What was taken of the select before, and the frame itself.
    taken_bytes: usize,
}

/// One frame of a select, evaluated.
enum Step {
    Partial(Partial),
    Warning(String),
}

impl Driver {
    pub(crate) fn new(store: Arc<dyn Store>, pool: CpuPool, max_concurrent: usize, metrics: Metrics) -> Self {
        metrics.max_in_flight.set(i64::try_from(max_concurrent).unwrap_or(i64::MAX));
        Self { store, pool, permits: Arc::new(Semaphore::new(max_concurrent)), metrics: Arc::new(metrics) }
    }

    /// Waits for a place among what may run at once.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Runs `query` within `timeout`, its wait for a place among the running ones counted. Dropping the future cancels it.
    pub(crate) async fn run(&self, query: Query, timeout: Duration, scope: Scope) -> Result<Answered, ApiError> {
        let started = tokio::time::Instant::now();
        let cancel = CancelOnDrop(query.cancel());
        self.metrics.in_flight.inc();
        // Boxed, so that what stands around it is moved without it.
        let answered = tokio::time::timeout(timeout, Box::pin(self.admitted(query, scope))).await;
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

    async fn admitted(&self, mut query: Query, scope: Scope) -> Result<Answered, ApiError> {
        let waits = tokio::time::Instant::now();
        let _permit = self.permit().await;
        let began = tokio::time::Instant::now();
        let mut missing = Vec::new();
        for select in 0..query.selects().len() {
            let wanted = &query.selects()[select];
            let how = How { reading: scope.reading(wanted), flavour: scope.flavour, taken_bytes: 0 };
            let request = scope.select(wanted);
            query = match self.store.walk(&request) {
                Some(walk) => self.pull(Pulled::new(walk, query, select, how, self)?, &mut missing).await?,
                None => self.push(self.store.series(request), query, select, how, &mut missing).await?,
            };
            query.finish(select)?;
        }
        let statistics = query.statistics();
        let operators = query.operators();
        let output = query.into_output()?;
        let timings = Timings { queued: began - waits, evaluating: began.elapsed(), ..Timings::default() };
        Ok(Answered { output, told: statistics.map(|samples| Told { timings, samples }), operators, missing })
    }

    /// Evaluates a walk: a small one here. Other work comes to its turn in between.
    async fn pull(&self, pulled: Pulled, missing: &mut Vec<String>) -> Result<Query, ApiError> {
        let mut pulled = Box::new(pulled);
        let mut turn = match pulled.is_small() {
            true => self.pool.here(|| pulled.go_on()).map_err(internal)??,
            false => Turn::GoesOn,
        };
        while turn == Turn::GoesOn {
            let going_on = self.pool.run(move || pulled.go_on().map(|turn| (pulled, turn)));
            (pulled, turn) = going_on.await.map_err(internal)??;
        }
        let (query, mut warnings) = pulled.into_parts();
        missing.append(&mut warnings);
        Ok(query)
    }

    /// Evaluates frames as they arrive.
    async fn push(
        &self,
        frames: SeriesStream,
        mut query: Query,
        select: usize,
        how: How,
        missing: &mut Vec<String>,
    ) -> Result<Query, ApiError> {
        let mut steps = self.evaluate(frames, query.evaluator(select)?, how);
        while let Some(step) = steps.next().await {
            match step? {
                Step::Partial(partial) => query.accept(partial)?,
                Step::Warning(warning) => missing.push(warning),
            }
        }
        drop(steps);
        Ok(query)
    }

    /// The frames of a select, evaluated: as many at once as there are threads, in order.
    fn evaluate<'a>(
        &'a self,
        frames: impl Stream<Item = Result<SeriesFrame, StoreError>> + Send + 'a,
        evaluator: Evaluator,
        how: How,
    ) -> impl Stream<Item = Result<Step, ApiError>> + 'a {
        let mut taken_bytes = 0;
        let evaluations = frames.map(move |frame| {
            if let Ok(SeriesFrame::Series(batch)) = &frame {
                taken_bytes += batch.size_bytes();
            }
            self.evaluate_frame(frame, evaluator.clone(), How { taken_bytes, ..how })
        });
        Box::pin(evaluations.buffered(self.pool.threads() + 1))
    }

    async fn evaluate_frame(
        &self,
        frame: Result<SeriesFrame, StoreError>,
        evaluator: Evaluator,
        how: How,
    ) -> Result<Step, ApiError> {
        match frame.map_err(|error| how.failed(error))? {
            SeriesFrame::Warning(warning) => Ok(Step::Warning(warning)),
            SeriesFrame::Series(batch) => self.evaluate_batch(batch, evaluator, how).await.map(Step::Partial),
        }
    }

    async fn evaluate_batch(&self, batch: SeriesBatch, evaluator: Evaluator, how: How) -> Result<Partial, ApiError> {
        use promql::SeriesBatch as _;
        let batch = EngineBatch::new(batch).with(how.reading);
        let size_bytes = batch.size_bytes();
        self.metrics.read(&batch);
        let evaluate = move || evaluator.evaluate(&batch);
        let evaluated = match how.taken_bytes <= FIRST_BYTES {
            true => self.pool.here(evaluate),
            false => self.compute(size_bytes, evaluate).await,
        };
        Ok(evaluated.map_err(internal)??)
    }

    /// Does what has to be done to so many bytes: here if they are few, else where work is computed.
    pub(crate) async fn compute<T, F>(&self, bytes: usize, work: F) -> Result<T, CpuPoolError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        match bytes < INLINE_BYTES {
            true => self.pool.here(work),
            false => self.pool.run(work).await,
        }
    }
}

impl How {
    fn failed(self, error: StoreError) -> ApiError {
        ApiError::of_store(error, self.flavour, "expanding series: proxy Series()")
    }
}

fn internal(error: CpuPoolError) -> ApiError {
    ApiError::Internal(error.to_string())
}

/// Stops evaluations on other threads when nobody waits for them any more.
struct CancelOnDrop(promql::Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
