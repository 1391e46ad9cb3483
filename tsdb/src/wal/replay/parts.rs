//! Threads that apply samples, each to shards of its own.

use super::ReplayTarget;
use super::source::Batch;
use crate::head::Part;
use crate::wal::record::LeftOut;
use crossbeam::channel::{Receiver, Sender, bounded};
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

/// The applying threads of a replay.
pub(super) struct Parts<'scope> {
    work: Vec<Sender<Arc<Batch>>>,
    threads: Vec<ScopedJoinHandle<'scope, LeftOut>>,
}

/// Batches that may wait for a thread.
const WAITING: usize = 2;

impl<'scope> Parts<'scope> {
    /// Starts a thread for each of `parts` parts. Batches that all are done with go to `empty`.
    pub(super) fn start<T: ReplayTarget>(
        target: &'scope T,
        scope: &'scope thread::Scope<'scope, '_>,
        parts: usize,
        empty: Sender<Batch>,
    ) -> Self {
        let start = |index| {
            let (work, take) = bounded(WAITING);
            let empty = empty.clone();
            (work, scope.spawn(move || apply(target, Part { index, of: parts }, &take, &empty)))
        };
        let (work, threads) = (0..parts).map(start).unzip();
        Self { work, threads }
    }

    /// Has every thread apply its part of `batch`.
    pub(super) fn apply(&self, batch: Batch) {
        let batch = Arc::new(batch);
        let Some((last, others)) = self.work.split_last() else { return };
        for work in others {
            // A thread that is gone has panicked, and that ends the replay with the scope.
            let _ = work.send(Arc::clone(&batch));
        }
        // Nothing of it stays here: were it dropped here last, it would be lost to those who fill batches.
        let _ = last.send(batch);
    }

    /// Waits until all is applied. Returns what was left out.
    pub(super) fn finish(self) -> LeftOut {
        drop(self.work);
        let mut left_out = LeftOut::default();
        for (index, thread) in self.threads.into_iter().enumerate() {
            match thread.join() {
                // All say the same of what the target does not take.
                Ok(told) if index == 0 => left_out = told,
                Ok(_) => {}
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        left_out
    }
}

fn apply<T: ReplayTarget>(target: &T, part: Part, work: &Receiver<Arc<Batch>>, empty: &Sender<Batch>) -> LeftOut {
    let (mut scratch, mut left_out) = (T::Scratch::default(), LeftOut::default());
    for batch in work {
        left_out.add(&target.apply(&batch.decoded, part, &mut scratch));
        give_back(batch, empty);
    }
    left_out
}

/// Whoever is the last to be done with a batch hands it on.
fn give_back(batch: Arc<Batch>, empty: &Sender<Batch>) {
    if let Some(batch) = Arc::into_inner(batch) {
        // Nobody may be left to fill it.
        let _ = empty.send(batch);
    }
}

#[cfg(test)]
mod tests;
