//! The third stage: samples into the head, each lane in the order of the log.

use super::{PlacedSample, ReplayTarget};
use crossbeam::channel::{Receiver, Sender, bounded};
use crossbeam::sync::WaitGroup;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Where samples wait for the thread of their lane.
pub(super) struct Lanes<'a, T: ReplayTarget> {
    target: &'a T,
    waiting: Vec<Vec<PlacedSample<T::Place>>>,
    /// A thread for each lane; none if everything is applied here.
    workers: Vec<Worker<T::Place>>,
    applied: Arc<AtomicU64>,
}

struct Worker<P> {
    work: Sender<Work<P>>,
    /// Vectors that were applied.
    empty: Receiver<Vec<PlacedSample<P>>>,
}

enum Work<P> {
    Samples(Vec<PlacedSample<P>>),
    /// Tells that all before it is applied.
    Settle(WaitGroup),
}

/// Vectors that may wait for a thread.
const WAITING: usize = 4;

impl<'a, T: ReplayTarget> Lanes<'a, T> {
    /// One lane, applied by the thread that sends.
    pub(super) fn inline(target: &'a T) -> Self {
        Self { target, waiting: vec![Vec::new()], workers: Vec::new(), applied: Arc::default() }
    }

    /// `lanes` lanes, each with a thread.
    pub(super) fn start<'scope>(target: &'a T, scope: &'scope thread::Scope<'scope, '_>, lanes: usize) -> Self
    where
        'a: 'scope,
        T::Place: 'scope,
    {
        let applied: Arc<AtomicU64> = Arc::default();
        let start = |_| {
            let (work, take_work) = bounded(WAITING);
            let (give_back, empty) = bounded(WAITING + 1);
            let applied = Arc::clone(&applied);
            scope.spawn(move || apply(target, &take_work, &give_back, &applied));
            Worker { work, empty }
        };
        let workers = (0..lanes).map(start).collect();
        Self { target, waiting: (0..lanes).map(|_| Vec::new()).collect(), workers, applied }
    }

    #[inline]
    pub(super) fn push(&mut self, sample: PlacedSample<T::Place>) {
        let last = self.waiting.len() - 1;
        let lane = if last == 0 { 0 } else { self.target.lane(sample.place, last + 1).min(last) };
        if let Some(waiting) = self.waiting.get_mut(lane) {
            waiting.push(sample);
        }
    }

    /// Hands on what was pushed.
    pub(super) fn send(&mut self) {
        if self.workers.is_empty() {
            for waiting in &mut self.waiting {
                self.applied.fetch_add(self.target.samples(waiting), Ordering::Relaxed);
                waiting.clear();
            }
        }
        for (worker, waiting) in self.workers.iter().zip(&mut self.waiting) {
            if !waiting.is_empty() {
                let next = worker.empty.try_recv().unwrap_or_default();
                // The threads outlive the lanes: a send fails only if one panicked, and that ends the replay anyway.
                let _ = worker.work.send(Work::Samples(std::mem::replace(waiting, next)));
            }
        }
    }

    /// Waits until all that was sent is applied.
    pub(super) fn settle(&mut self) {
        let all = WaitGroup::new();
        for worker in &self.workers {
            let _ = worker.work.send(Work::Settle(all.clone()));
        }
        all.wait();
    }

    /// How many samples were new to the head.
    pub(super) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Relaxed)
    }
}

fn apply<T: ReplayTarget>(
    target: &T,
    work: &Receiver<Work<T::Place>>,
    empty: &Sender<Vec<PlacedSample<T::Place>>>,
    applied: &AtomicU64,
) {
    for work in work {
        match work {
            Work::Samples(mut samples) => {
                applied.fetch_add(target.samples(&samples), Ordering::Relaxed);
                samples.clear();
                let _ = empty.try_send(samples);
            }
            Work::Settle(all) => drop(all),
        }
    }
}
