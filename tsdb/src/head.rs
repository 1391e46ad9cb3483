//! The newest hours of a tenant, in memory: where samples are appended and most queries end.
//!
//! A series is a number in a **shard** ([`shard`]): a 64-byte **hot line** with all that an append must know
//! ([`hot_line`]), a small cold record, its open chunk and its lists in a **slab** ([`slab`]). Label sets are numbers of
//! pairs from a **dictionary** that the shards share ([`dictionary`]); each shard has its own **postings** from pairs to
//! lines ([`postings`]). What is deleted stays where it is, and a list of ranges tells that it is not to be seen ([`tombstones`]). A batch takes each shard's lock once ([`append`]); a reader copies what it needs under the same
//! lock, little at a time ([`read`]). Full chunks go to the head's chunk files, and what a block has taken over is
//! dropped ([`truncate`]).
//!
//! Locks are taken in this order, and only in this order: shard, exemplars, then dictionary or chunk files or log. Nothing is held while a file is
//! read or written. There is no thread and no timer here: whoever maintains the database calls.

mod append;
mod arena;
mod chunk_list;
mod copies;
mod damaged;
mod dictionary;
mod epoch;
mod exemplars;
mod hot_line;
mod label_values;
mod last;
mod late;
mod layouts;
mod logged_series;
mod metadata;
mod order;
mod postings;
mod read;
mod replay;
mod select;
mod selection;
mod shard;
mod shown;
mod slab;
mod snapshot;
mod statistics;
mod tombstones;
mod truncate;

use crate::head_chunks::{HeadChunkRef, HeadChunks};
use crate::wal::Log;
use dictionary::Dictionary;
use epoch::Epochs;
use exemplars::Exemplars;
use hot_line::MAX_CHUNK_RANGE_MS;
use late::LateLog;
use model::{Fingerprint, Fingerprinter, TimeRange};
use order::RankCache;
use parking_lot::{Mutex, RwLock};
use replay::Alias;
use select::MatcherCache;
use shard::Shard;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use tombstones::Tombstones;
use truncate::Pending;

pub use append::{AppendScratch, Positions};
pub use damaged::{BadChunk, ChunkKind};
pub use exemplars::{Exemplar, ExemplarSeries};
pub use last::LastCursor;
pub use late::OutOfOrder;
pub use read::HeadReader;
pub use replay::{Lacking, LateReplay, LateScratch, Part, Replay, ReplayScratch, ReplayStats, Split, Unfinished};
pub use snapshot::SnapshotWriteError;
pub use statistics::{Counted, HeadStatistics, LabelSize};
pub use tombstones::HeadDeletion;
pub use truncate::Truncation;

/// How a head is laid out. The data directory does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadOptions {
    shards: usize,
    chunk_range_ms: i64,
    max_exemplars: usize,
    late_exemplars_ms: i64,
}

/// See the module's page.
pub struct Head {
    options: HeadOptions,
    shards: Box<[Mutex<Shard>]>,
    dictionary: RwLock<Dictionary>,
    matchers: MatcherCache,
    ranking: RankCache,
    epochs: Arc<Epochs>,
    /// The truncation that readers hold up. Locked before any shard.
    pending: Mutex<Option<Pending>>,
    /// Found by a replay; for checkpoints. Locked before any shard.
    aliases: Mutex<Vec<Alias>>,
    tombstones: Tombstones,
    times: Times,
    /// Held, shared, by each append from where it learns its bounds to its end; taken alone by who moves a bound.
    appending: RwLock<()>,
    series: AtomicU64,
    exemplars: Exemplars,
    fingerprinter: Fingerprinter,
    log: Log,
    /// `None`: there is no late sample, and none is taken.
    late: Option<LateLog>,
    files: Arc<HeadChunks>,
}

/// The times of a head's samples. Each is moved under a shard's lock and only ever in one direction.
#[derive(Debug)]
struct Times {
    /// The oldest sample appended since the last truncation, or that truncation's floor.
    oldest_ms: AtomicI64,
    newest_ms: AtomicI64,
    /// Samples before it belong to blocks.
    floor_ms: AtomicI64,
    /// Samples before it are not appended; not below the floor once a block was cut.
    closed_ms: AtomicI64,
    /// How many series have late samples.
    late_series: AtomicU64,
    /// The last late chunk that belongs to blocks.
    late_through: AtomicU64,
}

/// How many shards a head has at most.
const MAX_SHARDS: usize = 1024;

impl HeadOptions {
    /// For a process with that many cores, chunks ending at multiples of `chunk_range_ms`, which is what blocks are cut by.
    /// Ranges of more than twelve days count as twelve.
    pub fn new(cores: usize, chunk_range_ms: i64) -> Self {
        let shards = (cores.max(1) * 2).next_power_of_two().min(MAX_SHARDS);
        let chunk_range_ms = chunk_range_ms.clamp(1, MAX_CHUNK_RANGE_MS);
        Self { shards, chunk_range_ms, max_exemplars: 0, late_exemplars_ms: 0 }
    }

    /// Keeps the newest `max` exemplars, which may come `late_ms` after newer ones of their series; otherwise none are kept.
    #[must_use]
    pub fn with_exemplars(mut self, max: usize, late_ms: i64) -> Self {
        (self.max_exemplars, self.late_exemplars_ms) = (max, late_ms);
        self
    }
}

