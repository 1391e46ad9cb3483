//! Waiting until what was sequenced is durable.

use super::{LogError, Position, Shared, State};
use crate::wal::writer::Durability;
use model::Durable;
use std::cell::OnceCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Resolves when everything up to a position is as durable as the log was asked to make it, or could not be written.
/// Needs no runtime; dropping it takes nothing back.
#[derive(Debug)]
#[must_use = "what was sequenced is not durable before its commit says so"]
pub struct Commit {
    shared: Arc<Shared>,
    position: u64,
    waiter: Option<u64>,
    /// Of another log, to be waited for as well.
    other: Option<Box<Commit>>,
}

/// Those who wait, in no order.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiting: Vec<Waiter>,
    next_id: u64,
}

#[derive(Debug)]
struct Waiter {
    id: u64,
    position: u64,
    waker: Waker,
}

impl Commit {
    pub(super) fn new(shared: Arc<Shared>, position: Position) -> Self {
        Self { shared, position: position.0, waiter: None, other: None }
    }

    /// Waits for another log, too. Both are written meanwhile.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.other = Some(Box::new(other));
        self
    }

    /// Waits for what `earlier` waits for, too, which is of the same database and was there before.
    pub fn after(self, earlier: Self) -> Self {
        // A log is written in order, so only another log is to be waited for in addition.
        if earlier.other.is_some() && self.other.is_none() { self.and(earlier) } else { self }
    }

    /// Blocks the thread until the outcome is there.
    ///
    /// # Errors
    /// As the future's.
    pub fn wait(mut self) -> Result<Durable, LogError> {
        thread_local! {
            static UNPARK: OnceCell<Waker> = const { OnceCell::new() };
        }
        let new_waker = || Waker::from(Arc::new(Unpark(thread::current())));
        UNPARK.with(|unpark| {
            let mut context = Context::from_waker(unpark.get_or_init(new_waker));
            loop {
                if let Poll::Ready(outcome) = Pin::new(&mut self).poll(&mut context) {
                    return outcome;
                }
                thread::park();
            }
        })
    }
}

impl Future for Commit {
    type Output = Result<Durable, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut state = this.shared.state.lock();
        let Some(outcome) = this.shared.outcome(&state, this.position) else {
            state.waiters.register(&mut this.waiter, this.position, context.waker());
            return Poll::Pending;
        };
        drop(state);
        match &mut this.other {
            Some(other) if outcome.is_ok() => Pin::new(&mut **other).poll(context),
            _ => Poll::Ready(outcome),
        }
    }
}

impl Drop for Commit {
    fn drop(&mut self) {
        if let Some(id) = self.waiter {
            self.shared.state.lock().waiters.forget(id);
        }
    }
}

impl Shared {
    /// What there is to say of everything up to `position`, if it is decided.
    fn outcome(&self, state: &State, position: u64) -> Option<Result<Durable, LogError>> {
        if position <= state.durable || self.options.durability == Durability::Buffered {
            return Some(Ok(Durable::witnessed()));
        }
        match &state.failed {
            Some((through, error)) if position <= *through => Some(Err(error.clone())),
            _ => None,
        }
    }
}

impl Waiters {
    /// Has `waker` woken when everything up to `position` is decided; `slot` remembers where it stands.
    fn register(&mut self, slot: &mut Option<u64>, position: u64, waker: &Waker) {
        let known = slot.and_then(|id| self.waiting.iter_mut().find(|waiter| waiter.id == id));
        if let Some(waiter) = known {
            waiter.waker.clone_from(waker);
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.waiting.push(Waiter { id, position, waker: waker.clone() });
        *slot = Some(id);
    }

    fn forget(&mut self, id: u64) {
        if let Some(at) = self.waiting.iter().position(|waiter| waiter.id == id) {
            self.waiting.swap_remove(at);
        }
    }

    /// Moves the wakers of those who wait for no more than `through` to `wakers`.
    pub(super) fn take_through(&mut self, through: u64, wakers: &mut Vec<Waker>) {
        wakers.extend(self.waiting.extract_if(.., |waiter| waiter.position <= through).map(|waiter| waiter.waker));
        if self.waiting.is_empty() {
            self.waiting.shrink_to(IDLE_WAITERS);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// Room for so many who wait is kept while nobody does.
const IDLE_WAITERS: usize = 16;

/// Wakes a thread that blocks in [`Commit::wait`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
