//! A data directory: head, log and blocks as one database.
//!
//! The layout is Prometheus': blocks named by ULID, `wal/`, `chunks_head/`, `lock`; besides, `head_floor` says up to where the
//! head was cut where no block does ([`floor`]), and what was damaged is set aside in `quarantine/`. Opening it ([`open`])
//! removes what unfinished work left, opens blocks and head chunks, and replays the log. There is no thread here: whoever owns
//! the database calls [`Db::maintain`] now and then, which cuts blocks off the head ([`cut`]), lets go of the log behind them
//! and of blocks past their retention ([`retention`]).

mod backup;
mod clean;
mod cut;
mod damaged;
mod delete;
mod floor;
mod late;
mod open;
mod read_only;
mod retention;
mod snapshot;
mod stats;

use crate::append::{AppendLimits, AppendSource, Appended};
use crate::block::{Block, BlockWriteError};
use crate::file_error::FileError;
use crate::fs::{Fs, LockGuard};
use crate::head::{AppendScratch, Head, HeadReader, OutOfOrder, Positions, SnapshotWriteError};
use crate::head_chunks::HeadChunks;
use crate::series::{SeriesSource, SourceError};
use crate::wal::{Commit, Committers, Log, LogError, LogOptions};
use model::{Clock, Fingerprinter, TimeRange};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use ulid::Ulid;

pub use clean::CleanedBlock;
pub use cut::CutBlock;
pub use delete::Deletion;
pub use open::{Opened, SetAside};
pub use read_only::{ReadOnly, ReadOnlyParts};
pub use snapshot::Snapshots;
pub use stats::DbStats;

/// How a database is kept.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// The width of the blocks that are cut, in milliseconds; blocks end at its multiples.
    pub block_range_ms: i64,
    /// Blocks that end so much before the newest sample are removed; `None` keeps them.
    pub retention_ms: Option<i64>,
    /// The labels all series share outside, for the `thanos` section of the blocks.
    pub external_labels: BTreeMap<String, String>,
    pub log: LogOptions,
    /// Which samples are taken that are older than the newest of their series.
    pub out_of_order: OutOfOrder,
    /// How many exemplars the head keeps; 0: none.
    pub max_exemplars: usize,
    pub snapshots: Snapshots,
    /// How many threads may work at once.
    pub cores: NonZeroUsize,
}

/// An open data directory. Dropping it without [`Db::close`] is what a crash does.
#[derive(Debug)]
pub struct Db {
    dir: PathBuf,
    options: DbOptions,
    fs: Arc<dyn Fs>,
    clock: Arc<dyn Clock>,
    head: Arc<Head>,
    head_chunks: Arc<HeadChunks>,
    log: Log,
    /// The log of late samples; `None` if none are taken and none were left.
    late_log: Option<Log>,
    /// By their first millisecond.
    blocks: RwLock<Vec<Block>>,
    /// Held while blocks are cut or removed: one at a time.
    upkeep: Mutex<cut::Marks>,
    /// Chunks of the head that could not be read when blocks were made.
    chunks_set_aside: Mutex<Vec<SetAside>>,
    /// What stood where something of ours was to be made, since the opening.
    in_the_way: Mutex<Vec<SetAside>>,
    /// What the file says of the floor; `i64::MIN`: nothing. Moved by who holds the upkeep.
    kept_floor_ms: AtomicI64,
    snapshots_written: AtomicU64,
    /// When the last one was; `i64::MIN`: none was since the opening.
    last_snapshot_ms: AtomicI64,
    opened: Opened,
    /// Their threads end with the last database.
    _committers: Arc<Committers>,
    _lock: Box<dyn LockGuard>,
}

