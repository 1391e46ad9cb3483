//! Ships the blocks of a data directory: each is uploaded once, oldest first, with the labels that all its series share.
//!
//! What was shipped stands in `thanos.shipper.json`, as Thanos has it. The list is a hint: a block that is not in it is looked
//! for in the bucket first, so a crash between an upload and the list costs a look, not a second upload. Nothing is linked or
//! copied on the way: whoever removes local blocks asks [`Shipper::shipped`] first.

mod list;
mod metrics;
mod plan;

pub use list::{InvalidShipperFile, ShipperFile};
pub use metrics::ShipperMetrics;
pub use plan::{Found, Plan, ShipRules, Step, find_overlap, plan};

use crate::META;
use crate::bucket::{Bucket, BucketError};
use crate::upload_block::{HashFunction, is_uploaded, list_block_files, upload_block};
use futures::StreamExt;
use metrics::TenantMetrics;
use model::Clock;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::{error, info, warn};
use tsdb::block::{BlockFile, MAX_META_BYTES, Meta, UploadTime, parse_name, read_meta};
use tsdb::fs::Fs;
use tsdb::verify::{Finding, checksums};
use tsdb::{FileError, SourceError};
use ulid::Ulid;

/// What is shipped, and as whose.
#[derive(Debug, Clone)]
pub struct ShipOptions {
    /// A data directory.
    pub dir: PathBuf,
    /// The labels that all series share outside. Without one nothing is shipped.
    pub labels: BTreeMap<String, String>,
    /// Who ships: `receive`.
    pub source: &'static str,
    pub hash: HashFunction,
    pub rules: ShipRules,
    /// What metrics and logs call the directory.
    pub tenant: String,
}

/// Ships the blocks of one data directory.
#[derive(Debug)]
pub struct Shipper {
    bucket: Bucket,
    fs: Arc<dyn Fs>,
    clock: Arc<dyn Clock>,
    options: ShipOptions,
    metrics: TenantMetrics,
    /// Held while it ships: one pass at a time.
    pass: tokio::sync::Mutex<()>,
    /// When blocks were shipped, or first known to be.
    shipped: Mutex<BTreeMap<Ulid, i64>>,
    /// Blocks that were checked before they were to go up.
    checked: Mutex<BTreeMap<Ulid, Checked>>,
}

/// What reading all of a block showed.
#[derive(Debug, Clone)]
struct Checked {
    fault: Option<Finding>,
    at_ms: i64,
}

/// Why a pass ended early, or not well.
#[derive(Debug, thiserror::Error)]
pub enum ShipError {
    #[error("block {block}: {source}")]
    Corrupted { block: Ulid, source: SourceError },
    /// It is told again by each pass.
    #[error("block {block} is damaged, and is not shipped: {fault}")]
    Damaged { block: Ulid, fault: Finding },
    #[error("{0} blocks could not be read, or are damaged, and were passed over")]
    PassedOver(usize),
    #[error("{failed} of {of} uploads failed, the last: {last}")]
    Failed { failed: usize, of: usize, last: Box<ShipError> },
    #[error("block {block}: there are no external labels, and a block is nobody's without")]
    NoLabels { block: Ulid },
    #[error("block {block} overlaps with {with} in the bucket, and is not shipped")]
    Overlap { block: Ulid, with: Ulid },
    #[error("block {block}: {source}")]
    Upload { block: Ulid, source: BucketError },
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("it was broken off")]
    BrokenOff,
}

/// A block that is damaged, or could not be read, is read again only after so long: there may be much of it.
const CHECK_AGAIN_MS: u64 = 600_000;

/// At how many metas of the bucket one looks at a time, for an overlap.
const METAS_AT_ONCE: usize = 32;

impl Shipper {
    /// One for `bucket`.
    pub fn new(
        bucket: Bucket,
        fs: Arc<dyn Fs>,
        clock: Arc<dyn Clock>,
        options: ShipOptions,
        metrics: &ShipperMetrics,
    ) -> Self {
        let metrics = metrics.of(&options.tenant);
        let (pass, shipped, checked) = (tokio::sync::Mutex::default(), Mutex::default(), Mutex::default());
        Self { bucket, fs, clock, options, metrics, pass, shipped, checked }
    }

    /// When a block was shipped, or was first found to be, by the clock of this process; `None`: not yet, as far as is known.
    pub fn shipped(&self, block: Ulid) -> Option<i64> {
        self.shipped.lock().get(&block).copied()
    }

