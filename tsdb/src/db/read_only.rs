//! Looking at a data directory that is not ours, or that another process has open.
//!
//! It is opened as any other, through an [`Overlay`]: the log is replayed, what is damaged is passed over and reported, and
//! nothing in the directory is changed, no lock taken, no file made.

use super::{Db, DbError, DbOptions, DbParts, Opened, Snapshots};
use crate::block::{self, Block, Meta};
use crate::file_error::FileError;
use crate::fs::{Fs, Overlay};
use crate::head::OutOfOrder;
use crate::head_chunks;
use crate::series::{SeriesSource, SourceError};
use crate::wal::{Committers, LogOptions, ReplayProgress};
use model::{Clock, Fingerprinter, TimeRange};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Error, ErrorKind};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is in a directory, as it was when it was opened.
#[derive(Debug)]
pub struct ReadOnly {
    held: Held,
    /// Blocks of raw samples, by their first millisecond.
    blocks: Vec<Block>,
    coarse: Vec<Meta>,
}

#[derive(Debug)]
enum Held {
    /// A data directory, or a folder of blocks, which is one without a log.
    Directory(Box<Db>),
    /// The directory of one block.
    Block,
}

/// What opening needs besides the directory.
#[derive(Debug, Clone)]
pub struct ReadOnlyParts {
    pub fs: Arc<dyn Fs>,
    pub clock: Arc<dyn Clock>,
    pub fingerprinter: Fingerprinter,
    /// A directory that does not exist: made if a replay makes chunks, or something is to be set aside, and removed in the
    /// end.
    pub scratch: PathBuf,
    /// How many threads may work at once.
    pub cores: NonZeroUsize,
}

/// The width of blocks that Prometheus makes of a head; here it says only where chunks that a replay makes end.
const RANGE_MS: i64 = 2 * 3_600_000;

impl ReadOnly {
    /// Opens a data directory, a folder of blocks, or one block. `progress` can be looked at from other threads while the
    /// log is replayed.
    ///
    /// # Errors
    /// `dir` is none of these, or a file cannot be read. Damage is no error: see [`ReadOnly::opened`]. But a directory that is
    /// one block is either sound or not opened.
    pub fn open(dir: &Path, parts: ReadOnlyParts, progress: &ReplayProgress) -> Result<Self, DbError> {
        let ReadOnlyParts { fs, clock, fingerprinter, scratch, cores } = parts;
        let names = fs.read_dir(dir).map_err(FileError::at(dir))?;
        if names.iter().any(|entry| entry.name == "meta.json") {
            let block = Block::open(&*fs, dir)?;
            return Ok(Self { held: Held::Block, blocks: Vec::new(), coarse: Vec::new() }.with(vec![block]));
        }
        let is_ours = |name: &str| matches!(name, "wal" | "wbl" | "chunks_head") || block::parse_name(name).is_some();
        if !names.iter().any(|entry| entry.is_dir && is_ours(&entry.name)) {
            let nothing = Error::new(ErrorKind::NotFound, "there is neither a block nor a log in this directory");
            return Err(FileError::at(dir)(nothing).into());
        }
        let growing = newest_head_chunks(&*fs, dir)?.into_iter().collect::<BTreeSet<_>>();
        let options = DbOptions {
            block_range_ms: RANGE_MS,
            retention_ms: None,
            external_labels: BTreeMap::new(),
            log: LogOptions::default(),
            out_of_order: OutOfOrder::default(),
            max_exemplars: 0,
            snapshots: Snapshots::default(),
            cores,
        };
        let committers = Committers::start(NonZeroUsize::MIN).map_err(FileError::at(dir))?;
        let parts = DbParts {
            fs: Arc::new(Overlay::new(fs, scratch, growing)),
            clock,
            fingerprinter,
            committers: Arc::new(committers),
        };
        let db = Db::open(dir, options, parts, progress)?;
        let blocks = db.blocks.read().clone();
        Ok(Self { held: Held::Directory(Box::new(db)), blocks: Vec::new(), coarse: Vec::new() }.with(blocks))
    }

    fn with(mut self, blocks: Vec<Block>) -> Self {
        let is_raw = |block: &Block| block.meta().thanos.as_ref().is_none_or(|of| of.downsample.resolution_ms == 0);
        let (raw, coarse): (Vec<_>, Vec<_>) = blocks.into_iter().partition(is_raw);
        self.coarse = coarse.iter().map(|block| block.meta().clone()).collect();
        self.blocks = raw;
        self
    }

    /// What may hold samples in `range`: blocks by time, then the head.
    pub fn sources(&self, range: TimeRange) -> Vec<Arc<dyn SeriesSource>> {
        let in_range = self.blocks.iter().filter(|block| block.time_range().is_some_and(|held| held.overlaps(range)));
        let blocks = in_range.map(|block| Arc::new(block.clone()) as Arc<dyn SeriesSource>);
        let head = match &self.held {
            Held::Block => None,
            Held::Directory(db) => db.head_source(range),
        };
        blocks.chain(head).collect()
    }

    /// The one source there is in `range`, if that is the head, with its series in the order in which they were created.
    pub fn head_as_created(&self, range: TimeRange) -> Option<Arc<dyn SeriesSource>> {
        let alone = !self.blocks.iter().any(|block| block.time_range().is_some_and(|held| held.overlaps(range)));
        let head = self.db().filter(|_| alone)?.head();
        Some(Arc::new(head.reader_as_created(range)))
    }

    /// The blocks, by their first millisecond.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Blocks of downsampled series, which are left out: their chunks hold no samples but what was made of them.
    pub fn coarse(&self) -> &[Meta] {
        &self.coarse
    }

    /// Head and log, if it is more than a block.
    pub fn db(&self) -> Option<&Db> {
        match &self.held {
            Held::Block => None,
            Held::Directory(db) => Some(db),
        }
    }

    /// What was found when it was opened. Nothing was set aside in truth: it was passed over.
    pub fn opened(&self) -> Option<&Opened> {
        self.db().map(Db::opened)
    }

    /// Why the tombstones of blocks could not be read: what was deleted from these is there again.
    pub fn tombstone_faults(&self) -> impl Iterator<Item = (&Meta, &SourceError)> {
        self.blocks.iter().filter_map(|block| Some((block.meta(), block.tombstones_fault()?)))
    }

    /// The times of all it holds, both ends inside; `None` if that is nothing.
    pub fn time_range(&self) -> Option<TimeRange> {
        self.sources(TimeRange::ALL).iter().filter_map(|source| source.time_range()).reduce(TimeRange::hull)
    }
}

/// The file that a process which has the directory open writes, and cuts when it is full.
fn newest_head_chunks(fs: &dyn Fs, dir: &Path) -> Result<Option<PathBuf>, FileError> {
    let dir = dir.join("chunks_head");
    match fs.read_dir(&dir) {
        Ok(entries) => {
            Ok(entries.into_iter().rfind(|entry| head_chunks::number(&entry.name).is_some()).map(|entry| entry.path))
        }
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(FileError { path: dir, source }),
    }
}
