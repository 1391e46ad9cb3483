//! Filling a head from a snapshot, before the log behind it.
//!
//! Records are read in order by one thread, unpacked and applied by several: first all series, each with the chunks that
//! wait for it and its open chunk, then deletions and exemplars. An open chunk is taken as it is if it is newer than all
//! chunks of its series. If it is not, a chunk file got it later, or more of it: then its samples are applied like logged
//! ones, and those that a chunk has are passed over.

mod lacking;
mod open_chunk;
mod regions;
mod staged;

pub use lacking::Lacking;

use super::{Replay, ReplayScratch};
use crate::cursor::Fault;
use crate::fs::Fs;
use crate::head::snapshot::SERIES_BYTES;
use crate::head_chunks::{ChunkFile, HeadChunk};
use crate::snapshot::{DELETIONS, Relied, SERIES, SnapshotDecoder, SnapshotError, SnapshotItem, read_beside};
use crate::wal::{PublishedBatch, PublishedReader, Unpacker};
use crossbeam::channel::{Receiver, bounded};
use parking_lot::Mutex;
use staged::Staged;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A snapshot smaller than this is not worth a thread.
const ONE_THREAD_BYTES: u64 = 1 << 20;
/// How many series are entered into the dictionary while it is locked once.
const SERIES_PER_LOCK: usize = 256;

/// What threads tell each other.
#[derive(Debug, Default)]
struct Loading {
    /// Records behind the series, with the number of their batch.
    behind: Mutex<Vec<(u64, Vec<u8>)>>,
    fault: Mutex<Option<SnapshotError>>,
    has_failed: AtomicBool,
}

