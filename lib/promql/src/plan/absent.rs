//! `absent` and `absent_over_time`.

use super::build::{Builder, Tail};
use super::place::Place;
use crate::ast::VectorSelector;
use crate::stage::StagePlan;
use model::{Labels, LabelsBuilder, METRIC_NAME, MatchOp, Matcher};
use std::sync::Arc;

impl Builder<'_> {
    /// Says where there is no series, in one whose labels are those that `selector` fixes; types and units go if it
    /// `drops_names`.
    pub(super) fn absent(
        &mut self,
        selector: Option<&VectorSelector>,
        drops_names: bool,
        place: &Place,
        tail: Tail,
    ) -> Tail {
        let labels = absent_labels(selector);
        let stage = self.stage(StagePlan::Absent { labels, drops_names, grid: Arc::clone(&place.grid) }, 1, tail);
        Tail::to_stage(stage, 0)
    }
}

/// The labels of a series that is absent: those that its selector fixes. Of several matchers for one label the last one
/// decides whether it is there, and Prometheus' storage has moved those to the end that take series away.
fn absent_labels(selector: Option<&VectorSelector>) -> Labels {
    let mut labels = LabelsBuilder::default();
    let matchers = selector.map_or(&[][..], |selector| &selector.matchers);
    let takes_away = |matcher: &&Matcher| matcher.op().is_negative() && matcher.matches_empty();
    let mut seen: Vec<&[u8]> = Vec::new();
    let in_order = matchers.iter().filter(|matcher| !takes_away(matcher)).chain(matchers.iter().filter(takes_away));
    for matcher in in_order.filter(|matcher| matcher.name() != METRIC_NAME) {
        let name = matcher.name();
        if matcher.op() == MatchOp::Equal && !seen.contains(&name) {
            labels.set(name, matcher.value());
            seen.push(name);
        } else {
            labels.remove(name);
        }
    }
    labels.build().unwrap_or_else(|_| Labels::empty())
}