    /// Keeps it from shipping until what comes back is dropped. `None`: it is at it.
    pub fn hold_back(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.pass.try_lock().ok()
    }

    /// Ships what is there and was not yet. Answers how many blocks went up now.
    ///
    /// # Errors
    /// The first thing that failed, in Thanos' order; what was shipped until then is.
    pub async fn sync(&self) -> Result<usize, ShipError> {
        let _pass = self.pass.lock().await;
        let synced = self.pass().await;
        match &synced {
            Ok(_) => self.metrics.dir_syncs.inc(),
            Err(_) => self.metrics.dir_sync_failures.inc(),
        };
        synced
    }

    async fn pass(&self) -> Result<usize, ShipError> {
        let (found, listed) = self.look().await?;
        let Plan { steps, passed_over } = plan(found, &listed.iter().copied().collect(), self.options.rules)?;
        let mut passed_over = passed_over.len();
        self.metrics.corrupted_blocks.inc_by(passed_over as u64);
        let (mut uploaded, mut now_listed, mut failed) = (0, Vec::new(), Vec::new());
        let of = steps.len();
        for step in steps {
            let block = step.block();
            let shipped = match step {
                Step::Listed(_) => Ok(false),
                Step::Ship { meta, check_overlap } => self.ship(*meta, check_overlap).await,
            };
            match shipped {
                Ok(is_new) => {
                    uploaded += usize::from(is_new);
                    now_listed.push(block);
                    self.shipped.lock().entry(block).or_insert_with(|| self.clock.now_ms());
                }
                // It will not mend itself; others must not wait for it.
                Err(error @ ShipError::Damaged { .. }) => {
                    error!(tenant = self.options.tenant, %error, "a block is passed over");
                    passed_over += 1;
                    self.metrics.corrupted_blocks.inc();
                }
                Err(error) if self.options.rules.out_of_order => {
                    warn!(tenant = self.options.tenant, %error, "a block could not be shipped, it is tried again");
                    failed.push(error);
                }
                // The list stays as it was: what went up is found in the bucket.
                Err(error) => return Err(error),
            }
        }
        self.forget_all_but(&now_listed);
        let all = failed.is_empty() && passed_over == 0;
        self.metrics.upload_compacted_done.set(i64::from(self.options.rules.compacted && all));
        if now_listed != listed {
            self.write_list(now_listed).await?;
        }
        match (failed.len(), failed.pop()) {
            (failed, Some(last)) => Err(ShipError::Failed { failed, of, last: Box::new(last) }),
            (_, None) if passed_over > 0 => Err(ShipError::PassedOver(passed_over)),
            (_, None) => Ok(uploaded),
        }
    }

    /// Ships one block, unless the bucket has it. `false`: it had.
    async fn ship(&self, mut meta: Meta, check_overlap: bool) -> Result<bool, ShipError> {
        let block = meta.ulid;
        let files = self.list_files(block).await?;
        let failed = |source| ShipError::Upload { block, source };
        if is_uploaded(&self.bucket, block, &files).await.map_err(failed)? {
            return Ok(false);
        }
        if self.options.labels.is_empty() {
            return Err(ShipError::NoLabels { block });
        }
        if check_overlap && let Some(with) = self.overlap(&meta).await? {
            return Err(ShipError::Overlap { block, with });
        }
        self.check(block).await?;
        let thanos = meta.thanos.get_or_insert_default();
        thanos.labels.clone_from(&self.options.labels);
        thanos.source = self.options.source.to_owned();
        let names = files.iter().filter_map(|file| file.rel_path.strip_prefix("chunks/"));
        thanos.segment_files = names.map(str::to_owned).collect();
        thanos.files = files;
        thanos.upload_time = UploadTime::at_ms(self.clock.now_ms());
        let dir = self.options.dir.join(block.to_string());
        let sent = upload_block(&self.bucket, &self.fs, &dir, &meta).await;
        sent.map_err(failed).inspect_err(|_| {
            self.metrics.upload_failures.inc();
        })?;
        self.metrics.uploads.inc();
        let (min_ms, max_ms) = (meta.min_ms, meta.max_ms);
        info!(tenant = self.options.tenant, %block, min_ms, max_ms, "a block was shipped");
        Ok(true)
    }