impl Head {
    /// An empty head that logs to `log` and puts full chunks into `files`. `fingerprinter` is the one whose fingerprints
    /// batches will come with.
    pub fn new(options: HeadOptions, fingerprinter: Fingerprinter, log: Log, files: Arc<HeadChunks>) -> Self {
        Self {
            options,
            shards: (0..options.shards).map(|_| Mutex::default()).collect(),
            dictionary: RwLock::new(Dictionary::new(FIRST_REFERENCE)),
            matchers: MatcherCache::default(),
            ranking: RankCache::default(),
            epochs: Arc::default(),
            pending: Mutex::default(),
            aliases: Mutex::default(),
            tombstones: Tombstones::default(),
            times: Times::default(),
            appending: RwLock::default(),
            series: AtomicU64::new(0),
            exemplars: Exemplars::new(options.max_exemplars, options.late_exemplars_ms),
            fingerprinter,
            log,
            late: None,
            files,
        }
    }

    /// Takes late samples as `options` say, and logs them to `log`, also what is deleted of those that are there when none are
    /// taken any more.
    #[must_use]
    pub fn with_late(mut self, options: OutOfOrder, log: Log) -> Self {
        self.late = Some(LateLog { options, log });
        self
    }

    /// How many series there are.
    pub fn series(&self) -> u64 {
        self.series.load(Ordering::Relaxed)
    }

    /// The times of its samples that came in order, both ends inside, none before the last truncation; `None` if there are
    /// none.
    pub fn time_range(&self) -> Option<TimeRange> {
        self.times.range()
    }

    /// The times of its late samples, both ends inside, and perhaps some more; `None` if there are none.
    pub fn late_range(&self) -> Option<TimeRange> {
        if !self.times.any_late() {
            return None;
        }
        self.shards.iter().filter_map(|shard| shard.lock().late.range()).reduce(TimeRange::hull)
    }

    /// The times of all its samples.
    pub fn whole_range(&self) -> Option<TimeRange> {
        self.time_range().into_iter().chain(self.late_range()).reduce(TimeRange::hull)
    }

    /// Samples before this belong to blocks; `i64::MIN` before the first truncation.
    pub fn floor_ms(&self) -> i64 {
        self.times.floor_ms()
    }

    /// Nothing before `min_ms` is appended from now on: what a block is to take over does not change any more. Waits for
    /// batches that began with other bounds.
    pub fn close_before(&self, min_ms: i64) {
        self.times.closed_ms.fetch_max(min_ms, Ordering::AcqRel);
        drop(self.appending.write());
    }

    /// Bytes held in memory, about: room that was reserved and not touched is counted.
    pub fn size_bytes(&self) -> usize {
        let shards: usize = self.shards.iter().map(|shard| shard.lock().size_bytes()).sum();
        let shared = self.dictionary.read().size_bytes() + self.exemplars.size_bytes() + self.tombstones.size_bytes();
        shards + shared + size_of_val(&*self.shards)
    }

    fn shard_of(&self, fingerprint: Fingerprint) -> usize {
        // The top 32 bits: the hot line holds the others, so shard and line together tell all but a few.
        ((fingerprint.0 >> 96) as usize * self.shards.len()) >> 32
    }
}

/// References begin at 1, as in Prometheus.
const FIRST_REFERENCE: u64 = 1;

impl Default for Times {
    fn default() -> Self {
        Self {
            oldest_ms: AtomicI64::new(i64::MAX),
            newest_ms: AtomicI64::new(i64::MIN),
            floor_ms: AtomicI64::new(i64::MIN),
            closed_ms: AtomicI64::new(i64::MIN),
            late_series: AtomicU64::new(0),
            late_through: AtomicU64::new(HeadChunkRef::NONE.0),
        }
    }
}

impl Times {
    /// Takes note of appended samples, the oldest and the newest of them.
    fn include(&self, oldest_ms: i64, newest_ms: i64) {
        self.oldest_ms.fetch_min(oldest_ms, Ordering::Relaxed);
        self.newest_ms.fetch_max(newest_ms, Ordering::Relaxed);
    }

    /// The newest sample, if there ever was one.
    fn newest_ms(&self) -> Option<i64> {
        let newest_ms = self.newest_ms.load(Ordering::Relaxed);
        (newest_ms > i64::MIN || self.oldest_ms.load(Ordering::Relaxed) == i64::MIN).then_some(newest_ms)
    }

    fn floor_ms(&self) -> i64 {
        self.floor_ms.load(Ordering::Acquire)
    }

    /// Before this nothing is appended.
    fn closed_ms(&self) -> i64 {
        self.closed_ms.load(Ordering::Acquire).max(self.floor_ms())
    }

    fn any_late(&self) -> bool {
        self.late_series.load(Ordering::Acquire) > 0
    }

    /// Late chunks up to this one belong to blocks.
    fn late_through(&self) -> HeadChunkRef {
        HeadChunkRef(self.late_through.load(Ordering::Acquire))
    }

    /// Takes note, under the lock of the shard whose they are, that so many more series have late samples.
    fn add_late(&self, series: u64) {
        self.late_series.fetch_add(series, Ordering::AcqRel);
    }

    /// Or so many fewer.
    fn remove_late(&self, series: u64) {
        self.late_series.fetch_sub(series, Ordering::AcqRel);
    }

    fn range(&self) -> Option<TimeRange> {
        let oldest_ms = self.oldest_ms.load(Ordering::Relaxed).max(self.floor_ms());
        TimeRange::new(oldest_ms, self.newest_ms.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Head {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Head")
            .field("options", &self.options)
            .field("series", &self.series())
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}
