//! The hashring file, watched: what it says becomes live, and what cannot be leaves things as they are.

use crate::forwarder::{CannotApply, Forwarder};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use service::{Stop, TaskResult};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use telemetry::Registry;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, warn};

/// A hashring file is not larger than this.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// A change often comes as several events.
const SETTLE_TIME: Duration = Duration::from_millis(50);

/// Watches a hashring file for a [`Forwarder`].
#[derive(Debug)]
pub struct RingFile {
    path: PathBuf,
    /// How often it is read even if nothing told of a change.
    refresh_interval: Duration,
    forwarder: Arc<Forwarder>,
    metrics: Metrics,
    clock: Arc<dyn model::Clock>,
    /// What was read last, whether it could be used or not.
    seen: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Metrics {
    changes: Counter,
    errors: Counter,
    refreshes: Counter,
    successful: Gauge,
    success_time_s: Gauge<f64, AtomicU64>,
    hash: Gauge,
}

/// Why the file is not live.
#[derive(Debug, thiserror::Error)]
pub enum RingFileError {
    #[error("hashring file {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("hashring file {path} is over {MAX_FILE_BYTES} bytes", path = path.display())]
    TooLarge { path: PathBuf },
    #[error("hashring file {path}: {source}", path = path.display())]
    Apply { path: PathBuf, source: CannotApply },
}

impl RingFile {
    /// Registers the metrics; reads nothing yet.
    pub fn new(
        path: PathBuf,
        refresh_interval: Duration,
        forwarder: Arc<Forwarder>,
        clock: Arc<dyn model::Clock>,
        registry: &Registry,
    ) -> Self {
        let metrics = Metrics::default();
        metrics.register(registry);
        Self { path, refresh_interval, forwarder, metrics, clock, seen: None }
    }

    /// Reads the file and makes it live, if it is not what was read before.
    ///
    /// # Errors
    /// It cannot be read, or cannot be used. What was live before stays, and is tried again once the file changes.
    pub fn refresh(&mut self) -> Result<(), RingFileError> {
        self.metrics.refreshes.inc();
        let result = self.read_and_apply();
        match &result {
            Ok(false) => {}
            Ok(true) => {
                self.metrics.successful.set(1);
                self.metrics.success_time_s.set(self.clock.now_ms() as f64 / 1000.0);
            }
            Err(_) => {
                self.metrics.errors.inc();
                self.metrics.successful.set(0);
            }
        }
        if let Some(hash) = self.forwarder.config_hash() {
            self.metrics.hash.set(i64::try_from(hash).unwrap_or(i64::MAX));
        }
        result.map(drop)
    }

    /// Whether something else is live now.
    fn read_and_apply(&mut self) -> Result<bool, RingFileError> {
        let content = self.read()?;
        if self.seen.as_ref() == Some(&content) && self.metrics.successful.get() == 1 {
            return Ok(false);
        }
        if self.seen.as_ref() != Some(&content) {
            self.metrics.changes.inc();
        }
        let applied = self.forwarder.apply(&content);
        self.seen = Some(content);
        applied.map_err(|source| RingFileError::Apply { path: self.path.clone(), source })?;
        Ok(true)
    }

    fn read(&self) -> Result<Vec<u8>, RingFileError> {
        let failed = |source| RingFileError::Read { path: self.path.clone(), source };
        let mut content = Vec::new();
        let file = std::fs::File::open(&self.path).map_err(failed)?;
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(failed)?;
        if content.len() as u64 > MAX_FILE_BYTES {
            return Err(RingFileError::TooLarge { path: self.path.clone() });
        }
        Ok(content)
    }

    /// Refreshes whenever something changes in the directory of the file (a Kubernetes ConfigMap changes a link beside it),
    /// and from time to time, until told to stop.
    ///
    /// # Errors
    /// None: what goes wrong is logged and counted.
    pub async fn run(mut self, stop: Stop) -> TaskResult {
        let (tell, mut changes) = mpsc::channel(1);
        let watcher = watch(&self.path, tell);
        if let Err(error) = &watcher {
            warn!(%error, path = %self.path.display(), "the directory of the hashring file cannot be watched: it is read from time to time only");
        }
        let mut refresh = interval(self.refresh_interval.max(Duration::from_millis(1)));
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = refresh.tick() => {}
                // Nothing is told by a watcher that is not there.
                Some(()) = changes.recv() => {
                    tokio::time::sleep(SETTLE_TIME).await;
                    while changes.try_recv().is_ok() {}
                }
            }
            // Reading is short, but building rings is not.
            let refreshed = tokio::task::spawn_blocking(move || {
                let result = self.refresh();
                (self, result)
            });
            let (file, result) = refreshed.await?;
            self = file;
            if let Err(error) = result {
                error!(%error, "the hashrings stay as they were");
            }
        }
    }
}

/// Tells of anything that happens in the directory of `path`.
fn watch(path: &Path, tell: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let reading = event.is_ok_and(|event| matches!(event.kind, notify::EventKind::Access(_)));
        if !reading {
            // One that is waiting already is enough.
            let _ = tell.try_send(());
        }
    })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    watcher.watch(parent.unwrap_or(Path::new(".")), RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

impl Metrics {
    fn register(&self, registry: &Registry) {
        for (name, help, counter) in [
            (
                "thanos_receive_hashrings_file_changes_total",
                "The number of times the hashrings configuration file has changed.",
                &self.changes,
            ),
            (
                "thanos_receive_hashrings_file_errors_total",
                "The number of errors watching the hashrings configuration file.",
                &self.errors,
            ),
            (
                "thanos_receive_hashrings_file_refreshes_total",
                "The number of refreshes of the hashrings configuration file.",
                &self.refreshes,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register(
            "thanos_receive_config_last_reload_successful",
            "Whether the last hashring configuration file reload attempt was successful.",
            self.successful.clone(),
        );
        registry.register(
            "thanos_receive_config_last_reload_success_timestamp_seconds",
            "Timestamp of the last successful hashring configuration file reload.",
            self.success_time_s.clone(),
        );
        registry.register(
            "thanos_receive_config_hash",
            "Hash of the currently loaded hashring configuration file.",
            self.hash.clone(),
        );
    }
}
