//! Threads that apply samples, each to shards of its own.

use super::ReplayTarget;
use super::source::Batch;
use crate::head::Part;
use crossbeam::channel::{Receiver, Sender, bounded};
use crossbeam::sync::WaitGroup;
use std::sync::Arc;
use std::thread;

/// The applying threads of a replay.
pub(super) struct Parts {
    work: Vec<Sender<Work>>,
    empty: Sender<Batch>,
}

enum Work {
    Apply(Arc<Batch>),
    /// Tells that all before it is applied.
    Settle(WaitGroup),
}

/// Batches that may wait for a thread.
const WAITING: usize = 2;

impl Parts {
    /// Starts a thread for each of `parts` parts. Batches that all are done with go to `empty`.
    pub(super) fn start<'scope, T: ReplayTarget>(
        target: &'scope T,
        scope: &'scope thread::Scope<'scope, '_>,
        parts: usize,
        empty: Sender<Batch>,
    ) -> Self {
        let start = |index| {
            let (work, take) = bounded(WAITING);
            let empty = empty.clone();
            scope.spawn(move || apply(target, Part { index, of: parts }, &take, &empty));
            work
        };
        Self { work: (0..parts).map(start).collect(), empty: empty.clone() }
    }

    /// Has every thread apply its part of `batch`.
    pub(super) fn apply(&self, batch: &Arc<Batch>) {
        for work in &self.work {
            // A thread that is gone has panicked, and that ends the replay with the scope.
            let _ = work.send(Work::Apply(Arc::clone(batch)));
        }
    }

    /// Waits until all is applied.
    pub(super) fn settle(&self) {
        let all = WaitGroup::new();
        for work in &self.work {
            let _ = work.send(Work::Settle(all.clone()));
        }
        all.wait();
    }

    /// The caller is done with `batch`.
    pub(super) fn give_back(&self, batch: Arc<Batch>) {
        give_back(batch, &self.empty);
    }
}

fn apply<T: ReplayTarget>(target: &T, part: Part, work: &Receiver<Work>, empty: &Sender<Batch>) {
    let mut scratch = T::Scratch::default();
    for work in work {
        match work {
            Work::Apply(batch) => {
                target.samples(&batch.decoded.samples, part, &mut scratch);
                give_back(batch, empty);
            }
            Work::Settle(all) => drop(all),
        }
    }
}

/// Whoever is the last to be done with a batch hands it on.
fn give_back(batch: Arc<Batch>, empty: &Sender<Batch>) {
    if let Some(batch) = Arc::into_inner(batch) {
        // Nobody may be left to fill it.
        let _ = empty.send(batch);
    }
}
