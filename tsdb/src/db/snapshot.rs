//! Snapshots of the head: written now and then and when the database is closed, read when it is opened.
//!
//! **What a crash leaves.** A snapshot appears whole or not at all; older ones go when it is durable. The log is never cut on
//! account of a snapshot, only when blocks have what it says. So whatever is wrong with a snapshot, or with the chunk files
//! that it relies on, it is set aside, and an older one or the whole log takes its place.

use super::cut::Marks;
use super::damaged::copy_aside;
use super::open::{self, Opened, SetAside};
use super::{Db, DbError, DbOptions};
use crate::file_error::FileError;
use crate::fs::Fs;
use crate::head::{BadChunk, Head, Replay, Unfinished};
use crate::head_chunks::{ChunkFile, HeadChunk, HeadChunks};
use crate::series::SourceError;
use crate::snapshot::{SnapshotDir, SnapshotDirs, SnapshotError, SnapshotWriter, place_before};
use crate::wal::{Compression, Log, LogPlace, Position, ReplayProgress, replay, replay_from, replay_late};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// When the head is written as a snapshot; by default never. Those that are there are read in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshots {
    /// When the database is closed.
    pub at_end: bool,
    /// By [`Db::maintain`], when so many milliseconds have passed since the last one or the opening, and something was logged
    /// since; `None`: not before the end.
    pub every_ms: Option<i64>,
    /// And sooner, where samples come so fast that so much was logged since, and as much as a snapshot about takes: then a start
    /// has little more to read of the log than of the snapshot, and what is written about doubles.
    pub log_bytes: u64,
}

/// Of the snapshot that was written last, or tried, or the opening.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastSnapshot {
    at_ms: i64,
    /// What was logged by then; `None`: there was something in the log that no snapshot has.
    through: Option<Position>,
    /// How many bytes of the log that was, as [`Db::log_bytes`] counts.
    log_bytes: u64,
}

/// Why a snapshot is of no use.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error(transparent)]
    Unsound(#[from] SnapshotError),
    #[error("it stands for more of the log than there is")]
    Future,
    #[error("the log says something else of the same references")]
    Foreign,
    #[error("file {0} of head chunks, which it relies on, is not whole")]
    ChunkFile(u32),
    #[error("files of head chunks, which it may rely on, are damaged")]
    ChunkFiles,
}

/// Why a head was not filled.
enum NotFilled {
    Failed(DbError),
    /// The snapshot is to be set aside, and another head to be filled with these chunks.
    Unusable(Unusable, Vec<HeadChunk>),
    /// These are to be set aside, and another head to be filled with the other chunks.
    BadChunks(Vec<BadChunk>, Vec<HeadChunk>),
}

/// What a head is filled from, besides snapshots.
#[derive(Clone, Copy)]
pub(super) struct Filling<'a> {
    pub(super) fs: &'a dyn Fs,
    pub(super) dir: &'a Path,
    pub(super) log: &'a Log,
    pub(super) late_log: Option<&'a Log>,
    pub(super) head_chunks: &'a HeadChunks,
    pub(super) options: &'a DbOptions,
    pub(super) progress: &'a ReplayProgress,
}

impl Snapshots {
    /// None is written. Were some to be, as much log as is said here would be the least that is worth one.
    pub const NEVER: Self = Self { at_end: false, every_ms: None, log_bytes: 32 << 20 };
}

impl Default for Snapshots {
    fn default() -> Self {
        Self::NEVER
    }
}

impl LastSnapshot {
    /// What counts as such when a database was opened.
    pub(super) fn at_opening(now_ms: i64, log: &Log, opened: &Opened) -> Self {
        // Nothing was read of the log beyond what a snapshot has, or there is nothing at all.
        let has_all = opened.log.report.records == 0;
        Self { at_ms: now_ms, through: has_all.then(|| log.sequenced()), log_bytes: 0 }
    }
}

