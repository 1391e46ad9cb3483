//! Selectors that share a call to the stores.

use super::{Plan, Use, UsedLabels};
use crate::{QueryParams, Select};
use model::{Matcher, TimeRange};

/// A selector, and what it asks of the stores.
#[derive(Debug)]
pub(super) struct PlannedUse {
    /// A select on a higher level may need what is computed of those on lower ones.
    pub(super) level: usize,
    pub(super) matchers: Vec<Matcher>,
    pub(super) range: TimeRange,
    pub(super) step_ms: i64,
    pub(super) range_ms: i64,
    pub(super) func: String,
    pub(super) planned: Use,
}

/// Selectors with the same matchers whose times are no further apart than this share a select: chunks hold about so much
/// anyway, and a call costs more than to decode one.
const NEAR_MS: i64 = 2 * 3_600_000;

/// Makes selects of selectors, lowest level first and else in the order given.
pub(super) fn share(mut uses: Vec<PlannedUse>, params: &QueryParams, plan: &mut Plan) {
    uses.sort_by_key(|planned| planned.level);
    let mut levels: Vec<usize> = Vec::new();
    for mut planned in uses {
        planned.planned.ends = plan.ends(&planned.planned.chain);
        let labels = planned.planned.used_labels(plan).filter(|_| params.passes.used_labels);
        let key = sorted(&planned.matchers);
        let shared = plan.selects.iter().zip(&levels).position(|(select, level)| {
            let suits = match params.strict_sharing {
                true => select.asks_like(&planned),
                false => are_near(select.range, planned.range),
            };
            params.passes.shared_selects && *level == planned.level && suits && sorted(&select.matchers) == key
        });
        match shared {
            Some(at) => {
                plan.selects[at].widen(&planned, labels.as_ref());
                plan.uses[at].push(planned.planned);
            }
            None => {
                let after = levels.iter().filter(|level| **level < planned.level).count();
                levels.push(planned.level);
                plan.selects.push(Select {
                    matchers: planned.matchers,
                    range: planned.range,
                    step_ms: planned.step_ms,
                    range_ms: planned.range_ms,
                    func: planned.func,
                    newest_only: planned.planned.leaf.is_newest(),
                    labels,
                    after,
                });
                plan.uses.push(vec![planned.planned]);
            }
        }
    }
    for source in &mut plan.sources {
        source.after = levels.iter().filter(|level| **level < source.level).count();
    }
}

impl Select {
    /// Whether it asks for just what another selector needs, matchers apart.
    fn asks_like(&self, other: &PlannedUse) -> bool {
        (self.range, self.step_ms, self.range_ms, &self.func)
            == (other.range, other.step_ms, other.range_ms, &other.func)
    }

    /// Asks for what another selector needs as well.
    fn widen(&mut self, other: &PlannedUse, labels: Option<&UsedLabels>) {
        self.labels = self.labels.as_ref().zip(labels).map(|(own, other)| own.and(other));
        self.newest_only &= other.planned.leaf.is_newest() && self.range == other.range;
        self.range = union(self.range, other.range);
        if self.func != other.func {
            self.func.clear();
        }
        if self.range_ms != other.range_ms {
            self.range_ms = 0;
        }
        self.step_ms = self.step_ms.min(other.step_ms);
    }
}

fn union(a: TimeRange, b: TimeRange) -> TimeRange {
    TimeRange::new(a.min_ms().min(b.min_ms()), a.max_ms().max(b.max_ms())).unwrap_or(a)
}

fn are_near(a: TimeRange, b: TimeRange) -> bool {
    let length = |range: TimeRange| range.max_ms().saturating_sub(range.min_ms());
    length(union(a, b)) <= length(a).saturating_add(length(b)).saturating_add(NEAR_MS)
}

/// The order of matchers means nothing.
pub(super) fn sorted(matchers: &[Matcher]) -> Vec<&Matcher> {
    let mut sorted: Vec<&Matcher> = matchers.iter().collect();
    sorted.sort_by(|a, b| (a.name(), a.op(), a.value()).cmp(&(b.name(), b.op(), b.value())));
    sorted
}