    /// Checks what is to go up, once where it is sound: a bucket keeps damage for ever, and nobody has another copy when the
    /// one on this disk is gone.
    async fn check(&self, block: Ulid) -> Result<(), ShipError> {
        let now_ms = self.clock.now_ms();
        let holds = |known: &&Checked| known.fault.is_none() || now_ms.abs_diff(known.at_ms) < CHECK_AGAIN_MS;
        let known = self.checked.lock().get(&block).filter(holds).cloned();
        let fault = match known {
            Some(known) => known.fault,
            None => {
                let (fs, dir) = (Arc::clone(&self.fs), self.options.dir.join(block.to_string()));
                let fault = blocking(move || Ok(checksums(&*fs, &dir).err())).await?;
                self.checked.lock().insert(block, Checked { fault: fault.clone(), at_ms: now_ms });
                fault
            }
        };
        fault.map_or(Ok(()), |fault| Err(ShipError::Damaged { block, fault }))
    }

    /// A block of the bucket with the same labels and resolution that overlaps.
    async fn overlap(&self, meta: &Meta) -> Result<Option<Ulid>, BucketError> {
        let blocks = self.bucket.blocks().await?;
        let read = futures::stream::iter(blocks).map(async |block| {
            let object = format!("{block}/{META}");
            let found = self.bucket.find(&object, MAX_META_BYTES).await?;
            Ok::<_, BucketError>(found.and_then(|bytes| Meta::decode(&bytes, Path::new(&object)).ok()))
        });
        let mut read = read.buffer_unordered(METAS_AT_ONCE);
        let mut others = Vec::new();
        while let Some(other) = read.next().await {
            others.extend(other?);
        }
        Ok(find_overlap(meta, &self.options.labels, &others))
    }

    fn forget_all_but(&self, blocks: &[Ulid]) {
        let blocks: BTreeSet<&Ulid> = blocks.iter().collect();
        self.shipped.lock().retain(|block, _| blocks.contains(block));
        // Those that went up need no more checking.
        self.checked.lock().retain(|block, _| !blocks.contains(block));
    }

    async fn look(&self) -> Result<(Vec<Found>, Vec<Ulid>), ShipError> {
        let (fs, dir) = (Arc::clone(&self.fs), self.options.dir.clone());
        blocking(move || look(&*fs, &dir)).await
    }

    async fn list_files(&self, block: Ulid) -> Result<Vec<BlockFile>, ShipError> {
        let (fs, hash, dir) = (Arc::clone(&self.fs), self.options.hash, self.options.dir.join(block.to_string()));
        blocking(move || Ok(list_block_files(&*fs, &dir, hash)?)).await
    }

    async fn write_list(&self, blocks: Vec<Ulid>) -> Result<(), ShipError> {
        let (fs, dir) = (Arc::clone(&self.fs), self.options.dir.clone());
        blocking(move || Ok(ShipperFile { uploaded: Some(blocks) }.write(&*fs, &dir)?)).await
    }
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, ShipError> + Send + 'static,
) -> Result<T, ShipError> {
    tokio::task::spawn_blocking(run).await.unwrap_or(Err(ShipError::BrokenOff))
}

/// The blocks of a data directory, and those listed as shipped.
fn look(fs: &dyn Fs, dir: &Path) -> Result<(Vec<Found>, Vec<Ulid>), ShipError> {
    // Links that an earlier Thanos left here would keep the disk space of blocks that are gone.
    let links = dir.join("thanos").join("upload");
    match fs.remove_dir_all(&links) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(FileError::at(&links)(error).into()),
        _ => {}
    }
    let mut found = Vec::new();
    for entry in fs.read_dir(dir).map_err(FileError::at(dir))? {
        let Some(block) = parse_name(&entry.name).filter(|_| entry.is_dir) else { continue };
        found.push(match read_meta(fs, &entry.path) {
            Ok(meta) => Found::Block(Box::new(meta)),
            Err(fault) => Found::Corrupted { block, fault },
        });
    }
    let listed = ShipperFile::read(fs, dir).unwrap_or_else(|invalid| {
        warn!(dir = %dir.display(), %invalid, "the list of shipped blocks cannot be read, they are looked for in the bucket");
        ShipperFile::default()
    });
    Ok((found, listed.uploaded.unwrap_or_default()))
}

#[cfg(test)]
mod tests;
