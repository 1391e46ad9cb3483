//! The metrics of one process.

use crate::Format;
use parking_lot::RwLock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_protobuf::encode;
use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{LabelPair, MetricFamily, MetricType};
use prometheus_client::registry::Metric;
use std::fmt;
use std::sync::Arc;

/// The metrics of one process, shared by all clones. Two registries share nothing, so tests do not either.
#[derive(Debug, Clone, Default)]
pub struct Registry(Arc<RwLock<Parts>>);

#[derive(Debug, Default)]
struct Parts {
    /// The help texts of these get a full stop from `prometheus-client`,
    metrics: prometheus_client::registry::Registry,
    /// those of these do not, and have to be told apart.
    collectors: prometheus_client::registry::Registry,
}

impl Registry {
    /// Registers a metric under exactly this name and help text. The name of a counter ends in `_total`. The same name may be
    /// registered again for series with other labels: both appear in one family, under the help text that came first.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.0.write().metrics.register(name, help, metric);
    }

    /// Registers a source of metrics that are computed when asked for. It writes names and help texts as they shall appear.
    pub fn register_collector(&self, collector: Box<dyn Collector>) {
        self.0.write().collectors.register_collector(collector);
    }

    /// Everything registered, in `format`.
    ///
    /// # Errors
    /// When a collector fails.
    pub fn encode(&self, format: Format) -> Result<Vec<u8>, fmt::Error> {
        Ok(format.encode(&self.families()?))
    }

    /// Every family once, sorted by name; the labels of a series by name, too.
    fn families(&self) -> Result<Vec<MetricFamily>, fmt::Error> {
        let parts = self.0.read();
        let mut families = encode(&parts.metrics)?;
        for family in &mut families {
            family.help.pop();
        }
        families.extend(encode(&parts.collectors)?);
        drop(parts);
        families.iter_mut().for_each(correct);
        families.sort_by(|left, right| left.name.cmp(&right.name));
        families.dedup_by(|later, kept| {
            let same = later.name == kept.name;
            if same {
                kept.metric.append(&mut later.metric);
            }
            same
        });
        for family in &mut families {
            family.metric.sort_by(|left, right| left.label.iter().map(pair).cmp(right.label.iter().map(pair)));
        }
        Ok(families)
    }
}

fn pair(label: &LabelPair) -> (&str, &str) {
    (&label.name, &label.value)
}

/// Undoes the second `_total` that `prometheus-client` gives a counter, and sorts labels.
fn correct(family: &mut MetricFamily) {
    if family.r#type() == MetricType::Counter
        && let Some(name) = family.name.strip_suffix("_total").filter(|name| name.ends_with("_total"))
    {
        family.name = name.to_owned();
    }
    for metric in &mut family.metric {
        metric.label.retain(|label| !label.value.is_empty());
        metric.label.sort_by(|left, right| left.name.cmp(&right.name));
    }
}

#[cfg(test)]
mod tests;
