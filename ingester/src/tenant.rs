//! One tenant: its database, and what its senders are remembered by.

use crate::append::{self, AppendTo, Naming, NotTaken, Source, Taken};
use crate::config::Config;
use crate::decoded::{Decoded, Decoding, WINDOW_BYTES};
use crate::wire_cache::WireCache;
use bucket::{Shipper, ShipperMetrics};
use model::{Clock, Fingerprinter, Labels, TenantId, TimeRange};
use parking_lot::Mutex;
use proto::{Rejection, WriteBatch, WriteError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use storeapi::{ExemplarGroup, HeadGroup, MetadataGroup, SourceGroup};
use tracing::{info, warn};
use tsdb::db::{CutBlock, Db, DbError, DbOptions, DbParts, Opened, SetAside};
use tsdb::fs::Fs;
use tsdb::head::AppendScratch;
use tsdb::wal::{Commit, Committers, LogError, ReplayProgress};
use tsdb::{AppendLimits, Appended};
use ulid::Ulid;

/// What all tenants share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) fs: Arc<dyn Fs>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fingerprinter: Arc<Fingerprinter>,
    pub(crate) committers: Arc<Committers>,
    pub(crate) shipper_metrics: ShipperMetrics,
}

/// One tenant.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) db: Db,
    pub(crate) counts: Counts,
    /// Who ships its blocks, if there is a bucket.
    pub(crate) shipper: Option<Shipper>,
    /// How long it took to open.
    pub(crate) open_took: Duration,
    external: Labels,
    cache: Mutex<WireCache>,
    shared: Arc<Shared>,
}

/// What came in since the tenant was opened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Floats.
    pub(crate) accepted: AtomicU64,
    pub(crate) histograms: AtomicU64,
    pub(crate) exemplars: AtomicU64,
    /// What was refused, by reason.
    pub(crate) rejected: [AtomicU64; Rejection::ALL.len()],
    pub(crate) created: AtomicU64,
    /// Of those accepted, samples older than the newest of their series.
    pub(crate) late: AtomicU64,
    pub(crate) cut_blocks: AtomicU64,
    pub(crate) upkeep_failed: AtomicU64,
    /// How many of the late chunks that were set aside the log was told of.
    damage_told: AtomicU64,
    /// The same of what stood in the way.
    in_the_way_told: AtomicU64,
}

/// Appends to a database with the scratch of the thread, and keeps what has to be waited for.
struct Appending<'a> {
    db: &'a Db,
    limits: AppendLimits,
    commit: Option<Commit>,
}

thread_local! {
    /// Appends run to their end on the thread they began on.
    static SCRATCH: RefCell<AppendScratch> = RefCell::default();
    static DECODED: RefCell<Decoded> = RefCell::default();
}

impl Tenant {
    /// Opens the data directory of `id`, creating it if it is not there. Blocks while the log is replayed.
    ///
    /// # Errors
    /// Another process holds the directory, or it cannot be read.
    pub(crate) fn open(id: TenantId, shared: &Arc<Shared>, progress: &ReplayProgress) -> Result<Self, DbError> {
        let began_ms = shared.clock.now_ms();
        let dir = shared.config.dir.join(id.as_str());
        let external = external_labels(&shared.config, &id);
        let options = DbOptions { external_labels: strings(&external), ..shared.config.db.clone() };
        let parts = DbParts {
            fs: Arc::clone(&shared.fs),
            clock: Arc::clone(&shared.clock),
            fingerprinter: Fingerprinter::clone(&shared.fingerprinter),
            committers: Arc::clone(&shared.committers),
        };
        let db = Db::open(&dir, options, parts, progress)?;
        tell_damage(&id, db.opened());
        let open_took = Duration::from_millis(shared.clock.now_ms().saturating_sub(began_ms).try_into().unwrap_or(0));
        let shipper = shared.config.shipping.as_ref().map(|shipping| {
            let options = shipping.options(id.as_str(), &dir, strings(&external));
            let (fs, clock) = (Arc::clone(&shared.fs), Arc::clone(&shared.clock));
            Shipper::new(shipping.bucket.clone(), fs, clock, options, &shared.shipper_metrics)
        });
        let (counts, cache, shared) = (Counts::default(), Mutex::default(), Arc::clone(shared));
        Ok(Self { id, db, counts, shipper, open_took, external, cache, shared })
    }

