//! `Exemplars` over local heads.

use super::matchers_left;
use crate::exemplars::ExemplarsRequest;
use model::Labels;
use std::sync::Arc;
use tsdb::head::{ExemplarSeries, Head};

/// A head that keeps exemplars.
#[derive(Debug, Clone)]
pub struct ExemplarGroup {
    /// As in [`super::SourceGroup`].
    pub external: Labels,
    pub head: Arc<Head>,
}

impl ExemplarGroup {
    /// Its exemplars, the series with external labels.
    pub(super) fn select(&self, request: &ExemplarsRequest) -> Vec<ExemplarSeries> {
        let left = |selector: &Arc<_>| matchers_left(&self.external, selector);
        let selectors: Vec<_> = request.selectors.iter().filter_map(left).collect();
        if selectors.is_empty() {
            return Vec::new();
        }
        let mut series = self.head.exemplars(&selectors, request.range);
        for one in &mut series {
            let mut labels = one.labels.edit();
            self.external.iter().for_each(|label| labels.set(label.name, label.value));
            if let Ok(labels) = labels.build() {
                one.labels = labels;
            }
        }
        series
    }
}
