//! The threads of a replay. Each takes the next batch and carries it through all stages, so what it decoded is still in its
//! processor's cache when it is applied.

use super::source::{Batch, Source};
use super::turns::{Over, Turns};
use super::{ReplayTarget, Replayed};
use crate::file_error::FileError;
use crate::head::Part;
use crate::wal::record::LeftOut;
use parking_lot::Mutex;
use std::thread;

/// What the threads share.
pub(super) struct Workers<'a, T: ReplayTarget> {
    source: &'a Source<'a>,
    target: &'a T,
    series: Turns<(Replayed, T::Scratch)>,
    parts: Vec<Turns<(LeftOut, T::Scratch)>>,
    error: Mutex<Option<FileError>>,
}

/// Ends all turns if its thread panics: nobody is to wait for it.
struct Watch<'a, T: ReplayTarget>(&'a Workers<'a, T>);

impl<'a, T: ReplayTarget> Workers<'a, T> {
    /// For that many threads. `replayed` is gone on with.
    pub(super) fn new(source: &'a Source<'a>, target: &'a T, replayed: Replayed, threads: usize) -> Self {
        let parts = (0..target.parts(threads).max(1)).map(|_| Turns::new(Default::default())).collect();
        let series = Turns::new((replayed, T::Scratch::default()));
        Self { source, target, series, parts, error: Mutex::default() }
    }

    /// Replays all there is.
    pub(super) fn run(self, threads: usize) -> Result<Replayed, FileError> {
        thread::scope(|scope| {
            for index in 1..threads {
                let workers = &self;
                scope.spawn(move || workers.work(index));
            }
            self.work(0);
        });
        if let Some(error) = self.error.into_inner() {
            return Err(error);
        }
        let (mut replayed, _) = self.series.into_inner();
        // All parts say the same of what the target does not take.
        if let Some(part) = self.parts.into_iter().next() {
            replayed.left_out.add(&part.into_inner().0);
        }
        Ok(replayed)
    }

    fn work(&self, index: usize) {
        let watch = Watch(self);
        let mut batch = Batch::default();
        loop {
            match self.source.fill(&mut batch) {
                Ok(true) if self.apply(&mut batch).is_ok() => {}
                Ok(true) => break,
                Ok(false) => {
                    let _ = self.settle(batch.number, index);
                    break;
                }
                Err(error) => {
                    self.error.lock().get_or_insert(error);
                    self.end();
                    break;
                }
            }
        }
        drop(watch);
    }

    fn apply(&self, batch: &mut Batch) -> Result<(), Over> {
        self.series.take(batch.number, |(replayed, scratch)| replayed.series(batch, self.target, scratch))?;
        self.target.split(&batch.decoded, &mut batch.split);
        self.source.count(batch);
        self.series.after(batch.number, |(replayed, _)| replayed.add_split(batch))?;
        for (part, index) in self.parts.iter().zip(0..) {
            let (decoded, split) = (&batch.decoded, &batch.split);
            let of = self.parts.len();
            part.take(batch.number, |(left_out, scratch)| {
                left_out.add(&self.target.apply(decoded, split, Part { index, of }, scratch));
            })?;
        }
        Ok(())
    }

    /// Waits until all `batches` are applied, and settles one part after the other; each thread begins with another.
    fn settle(&self, batches: u64, first: usize) -> Result<(), Over> {
        let of = self.parts.len();
        for index in (0..of).map(|index| (first + index) % of) {
            let part = self.parts.get(index).ok_or(Over)?;
            part.after(batches, |(_, scratch)| self.target.settle(Part { index, of }, scratch))?;
        }
        Ok(())
    }

    fn end(&self) {
        self.series.end();
        self.parts.iter().for_each(Turns::end);
    }
}

impl<T: ReplayTarget> Drop for Watch<'_, T> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end();
        }
    }
}

#[cfg(test)]
mod tests;
