//! The second stage: references get their places in the head, in the order of the log.

use super::apply::Lanes;
use super::source::{Batch, Source};
use super::{PlacedSample, Plan, ReplayProgress, ReplayTarget, Replayed};
use crate::file_error::FileError;
use crate::fs::Fs;
use crate::wal::record::{LoggedSample, Tombstone};
use crossbeam::channel::{Receiver, Sender, bounded};
use hashbrown::HashMap;
use model::{Labels, LabelsRef, SeriesRef};
use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::thread;

/// Further references of label sets that the log knows by more than one. Samples of this life name the first; segments of
/// earlier lives may still name the others, so a checkpoint must carry these, too, until those segments are gone.
#[derive(Debug, Default)]
pub struct Aliases {
    entries: Vec<(SeriesRef, Labels)>,
    /// Segments below this may name them.
    below_segment: u32,
}

/// Where a reference is in the head.
type Places<P> = HashMap<u64, P, BuildHasherDefault<RefHasher>>;

/// Spreads references, which are small rising numbers that we gave out ourselves.
#[derive(Default)]
struct RefHasher(u64);

/// Runs all stages.
pub(super) fn run<T: ReplayTarget>(
    fs: &dyn Fs,
    plan: Plan,
    target: &T,
    threads: usize,
    progress: &ReplayProgress,
    replayed: &mut Replayed,
) -> Result<(), FileError> {
    replayed.aliases.below_segment = plan.segments.last().map_or(0, |last| last.number.saturating_add(1));
    let source = Source::new(fs, plan.segments, progress);
    if threads == 1 {
        let mut intern = Intern::new(target, Lanes::inline(target), replayed);
        let mut batch = Batch::default();
        while source.fill(&mut batch)? {
            intern.take(&mut batch);
        }
        intern.finish();
        return Ok(());
    }
    thread::scope(|scope| {
        let decoders = Decoders::start(&source, scope, threads);
        let mut intern = Intern::new(target, Lanes::start(target, scope, threads), replayed);
        decoders.drain(|batch| intern.take(batch))?;
        intern.finish();
        Ok(())
    })
}

/// Threads that fill batches; those come out in order.
struct Decoders {
    filled: Receiver<Result<Batch, FileError>>,
    empty: Sender<Batch>,
}

impl Decoders {
    fn start<'scope>(source: &'scope Source<'_>, scope: &'scope thread::Scope<'scope, '_>, threads: usize) -> Self {
        let batches = 2 * threads + 1;
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

    /// Hands out the batches in the order of the log.
    fn drain(self, mut take: impl FnMut(&mut Batch)) -> Result<(), FileError> {
        let mut early = BTreeMap::new();
        let mut next = 0;
        for batch in &self.filled {
            let batch = batch?;
            early.insert(batch.number, batch);
            while let Some(mut batch) = early.remove(&next) {
                take(&mut batch);
                next += 1;
                // Nobody may be left to fill it.
                let _ = self.empty.send(batch);
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
        let result = match filling.unwrap_or_else(|_| Err(panicked())) {
            Ok(true) => filled.send(Ok(batch)),
            Ok(false) => return,
            Err(error) => filled.send(Err(error)),
        };
        if result.is_err() {
            return;
        }
    }
}

fn panicked() -> FileError {
    FileError { path: PathBuf::new(), source: io::Error::other("a thread that decodes the log panicked") }
}

/// Resolves references and hands samples to their lanes.
struct Intern<'a, T: ReplayTarget> {
    target: &'a T,
    places: Places<T::Place>,
    lanes: Lanes<'a, T>,
    replayed: &'a mut Replayed,
}

impl<'a, T: ReplayTarget> Intern<'a, T> {
    fn new(target: &'a T, lanes: Lanes<'a, T>, replayed: &'a mut Replayed) -> Self {
        Self { target, places: Places::default(), lanes, replayed }
    }

    fn take(&mut self, batch: &mut Batch) {
        let decoded = &batch.decoded;
        let mut done = 0;
        for logged in decoded.series() {
            // A reference may be given to another series only in a log that lost records: even then each sample goes to
            // the series it was logged for.
            self.samples(decoded.samples.get(done..logged.samples_before).unwrap_or_default());
            done = logged.samples_before;
            self.series(logged.series, logged.labels);
        }
        self.samples(decoded.samples.get(done..).unwrap_or_default());
        self.lanes.send();
        for tombstone in &decoded.tombstones {
            self.tombstone(tombstone);
        }
        self.replayed.series += decoded.series_len() as u64;
        self.replayed.samples += decoded.samples.len() as u64;
        self.replayed.left_out.add(&decoded.left_out);
        self.replayed.report.add(std::mem::take(&mut batch.report));
    }

    fn series(&mut self, series: SeriesRef, labels: LabelsRef<'_>) {
        let (place, known_as) = self.target.series(series, labels);
        let before = self.places.insert(series.0, place);
        if known_as != series && before != Some(place) {
            self.replayed.aliases.entries.push((series, labels.to_owned()));
        }
        self.replayed.last_ref = self.replayed.last_ref.max(Some(series));
    }

    fn samples(&mut self, samples: &[LoggedSample]) {
        for sample in samples {
            let Some(&place) = self.places.get(&sample.series.0) else {
                self.replayed.unknown_refs += 1;
                continue;
            };
            self.lanes.push(PlacedSample { place, timestamp_ms: sample.timestamp_ms, value: sample.value });
        }
    }

    /// Prometheus cuts a deletion to what its head has, so it does not touch what is logged later, be it applied already.
    fn tombstone(&mut self, tombstone: &Tombstone) {
        match self.places.get(&tombstone.series.0) {
            Some(&place) => {
                self.lanes.settle();
                self.target.delete(place, tombstone.range);
            }
            None => self.replayed.unknown_refs += 1,
        }
    }

    fn finish(mut self) {
        self.lanes.settle();
        self.replayed.applied_samples = self.lanes.applied();
    }
}

impl Aliases {
    /// Those that a checkpoint of that number must carry.
    pub fn for_checkpoint(&self, number: u32) -> impl Iterator<Item = (SeriesRef, LabelsRef<'_>)> {
        let needed = number.saturating_add(1) < self.below_segment;
        self.entries.iter().filter(move |_| needed).map(|(series, labels)| (*series, labels.as_ref()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Hasher for RefHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        // The table takes the low bits for the place and the top seven for the tag.
        let spread = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}
