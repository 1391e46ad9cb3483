//! The ingester: takes writes for tenants, keeps their databases in order, gives them to read.

use crate::disk::DiskFloor;
use crate::shipping::Shipping;
use crate::tenant::{Shared, Tenant, write_error};
use crate::tenants::{OpenError, Tenants};
use model::{Labels, TenantId, TimeRange};
use parking_lot::RwLock;
use proto::{SeriesSlice, WriteBatch, WriteError, WriteOutcome, WriteTarget};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use storeapi::{
    Component, ExemplarGroup, HeadGroup, LocalStore, MetadataGroup, MissingGroup, SourceGroup, SourceProvider,
};
use tracing::{error, info};
use tsdb::db::DbError;

/// Stores what is written, tenant by tenant.
#[derive(Debug)]
pub struct Ingester {
    pub(crate) tenants: Tenants,
    pub(crate) disk: DiskFloor,
    shipping: Option<Shipping>,
    phase: RwLock<Phase>,
}

/// Batches of more series, or of larger bodies (a histogram may be any size), are appended away from the threads that do I/O.
const INLINE_SERIES: usize = 4096;
const INLINE_BYTES: usize = 1 << 20;

/// Where in its life an ingester is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    Closing,
}

impl Ingester {
    pub(crate) fn new(shared: Shared) -> Self {
        let (fs, dir, floor_bytes) = (&shared.fs, &shared.config.dir, shared.config.free_space_floor_bytes);
        let disk = DiskFloor::new(Arc::clone(fs), dir.clone(), floor_bytes);
        let shipping = shared.config.shipping.clone();
        Self { disk, shipping, tenants: Tenants::new(Arc::new(shared)), phase: RwLock::new(Phase::Opening) }
    }

    /// Opens the tenants that are on disk; from then on writes are taken.
    ///
    /// # Errors
    /// No tenant can be opened, or another process has one of them.
    pub async fn open(&self) -> Result<(), OpenError> {
        self.tenants.open_all().await?;
        *self.phase.write() = Phase::Open;
        Ok(())
    }

    /// How far opening is, for people.
    pub fn progress(&self) -> String {
        self.tenants.progress()
    }

    /// Looks after each tenant: opens it, if that failed before; cuts blocks and drops old ones, if it is time.
    pub async fn maintain(&self) {
        self.tenants.open_absent().await;
        for tenant in self.tenants.open() {
            look_after(tenant, Tenant::maintain).await;
        }
    }

    /// Writes the heads as snapshots of those tenants for which one is due, as where samples come too fast to wait for the next
    /// upkeep.
    pub async fn write_due_snapshots(&self) {
        for tenant in self.tenants.open().into_iter().filter(|tenant| tenant.wants_snapshot()) {
            look_after(tenant, Tenant::write_due_snapshot).await;
        }
    }

    /// Ships the blocks of all tenants that were not yet, if there is a bucket.
    pub async fn ship(&self) {
        if let Some(shipping) = &self.shipping {
            shipping.ship_all(self.tenants.open()).await;
        }
    }

    /// Takes no more writes. With a bucket, the heads become blocks and are shipped, if that is wanted; then the tenants are
    /// closed, once the writes under way are in the log.
    pub async fn close(self: &Arc<Self>) {
        *self.phase.write() = Phase::Closing;
        if self.shipping.as_ref().is_some_and(|shipping| shipping.flush_at_end) {
            self.flush().await;
            self.ship().await;
        }
        let ingester = Arc::clone(self);
        info!("closing tenants");
        if let Err(panic) = tokio::task::spawn_blocking(move || ingester.tenants.close()).await {
            error!(%panic, "closing tenants panicked");
        }
    }

    async fn flush(&self) {
        info!("heads become blocks");
        for tenant in self.tenants.open() {
            let id = tenant.id.clone();
            match tokio::task::spawn_blocking(move || tenant.flush()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => error!(tenant = %id, %error, "the head stays in the log"),
                Err(panic) => error!(tenant = %id, %panic, "the head stays in the log"),
            }
        }
    }

    /// All tenants as one store.
    pub fn store(self: &Arc<Self>) -> LocalStore {
        LocalStore::new("ingester", Component::Receive, Arc::clone(self) as Arc<dyn SourceProvider>)
    }

    pub(crate) fn check_open(&self) -> Result<(), WriteError> {
        match *self.phase.read() {
            Phase::Open => Ok(()),
            Phase::Opening => Err(WriteError::NotReady(self.progress())),
            Phase::Closing => Err(WriteError::NotReady("shutting down".to_owned())),
        }
    }

    async fn take(&self, tenant: &TenantId, batch: WriteBatch) -> Result<WriteOutcome, WriteError> {
        self.check_open()?;
        if let Some(floor_bytes) = self.disk.too_low() {
            return Err(WriteError::DiskFull { floor_bytes });
        }
        if batch.series.iter().all(SeriesSlice::is_void) {
            return Ok(WriteOutcome::default());
        }
        let is_small = batch.series.len() <= INLINE_SERIES && batch.body.len() <= INLINE_BYTES;
        let tenant = self.tenants.get(tenant).await?;
        // The memory of the batch is for the next request; the disk needs none of it.
        let append = move || tenant.append(&batch);
        let (taken, commit) = if is_small {
            append()?
        } else {
            let appended = tokio::task::spawn_blocking(append).await;
            appended.unwrap_or_else(|_| Err(WriteError::NotReady("shutting down".to_owned())))?
        };
        let durable = match commit {
            Some(commit) => Some(commit.await.map_err(|error| write_error(&error))?),
            None => None,
        };
        Ok(WriteOutcome {
            durable,
            samples_accepted: taken.accepted,
            histograms_accepted: taken.histograms,
            exemplars_accepted: taken.exemplars,
            rejections: taken.rejections,
        })
    }
}

impl WriteTarget for Ingester {
    fn reads_symbols(&self) -> bool {
        true
    }

    fn write<'a>(
        &'a self,
        tenant: &'a TenantId,
        batch: WriteBatch,
    ) -> Pin<Box<dyn Future<Output = Result<WriteOutcome, WriteError>> + Send + 'a>> {
        Box::pin(self.take(tenant, batch))
    }
}

/// Does `work`, which blocks, for a tenant, and tells what became of it.
async fn look_after(tenant: Arc<Tenant>, work: fn(&Tenant) -> Result<(), DbError>) {
    let id = tenant.id.clone();
    match tokio::task::spawn_blocking(move || work(&tenant)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => error!(tenant = %id, %error, "maintenance failed, it will be tried again"),
        Err(panic) => error!(tenant = %id, %panic, "maintenance panicked, it will be tried again"),
    }
}

impl SourceProvider for Ingester {
    fn groups(&self, range: TimeRange) -> Vec<SourceGroup> {
        self.tenants.open().iter().map(|tenant| tenant.sources(range)).collect()
    }

    fn held(&self) -> Vec<(Labels, Option<TimeRange>)> {
        self.tenants.open().iter().map(|tenant| tenant.held()).collect()
    }

    fn missing(&self) -> Vec<MissingGroup> {
        self.tenants.missing()
    }

    fn exemplars(&self) -> Vec<ExemplarGroup> {
        self.tenants.open().iter().filter_map(|tenant| tenant.exemplars()).collect()
    }

    fn metadata(&self) -> Vec<MetadataGroup> {
        self.tenants.open().iter().map(|tenant| tenant.metadata()).collect()
    }

    fn heads(&self, range: TimeRange) -> Option<Vec<HeadGroup>> {
        self.tenants.open().iter().map(|tenant| tenant.head_alone(range)).collect()
    }
}
