//! Opening: what a crash, a clean end or another program left becomes a database.

use super::snapshot::{Filling, LastSnapshot};
use super::{Db, DbError, DbOptions, DbParts, backup, cut, floor};
use crate::block::{Block, DELETION_SUFFIX, is_unfinished, parse_name};
use crate::file_error::FileError;
use crate::fs::{Fs, LockGuard};
use crate::head::{Head, HeadOptions, ReplayStats};
use crate::head_chunks::{HeadChunk, HeadChunkRef, HeadChunks, MAX_FILE_BYTES};
use crate::series::SourceError;
use crate::snapshot::SnapshotDir;
use crate::verify::{self, DIRECTORIES};
use crate::wal::{Committers, Log, ReplayProgress, Replayed, salvage};
use parking_lot::{Mutex, RwLock};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};

/// What opening a data directory found.
#[derive(Debug, Default)]
pub struct Opened {
    /// What was damaged and is no longer read. Nothing was deleted.
    pub set_aside: Vec<SetAside>,
    pub log: Replayed,
    /// The log of late samples.
    pub late_log: Replayed,
    /// Blocks of which it is not known what was deleted, and why.
    pub tombstones_lost: Vec<String>,
    pub head: ReplayStats,
    /// The snapshot that the head was filled from, before what is behind it in the log.
    pub snapshot: Option<SnapshotDir>,
    /// Snapshots that were of no use; they are in `set_aside`, too.
    pub snapshots_set_aside: u64,
    /// Something of the files of head chunks was set aside.
    pub(super) head_chunks_damaged: bool,
    /// Of those files, chunks that were set aside and stand there still.
    pub(super) bad_chunks: Vec<HeadChunkRef>,
}

/// A file or directory that was moved out of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    pub from: PathBuf,
    pub to: PathBuf,
    /// How many bytes are there.
    pub bytes: u64,
    pub fault: String,
}

const LOCK: &str = "lock";
pub(super) const QUARANTINE: &str = "quarantine";

impl Db {
    /// Opens the data directory `dir`, creating it if it is not there. `progress` can be looked at from other threads while
    /// the log is replayed.
    ///
    /// # Errors
    /// [`DbError::Locked`]; a file that cannot be read or written. Damage is no error: see [`Db::opened`].
    pub fn open(dir: &Path, options: DbOptions, parts: DbParts, progress: &ReplayProgress) -> Result<Self, DbError> {
        let DbParts { fs, clock, fingerprinter, committers } = parts;
        create_dir(&*fs, dir).map_err(FileError::at(dir))?;
        let lock = take_lock(&*fs, dir)?;
        let mut opened = Opened::default();
        remove_unfinished(&*fs, dir)?;
        make_way(&*fs, dir, &mut opened)?;
        backup::remove_unfinished(&*fs, dir)?;
        // Before the blocks: who looks on while another process cuts must not know of a floor, and not of the block before it.
        let kept_floor_ms = floor::kept_floor_ms(&*fs, dir, &mut opened)?;
        let mut blocks = open_blocks(&*fs, dir, &mut opened)?;
        remove_superseded(&*fs, dir, &mut blocks)?;
        let mut found = Vec::new();
        let (head_chunks, damages) = open_head_chunks(&fs, dir, &mut |chunk| found.push(chunk))?;
        opened.head_chunks_damaged = !damages.is_empty();
        opened.set_aside.extend(damages);
        let log_dir = dir.join("wal");
        let log = Log::open(Arc::clone(&fs), &log_dir, options.log, &committers).map_err(FileError::at(&log_dir))?;
        // An earlier process may have made the directories in here and ended before it synced their names.
        fs.sync_dir(dir).map_err(FileError::at(dir))?;
        let late_log = open_late_log(&fs, dir, &options, &committers, found.iter().any(|chunk| chunk.out_of_order))?;
        let blocks_end_ms = cut::blocks_end_ms(&blocks, options.block_range_ms);
        let head_options = HeadOptions::new(options.cores.get(), options.block_range_ms)
            .with_exemplars(options.max_exemplars, options.out_of_order.window_ms);
        let new_head = || {
            let head = Head::new(head_options, fingerprinter.clone(), log.clone(), Arc::clone(&head_chunks));
            let head = late_log.iter().cloned().fold(head, |head, log| head.with_late(options.out_of_order, log));
            if let Some(floor_ms) = blocks_end_ms.max(kept_floor_ms) {
                head.truncate(floor_ms)?;
            }
            if let Some(end_ms) = blocks_end_ms {
                head.blocks_reach(end_ms);
            }
            Ok(Arc::new(head))
        };
        let filling = Filling {
            fs: &*fs,
            dir,
            log: &log,
            late_log: late_log.as_ref(),
            head_chunks: &head_chunks,
            options: &options,
            progress,
        };
        let head = filling.fill(&new_head, found, &mut opened)?;
        mend_logs(&*fs, dir, kept_floor_ms, &mut opened)?;
        let snapshot = LastSnapshot::at_opening(clock.now_ms(), &log, &opened);
        let upkeep = cut::Marks::new(snapshot, opened.head.late_unfinished);
        Ok(Self {
            dir: dir.to_owned(),
            options,
            fs,
            clock,
            head,
            head_chunks,
            log,
            late_log,
            blocks: RwLock::new(blocks),
            upkeep: Mutex::new(upkeep),
            kept_floor_ms: AtomicI64::new(kept_floor_ms.unwrap_or(i64::MIN)),
            snapshots_written: AtomicU64::new(0),
            last_snapshot_ms: AtomicI64::new(i64::MIN),
            chunks_set_aside: Mutex::default(),
            in_the_way: Mutex::default(),
            opened,
            _committers: committers,
            _lock: lock,
        })
    }
}