    /// Puts `batch` into the head. What comes back as commit must be waited for before anything is acknowledged; `None` if
    /// nothing was stored.
    ///
    /// # Errors
    /// Malformed labels; the log takes nothing; or there would be too many series. In each case an equal repeat is harmless.
    pub(crate) fn append(&self, batch: &WriteBatch) -> Result<(Taken, Option<Commit>), WriteError> {
        let Config { labels, max_series, max_ahead, max_histogram_buckets, .. } = &self.shared.config;
        let ahead_ms = i64::try_from(max_ahead.as_millis()).unwrap_or(i64::MAX);
        let limits = AppendLimits { max_ms: batch.received_ms.saturating_add(ahead_ms), max_series: *max_series };
        let naming = Naming { fingerprinter: &self.shared.fingerprinter, limits: *labels, cache: &self.cache };
        let mut head = Appending { db: &self.db, limits, commit: None };
        let decoding = Decoding {
            max_buckets: *max_histogram_buckets,
            keeps_exemplars: self.shared.config.db.max_exemplars > 0,
            window_bytes: WINDOW_BYTES,
        };
        let taken = DECODED.with_borrow_mut(|decoded| append::append(batch, &naming, decoding, decoded, &mut head));
        let taken = taken.map_err(not_taken)?;
        self.counts.add(&taken);
        if taken.series_limited {
            return Err(WriteError::SeriesLimit { limit: *max_series });
        }
        Ok((taken, head.commit))
    }

    /// The labels that all its series are read with.
    pub(crate) fn external(&self) -> &Labels {
        &self.external
    }

    /// How many label regions in another than canonical form it knows.
    pub(crate) fn wire_cache_len(&self) -> usize {
        self.cache.lock().len()
    }

    /// How long it keeps blocks; 0: for ever.
    pub(crate) fn retention_s(&self) -> f64 {
        self.shared.config.db.retention_ms.unwrap_or(0) as f64 / 1000.0
    }

    /// What it has to read in `range`.
    pub(crate) fn sources(&self, range: TimeRange) -> SourceGroup {
        SourceGroup { external: self.external.clone(), sources: self.db.sources(range) }
    }

    /// Its external labels, and the times of all it holds.
    pub(crate) fn held(&self) -> (Labels, Option<TimeRange>) {
        (self.external.clone(), self.db.time_range())
    }

    /// Its head, if that keeps exemplars.
    pub(crate) fn exemplars(&self) -> Option<ExemplarGroup> {
        let kept = self.shared.config.db.max_exemplars > 0;
        kept.then(|| ExemplarGroup { external: self.external.clone(), head: Arc::clone(self.db.head()) })
    }

    /// Its head, with what is said of its metrics.
    pub(crate) fn metadata(&self) -> MetadataGroup {
        MetadataGroup { external: self.external.clone(), head: Arc::clone(self.db.head()) }
    }

    /// The head, if it holds all there is in `range`.
    pub(crate) fn head_alone(&self, range: TimeRange) -> Option<HeadGroup> {
        Some(HeadGroup { external: self.external.clone(), head: Arc::new(self.db.head_alone(range)?) })
    }

    /// Cuts blocks and drops old ones, if it is time. Blocks while files are written.
    ///
    /// # Errors
    /// A file that cannot be read or written; the next call begins anew.
    pub(crate) fn maintain(&self) -> Result<(), DbError> {
        let done = self.db.maintain_where(&|block| self.may_go(block));
        self.tell_damage();
        // Series went with the blocks.
        self.cache.lock().trim(WireCache::capacity(self.db.head().series()));
        let cut = done.inspect_err(|_| {
            self.counts.upkeep_failed.fetch_add(1, Ordering::Relaxed);
        })?;
        self.tell_cut(cut);
        Ok(())
    }

    /// Whether its head is to be written as a snapshot before the next upkeep.
    pub(crate) fn wants_snapshot(&self) -> bool {
        self.db.wants_snapshot()
    }

    /// Writes its head as a snapshot, if that is still due. Blocks while files are written.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn write_due_snapshot(&self) -> Result<(), DbError> {
        self.db.write_due_snapshot().inspect_err(|_| {
            self.counts.upkeep_failed.fetch_add(1, Ordering::Relaxed);
        })
    }

    /// Cuts all that the head holds, so that it can be shipped. Blocks while files are written.
    ///
    /// # Errors
    /// A file that cannot be read or written. What was not cut is in the log.
    pub(crate) fn flush(&self) -> Result<(), DbError> {
        let done = self.db.flush();
        self.tell_damage();
        self.tell_cut(done?);
        Ok(())
    }

    /// Says in the log which chunks were set aside since it was last said.
    fn tell_damage(&self) {
        let set_aside = self.db.chunks_set_aside();
        let told = self.counts.damage_told.swap(set_aside.len() as u64, Ordering::Relaxed);
        set_aside.iter().skip(told as usize).for_each(|one| tell_set_aside(&self.id, one));
        let in_the_way = self.db.in_the_way();
        let told = self.counts.in_the_way_told.swap(in_the_way.len() as u64, Ordering::Relaxed);
        in_the_way.iter().skip(told as usize).for_each(|one| tell_set_aside(&self.id, one));
    }

    fn tell_cut(&self, cut: Vec<CutBlock>) {
        for CutBlock { min_ms, max_ms, meta } in cut {
            self.counts.cut_blocks.fetch_add(1, Ordering::Relaxed);
            let block = meta.as_ref().map(|meta| meta.ulid.to_string());
            info!(tenant = %self.id, min_ms, max_ms, block, "the head was cut");
        }
    }

    /// Whether a block past its retention may be removed: always without a bucket, else when others can read it there.
    fn may_go(&self, block: Ulid) -> bool {
        match (&self.shared.config.shipping, &self.shipper) {
            (Some(shipping), Some(shipper)) => {
                shipping.may_go(block, shipper.shipped(block), self.shared.clock.now_ms())
            }
            _ => true,
        }
    }
}

