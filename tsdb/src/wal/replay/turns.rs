//! Something that threads work on in turn, each when its number is up.

use parking_lot::{Condvar, Mutex};

/// What is worked on, in the order of numbers from 0.
#[derive(Debug)]
pub(super) struct Turns<S> {
    inner: Mutex<Inner<S>>,
    passed: Condvar,
}

#[derive(Debug)]
struct Inner<S> {
    next: u64,
    is_over: bool,
    state: S,
}

/// There are no more turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over;

impl<S> Turns<S> {
    pub(super) fn new(state: S) -> Self {
        Self { inner: Mutex::new(Inner { next: 0, is_over: false, state }), passed: Condvar::new() }
    }

    /// Has `work` done once all numbers below this one had their turn, and passes the turn on.
    pub(super) fn take<R>(&self, number: u64, work: impl FnOnce(&mut S) -> R) -> Result<R, Over> {
        let mut inner = self.inner.lock();
        while inner.next != number && !inner.is_over {
            self.passed.wait(&mut inner);
        }
        if inner.is_over {
            return Err(Over);
        }
        let result = work(&mut inner.state);
        inner.next += 1;
        drop(inner);
        self.passed.notify_all();
        Ok(result)
    }

    /// Has `work` done once all numbers below this one had their turn; the turn stays where it is.
    pub(super) fn after<R>(&self, number: u64, work: impl FnOnce(&mut S) -> R) -> Result<R, Over> {
        let mut inner = self.inner.lock();
        while inner.next < number && !inner.is_over {
            self.passed.wait(&mut inner);
        }
        if inner.is_over { Err(Over) } else { Ok(work(&mut inner.state)) }
    }

    /// Nobody has a turn any more, whoever waits for one neither.
    pub(super) fn end(&self) {
        self.inner.lock().is_over = true;
        self.passed.notify_all();
    }

    pub(super) fn into_inner(self) -> S {
        self.inner.into_inner().state
    }
}

#[cfg(test)]
mod tests;