/// Takes out of both logs what is damaged and sets it aside. Reading passes over it by itself; Prometheus, were it to open this
/// log, would drop what comes behind.
fn mend_logs(fs: &dyn Fs, dir: &Path, kept_floor_ms: Option<i64>, opened: &mut Opened) -> Result<(), FileError> {
    if let Some(at_ms) = kept_floor_ms.filter(|_| opened.log.report.damages_total > 0) {
        floor::loosen(fs, dir, at_ms)?;
    }
    let mut salvaged = salvage(fs, &dir.join(QUARANTINE), &opened.log.report)?;
    salvaged.append(&mut salvage(fs, &dir.join(QUARANTINE), &opened.late_log.report)?);
    opened.set_aside.extend(salvaged.into_iter().map(|one| SetAside {
        fault: format!("{} bytes of the log cannot be read", one.bytes),
        from: one.file,
        to: one.set_aside,
        bytes: one.bytes,
    }));
    Ok(())
}

/// Opens the log of late samples, if there are to be any or were.
fn open_late_log(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    options: &DbOptions,
    committers: &Committers,
    has_chunks: bool,
) -> Result<Option<Log>, FileError> {
    let dir = dir.join("wbl");
    let is_wanted = options.out_of_order.is_on() || has_chunks;
    if !is_wanted && !fs.read_dir(&dir).is_ok_and(|entries| !entries.is_empty()) {
        return Ok(None);
    }
    Log::open(Arc::clone(fs), &dir, options.log, committers).map(Some).map_err(FileError::at(&dir))
}

/// Makes sure that there is a directory `dir`, durably: it and those above it that had to be made.
fn create_dir(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
    let is_missing = |dir: &Path| fs.read_dir(dir).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let named: Vec<&Path> = dir.ancestors().filter(|dir| !dir.as_os_str().is_empty()).collect();
    let made = named.iter().take_while(|dir| is_missing(dir)).count();
    fs.create_dir_all(dir)?;
    // Its own name in any case: see the caller.
    for made in named.iter().take(made.max(1)).rev() {
        match made.parent() {
            None => {}
            Some(parent) if parent.as_os_str().is_empty() => fs.sync_dir(Path::new("."))?,
            Some(parent) => fs.sync_dir(parent)?,
        }
    }
    Ok(())
}

fn take_lock(fs: &dyn Fs, dir: &Path) -> Result<Box<dyn LockGuard>, DbError> {
    let path = dir.join(LOCK);
    fs.lock(&path).map_err(|source| match source.kind() {
        ErrorKind::WouldBlock => DbError::Locked(path),
        _ => DbError::File(FileError { path, source }),
    })
}

/// Removes blocks that were not complete, or half removed, when the last process ended.
fn remove_unfinished(fs: &dyn Fs, dir: &Path) -> Result<(), FileError> {
    for entry in fs.read_dir(dir).map_err(FileError::at(dir))? {
        if entry.is_dir && is_unfinished(&entry.name) {
            fs.remove_dir_all(&entry.path).map_err(FileError::at(&entry.path))?;
        }
    }
    Ok(())
}

/// Sets files aside that stand where directories have to be, and in these directories that stand where files have to be.
fn make_way(fs: &dyn Fs, dir: &Path, opened: &mut Opened) -> Result<(), FileError> {
    for entry in fs.read_dir(dir).map_err(FileError::at(dir))? {
        if !entry.is_dir && DIRECTORIES.contains(&&*entry.name) {
            opened.set_aside.push(set_aside(fs, dir, &entry.path, &entry.name, &verify::NO_DIRECTORY)?);
        }
    }
    for name in DIRECTORIES {
        let path = dir.join(name);
        let entries = match fs.read_dir(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries.map_err(FileError::at(&path))?,
        };
        for entry in entries.iter().filter(|entry| verify::is_no_file(name, entry)) {
            let to = format!("{name}-{}", entry.name);
            opened.set_aside.push(set_aside(fs, dir, &entry.path, &to, &verify::NO_FILE)?);
        }
    }
    Ok(())
}

