//! Work that several threads may share, and whose results are wanted in order.

#[cfg(test)]
mod tests;

use super::{CpuPool, CpuPoolError, Metrics};
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

/// Pieces of work that come one after another, each of which may be done by a thread of the pool that has nothing else to do.
/// For use on a thread that may block: what nobody took is done there, when its result is wanted. So nobody ever waits for work
/// that has not begun, even if all threads of the pool do this at once.
#[derive(Debug)]
pub struct InOrder<T> {
    pool: CpuPool,
    pieces: VecDeque<Arc<Piece<T>>>,
}

#[derive(Debug)]
struct Piece<T> {
    state: Mutex<State<T>>,
    is_done: Condvar,
    metrics: Arc<Metrics>,
}

enum State<T> {
    Waiting(Box<dyn FnOnce() -> T + Send>),
    Running,
    Done(Result<T, CpuPoolError>),
    Taken,
}

impl<T: Send + 'static> InOrder<T> {
    /// Work that the idle threads of `pool` may share.
    pub fn new(pool: CpuPool) -> Self {
        Self { pool, pieces: VecDeque::new() }
    }

    /// Adds a piece of work. The first of those that are open stays here: it is wanted next, and often is the only one.
    pub fn push(&mut self, work: impl FnOnce() -> T + Send + 'static) {
        let state = Mutex::new(State::Waiting(Box::new(work)));
        let piece = Arc::new(Piece { state, is_done: Condvar::new(), metrics: Arc::clone(&self.pool.0.metrics) });
        if !self.pieces.is_empty() {
            let offered = Arc::clone(&piece);
            self.pool.offer(move || offered.run());
        }
        self.pieces.push_back(piece);
    }

    /// How many pieces have not been handed out.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether all have been.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// Results in the order in which the work was given. What nobody has begun is done here when its result is asked for.
impl<T: Send + 'static> Iterator for InOrder<T> {
    type Item = Result<T, CpuPoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.pieces.pop_front()?;
        piece.run();
        Some(piece.wait())
    }
}

impl<T> Piece<T> {
    /// Does the work, unless somebody else does or did.
    fn run(&self) {
        let work = {
            let mut state = self.state.lock();
            match mem::replace(&mut *state, State::Running) {
                State::Waiting(work) => work,
                other => {
                    *state = other;
                    return;
                }
            }
        };
        let done = self.metrics.count(work);
        *self.state.lock() = State::Done(done);
        self.is_done.notify_all();
    }

    /// The result, once it is there. To be called once.
    fn wait(&self) -> Result<T, CpuPoolError> {
        let mut state = self.state.lock();
        loop {
            match mem::replace(&mut *state, State::Taken) {
                State::Done(done) => return done,
                State::Taken => return Err(CpuPoolError::Gone),
                other => *state = other,
            }
            self.is_done.wait(&mut state);
        }
    }
}

impl<T> std::fmt::Debug for State<T> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Waiting(_) => "Waiting",
            Self::Running => "Running",
            Self::Done(_) => "Done",
            Self::Taken => "Taken",
        })
    }
}
