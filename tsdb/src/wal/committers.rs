//! The threads that write the logs.

use super::codec::Packer;
use super::log::Shared;
use super::writer::Group;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::thread::{self, JoinHandle};

/// A few threads that drive all logs of a process. A log that has nothing to write costs them nothing.
#[derive(Debug)]
pub struct Committers {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Logs with something to write.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    filled: Condvar,
    /// Buffers that idle logs gave back.
    spare: Mutex<Vec<Vec<u8>>>,
}

#[derive(Debug, Default)]
struct QueueState {
    dirty: VecDeque<Arc<Shared>>,
    stopping: bool,
    /// Threads that have not decided to end.
    running: usize,
}

/// What a thread needs to write a group; the logs share it.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) packer: Packer,
    pub(super) group: Group,
    pub(super) wakers: Vec<Waker>,
}

/// Spare buffers kept, and the most each may hold.
const SPARE_BUFFERS: usize = 8;
const SPARE_BUFFER_BYTES: usize = 1 << 20;

/// What a thread keeps of its memory while it has nothing to do, for each of its buffers.
const IDLE_SCRATCH_BYTES: usize = 256 << 10;

impl Committers {
    /// Starts `threads` threads. More than one lets logs of several tenants wait for the disk at the same time.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let committers = Self { queue: Arc::default(), threads: Mutex::default() };
        for number in 0..threads.get() {
            let queue = Arc::clone(&committers.queue);
            let thread = thread::Builder::new().name(format!("wal-{number}")).spawn(move || queue.run())?;
            committers.queue.state.lock().running += 1;
            committers.threads.lock().push(thread);
        }
        Ok(committers)
    }

    /// Writes what the logs hold, then ends the threads. A log that is used afterwards refuses.
    pub fn shutdown(&self) {
        self.queue.state.lock().stopping = true;
        self.queue.filled.notify_all();
        for thread in self.threads.lock().drain(..) {
            // Panics are caught in the thread.
            let _ = thread.join();
        }
    }

    pub(super) fn queue(&self) -> Arc<Queue> {
        Arc::clone(&self.queue)
    }
}

impl Drop for Committers {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl Queue {
    /// Adds a log that has something to write. `false`: the threads are at their end.
    pub(super) fn push(&self, log: Arc<Shared>) -> bool {
        let mut state = self.state.lock();
        if state.running == 0 {
            return false;
        }
        state.dirty.push_back(log);
        drop(state);
        self.filled.notify_one();
        true
    }

    /// An empty buffer, with room if there is one to spare.
    pub(super) fn take_buffer(&self) -> Vec<u8> {
        self.spare.lock().pop().unwrap_or_default()
    }

    /// Takes a buffer back.
    pub(super) fn return_buffer(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        if buffer.capacity() > SPARE_BUFFER_BYTES || buffer.capacity() == 0 {
            return;
        }
        let mut spare = self.spare.lock();
        if spare.len() < SPARE_BUFFERS {
            spare.push(buffer);
        }
    }

    /// The life of a thread.
    fn run(&self) {
        let mut scratch = Scratch::default();
        while let Some(log) = self.next(&mut scratch) {
            // A panic ends the log it came from, not the logs of others.
            if catch_unwind(AssertUnwindSafe(|| log.flush(&mut scratch))).is_err() {
                scratch = Scratch::default();
            }
        }
    }

    fn next(&self, scratch: &mut Scratch) -> Option<Arc<Shared>> {
        let mut state = self.state.lock();
        if state.dirty.is_empty() && !state.stopping {
            parking_lot::MutexGuard::unlocked(&mut state, || scratch.shrink());
        }
        loop {
            if let Some(log) = state.dirty.pop_front() {
                return Some(log);
            }
            if state.stopping {
                state.running -= 1;
                return None;
            }
            self.filled.wait(&mut state);
        }
    }
}

impl Scratch {
    fn shrink(&mut self) {
        self.group.shrink_to(IDLE_SCRATCH_BYTES);
        self.packer.shrink_to(IDLE_SCRATCH_BYTES);
        self.wakers.shrink_to(1024);
    }
}
