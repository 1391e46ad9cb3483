//! The tenants of a process: opened when it starts, or when one is first written to.

use crate::tenant::{Shared, Tenant, external_labels};
use futures::StreamExt;
use model::TenantId;
use parking_lot::{Mutex, RwLock};
use proto::WriteError;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storeapi::MissingGroup;
use tokio::sync::OnceCell;
use tracing::{error, info, warn};
use tsdb::db::DbError;
use tsdb::fs::Fs;
use tsdb::wal::ReplayProgress;

/// All tenants.
#[derive(Debug)]
pub(crate) struct Tenants {
    shared: Arc<Shared>,
    slots: RwLock<Slots>,
    opening: Mutex<Vec<Opening>>,
}

#[derive(Debug, Default)]
struct Slots {
    slots: BTreeMap<TenantId, Arc<Slot>>,
    /// No more tenants are opened.
    closed: bool,
}

/// A tenant that is open, or is being opened by whoever came first.
#[derive(Debug, Default)]
struct Slot {
    tenant: OnceCell<Arc<Tenant>>,
    /// Why it is not open, though it has data; as long as it is not.
    absent: Mutex<Option<Absent>>,
}

/// Why a tenant with data is not open.
#[derive(Debug)]
struct Absent {
    reason: String,
    /// When opening it failed, by the clock; `None`: nobody has tried yet.
    failed_ms: Option<i64>,
}

/// A tenant that is being opened.
#[derive(Debug)]
struct Opening {
    id: TenantId,
    progress: Arc<ReplayProgress>,
}

/// Why tenants could not be opened when the process started.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("data directory {dir}: {source}", dir = dir.display())]
    Dir { dir: PathBuf, source: io::Error },
    #[error("tenant {tenant}: {source}")]
    Tenant { tenant: TenantId, source: DbError },
    #[error("opening was broken off")]
    BrokenOff,
}

/// How many tenants are opened at the same time when the process starts.
const OPEN_AT_ONCE: usize = 4;

/// A tenant that could not be opened is tried again at most so often: reading its log may take its time.
const TRY_AGAIN_MS: u64 = 5_000;

/// What a file system leaves in its topmost directory.
const LOST_FOUND: &str = "lost+found";

