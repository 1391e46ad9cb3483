//! The files of a log: segments `%08d` and directories `checkpoint.%08d` of segments.

use super::replay::LogPlace;
use super::writer::{Effect, Group};
use crate::fs::{AppendFile, Fs};
use std::io;
use std::path::{Path, PathBuf};

/// A segment, or the directory of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) number: u32,
    pub(super) path: PathBuf,
    /// 0 for a checkpoint.
    pub(super) size_bytes: u64,
    /// What at its start is not to be read.
    pub(super) skip_bytes: u64,
}

/// What there is in the directory of a log.
#[derive(Debug)]
pub(super) struct SegmentDir {
    dir: PathBuf,
    /// By number; there may be gaps.
    pub(super) segments: Vec<Numbered>,
    /// By number.
    pub(super) checkpoints: Vec<Numbered>,
    /// Checkpoints that were never finished.
    pub(super) unfinished: Vec<PathBuf>,
    /// Rewritten segments that never took the place of the old ones.
    pub(super) unplaced: Vec<PathBuf>,
}

const CHECKPOINT_PREFIX: &str = "checkpoint.";
const UNFINISHED_SUFFIX: &str = ".tmp";

/// The segment that is written in a directory.
#[derive(Debug)]
pub(super) struct SegmentFile {
    dir: PathBuf,
    open: Option<Box<dyn AppendFile>>,
}

pub(super) fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:08}"))
}

/// The directory of the checkpoint that stands for the segments up to `number`, this one inside.
pub(super) fn checkpoint_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{CHECKPOINT_PREFIX}{number:08}"))
}

/// Where that checkpoint is built.
pub(super) fn unfinished_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{CHECKPOINT_PREFIX}{number:08}{UNFINISHED_SUFFIX}"))
}

/// Makes sure that there is a directory `dir`, durably.
pub(super) fn create_dir(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
    match fs.read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => fs.create_dir_all(dir)?,
        found => return found.map(|_| ()),
    }
    dir.parent().map_or(Ok(()), |parent| fs.sync_dir(parent))
}

impl SegmentFile {
    /// None yet, in `dir`.
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), open: None }
    }

    /// Takes a step that a writer asks for.
    pub(super) fn perform(&mut self, fs: &dyn Fs, effect: &Effect, group: &Group) -> io::Result<()> {
        let no_file = || io::Error::other("no segment is open");
        match effect {
            Effect::Create(number) => self.open = Some(fs.create_new(&segment_path(&self.dir, *number))?),
            Effect::SyncNames => fs.sync_dir(&self.dir)?,
            Effect::Append(range) => self.open.as_mut().ok_or_else(no_file)?.append(group.slice(range))?,
            Effect::SyncData => self.open.as_mut().ok_or_else(no_file)?.sync_data()?,
            Effect::Close => self.abandon(),
        }
        Ok(())
    }

    /// Lets the file go.
    pub(super) fn abandon(&mut self) {
        self.open = None;
    }
}

impl SegmentDir {
    /// Lists `dir`. Names that are none of a log's are left alone.
    pub(super) fn read(fs: &dyn Fs, dir: &Path) -> io::Result<Self> {
        let (mut segments, mut checkpoints) = (Vec::new(), Vec::new());
        let (mut unfinished, mut unplaced) = (Vec::new(), Vec::new());
        for entry in fs.read_dir(dir)? {
            let (path, size_bytes) = (entry.path, entry.size_bytes);
            if !entry.is_dir {
                match (number(&entry.name), entry.name.strip_suffix(UNFINISHED_SUFFIX).and_then(number)) {
                    (Some(number), _) => segments.push(Numbered { number, path, size_bytes, skip_bytes: 0 }),
                    (None, Some(_)) => unplaced.push(path),
                    (None, None) => {}
                }
            } else if let Some(name) = entry.name.strip_prefix(CHECKPOINT_PREFIX) {
                match number(name) {
                    Some(number) => checkpoints.push(Numbered { number, path, size_bytes, skip_bytes: 0 }),
                    None if name.ends_with(UNFINISHED_SUFFIX) => unfinished.push(path),
                    None => {}
                }
            }
        }
        segments.sort_unstable_by_key(|segment| segment.number);
        checkpoints.sort_unstable_by_key(|checkpoint| checkpoint.number);
        Ok(Self { dir: dir.to_owned(), segments, checkpoints, unfinished, unplaced })
    }

    /// The first number that neither a segment nor a checkpoint stands for.
    pub(super) fn next_segment(&self) -> u32 {
        let last = self.segments.last().into_iter().chain(self.checkpoints.last());
        last.map(|last| last.number.saturating_add(1)).max().unwrap_or(0)
    }

    /// Where what is there ends.
    fn end(&self) -> LogPlace {
        let checkpoint =
            self.checkpoints.last().map(|last| LogPlace { segment: last.number.saturating_add(1), offset_bytes: 0 });
        let segment = self.segments.last().map(|last| LogPlace { segment: last.number, offset_bytes: last.size_bytes });
        checkpoint.max(segment).unwrap_or(LogPlace { segment: 0, offset_bytes: 0 })
    }

    /// Removes segments below `segment`, and checkpoints that stand for less than all of them.
    ///
    /// Segments go one by one, lowest first: a crash of the machine must not leave one without those behind it, which may say that
    /// what it has was deleted.
    pub(super) fn remove_below(&self, fs: &dyn Fs, segment: u32) -> io::Result<()> {
        for old in self.segments.iter().filter(|old| old.number < segment) {
            fs.remove_file(&old.path)?;
            fs.sync_dir(&self.dir)?;
        }
        for old in self.checkpoints.iter().filter(|old| old.number.saturating_add(1) < segment) {
            fs.remove_dir_all(&old.path)?;
        }
        fs.sync_dir(&self.dir)
    }
}

impl LogPlace {
    /// The end of the log in `dir`; its beginning if there is none.
    ///
    /// # Errors
    /// As a file system's.
    pub(crate) fn end_of_log(fs: &dyn Fs, dir: &Path) -> io::Result<Self> {
        match SegmentDir::read(fs, dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self { segment: 0, offset_bytes: 0 }),
            found => Ok(found?.end()),
        }
    }
}

/// The number that a name is of, as it is written.
pub(crate) fn number(name: &str) -> Option<u32> {
    // As many as Prometheus can count; some are to be left for segments to come.
    name.parse().ok().filter(|&number| number <= i32::MAX as u32 && format!("{number:08}") == name)
}
