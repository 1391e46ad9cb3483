//! What is said of metrics: what is asked, what is answered, and how several answers become one.

use crate::store::{PartialResponse, StoreError, size_of_warning};
use model::{Labels, Matcher, MetricKind, TenantId};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most bytes that an answer may take, with its warnings.
pub(crate) const MAX_BYTES: usize = 64 << 20;

/// What is asked of `MetricMetadata`.
#[derive(Debug, Clone, Default)]
pub struct MetadataRequest {
    /// Of the metric of this name only; `None`: of all.
    pub metric: Option<String>,
    /// At most so many metrics, the first by name; `None`: all.
    pub limit: Option<usize>,
    /// Only what is said where all of these accept the external labels. That cannot be sent: a peer that has other external
    /// labels, too, is not asked.
    pub external: Arc<[Matcher]>,
    pub partial: PartialResponse,
    /// As in [`crate::SeriesRequest`].
    pub stores: Arc<[Arc<[Matcher]>]>,
    pub tenant: Option<TenantId>,
}

/// What is said of metrics, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetadataAnswer {
    /// Of each metric all that is said, each once, in order of kind, help and unit.
    pub metrics: BTreeMap<String, Vec<MetricSaid>>,
    pub warnings: Vec<String>,
}

/// What somebody says of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSaid {
    pub kind: MetricKind,
    pub help: String,
    pub unit: String,
}

impl MetadataRequest {
    /// Whether what is said under these external labels is meant.
    pub(crate) fn accepts(&self, external: &Labels) -> bool {
        self.external.iter().all(|matcher| matcher.matches(external.get(matcher.name()).unwrap_or_default()))
    }
}

impl MetricSaid {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.help.len() + self.unit.len()
    }

    fn order(&self, kind: MetricKind, help: &str, unit: &str) -> Ordering {
        (self.kind.as_str(), self.help.as_str(), self.unit.as_str()).cmp(&(kind.as_str(), help, unit))
    }
}

/// What is said of the metrics of a request, as it is heard.
#[derive(Debug)]
pub(crate) struct Collected<'a> {
    /// Who says it, for messages.
    store: &'a str,
    request: &'a MetadataRequest,
    answer: MetadataAnswer,
    bytes: usize,
}

impl<'a> Collected<'a> {
    pub(crate) fn new(store: &'a str, request: &'a MetadataRequest) -> Self {
        Self { store, request, answer: MetadataAnswer::default(), bytes: 0 }
    }

    /// Takes what is said of `metric`, if that is asked for and new.
    ///
    /// # Errors
    /// What was heard takes more than [`MAX_BYTES`].
    pub(crate) fn add(&mut self, metric: &str, kind: MetricKind, help: &str, unit: &str) -> Result<(), StoreError> {
        if self.request.metric.as_deref().is_some_and(|wanted| wanted != metric) {
            return Ok(());
        }
        let said = || MetricSaid { kind, help: help.to_owned(), unit: unit.to_owned() };
        let metrics = &mut self.answer.metrics;
        match metrics.get_mut(metric) {
            Some(all) => {
                // The same is heard of each series, so that it is not copied to be looked for.
                if let Err(at) = all.binary_search_by(|known| known.order(kind, help, unit)) {
                    let said = said();
                    self.bytes += said.bytes();
                    all.insert(at, said);
                }
            }
            None => {
                let limit = self.request.limit.unwrap_or(usize::MAX);
                let is_beyond = || metrics.last_key_value().is_none_or(|(last, _)| last.as_str() < metric);
                if metrics.len() >= limit && is_beyond() {
                    return Ok(());
                }
                let said = vec![said()];
                self.bytes += bytes(metric, &said);
                metrics.insert(metric.to_owned(), said);
                if metrics.len() > limit {
                    self.bytes -= metrics.pop_last().map_or(0, |(last, said)| bytes(&last, &said));
                }
            }
        }
        self.check()
    }

    /// Takes a warning.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(crate) fn warn(&mut self, warning: String) -> Result<(), StoreError> {
        self.bytes += size_of_warning(&warning);
        self.answer.warnings.push(warning);
        self.check()
    }

    pub(crate) fn finish(self) -> MetadataAnswer {
        self.answer
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.bytes > MAX_BYTES {
            let text = format!("{}: what is said of its metrics takes more than {MAX_BYTES} bytes", self.store);
            return Err(StoreError::LimitExceeded(text));
        }
        Ok(())
    }
}

fn bytes(metric: &str, said: &[MetricSaid]) -> usize {
    size_of::<(String, Vec<MetricSaid>)>() + metric.len() + said.iter().map(MetricSaid::bytes).sum::<usize>()
}

#[cfg(test)]
mod tests;
