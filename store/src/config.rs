//! What the store can be told.

use crate::budget::BudgetLimits;
use crate::limits::RequestLimits;
use bucket::fetcher::FetchOptions;
use model::TimeRange;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// What the store can be told. Each says which flag of Thanos it is.
#[derive(Debug, Clone)]
pub struct Config {
    /// Holds an index-header for each block, in a directory of the block's name. `--data-dir`.
    pub dir: PathBuf,
    /// The time that is served. Blocks outside are not loaded, and requests for what is outside find nothing.
    pub within: Within,
    /// How blocks are looked for. `--consistency-delay`, `--ignore-deletion-marks-delay`,
    /// `--block-meta-fetch-concurrency`; the cache of metas.
    pub fetch: FetchOptions,
    /// How often. `--sync-block-duration`.
    pub sync_interval: Duration,
    /// Blocks that are loaded at the same time. `--block-sync-concurrency`.
    pub sync_concurrency: NonZeroUsize,
    /// Index-headers are built, or opened, when a request first needs them, instead of when the block appears.
    /// `--store.index-header-lazy-download-strategy`.
    pub lazy_headers: bool,
    /// The memory of requests. Its total is `--chunk-pool-size`.
    pub memory: BudgetLimits,
    /// What one request may touch.
    pub limits: RequestLimits,
    /// `Series` requests that are answered at the same time. `--store.grpc.series-max-concurrency`.
    pub series_concurrency: NonZeroUsize,
    /// Those that may wait for that; more are refused.
    pub series_waiting: usize,
    /// Reads of the bucket at the same time, of all requests.
    pub reads_at_once: NonZeroUsize,
    /// How long one of these may take.
    pub read_timeout: Duration,
}

/// A range of time, both ends inside, of which each end stands still or moves with the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within {
    /// `--min-time`.
    pub min: TimeBound,
    /// `--max-time`.
    pub max: TimeBound,
}

/// An end of [`Within`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBound {
    /// Milliseconds since the epoch.
    At(i64),
    /// So many milliseconds after now; before, if negative.
    FromNow(i64),
}

impl Config {
    /// Thanos' defaults, with index-headers below `dir`.
    pub fn new(dir: PathBuf) -> Self {
        const fn count(count: usize) -> NonZeroUsize {
            NonZeroUsize::MIN.saturating_add(count - 1)
        }
        Self {
            fetch: FetchOptions { cache_dir: Some(dir.clone()), ..FetchOptions::default() },
            dir,
            within: Within::ALL,
            sync_interval: Duration::from_secs(15 * 60),
            sync_concurrency: count(20),
            lazy_headers: false,
            memory: BudgetLimits { total_bytes: 2 << 30, request_bytes: 1 << 30, wait: Duration::from_secs(30) },
            limits: RequestLimits::default(),
            series_concurrency: count(20),
            series_waiting: 1024,
            reads_at_once: count(128),
            read_timeout: Duration::from_secs(60),
        }
    }
}

impl Within {
    /// All of time.
    pub const ALL: Self = Self { min: TimeBound::At(i64::MIN), max: TimeBound::At(i64::MAX) };

    /// The range where `now_ms` is now; `None` if it would run backwards.
    pub fn at(self, now_ms: i64) -> Option<TimeRange> {
        TimeRange::new(self.min.at_ms(now_ms), self.max.at_ms(now_ms))
    }
}

impl TimeBound {
    fn at_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::At(time_ms) => time_ms,
            Self::FromNow(after_ms) => now_ms.saturating_add(after_ms),
        }
    }
}