/// Why a database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("{}: another process has this data directory open", .0.display())]
    Locked(PathBuf),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Block(#[from] BlockWriteError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    HeadChunks(#[from] crate::head_chunks::HeadChunkError),
    #[error("snapshot of the head: {0}")]
    Snapshot(#[from] SnapshotWriteError),
}

impl Db {
    /// Appends a batch to head and log. What was accepted is durable once the [`Commit`] says so.
    ///
    /// # Errors
    /// The log takes nothing now; see [`Head::append`].
    pub fn append<S: AppendSource>(
        &self,
        source: &S,
        limits: AppendLimits,
        scratch: &mut AppendScratch,
    ) -> Result<(Appended, Commit), LogError> {
        let (appended, positions) = self.head.append(source, limits, scratch)?;
        Ok((appended, self.commit(positions)))
    }

    /// What both logs have up to there.
    fn commit(&self, positions: Positions) -> Commit {
        // Nothing logged is nothing to wait for: the position before the first is durable from the start.
        let commit = self.log.commit(positions.log.unwrap_or_default());
        let late = self.late_log.as_ref().zip(positions.late).map(|(log, position)| log.commit(position));
        late.into_iter().fold(commit, Commit::and)
    }

    /// What may hold samples in `range`: the head, and blocks by time. A sample that moves into a block meanwhile is in one
    /// of the two, or in both.
    pub fn sources(&self, range: TimeRange) -> Vec<Arc<dyn SeriesSource>> {
        // The head first: see `HeadReader`.
        let head = self.head_source(range);
        let blocks = self.blocks.read();
        let in_range = blocks.iter().filter(|block| block.time_range().is_some_and(|held| held.overlaps(range)));
        let blocks = in_range.map(|block| Arc::new(block.clone()) as Arc<dyn SeriesSource>);
        blocks.chain(head).collect()
    }

    /// The head, if nothing but the head may hold samples in `range`.
    pub fn head_alone(&self, range: TimeRange) -> Option<HeadReader> {
        // The head first: see `HeadReader`.
        let head = self.head.reader(range);
        let overlaps = |block: &Block| block.time_range().is_some_and(|held| held.overlaps(range));
        (!self.blocks.read().iter().any(overlaps)).then_some(head)
    }

    fn head_source(&self, range: TimeRange) -> Option<Arc<dyn SeriesSource>> {
        let held = self.head.whole_range().filter(|held| held.overlaps(range));
        held.map(|_| Arc::new(self.head.reader(range)) as Arc<dyn SeriesSource>)
    }

    /// The times of all it holds, both ends inside; `None` if that is nothing.
    pub fn time_range(&self) -> Option<TimeRange> {
        let blocks = self.blocks.read();
        let ranges = blocks.iter().filter_map(SeriesSource::time_range).chain(self.head.whole_range());
        ranges.reduce(TimeRange::hull)
    }

    /// Cuts the blocks that are due, removes those past their retention, gives memory and log behind them free, writes
    /// out full chunks that wait in memory, and a snapshot of the head if it is time. Blocks for as long as that takes; appends and reads go on.
    ///
    /// # Errors
    /// The first thing that failed; nothing is lost, and the next call tries again.
    pub fn maintain(&self) -> Result<Vec<CutBlock>, DbError> {
        self.maintain_where(&|_| true)
    }

    /// As [`Db::maintain`], but of the blocks past their retention only those are removed for which `may_go` says so: a block
    /// that is to be shipped stays until it was.
    ///
    /// # Errors
    /// As [`Db::maintain`].
    pub fn maintain_where(&self, may_go: &dyn Fn(Ulid) -> bool) -> Result<Vec<CutBlock>, DbError> {
        let mut marks = self.upkeep.lock();
        // One that fails does not keep the others from making room.
        let looked = self.set_aside_suspects();
        let cut = self.cut_due(&mut marks);
        let late = self.cut_late_due(&mut marks, cut.as_ref().is_ok_and(|cut| !cut.is_empty()));
        let removed = self.remove_expired(may_go);
        let reclaimed = self.head.reclaim();
        let flushed = self.head_chunks.flush();
        let snapshot = self.snapshot_due(&mut marks);
        let mut cut = cut?;
        cut.append(&mut late?);
        looked?;
        removed?;
        reclaimed?;
        flushed?;
        snapshot?;
        Ok(cut)
    }

    /// Cuts all that the head holds: a block for each range, the last one up to the newest sample only, and of late samples
    /// blocks of their own. Nothing before that
    /// is appended any more, so this is for the end, where somebody else shall read the blocks.
    ///
    /// # Errors
    /// The first thing that failed. What was not cut is in the log.
    pub fn flush(&self) -> Result<Vec<CutBlock>, DbError> {
        let mut marks = self.upkeep.lock();
        let mut cut = self.cut_all(&mut marks)?;
        cut.append(&mut self.cut_late(&mut marks)?);
        Ok(cut)
    }

    /// Writes and syncs what is in memory only, and takes nothing more. Then the head is written as a snapshot, if that is
    /// wanted.
    ///
    /// # Errors
    /// As the log's, the chunk files' and the snapshot's. What was acknowledged is in the log already.
    pub fn close(&self) -> Result<(), DbError> {
        let _upkeep = self.upkeep.lock();
        let late = self.late_log.as_ref().map_or(Ok(()), Log::close);
        let logged = self.log.close();
        if let Err(closed @ LogError::Closed { .. }) = logged {
            return Err(closed.into());
        }
        let synced = self.head_chunks.sync();
        // The head has all that the log was to have, be it written there or not.
        let snapshot = self.snapshot_at_end();
        logged?;
        late?;
        synced?;
        snapshot
    }

    /// What opening it found.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// The head.
    pub fn head(&self) -> &Arc<Head> {
        &self.head
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// What opening needs besides the directory.
#[derive(Debug, Clone)]
pub struct DbParts {
    pub fs: Arc<dyn Fs>,
    pub clock: Arc<dyn Clock>,
    /// The one whose fingerprints batches come with.
    pub fingerprinter: Fingerprinter,
    pub committers: Arc<Committers>,
}
