//! `MetricMetadata` over local heads.

use crate::metadata::Collected;
use crate::store::StoreError;
use model::{Labels, METRIC_NAME, MetricKind};
use std::sync::Arc;
use tsdb::head::Head;

/// A head that keeps what is said of metrics.
#[derive(Debug, Clone)]
pub struct MetadataGroup {
    /// As in [`super::SourceGroup`].
    pub external: Labels,
    pub head: Arc<Head>,
}

impl MetadataGroup {
    /// Adds what is said of its metrics.
    ///
    /// # Errors
    /// It is too much.
    pub(super) fn collect(&self, all: &mut Collected<'_>) -> Result<(), StoreError> {
        let mut added = Ok(());
        self.head.for_each_metadata(|_, labels, said| {
            let (Some(name), true) = (labels.get(METRIC_NAME), added.is_ok()) else { return };
            let text = String::from_utf8_lossy;
            let name = text(name);
            added = all.add(family(&name, said.kind), said.kind, &text(said.help), &text(said.unit));
        });
        added
    }
}

/// The metric of which a series of this name is a part. What is said of it is said of that, and clients ask for that.
fn family(name: &str, kind: MetricKind) -> &str {
    let parts: &[&str] = match kind {
        MetricKind::Histogram => &["_bucket", "_count", "_sum"],
        MetricKind::GaugeHistogram => &["_bucket", "_gcount", "_gsum"],
        MetricKind::Summary => &["_count", "_sum"],
        MetricKind::Unknown | MetricKind::Counter | MetricKind::Gauge | MetricKind::Info | MetricKind::StateSet => &[],
    };
    let rest = parts.iter().find_map(|part| name.strip_suffix(part));
    rest.filter(|rest| !rest.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests;
