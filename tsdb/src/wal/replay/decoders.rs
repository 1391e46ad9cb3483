//! Threads that read and decode; what they decoded comes out in the order of the log.

use super::source::{Batch, Source};
use crate::file_error::FileError;
use crossbeam::channel::{Receiver, Sender, bounded};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread;

/// The decoding threads of a replay.
pub(super) struct Decoders {
    filled: Receiver<Result<Batch, FileError>>,
    empty: Sender<Batch>,
}

impl Decoders {
    /// Starts `threads` threads.
    pub(super) fn start<'scope>(
        source: &'scope Source<'_>,
        scope: &'scope thread::Scope<'scope, '_>,
        threads: usize,
    ) -> Self {
        // For each thread one to fill and one that waits its turn, and some that are applied meanwhile.
        let batches = 3 * threads + 2;
        let (empty, take_empty) = bounded(batches);
        let (fill, filled) = bounded(batches);
        for _ in 0..batches {
            // There is room for all of them.
            let _ = empty.send(Batch::default());
        }
        for _ in 0..threads {
            let (take_empty, fill) = (take_empty.clone(), fill.clone());
            scope.spawn(move || decode(source, &take_empty, &fill));
        }
        Self { filled, empty }
    }

    /// Where batches go that are done with.
    pub(super) fn empty(&self) -> Sender<Batch> {
        self.empty.clone()
    }

    /// Hands out the batches in the order of the log.
    pub(super) fn drain(self, mut take: impl FnMut(Batch)) -> Result<(), FileError> {
        drop(self.empty);
        let mut early = BTreeMap::new();
        let mut next = 0;
        for batch in &self.filled {
            let batch = batch?;
            early.insert(batch.number, batch);
            while let Some(batch) = early.remove(&next) {
                take(batch);
                next += 1;
            }
        }
        Ok(())
    }
}

/// A thread takes an empty batch first and the next part of the log then: so the batch that everybody waits for is never
/// without memory.
fn decode(source: &Source<'_>, empty: &Receiver<Batch>, filled: &Sender<Result<Batch, FileError>>) {
    for mut batch in empty {
        // Were a batch to be missing, everybody would wait for it.
        let filling = catch_unwind(AssertUnwindSafe(|| source.fill(&mut batch)));
        let sent = match filling.unwrap_or_else(|_| Err(panicked())) {
            Ok(true) => filled.send(Ok(batch)),
            Ok(false) => return,
            Err(error) => filled.send(Err(error)),
        };
        if sent.is_err() {
            return;
        }
    }
}

fn panicked() -> FileError {
    FileError { path: PathBuf::new(), source: io::Error::other("a thread that decodes the log panicked") }
}
