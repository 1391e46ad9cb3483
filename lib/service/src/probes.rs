//! Whether a process is healthy, and whether it is ready.

use parking_lot::RwLock;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use std::collections::BTreeMap;
use std::sync::Arc;
use telemetry::Registry;
use tokio::sync::watch;
use tracing::{error, info, warn};

/// What `/-/healthy` and `/-/ready` answer. A process is healthy from the start; it is ready while all its parts are and it is
/// not stopping. Clones share one state.
#[derive(Debug, Clone)]
pub struct Probes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: RwLock<State>,
    ready: Gauge,
    healthy: Gauge,
    /// Whether it is both.
    serving: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    /// Why each part is not ready; `None` if it is.
    parts: BTreeMap<&'static str, Option<String>>,
    stopping: bool,
    unhealthy: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabels {
    component: String,
    check: &'static str,
}

/// The say that one part has in whether the process is ready.
#[derive(Debug)]
pub struct Readiness {
    part: &'static str,
    probes: Probes,
}

impl Probes {
    /// Healthy, and ready once its parts are. Registers `thanos_status` with this `component`.
    pub fn new(component: &str, registry: &Registry) -> Self {
        let status: Family<StatusLabels, Gauge> = Family::default();
        let gauge = |check| {
            let labels = StatusLabels { component: component.to_owned(), check };
            status.get_or_create_owned(&labels)
        };
        let inner = Inner {
            state: RwLock::default(),
            ready: gauge("ready"),
            healthy: gauge("healthy"),
            serving: watch::Sender::new(true),
        };
        inner.healthy.set(1);
        inner.ready.set(1);
        registry.register(
            "thanos_status",
            "Represents status (0 indicates failure, 1 indicates success) of the component.",
            status,
        );
        Self(Arc::new(inner))
    }

    /// Adds a part, not ready yet. Parts are told apart by their names.
    pub fn part(&self, name: &'static str) -> Readiness {
        let readiness = Readiness { part: name, probes: self.clone() };
        readiness.not_ready("starting");
        readiness
    }

    /// The process will not be ready again.
    pub fn stopping(&self) {
        self.change(|state| state.stopping = true);
    }

    /// The process cannot go on, and whoever watches `/-/healthy` should start it anew.
    pub fn unhealthy(&self, reason: impl Into<String>) {
        let reason = reason.into();
        error!(status = "not-healthy", reason, "changing probe status");
        let mut state = self.0.state.write();
        state.unhealthy = Some(reason);
        self.0.serving.send_replace(false);
        drop(state);
        self.0.healthy.set(0);
    }

    /// Why the process is not healthy; `None` if it is.
    pub fn unhealthy_because(&self) -> Option<String> {
        self.0.state.read().unhealthy.clone()
    }

    /// Why the process is not ready, part by part, a line each; `None` if it is.
    pub fn not_ready_because(&self) -> Option<String> {
        self.0.state.read().not_ready_because()
    }

    /// Whether the process is healthy and ready, now and whenever that changes.
    pub(crate) fn watch(&self) -> watch::Receiver<bool> {
        self.0.serving.subscribe()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.state.write();
        let before = state.not_ready_because();
        change(&mut state);
        let after = state.not_ready_because();
        let serving = after.is_none() && state.unhealthy.is_none();
        self.0.serving.send_if_modified(|was| std::mem::replace(was, serving) != serving);
        drop(state);
        self.0.ready.set(i64::from(after.is_none()));
        // A new reason is progress, not news.
        match (before.is_none(), &after) {
            (false, None) => info!(status = "ready", "changing probe status"),
            (true, Some(reason)) => warn!(status = "not-ready", reason, "changing probe status"),
            _ => {}
        }
    }
}

impl State {
    fn not_ready_because(&self) -> Option<String> {
        if self.stopping {
            return Some("stopping".to_owned());
        }
        let waiting =
            self.parts.iter().filter_map(|(part, reason)| reason.as_ref().map(|text| format!("{part}: {text}")));
        let waiting: Vec<String> = waiting.collect();
        (!waiting.is_empty()).then(|| waiting.join("\n"))
    }
}

impl Readiness {
    /// This part can work.
    pub fn ready(&self) {
        self.probes.change(|state| {
            state.parts.insert(self.part, None);
        });
    }

    /// This part cannot work. `reason` is shown to whoever asks, so it should say how far things are, and may be set often.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.probes.change(|state| {
            state.parts.insert(self.part, Some(reason.into()));
        });
    }
}

#[cfg(test)]
mod tests;