fn open_blocks(fs: &dyn Fs, dir: &Path, opened: &mut Opened) -> Result<Vec<Block>, DbError> {
    let mut blocks = Vec::new();
    for entry in fs.read_dir(dir).map_err(FileError::at(dir))? {
        if !entry.is_dir || parse_name(&entry.name).is_none() {
            continue;
        }
        match Block::open(fs, &entry.path) {
            Ok(block) => {
                opened.tombstones_lost.extend(block.tombstones_fault().map(ToString::to_string));
                blocks.push(block);
            }
            Err(fault) if is_damage(&fault) => {
                opened.set_aside.push(set_aside(fs, dir, &entry.path, &entry.name, &fault)?);
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    blocks.sort_by_key(|block| block.meta().min_ms);
    Ok(blocks)
}

/// Removes blocks that others were made of and that were still there when the last process ended, as Prometheus does.
fn remove_superseded(fs: &dyn Fs, dir: &Path, blocks: &mut Vec<Block>) -> Result<(), FileError> {
    // Two that name each other were not made by anybody.
    let superseded = |parent: &&Block| {
        blocks.iter().any(|child| child.may_replace(parent) && !parent.meta().says_it_replaces(child.meta()))
    };
    let superseded: Vec<Block> = blocks.iter().filter(superseded).cloned().collect();
    for block in superseded {
        let ulid = block.meta().ulid;
        let to = dir.join(format!("{ulid}{DELETION_SUFFIX}"));
        let removed = fs.rename(block.dir(), &to).and_then(|()| fs.sync_dir(dir)).and_then(|()| fs.remove_dir_all(&to));
        removed.map_err(FileError::at(block.dir()))?;
        blocks.retain(|block| block.meta().ulid != ulid);
    }
    Ok(())
}

/// Whether a file is at fault, and not the system that reads it: what is too short or missing was not written by a writer
/// of whole blocks.
pub(super) fn is_damage(fault: &SourceError) -> bool {
    match fault {
        SourceError::Corrupt { .. } => true,
        SourceError::Io { source, .. } => {
            use ErrorKind::{InvalidData, IsADirectory, NotADirectory, NotFound, UnexpectedEof};
            matches!(source.kind(), NotFound | UnexpectedEof | InvalidData | IsADirectory | NotADirectory)
        }
    }
}

/// Moves a damaged block, or a snapshot of no use, to the quarantine. One of its name may be there: somebody put it back, and
/// it was damaged still.
pub(super) fn set_aside(
    fs: &dyn Fs,
    dir: &Path,
    from: &Path,
    name: &str,
    fault: &impl ToString,
) -> Result<SetAside, FileError> {
    let quarantine = dir.join(QUARANTINE);
    let bytes = size_bytes(fs, from).map_err(FileError::at(from))?;
    let moved = fs.create_dir_all(&quarantine).and_then(|()| {
        let taken = fs.read_dir(&quarantine)?;
        let is_free = |name: &String| taken.iter().all(|entry| entry.name != *name);
        let mut names = std::iter::once(name.to_owned()).chain((1..).map(|again: u32| format!("{name}.{again}")));
        let to = quarantine.join(names.find(is_free).unwrap_or_default());
        fs.rename(from, &to)?;
        fs.sync_dir(&quarantine)?;
        fs.sync_dir(dir)?;
        Ok(to)
    });
    let to = moved.map_err(FileError::at(from))?;
    Ok(SetAside { from: from.to_owned(), to, bytes, fault: fault.to_string() })
}

/// The size of a file, or of all files in a directory and below.
fn size_bytes(fs: &dyn Fs, path: &Path) -> io::Result<u64> {
    let entries = match fs.read_dir(path) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => return fs.open(path)?.size_bytes(),
        entries => entries?,
    };
    let mut size = 0;
    for entry in entries {
        size += if entry.is_dir { size_bytes(fs, &entry.path)? } else { entry.size_bytes };
    }
    Ok(size)
}

fn open_head_chunks(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    found: &mut dyn FnMut(HeadChunk),
) -> Result<(Arc<HeadChunks>, Vec<SetAside>), FileError> {
    let (files, quarantine) = (dir.join("chunks_head"), dir.join(QUARANTINE));
    let (chunks, damages) = HeadChunks::open(Arc::clone(fs), &files, &quarantine, MAX_FILE_BYTES, found)?;
    let set_aside = damages.into_iter().map(|damage| SetAside {
        fault: format!("byte {}: {}", damage.fault.offset, damage.fault.fault),
        from: damage.path,
        to: damage.set_aside,
        bytes: damage.bytes,
    });
    Ok((Arc::new(chunks), set_aside.collect()))
}