impl Replay<'_> {
    /// Fills the head, which is empty, from the snapshot in `dir`, on up to `threads` threads. What the log has behind it is
    /// to come next. Returns what the snapshot relies on; `None`: another program wrote it.
    ///
    /// # Errors
    /// The first fault. The head is of no use then: see [`Replay::give_up`].
    pub fn restore(&self, fs: &dyn Fs, dir: &Path, threads: NonZeroUsize) -> Result<Option<Relied>, SnapshotError> {
        self.is_restored.store(true, Ordering::Relaxed);
        let mut reader = PublishedReader::open(fs, dir)?;
        let loading = Loading::default();
        let likely = reader.size_bytes() / SERIES_BYTES / self.head.shards.len() as u64;
        self.head.shards.iter().for_each(|shard| shard.lock().reserve(usize::try_from(likely).unwrap_or(0)));
        let threads = if reader.size_bytes() < ONE_THREAD_BYTES { NonZeroUsize::MIN } else { threads };
        match threads.get() {
            1 => self.load_here(&mut reader, &loading)?,
            threads => self.load(&mut reader, &loading, threads)?,
        }
        if let Some(fault) = loading.fault.into_inner() {
            return Err(fault);
        }
        self.head.shards.iter().for_each(|shard| shard.lock().postings.settle());
        let exemplars = self.apply_behind(dir, loading.behind.into_inner())?;
        self.lacks_exemplars.store(exemplars == 0, Ordering::Relaxed);
        let relied = read_beside(fs, dir, |series, said| Replay::metadata(self, series, said))?;
        if let Some(relied) = &relied {
            self.highest.fetch_max(relied.highest.0, Ordering::Relaxed);
            if relied.exemplars != exemplars {
                return Err(SnapshotError::Incomplete { dir: dir.to_owned() });
            }
        }
        Ok(relied)
    }

    /// Whether the log said something else of a reference than the snapshot: the two do not belong together.
    pub fn contradicts(&self) -> bool {
        self.contradiction.load(Ordering::Relaxed)
    }

    /// Gives the head up, which is not to be used any more. Returns the chunks that were handed in, to begin anew.
    pub fn give_up(self) -> Vec<HeadChunk> {
        self.chunks
    }

    /// A file of chunks that a snapshot relies on and of which not all is among those `there`, if blocks do not have it.
    pub fn missing_file(&self, relied: &Relied, there: &[ChunkFile]) -> Option<ChunkFile> {
        let floor_ms = self.head.floor_ms();
        let is_there = |file: &&ChunkFile| {
            let found = there.iter().find(|other| other.number == file.number);
            file.newest_ms < floor_ms || found.is_some_and(|found| found.size_bytes >= file.size_bytes)
        };
        relied.chunk_files.iter().find(|file| !is_there(file)).copied()
    }

    fn load_here(&self, reader: &mut PublishedReader<'_>, loading: &Loading) -> Result<(), SnapshotError> {
        let (mut batch, mut number) = (PublishedBatch::default(), 0);
        let mut loader = Loader::default();
        while reader.next(&mut batch)? {
            loader.take(self, &batch, number, loading)?;
            number += 1;
        }
        Ok(())
    }

    fn load(&self, reader: &mut PublishedReader<'_>, loading: &Loading, threads: usize) -> Result<(), SnapshotError> {
        thread::scope(|scope| {
            let (work, take) = bounded(threads);
            let (give_back, empty) = bounded(2 * threads + 2);
            for _ in 0..threads {
                let (take, give_back) = (Receiver::clone(&take), give_back.clone());
                scope.spawn(move || {
                    let mut loader = Loader::default();
                    for (number, batch) in &take {
                        if loading.has_failed.load(Ordering::Relaxed) {
                            continue;
                        }
                        if let Err(fault) = loader.take(self, &batch, number, loading) {
                            loading.fail(fault);
                        }
                        // Nobody may be left to fill it.
                        let _ = give_back.try_send(batch);
                    }
                });
            }
            drop(take);
            let mut number = 0;
            loop {
                let mut batch = empty.try_recv().unwrap_or_default();
                if loading.has_failed.load(Ordering::Relaxed) || !reader.next(&mut batch)? {
                    return Ok(());
                }
                // The threads go on until nothing is sent any more.
                let _ = work.send((number, batch));
                number += 1;
            }
        })
    }

    /// Deletions, then exemplars, in their order. Says how many exemplars there are.
    fn apply_behind(&self, dir: &Path, mut behind: Vec<(u64, Vec<u8>)>) -> Result<u64, SnapshotError> {
        // Those of one batch are in their order already.
        behind.sort_by_key(|(batch, _)| *batch);
        let is_whole = behind.iter().any(|(_, record)| record.first() == Some(&DELETIONS));
        if !is_whole {
            return Err(SnapshotError::Incomplete { dir: dir.to_owned() });
        }
        let (mut decoder, mut scratch, mut exemplars) = (SnapshotDecoder::default(), ReplayScratch::default(), 0);
        for (_, record) in &behind {
            // They were decoded before.
            let _ = decoder.decode(record, &mut |item| match item {
                SnapshotItem::Series(_) => {}
                SnapshotItem::Deletion(deletion) => self.deletions(&[deletion]),
                SnapshotItem::Exemplar(series, exemplar) => {
                    self.known_exemplar(series, exemplar, &mut scratch);
                    exemplars += 1;
                }
            });
        }
        Ok(exemplars)
    }
}

impl Loading {
    fn fail(&self, fault: SnapshotError) {
        self.fault.lock().get_or_insert(fault);
        self.has_failed.store(true, Ordering::Relaxed);
    }
}

/// What a thread works with.
#[derive(Default)]
struct Loader {
    unpacker: Unpacker,
    decoder: SnapshotDecoder,
    staged: Staged,
}

impl Loader {
    fn take(
        &mut self,
        replay: &Replay<'_>,
        batch: &PublishedBatch,
        number: u64,
        loading: &Loading,
    ) -> Result<(), SnapshotError> {
        let Self { unpacker, decoder, staged } = self;
        batch.records(unpacker, |record| {
            if record.first() == Some(&SERIES) {
                let (series, alike) = decoder.series(record).map_err(|corruption| corruption.fault)?;
                staged.stage(replay, &series, alike);
                return if staged.len() < SERIES_PER_LOCK { Ok(()) } else { staged.enter(replay) };
            }
            match decoder.decode(record, &mut |_| ()) {
                Ok(true) => {}
                Ok(false) => return Err(Fault::Malformed("record is of a type that is not known")),
                Err(corruption) => return Err(corruption.fault),
            }
            loading.behind.lock().push((number, record.to_vec()));
            Ok(())
        })?;
        Ok(staged.enter(replay).map_err(|fault| batch.late_fault(fault))?)
    }
}
