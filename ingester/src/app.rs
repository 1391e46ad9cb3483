//! The ingester put together, and the task that looks after it.

use crate::config::Config;
use crate::ingester::Ingester;
use crate::metrics;
use crate::tenant::Shared;
use bucket::ShipperMetrics;
use model::{Clock, Fingerprinter};
use service::{Readiness, Stop, TaskResult, Tasks};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use storeapi::LocalStore;
use telemetry::Registry;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};
use tracing::{info, warn};
use tsdb::fs::Fs;
use tsdb::wal::Committers;

/// What the ingester is given by whoever starts it.
#[derive(Debug)]
pub struct Parts {
    pub fs: Arc<dyn Fs>,
    pub clock: Arc<dyn Clock>,
    /// The key of the process: whoever makes batches must have the same.
    pub fingerprinter: Arc<Fingerprinter>,
    pub registry: Registry,
}

/// The ingester with what keeps it going.
#[derive(Debug)]
pub struct App {
    ingester: Arc<Ingester>,
    committers: Arc<Committers>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) fingerprinter: Arc<Fingerprinter>,
    free_space_check_interval: Duration,
    maintenance_interval: Duration,
    ship_interval: Option<Duration>,
}

/// While tenants are opened, whoever asks for readiness sees how far it is, this often anew.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// How often is looked whether much was logged: in less time even a flood of samples makes no log that takes long to read.
const LOG_CHECK_INTERVAL: Duration = Duration::from_secs(1);

impl App {
    /// Puts the parts together and starts the threads of the log. Nothing is opened yet.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn build(config: Config, parts: Parts) -> io::Result<Self> {
        let committers = Arc::new(Committers::start(config.log_threads)?);
        let (free_space_check_interval, maintenance_interval) =
            (config.free_space_check_interval, config.maintenance_interval);
        let Parts { fs, clock, fingerprinter, registry } = parts;
        let (given_clock, key) = (Arc::clone(&clock), Arc::clone(&fingerprinter));
        let ship_interval = config.shipping.as_ref().map(|shipping| shipping.interval);
        let shipper_metrics = match ship_interval {
            Some(_) => ShipperMetrics::register(&registry),
            None => ShipperMetrics::default(),
        };
        let committed = Arc::clone(&committers);
        let shared = Shared { config, fs, clock, fingerprinter, committers: committed, shipper_metrics };
        let ingester = Arc::new(Ingester::new(shared));
        metrics::register(&registry, &ingester);
        Ok(Self {
            ingester,
            committers,
            clock: given_clock,
            fingerprinter: key,
            free_space_check_interval,
            maintenance_interval,
            ship_interval,
        })
    }

    /// Who takes writes.
    pub fn ingester(&self) -> Arc<Ingester> {
        Arc::clone(&self.ingester)
    }

    /// All tenants to read.
    pub fn store(&self) -> LocalStore {
        self.ingester.store()
    }

    /// Starts the task that opens the tenants, then looks after them, and closes them in the end. `readiness` turns ready
    /// when writes are taken.
    pub fn start(self, tasks: &mut Tasks, readiness: Readiness) {
        tasks.spawn("ingester", move |stop| self.run(stop, readiness));
    }

    async fn run(self, stop: Stop, readiness: Readiness) -> TaskResult {
        let opened = tokio::select! {
            opened = self.open(&readiness) => opened,
            () = stop.cancelled() => Ok(()),
        };
        if opened.is_ok() {
            self.look_after(&stop).await;
        }
        readiness.not_ready("closing");
        self.ingester.close().await;
        let committers = self.committers;
        tokio::task::spawn_blocking(move || committers.shutdown()).await?;
        opened
    }

    async fn open(&self, readiness: &Readiness) -> TaskResult {
        // Before the first write, so that a full disk is known when it comes.
        self.check_disk().await;
        let mut progress = interval(PROGRESS_INTERVAL);
        let mut opened = std::pin::pin!(self.ingester.open());
        loop {
            tokio::select! {
                opened = &mut opened => break opened?,
                _ = progress.tick() => readiness.not_ready(self.ingester.progress()),
            }
        }
        info!("writes are taken");
        readiness.ready();
        Ok(())
    }

    async fn look_after(&self, stop: &Stop) {
        // Not at once: whoever waited for this process comes now.
        let first_maintenance = Instant::now() + self.maintenance_interval;
        let mut maintenance = interval_at(first_maintenance, self.maintenance_interval);
        let mut disk = interval(self.free_space_check_interval);
        // At once: a process that is killed again soon is to find what was replayed in a snapshot.
        let mut logs = interval(LOG_CHECK_INTERVAL);
        logs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        disk.set_missed_tick_behavior(MissedTickBehavior::Delay);
        maintenance.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let watch_disk = async {
            loop {
                disk.tick().await;
                self.check_disk().await;
            }
        };
        let watch_logs = async {
            loop {
                logs.tick().await;
                self.ingester.write_due_snapshots().await;
            }
        };
        let maintain = async {
            loop {
                maintenance.tick().await;
                self.ingester.maintain().await;
            }
        };
        let ship = async {
            let Some(period) = self.ship_interval else { return std::future::pending().await };
            let mut ship = interval(period);
            ship.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ship.tick().await;
                self.ingester.ship().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = watch_disk => {}
            () = watch_logs => {}
            () = maintain => {}
            () = ship => {}
        }
    }

    async fn check_disk(&self) {
        let ingester = Arc::clone(&self.ingester);
        let checked = tokio::task::spawn_blocking(move || ingester.disk.check()).await;
        if let Ok(Err(error)) = checked {
            warn!(%error, "free disk space is not known");
        }
    }
}