impl AppendTo for Appending<'_> {
    type Error = LogError;

    fn append(&mut self, source: &Source<'_>) -> Result<Appended, LogError> {
        let (appended, commit) = SCRATCH.with_borrow_mut(|scratch| self.db.append(source, self.limits, scratch))?;
        if appended.accepted + appended.histograms + appended.exemplars > 0 {
            self.commit = Some(match self.commit.take() {
                Some(earlier) => commit.after(earlier),
                None => commit,
            });
        }
        Ok(appended)
    }

    fn series(&self) -> u64 {
        self.db.head().series()
    }
}

impl Counts {
    fn add(&self, taken: &Taken) {
        for (counter, count) in [
            (&self.accepted, taken.accepted),
            (&self.histograms, taken.histograms),
            (&self.exemplars, taken.exemplars),
            (&self.late, taken.late),
            (&self.created, taken.created),
        ] {
            counter.fetch_add(count, Ordering::Relaxed);
        }
        for (why, count) in taken.rejections.counts() {
            self.rejected[why as usize].fetch_add(count, Ordering::Relaxed);
        }
    }

    /// How much was refused for any of these reasons.
    pub(crate) fn rejected(&self, reasons: &[Rejection]) -> u64 {
        reasons.iter().map(|why| self.rejected[*why as usize].load(Ordering::Relaxed)).sum()
    }
}

/// What a write is told of which a head did not take all it could have taken.
fn not_taken(why: NotTaken<LogError>) -> WriteError {
    match why {
        NotTaken::Malformed(malformed) => WriteError::Malformed(malformed),
        NotTaken::Head(error) => write_error(&error),
        NotTaken::Missed(series) => WriteError::NotReady(format!("{series} series were dropped meanwhile")),
    }
}

/// What a write is told when the log takes nothing, or does not vouch for it.
pub(crate) fn write_error(error: &LogError) -> WriteError {
    match error {
        LogError::Failed { .. } | LogError::Full { .. } => WriteError::LogFailed(error.to_string()),
        LogError::Closed { .. } => WriteError::NotReady("shutting down".to_owned()),
    }
}

fn tell_set_aside(id: &TenantId, SetAside { from, to, bytes, fault }: &SetAside) {
    let (from, to) = (from.display(), to.display());
    warn!(tenant = %id, %from, %to, bytes, fault, "what is damaged, or in the way, was set aside");
}

/// Says in the log what opening found damaged. Nothing of it was deleted.
fn tell_damage(id: &TenantId, opened: &Opened) {
    opened.set_aside.iter().for_each(|one| tell_set_aside(id, one));
    for fault in &opened.tombstones_lost {
        warn!(tenant = %id, fault, "what was deleted from a block is not known, it is read as if nothing was");
    }
    for (log, report) in [("write-ahead", &opened.log.report), ("late samples", &opened.late_log.report)] {
        for damage in &report.damages {
            warn!(tenant = %id, log, %damage, "a log is damaged");
        }
        let (missing, empty) = (&report.missing_segments, &report.empty_segments);
        if !missing.is_empty() || !empty.is_empty() {
            warn!(tenant = %id, log, ?missing, ?empty, "a log has holes");
        }
    }
}

/// As the `thanos` section of a block has them.
fn strings(labels: &Labels) -> BTreeMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    labels.iter().map(|label| (text(label.name), text(label.value))).collect()
}

/// The configured labels and the tenant; a configured label of that name stays.
pub(crate) fn external_labels(config: &Config, id: &TenantId) -> Labels {
    if config.external_labels.get(&config.tenant_label).is_some() {
        return config.external_labels.clone();
    }
    let mut labels = config.external_labels.edit();
    labels.set(&config.tenant_label, id.as_str().as_bytes());
    // A label more on a valid set is one; a tenant's name is not longer than 255 bytes.
    labels.build().unwrap_or_else(|_| config.external_labels.clone())
}

#[cfg(test)]
mod tests;
