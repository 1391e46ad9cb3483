//! Exemplars: what is asked, what is answered, and how several answers become one.

use crate::store::PartialResponse;
use model::{Labels, Matcher, TenantId, TimeRange};
use std::cmp::Ordering;
use std::sync::Arc;
use tsdb::head::{Exemplar, ExemplarSeries};

/// What is asked of `Exemplars`.
#[derive(Debug, Clone)]
pub struct ExemplarsRequest {
    /// Meant are series that all matchers of at least one of these lists accept, external labels among their labels.
    pub selectors: Arc<[Arc<[Matcher]>]>,
    pub range: TimeRange,
    pub partial: PartialResponse,
    /// As in [`crate::SeriesRequest`].
    pub stores: Arc<[Arc<[Matcher]>]>,
    pub tenant: Option<TenantId>,
}

/// Exemplars by series, in order of their labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExemplarsAnswer {
    pub series: Vec<ExemplarSeries>,
    pub warnings: Vec<String>,
}

impl ExemplarsRequest {
    /// Asks for the exemplars in `range` of what `selectors` accept.
    pub fn new(selectors: impl Into<Arc<[Arc<[Matcher]>]>>, range: TimeRange) -> Self {
        Self {
            selectors: selectors.into(),
            range,
            partial: PartialResponse::default(),
            stores: Arc::from([]),
            tenant: None,
        }
    }

    /// Whether a series with these labels is meant.
    pub fn accepts(&self, labels: &Labels) -> bool {
        let accepts = |matcher: &Matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default());
        self.selectors.iter().any(|selector| selector.iter().all(accepts))
    }
}

impl ExemplarsAnswer {
    /// The same without these labels. Series that are alike then are one; of what several have just alike one is kept.
    #[must_use]
    pub fn without(self, labels: &[Vec<u8>]) -> Self {
        let without = |mut one: ExemplarSeries| {
            if labels.iter().any(|name| one.labels.get(name).is_some()) {
                let mut rest = one.labels.edit();
                labels.iter().for_each(|name| rest.remove(name));
                // A label less on a valid set is one.
                one.labels = rest.build().unwrap_or(one.labels);
            }
            one
        };
        Self { series: joined(self.series.into_iter().map(without).collect()), warnings: self.warnings }
    }
}

/// Series in order of their labels, each once.
pub(crate) fn joined(mut all: Vec<ExemplarSeries>) -> Vec<ExemplarSeries> {
    all.sort_by(|one, other| one.labels.cmp(&other.labels));
    let mut series: Vec<ExemplarSeries> = Vec::with_capacity(all.len());
    let mut is_joined = false;
    for one in all {
        match series.last_mut() {
            Some(last) if last.labels == one.labels => {
                last.exemplars.extend(one.exemplars);
                is_joined = true;
            }
            last => {
                last.filter(|_| is_joined).into_iter().for_each(tidy);
                is_joined = false;
                series.push(one);
            }
        }
    }
    series.last_mut().filter(|_| is_joined).into_iter().for_each(tidy);
    series
}

/// Puts the exemplars of several sources in order, each once. Those of one source are left as they came.
fn tidy(series: &mut ExemplarSeries) {
    series.exemplars.sort_by(order);
    series.exemplars.dedup_by(|one, other| order(one, other) == Ordering::Equal);
}

fn order(one: &Exemplar, other: &Exemplar) -> Ordering {
    let by_time = one.timestamp_ms.cmp(&other.timestamp_ms);
    by_time.then_with(|| one.value.total_cmp(&other.value)).then_with(|| one.labels.cmp(&other.labels))
}

#[cfg(test)]
mod tests;
