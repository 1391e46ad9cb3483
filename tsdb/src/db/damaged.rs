//! Chunks of the head that cannot be read are set aside when blocks are to be made, and what the log has of them takes their
//! place.

use super::open::QUARANTINE;
use super::{Db, DbError, SetAside};
use crate::block::BlockWriteError;
use crate::file_error::FileError;
use crate::fs::make_way;
use crate::head::{BadChunk, ChunkKind, Part};
use crate::head_chunks::HeadChunks;
use crate::wal::{HistogramRun, MmapMarker, ReplayProgress, ReplayTarget, SampleRun, replay};
use hashbrown::HashMap;
use model::{LabelsRef, SampleColumns, SeriesRef, TimeRange};
use parking_lot::Mutex;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// What a log has of some chunks.
struct Search<'a> {
    bad: &'a [BadChunk],
    /// Which of them a reference may stand for.
    by_series: HashMap<SeriesRef, Vec<usize>>,
    /// Of each of them, in the order it was logged.
    found: Mutex<Vec<SampleColumns>>,
}

impl Db {
    /// Does `work`, which reads chunks of the head in `range`; if it meets one that cannot be read, once more without those.
    pub(super) fn past_damage<T>(
        &self,
        kind: ChunkKind,
        range: TimeRange,
        work: impl Fn() -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        match work() {
            Err(error) if is_of_source(&error) => match self.set_aside_chunks(kind, range)? {
                0 => Err(error),
                _ => work(),
            },
            done => done,
        }
    }

    /// Sets aside what cannot be read of the chunks that may have samples in `range`. Says how many it was.
    fn set_aside_chunks(&self, kind: ChunkKind, range: TimeRange) -> Result<usize, DbError> {
        let log = match kind {
            ChunkKind::InOrder => Some(&self.log),
            ChunkKind::Late => self.late_log.as_ref(),
        };
        let bad = self.head.bad_chunks(kind, range)?;
        let Some(log) = log.filter(|_| !bad.is_empty()) else { return Ok(0) };
        // What was logged is in the files then.
        let _durable = log.commit(log.sequenced()).wait()?;
        let search = Search::new(&bad);
        replay(&*self.fs, log.dir(), &search, NonZeroUsize::MIN, &ReplayProgress::default())?;
        for (bad, samples) in bad.iter().zip(search.found.into_inner()) {
            let mut copy = copy_aside(&self.head_chunks, bad, &self.dir)?;
            self.head.replace_chunk(bad, &samples);
            copy.fault = format!("{}; the log had {} of that time", copy.fault, samples.len());
            self.chunks_set_aside.lock().push(copy);
        }
        Ok(bad.len())
    }

    /// Once after the opening, and whenever a read met one since, all chunks of the head that cannot be read are set aside, so that
    /// no query fails for them any more; not when the directory is opened, which would take longer for it.
    pub(super) fn set_aside_suspects(&self) -> Result<(), DbError> {
        if self.head_chunks.is_suspect() {
            self.set_aside_chunks(ChunkKind::InOrder, TimeRange::ALL)?;
            self.set_aside_chunks(ChunkKind::Late, TimeRange::ALL)?;
            self.head_chunks.clear_suspicion();
        }
        Ok(())
    }

    /// The chunks of the head that were set aside since the directory was opened, oldest first.
    pub fn chunks_set_aside(&self) -> Vec<SetAside> {
        self.chunks_set_aside.lock().clone()
    }
}

impl Db {
    /// What stood where a file of head chunks or a checkpoint was to be made, and was set aside, since the directory was
    /// opened; oldest first.
    pub fn in_the_way(&self) -> Vec<SetAside> {
        let mut all = self.in_the_way.lock();
        all.extend(self.head_chunks.take_in_the_way().into_iter().map(in_the_way));
        all.clone()
    }

    /// Moves what has the name `path` out of the way, if anything has it. Whether it was so.
    pub(super) fn make_way(&self, path: &Path) -> Result<bool, FileError> {
        match make_way(&*self.fs, path, &self.dir.join(QUARANTINE)) {
            Ok(to) => {
                self.in_the_way.lock().push(in_the_way((path.to_owned(), to)));
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(FileError::at(path)(error)),
        }
    }
}

/// Nobody knows how much it is: it is not opened.
fn in_the_way((from, to): (PathBuf, PathBuf)) -> SetAside {
    SetAside { from, to, bytes: 0, fault: "it stood where a file or directory of this name was to be made".to_owned() }
}

/// Copies a chunk that cannot be read into the quarantine of the data directory `dir`.
pub(super) fn copy_aside(files: &HeadChunks, bad: &BadChunk, dir: &Path) -> Result<SetAside, DbError> {
    let (from, to, bytes) = files.copy_aside(bad.place, &dir.join(QUARANTINE))?;
    let kind = match bad.kind {
        ChunkKind::InOrder => "samples",
        ChunkKind::Late => "late samples",
    };
    let fault = format!("{kind} from {} to {} ms: {}", bad.min_ms, bad.max_ms, bad.fault);
    Ok(SetAside { from, to, bytes, fault })
}

/// Whether something could not be read, and not something else be done.
fn is_of_source(error: &DbError) -> bool {
    matches!(error, DbError::Source(_) | DbError::Block(BlockWriteError::Source(_) | BlockWriteError::Chunk { .. }))
}

impl<'a> Search<'a> {
    fn new(bad: &'a [BadChunk]) -> Self {
        let mut by_series = HashMap::<_, Vec<_>>::new();
        for (number, bad) in bad.iter().enumerate() {
            bad.references.iter().for_each(|series| by_series.entry(*series).or_default().push(number));
        }
        let found = bad.iter().map(|_| SampleColumns::default()).collect();
        Self { bad, by_series, found: Mutex::new(found) }
    }

    /// Has `put` add a sample to all chunks that may have had it.
    fn find(&self, series: SeriesRef, timestamp_ms: i64, mut put: impl FnMut(&mut SampleColumns)) {
        let Some(numbers) = self.by_series.get(&series) else { return };
        let mut found = self.found.lock();
        for &number in numbers {
            if let (Some(bad), Some(found)) = (self.bad.get(number), found.get_mut(number))
                && (bad.min_ms..=bad.max_ms).contains(&timestamp_ms)
            {
                put(found);
            }
        }
    }
}

impl ReplayTarget for Search<'_> {
    type Scratch = ();

    fn series(&self, _series: SeriesRef, _labels: LabelsRef<'_>, _scratch: &mut ()) {}

    fn samples(&self, run: SampleRun<'_>, _part: Part, _scratch: &mut ()) {
        for sample in run.samples {
            self.find(sample.series, sample.timestamp_ms, |found| found.push(sample.timestamp_ms, sample.value));
        }
    }

    fn histograms(&self, run: HistogramRun<'_>, _part: Part, _scratch: &mut ()) -> bool {
        for (entry, histogram) in run.iter() {
            self.find(entry.series, entry.timestamp_ms, |found| found.push_histogram(entry.timestamp_ms, histogram));
        }
        true
    }

    fn markers(&self, _markers: &[MmapMarker], _part: Part, _scratch: &mut ()) -> bool {
        true
    }
}
