//! Threads for work that computes.
//!
//! Threads that serve sockets must not compute for long, or a probe waits behind a query. Work goes to this pool instead: as
//! many threads as the machine has cores, of lower priority than those that serve, with a bounded queue before them.

mod in_order;

pub use in_order::InOrder;

use crossbeam::channel::{Receiver, Sender, unbounded};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
pub struct CpuPool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    jobs: Sender<Job>,
    /// One permit for each job that may wait.
    places: Arc<Semaphore>,
    threads: usize,
    /// Threads that wait for a job.
    idle: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
}

/// Why a job gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CpuPoolError {
    #[error("the work panicked: {0}")]
    Panicked(String),
    #[error("the pool is gone")]
    Gone,
}

#[derive(Debug, Default)]
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
        let (jobs, queue) = unbounded();
        let idle = Arc::new(AtomicUsize::new(0));
        for number in 0..threads {
            let (queue, idle) = (queue.clone(), Arc::clone(&idle));
            thread::Builder::new().name(format!("cpu-{number}")).spawn(move || work(&queue, &idle))?;
        }
        let metrics = Arc::new(Metrics::default());
        metrics.register(registry, threads);
        let places = Arc::new(Semaphore::new(threads * QUEUED_PER_THREAD));
        Ok(Self(Arc::new(Shared { jobs, places, threads, idle, metrics })))
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.0.threads
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
            let place = Arc::clone(&pool.0.places).acquire_owned().await.map_err(|_| CpuPoolError::Gone)?;
            let (answer, result) = oneshot::channel();
            let metrics = Arc::clone(&pool.0.metrics);
            metrics.queued.inc();
            let run = move || {
                metrics.queued.dec();
                drop(place);
                if answer.is_closed() {
                    return;
                }
                let done = metrics.count(job);
                // Whoever asked may have gone meanwhile.
                let _ = answer.send(done);
            };
            pool.0.jobs.send(Box::new(run)).map_err(|_| CpuPoolError::Gone)?;
            drop(pool);
            result.await.map_err(|_| CpuPoolError::Gone)?
        }
    }

    /// Runs `job`, which is over soon, on the calling thread; else as [`CpuPool::run`].
    ///
    /// # Errors
    /// When the job panics.
    pub fn here<T>(&self, job: impl FnOnce() -> T) -> Result<T, CpuPoolError> {
        self.0.metrics.count(job)
    }

    /// Leaves `job` to a thread that has nothing to do, if there is one. It is not waited for.
    fn offer(&self, job: impl FnOnce() + Send + 'static) {
        // Who looks at the same moment may see the same thread: then the job waits a little.
        if self.0.idle.load(Ordering::Relaxed) > self.0.jobs.len() {
            // A pool that is gone takes nothing.
            let _ = self.0.jobs.send(Box::new(job));
        }
    }
}

fn work(queue: &Receiver<Job>, idle: &AtomicUsize) {
    // On Linux this is the calling thread's own. Where it is refused, the thread works as any other.
    let _ = rustix::process::nice(NICENESS);
    loop {
        idle.fetch_add(1, Ordering::Relaxed);
        let job = queue.recv();
        idle.fetch_sub(1, Ordering::Relaxed);
        match job {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

impl Metrics {
    /// Runs `job`, counted.
    fn count<T>(&self, job: impl FnOnce() -> T) -> Result<T, CpuPoolError> {
        self.running.inc();
        let done = catch_unwind(AssertUnwindSafe(job)).map_err(|payload| {
            self.panics.inc();
            CpuPoolError::Panicked(crate::tasks::panic_message(payload.as_ref()))
        });
        self.running.dec();
        done
    }

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
