//! Threads for work that computes.
//!
//! Threads that serve sockets must not compute for long, or a probe waits behind a query. Work goes to this pool instead: as
//! many threads as the machine has cores, of lower priority than those that serve, with a bounded queue before them.

use crossbeam::channel::{Receiver, Sender, bounded};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use telemetry::Registry;
use tokio::sync::{Semaphore, oneshot};

/// How much less these threads ask of the scheduler than others, in nice levels.
const NICENESS: i32 = 5;
/// Jobs that wait, for each thread. A job is small, and its sender waits once the queue is full.
const QUEUED_PER_THREAD: usize = 64;

type Job = Box<dyn FnOnce() + Send>;

/// A pool of threads; clones share it. The threads end with the last clone.
#[derive(Debug, Clone)]
pub struct CpuPool {
    jobs: Sender<Job>,
    /// One permit for each place in the queue.
    places: Arc<Semaphore>,
    threads: usize,
    metrics: Metrics,
}

/// Why a job gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CpuPoolError {
    #[error("the work panicked: {0}")]
    Panicked(String),
    #[error("the pool is gone")]
    Gone,
}

#[derive(Debug, Clone, Default)]
struct Metrics {
    queued: Gauge,
    running: Gauge,
    panics: Counter,
}

impl CpuPool {
    /// Starts `threads` threads, at least one.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(threads: usize, registry: &Registry) -> io::Result<Self> {
        let threads = threads.max(1);
        let (jobs, queue) = bounded(threads * QUEUED_PER_THREAD);
        for number in 0..threads {
            let queue = queue.clone();
            thread::Builder::new().name(format!("cpu-{number}")).spawn(move || work(&queue))?;
        }
        let metrics = Metrics::default();
        metrics.register(registry, threads);
        Ok(Self { jobs, places: Arc::new(Semaphore::new(threads * QUEUED_PER_THREAD)), threads, metrics })
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `job` on a thread of the pool, once a place in the queue and then a thread is free. A job that is dropped before a
    /// thread took it is not run; one that runs runs to its end.
    ///
    /// # Errors
    /// When the job panics.
    pub fn run<T, F>(&self, job: F) -> impl Future<Output = Result<T, CpuPoolError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let pool = self.clone();
        async move {
            let place = pool.places.clone().acquire_owned().await.map_err(|_| CpuPoolError::Gone)?;
            let (answer, result) = oneshot::channel();
            let metrics = pool.metrics.clone();
            metrics.queued.inc();
            let run = move || {
                metrics.queued.dec();
                drop(place);
                if answer.is_closed() {
                    return;
                }
                metrics.running.inc();
                let done = catch_unwind(AssertUnwindSafe(job)).map_err(|payload| {
                    metrics.panics.inc();
                    CpuPoolError::Panicked(crate::tasks::panic_message(payload.as_ref()))
                });
                metrics.running.dec();
                // Whoever asked may have gone meanwhile.
                let _ = answer.send(done);
            };
            // There is room: the permit was for this place.
            pool.jobs.send(Box::new(run)).map_err(|_| CpuPoolError::Gone)?;
            drop(pool);
            result.await.map_err(|_| CpuPoolError::Gone)?
        }
    }
}

fn work(queue: &Receiver<Job>) {
    // On Linux this is the calling thread's own. Where it is refused, the thread works as any other.
    let _ = rustix::process::nice(NICENESS);
    while let Ok(job) = queue.recv() {
        job();
    }
}

impl Metrics {
    fn register(&self, registry: &Registry, threads: usize) {
        let size: Gauge = Gauge::default();
        size.set(i64::try_from(threads).unwrap_or(i64::MAX));
        registry.register("gauntlet_cpu_pool_threads", "Threads for work that computes.", size);
        registry.register("gauntlet_cpu_pool_queued_jobs", "Jobs waiting for such a thread.", self.queued.clone());
        registry.register("gauntlet_cpu_pool_running_jobs", "Jobs running on such threads.", self.running.clone());
        registry.register("gauntlet_cpu_pool_panics_total", "Jobs that ended in a panic.", self.panics.clone());
    }
}

#[cfg(test)]
mod tests;