impl Filling<'_> {
    /// Fills a head that `new` makes, which may be called again: from the newest snapshot that is of use and the log behind it,
    /// or from the log alone.
    pub(super) fn fill(
        self,
        new: &dyn Fn() -> Result<Arc<Head>, DbError>,
        mut chunks: Vec<HeadChunk>,
        opened: &mut Opened,
    ) -> Result<Arc<Head>, DbError> {
        let Self { fs, dir, .. } = self;
        let mut found = SnapshotDirs::find(fs, dir).map_err(FileError::at(dir))?;
        // What was never finished.
        found.remove_before(fs, LogPlace { segment: 0, offset_bytes: 0 }).map_err(FileError::at(dir))?;
        loop {
            let (head, snapshot) = (new()?, found.published.pop());
            match self.fill_from(&head, chunks, snapshot.as_ref(), opened) {
                Ok(()) => {
                    if let Some(snapshot) = &snapshot {
                        // A crash may have come before they went.
                        found.unfinished.clear();
                        found.remove_before(fs, snapshot.place).map_err(FileError::at(dir))?;
                    }
                    opened.snapshot = snapshot;
                    return Ok(head);
                }
                Err(NotFilled::Failed(error)) => return Err(error),
                Err(NotFilled::BadChunks(bad, handed_back)) => {
                    chunks = self.without(bad, handed_back, opened)?;
                    // It may not have relied on these.
                    found.published.extend(snapshot);
                }
                Err(NotFilled::Unusable(fault, handed_back)) => {
                    chunks = handed_back;
                    opened.snapshots_set_aside += 1;
                    let Some(SnapshotDir { path, .. }) = snapshot else { continue };
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    let set_aside: SetAside = open::set_aside(fs, dir, &path, &name, &fault)?;
                    opened.set_aside.push(set_aside);
                }
            }
        }
    }

    fn fill_from(
        self,
        head: &Head,
        chunks: Vec<HeadChunk>,
        snapshot: Option<&SnapshotDir>,
        opened: &mut Opened,
    ) -> Result<(), NotFilled> {
        let Self { fs, log, options, progress, .. } = self;
        let target = head.replay(chunks);
        if let Some(SnapshotDir { place, path }) = snapshot {
            if let Err(fault) = self.restore(&target, *place, path, opened) {
                return Err(NotFilled::Unusable(fault, target.give_up()));
            }
            let from = (log.dir(), *place);
            opened.log = replay_from(fs, from, &target, options.cores, progress).map_err(failed)?;
            if target.contradicts() {
                return Err(NotFilled::Unusable(Unusable::Foreign, target.give_up()));
            }
        } else {
            opened.log = replay(fs, log.dir(), &target, options.cores, progress).map_err(failed)?;
        }
        if let Some(late_log) = self.late_log {
            let progress = ReplayProgress::default();
            opened.late_log =
                replay_late(fs, late_log.dir(), &target.late(), options.cores, &progress).map_err(failed)?;
        }
        opened.head = target.finish().map_err(|unfinished| match unfinished {
            Unfinished::Source(error) => failed(error),
            Unfinished::BadChunks { bad, chunks } => NotFilled::BadChunks(bad, chunks),
        })?;
        if snapshot.is_some() && opened.log.report.records > 0 {
            head.log_aliased().map_err(failed)?;
        }
        Ok(())
    }

    /// Sets chunks aside and leaves them out of `chunks`.
    fn without(
        self,
        bad: Vec<BadChunk>,
        mut chunks: Vec<HeadChunk>,
        opened: &mut Opened,
    ) -> Result<Vec<HeadChunk>, DbError> {
        let before = chunks.len();
        for bad in &bad {
            opened.set_aside.push(copy_aside(self.head_chunks, bad, self.dir)?);
            opened.bad_chunks.push(bad.place);
        }
        opened.bad_chunks.sort_unstable();
        opened.head_chunks_damaged = true;
        chunks.retain(|chunk| opened.bad_chunks.binary_search(&chunk.place).is_err());
        self.head_chunks.blank(&opened.bad_chunks)?;
        match bad.into_iter().next() {
            // It is none that was found, and would be met again.
            Some(bad) if chunks.len() == before => {
                let (file, fault) = ("chunks_head".to_owned(), bad.fault);
                Err(SourceError::Corrupt { file, offset: bad.place.0, fault }.into())
            }
            _ => Ok(chunks),
        }
    }

    /// The files of head chunks, each as far as it is sound.
    fn sound_files(self, opened: &Opened) -> Vec<ChunkFile> {
        let mut files = self.head_chunks.files();
        for bad in &opened.bad_chunks {
            let of = files.iter_mut().find(|file| file.number == bad.file());
            of.into_iter().for_each(|file| file.size_bytes = file.size_bytes.min(bad.offset()));
        }
        files
    }

    fn restore(self, target: &Replay<'_>, place: LogPlace, path: &Path, opened: &Opened) -> Result<(), Unusable> {
        let Self { fs, log, options, .. } = self;
        let next = log.stats().segment;
        if place > (LogPlace { segment: next, offset_bytes: 0 }) {
            return Err(Unusable::Future);
        }
        match target.restore(fs, path, options.cores)? {
            Some(relied) => match target.missing_file(&relied, &self.sound_files(opened)) {
                Some(missing) => Err(Unusable::ChunkFile(missing.number)),
                None => Ok(()),
            },
            // It does not say which files there were.
            None if opened.head_chunks_damaged => Err(Unusable::ChunkFiles),
            None => {
                let progress = ReplayProgress::default();
                // What cannot be read is told when the rest is read.
                replay(fs, log.dir(), &target.lacking(), options.cores, &progress)
                    .map(drop)
                    .map_err(|error| Unusable::Unsound(SnapshotError::Published(error.into())))
            }
        }
    }
}

