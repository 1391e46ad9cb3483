//! The long-running tasks of a process, and how they stop.

use crate::Probes;
use std::any::Any;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::{Future, pending};
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, interval_at, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

/// Tells a task that it should stop.
pub type Stop = CancellationToken;

/// How a task ends.
pub type TaskResult = Result<(), Box<dyn Error + Send + Sync>>;

/// While tasks stop, who is still running is logged this often.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// The tasks of a process. Each runs until it is told to stop; one that ends before that takes the process with it, so that
/// nothing dead can hide behind a live listener.
///
/// They stop one after another, the last started first: what was started later leans on what was started before.
#[derive(Debug)]
pub struct Tasks {
    running: JoinSet<TaskResult>,
    /// In the order of start.
    started: Vec<Started>,
    names: HashMap<Id, &'static str>,
    probes: Probes,
}

#[derive(Debug)]
struct Started {
    id: Id,
    stop: Stop,
}

/// One task that did not do as it should.
#[derive(Debug)]
pub struct Failure {
    pub task: &'static str,
    pub why: Why,
}

/// What it did instead.
#[derive(Debug)]
pub enum Why {
    /// It ended although nobody told it to.
    Ended,
    /// It ended with an error.
    Failed(Box<dyn Error + Send + Sync>),
    /// It panicked, with this message.
    Panicked(String),
    /// It was still running when the time to stop was over.
    Overran,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let task = self.task;
        match &self.why {
            Why::Ended => write!(out, "{task} ended although nobody told it to"),
            Why::Failed(err) => write!(out, "{task} failed: {err}"),
            Why::Panicked(message) => write!(out, "{task} panicked: {message}"),
            Why::Overran => write!(out, "{task} was still running when the time to stop was over"),
        }
    }
}

impl Tasks {
    /// No tasks yet. When stopping begins, `probes` turn not ready first.
    pub fn new(probes: Probes) -> Self {
        Self { running: JoinSet::new(), started: Vec::new(), names: HashMap::new(), probes }
    }

    /// Starts a task. It should run until its [`Stop`] is cancelled, finish what must be finished, and end.
    pub fn spawn<F>(&mut self, name: &'static str, run: impl FnOnce(Stop) -> F)
    where
        F: Future<Output = TaskResult> + Send + 'static,
    {
        let stop = Stop::new();
        let id = self.running.spawn(run(stop.clone())).id();
        self.names.insert(id, name);
        self.started.push(Started { id, stop });
    }

    /// Waits until `told` says that the process should stop, or a task ends; then stops the tasks, last started first. After
    /// `grace`, or when `told` again, those still running are dropped where they are. Returns who failed, first failure first;
    /// nobody, if all went well.
    ///
    /// `told` is called again and again, and its futures may be dropped unfinished: nothing must get lost by that.
    pub async fn run(mut self, mut told: impl AsyncFnMut() -> &'static str, grace: Duration) -> Vec<Failure> {
        let mut failures = Vec::new();
        tokio::select! {
            signal = told() => info!(signal, "stopping"),
            (task, result) = self.next_end() => {
                let why = result.err().unwrap_or(Why::Ended);
                failures.push(Failure { task, why });
                log_failure(&failures);
            }
        }
        self.probes.stopping();
        self.drain(told, Instant::now() + grace, &mut failures).await;
        failures
    }

    async fn drain(&mut self, mut told: impl AsyncFnMut() -> &'static str, by: Instant, failures: &mut Vec<Failure>) {
        let mut report = interval_at(Instant::now() + REPORT_EVERY, REPORT_EVERY);
        while let Some(last) = self.started.pop() {
            last.stop.cancel();
            while self.names.contains_key(&last.id) {
                tokio::select! {
                    (task, result) = self.next_end() => match result {
                        Ok(()) => debug!(task, "stopped"),
                        Err(why) => {
                            failures.push(Failure { task, why });
                            log_failure(failures);
                        }
                    },
                    _ = report.tick() => info!(task = self.names.get(&last.id), "waiting for a task to stop"),
                    signal = told() => {
                        info!(signal, "told again, stopping at once");
                        return self.abandon(failures);
                    }
                    () = sleep_until(by) => return self.abandon(failures),
                }
            }
        }
    }

    /// Drops what still runs.
    fn abandon(&mut self, failures: &mut Vec<Failure>) {
        let mut left: Vec<_> = self.names.drain().map(|(_, name)| name).collect();
        left.sort_unstable();
        for task in left {
            failures.push(Failure { task, why: Why::Overran });
            log_failure(failures);
        }
        self.running.abort_all();
    }

    /// Waits for the next task that ends, for ever if there is none.
    async fn next_end(&mut self) -> (&'static str, Result<(), Why>) {
        let Some(joined) = self.running.join_next_with_id().await else {
            return pending().await;
        };
        let (id, result) = match joined {
            Ok((id, result)) => (id, result.map_err(Why::Failed)),
            Err(err) => (err.id(), Err(why_of(err))),
        };
        (self.names.remove(&id).unwrap_or("a task"), result)
    }
}

fn log_failure(failures: &[Failure]) {
    if let Some(failure) = failures.last() {
        error!(err = %failure, "task failed");
    }
}

fn why_of(err: JoinError) -> Why {
    match err.try_into_panic() {
        Ok(payload) => Why::Panicked(panic_message(payload.as_ref())),
        Err(_) => Why::Overran,
    }
}

/// What a panic said.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or(payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests;