impl Tenants {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, slots: RwLock::default(), opening: Mutex::default() }
    }

    /// The tenants that are open, sorted by name.
    pub(crate) fn open(&self) -> Vec<Arc<Tenant>> {
        self.slots.read().slots.values().filter_map(|slot| slot.tenant.get().cloned()).collect()
    }

    /// Opens every tenant that has a data directory, and the default one. One that cannot be opened keeps none of the others:
    /// it is told of, its writes are refused, what is asked about it is answered with a warning, and it is tried again.
    ///
    /// # Errors
    /// None can be opened; or another process has one of them, and so the whole directory.
    pub(crate) async fn open_all(&self) -> Result<(), OpenError> {
        let found = self.on_disk()?;
        info!(tenants = found.len(), dir = %self.shared.config.dir.display(), "opening tenants");
        let slots = found.iter().map(|id| (id.clone(), Arc::new(Slot::not_tried())));
        self.slots.write().slots.extend(slots);
        let opened = futures::stream::iter(found).map(async |id| match self.try_open(&id).await {
            Ok(_) => Ok(()),
            Err(Some(source)) => Err(OpenError::Tenant { tenant: id, source }),
            Err(None) => Err(OpenError::BrokenOff),
        });
        let mut opened = opened.buffer_unordered(OPEN_AT_ONCE);
        let (mut open, mut failed) = (0, None);
        while let Some(one) = opened.next().await {
            match one {
                Ok(()) => open += 1,
                Err(OpenError::Tenant { tenant, source }) if !matches!(source, DbError::Locked(_)) => {
                    error!(%tenant, error = %source, "a tenant cannot be opened, its writes are refused until it can");
                    failed.get_or_insert(OpenError::Tenant { tenant, source });
                }
                Err(fatal) => return Err(fatal),
            }
        }
        failed.filter(|_| open == 0).map_or(Ok(()), Err)
    }

    /// Opens tenants that could not be opened when they were tried last.
    pub(crate) async fn open_absent(&self) {
        let absent: Vec<TenantId> = self.not_open().into_iter().map(|(id, _)| id).collect();
        for id in absent {
            match self.get(&id).await {
                Ok(_) => info!(tenant = %id, "a tenant that could not be opened is open"),
                Err(error) => error!(tenant = %id, %error, "a tenant still cannot be opened"),
            }
        }
    }

    /// The tenants with data that are not open, sorted by name, and why.
    pub(crate) fn not_open(&self) -> Vec<(TenantId, String)> {
        let slots = self.slots.read();
        let absent = slots.slots.iter().filter_map(|(id, slot)| {
            let absent = slot.absent.lock();
            absent.as_ref().map(|absent| (id.clone(), absent.reason.clone()))
        });
        absent.collect()
    }

    /// What cannot be read, because tenants are not open.
    pub(crate) fn missing(&self) -> Vec<MissingGroup> {
        let missing = self.not_open().into_iter().map(|(id, reason)| MissingGroup {
            external: external_labels(&self.shared.config, &id),
            reason: format!("tenant {id} is missing: {reason}"),
        });
        missing.collect()
    }

    /// The tenants that have a data directory, and the default one.
    fn on_disk(&self) -> Result<Vec<TenantId>, OpenError> {
        let (config, fs) = (&self.shared.config, &self.shared.fs);
        let dir_error = |source| OpenError::Dir { dir: config.dir.clone(), source };
        create_dir(&**fs, &config.dir).map_err(dir_error)?;
        let mut found = vec![config.default_tenant.clone()];
        for entry in fs.read_dir(&config.dir).map_err(dir_error)? {
            if !entry.is_dir || (entry.name == LOST_FOUND && !self.has_log(&entry.path)) {
                continue;
            }
            match TenantId::parse(&entry.name) {
                Ok(id) if id != config.default_tenant => found.push(id),
                Ok(_) => {}
                Err(invalid) => warn!(path = %entry.path.display(), %invalid, "a directory is left alone: no tenant"),
            }
        }
        Ok(found)
    }

    fn has_log(&self, dir: &Path) -> bool {
        self.shared.fs.read_dir(&dir.join("wal")).is_ok()
    }

    /// The tenant `id`, opened if it is not.
    ///
    /// # Errors
    /// There are too many, the process is shutting down, or its data directory cannot be opened.
    pub(crate) async fn get(&self, id: &TenantId) -> Result<Arc<Tenant>, WriteError> {
        if let Some(slot) = self.slots.read().slots.get(id) {
            if let Some(tenant) = slot.tenant.get() {
                return Ok(Arc::clone(tenant));
            }
            slot.check_time(self.shared.clock.now_ms())?;
        }
        self.check_room(id)?;
        self.try_open(id).await.map_err(|error| {
            let reason = error.map_or_else(|| "shutting down".to_owned(), |error| error.to_string());
            warn!(tenant = %id, reason, "a tenant cannot be opened");
            cannot_open(&reason)
        })
    }

    fn check_room(&self, id: &TenantId) -> Result<(), WriteError> {
        let slots = self.slots.read();
        let limit = self.shared.config.max_tenants;
        if slots.slots.len() >= limit && !slots.slots.contains_key(id) {
            return Err(WriteError::TenantLimit { limit });
        }
        Ok(())
    }

    /// Opens `id`, once however many ask. No error: the process is shutting down.
    async fn try_open(&self, id: &TenantId) -> Result<Arc<Tenant>, Option<DbError>> {
        let slot = {
            let mut slots = self.slots.write();
            if slots.closed {
                return Err(None);
            }
            Arc::clone(slots.slots.entry(id.clone()).or_default())
        };
        let open = async || {
            let progress = Arc::new(ReplayProgress::default());
            self.opening.lock().push(Opening { id: id.clone(), progress: Arc::clone(&progress) });
            let (shared, tenant) = (Arc::clone(&self.shared), id.clone());
            let opened = tokio::task::spawn_blocking(move || Tenant::open(tenant, &shared, &progress)).await;
            self.opening.lock().retain(|opening| opening.id != *id);
            match opened {
                Ok(Ok(tenant)) => Ok(Arc::new(tenant)),
                Ok(Err(error)) => {
                    *slot.absent.lock() =
                        Some(Absent { reason: error.to_string(), failed_ms: Some(self.shared.clock.now_ms()) });
                    Err(Some(error))
                }
                Err(_) => Err(None),
            }
        };
        let tenant = slot.tenant.get_or_try_init(open).await.cloned()?;
        *slot.absent.lock() = None;
        Ok(tenant)
    }

    /// How far opening is, for people.
    pub(crate) fn progress(&self) -> String {
        let (all, open) = {
            let slots = self.slots.read();
            (slots.slots.len(), slots.slots.values().filter(|slot| slot.tenant.initialized()).count())
        };
        let mut text = format!("opening tenants, {open} of {all} done");
        for opening in self.opening.lock().iter() {
            let (read, total) = opening.progress.bytes();
            text.push_str(&format!("; {}: {} of {} MiB of the log", opening.id, read >> 20, total >> 20));
        }
        text
    }

    /// Opens no more tenants and closes those that are open. Blocks while files are written.
    pub(crate) fn close(&self) {
        self.slots.write().closed = true;
        for tenant in self.open() {
            if let Err(error) = tenant.db.close() {
                warn!(tenant = %tenant.id, %error, "a tenant was not closed cleanly");
            }
        }
    }
}

impl Slot {
    /// Of a tenant that is on disk.
    fn not_tried() -> Self {
        let absent = Absent { reason: "it is being opened".to_owned(), failed_ms: None };
        Self { tenant: OnceCell::new(), absent: Mutex::new(Some(absent)) }
    }

    /// # Errors
    /// It could not be opened a moment ago.
    fn check_time(&self, now_ms: i64) -> Result<(), WriteError> {
        match &*self.absent.lock() {
            // A clock that was set, forwards or back, keeps nobody waiting.
            Some(Absent { reason, failed_ms: Some(at_ms) }) if now_ms.abs_diff(*at_ms) < TRY_AGAIN_MS => {
                Err(cannot_open(reason))
            }
            _ => Ok(()),
        }
    }
}

/// What a write is told: later it may be.
fn cannot_open(reason: &str) -> WriteError {
    WriteError::NotReady(format!("the tenant cannot be opened: {reason}"))
}

/// Creates `dir` and its parents where they are not there, so that they stay.
fn create_dir(fs: &dyn Fs, dir: &Path) -> io::Result<()> {
    let absent = |dir: &&Path| fs.read_dir(dir).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let created: Vec<&Path> = dir.ancestors().take_while(absent).collect();
    fs.create_dir_all(dir)?;
    for parent in created.iter().rev().filter_map(|dir| dir.parent()) {
        // A relative path begins in the working directory.
        fs.sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
    }
    Ok(())
}