fn failed(error: impl Into<DbError>) -> NotFilled {
    NotFilled::Failed(error.into())
}

impl Db {
    /// Whether a snapshot is due, and no upkeep under way. To be asked every second or so: fast samples make much log between
    /// two calls of [`Db::maintain`].
    pub fn wants_snapshot(&self) -> bool {
        self.upkeep.try_lock().is_some_and(|marks| self.is_snapshot_due(&marks.snapshot))
    }

    /// Of the upkeep only this: writes a snapshot if one is due.
    ///
    /// # Errors
    /// It could not be written. The next is tried when it is due again.
    pub fn write_due_snapshot(&self) -> Result<(), DbError> {
        self.snapshot_due(&mut self.upkeep.lock())
    }

    fn is_snapshot_due(&self, last: &LastSnapshot) -> bool {
        let Snapshots { every_ms: Some(every_ms), log_bytes, .. } = self.options.snapshots else { return false };
        let least_bytes = log_bytes.max(self.head.likely_snapshot_bytes());
        let is_time = self.clock.now_ms().saturating_sub(last.at_ms) >= every_ms
            || self.log_bytes().saturating_sub(last.log_bytes) >= least_bytes;
        is_time && last.through != Some(self.log.sequenced())
    }

    /// How much log there is since the snapshot that this database was filled from, or its beginning, compressed.
    fn log_bytes(&self) -> u64 {
        self.opened.log.size_bytes + self.log.stats().written_bytes
    }

    /// Writes a snapshot if it is time.
    pub(super) fn snapshot_due(&self, marks: &mut Marks) -> Result<(), DbError> {
        if !self.is_snapshot_due(&marks.snapshot) {
            return Ok(());
        }
        let logged = self.log.sequenced();
        // One that fails is not tried again at once: it may have filled the disk.
        marks.snapshot.at_ms = self.clock.now_ms();
        marks.snapshot.log_bytes = self.log_bytes();
        let segment = self.log.cut()?;
        self.write_snapshot(segment)?;
        marks.snapshot.through = Some(logged);
        Ok(())
    }

    /// Writes the last snapshot, if one is wanted. Nothing is logged any more.
    pub(super) fn snapshot_at_end(&self) -> Result<(), DbError> {
        if !self.options.snapshots.at_end {
            return Ok(());
        }
        self.write_snapshot(self.log.stats().segment)
    }

    /// Writes a snapshot of what was logged before `segment` was begun. The caller holds the upkeep: nothing is truncated
    /// meanwhile.
    fn write_snapshot(&self, segment: u32) -> Result<(), DbError> {
        let (fs, log) = (&*self.fs, &self.options.log);
        let place = place_before(fs, self.log.dir(), segment).map_err(FileError::at(self.log.dir()))?;
        // Most of it are chunks, which do not get smaller.
        let mut writer = match SnapshotWriter::create(fs, &self.dir, place, Compression::None, log.segment_bytes) {
            // Nothing was logged since that one was made.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
            created => created.map_err(FileError::at(&self.dir))?,
        };
        if let Err(error) = self.head.write_snapshot(&mut writer) {
            writer.give_up();
            return Err(error.into());
        }
        writer.publish().map_err(FileError::at(&self.dir))?;
        self.last_snapshot_ms.store(self.clock.now_ms(), Ordering::Relaxed);
        self.snapshots_written.fetch_add(1, Ordering::Relaxed);
        let found = SnapshotDirs::find(fs, &self.dir).map_err(FileError::at(&self.dir))?;
        Ok(found.remove_before(fs, place).map_err(FileError::at(&self.dir))?)
    }
}
