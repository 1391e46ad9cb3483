//! Selectors that share a call to the stores.

use super::matchers::{beyond, sorted};
use super::{Destination, Plan, Use, UsedLabels};
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

/// Among more selects than this nobody looks for those that others have: each is compared with each.
const MOST_COMPARED: usize = 128;

/// A select in the making.
#[derive(Debug)]
struct Shared {
    level: usize,
    /// The matchers, sorted.
    key: Vec<Matcher>,
    select: Select,
    uses: Vec<Use>,
}

/// Makes selects of selectors, lowest level first and else in the order given.
pub(super) fn share(mut uses: Vec<PlannedUse>, params: &QueryParams, plan: &mut Plan) {
    uses.sort_by_key(|planned| planned.level);
    let mut selects: Vec<Shared> = Vec::new();
    for mut planned in uses {
        planned.planned.ends = plan.ends(&planned.planned.chain);
        let labels = planned.planned.used_labels(plan).filter(|_| params.passes.used_labels);
        let key: Vec<Matcher> = sorted(&planned.matchers).into_iter().cloned().collect();
        let shared = selects.iter_mut().find(|shared| {
            let suits = |select: &Select| match params.strict_sharing {
                true => select.asks_like(&planned),
                false => are_near(select.range, planned.range),
            };
            let is_same = shared.level == planned.level && shared.key == key;
            params.passes.shared_selects && is_same && suits(&shared.select)
        });
        let level = planned.level;
        let (select, one) = planned.into_select(labels);
        match shared {
            Some(shared) => {
                shared.select.widen(&select);
                shared.uses.push(one);
            }
            None => selects.push(Shared { level, key, select, uses: vec![one] }),
        }
    }
    // What replicas are made of, and what stores aggregated, is not told by labels.
    if params.passes.wider_selects && !params.strict_sharing && selects.len() <= MOST_COMPARED {
        widen_all(&mut selects, plan);
    }
    let after = |level: usize| selects.iter().filter(|select| select.level < level).count();
    plan.sources.iter_mut().for_each(|source| source.after = after(source.level));
    plan.selects = selects.iter().map(|one| Select { after: after(one.level), ..one.select.clone() }).collect();
    plan.uses = selects.into_iter().map(|shared| shared.uses).collect();
}

/// Takes selects into those that ask for all of their series anyway.
fn widen_all(selects: &mut Vec<Shared>, plan: &Plan) {
    let mut narrow = 0;
    while let Some(Shared { select, .. }) = selects.get(narrow) {
        let found = selects.iter().enumerate().find_map(|(wide, shared)| {
            let filter = beyond(&select.matchers, &shared.select.matchers)?;
            let suits = wide != narrow && shared.level == selects[narrow].level && shared.takes(select, plan);
            (suits && !filter.is_empty()).then_some((wide, filter))
        });
        let Some((wide, filter)) = found else {
            narrow += 1;
            continue;
        };
        let taken = selects.remove(narrow);
        let wide = &mut selects[if wide > narrow { wide - 1 } else { wide }];
        let labels = taken.select.labels.map(|labels| labels.and(&UsedLabels::of_matchers(&filter)));
        wide.select.widen(&Select { labels, ..taken.select });
        wide.uses.extend(taken.uses.into_iter().map(|mut one| {
            one.filter.extend(filter.iter().cloned());
            one
        }));
        narrow = 0;
    }
}

impl Shared {
    /// Whether it costs nothing more to read the series of `narrow` from this select, which has them.
    fn takes(&self, narrow: &Select, plan: &Plan) -> bool {
        let (wide, own) = (&self.select, narrow.range);
        let within = wide.range.min_ms() <= own.min_ms() && own.max_ms() <= wide.range.max_ms();
        let as_new = !wide.newest_only || (narrow.newest_only && wide.range == own);
        let as_few_labels = wide.labels.is_none() || narrow.labels.is_some();
        // What passes a side that is kept waits for that, if both come together.
        let passes = self.uses.iter().flat_map(|one| &one.ends).any(|end| match end {
            Destination::Stage { stage, input } => {
                plan.stages.get(*stage).is_some_and(|node| node.plan.lets_pass(*input))
            }
            _ => false,
        });
        within && as_new && as_few_labels && !passes
    }
}

impl PlannedUse {
    /// What it asks for if nobody else asks for the same.
    fn into_select(self, labels: Option<UsedLabels>) -> (Select, Use) {
        let select = Select {
            matchers: self.matchers,
            range: self.range,
            step_ms: self.step_ms,
            range_ms: self.range_ms,
            func: self.func,
            newest_only: self.planned.takes_newest(),
            labels,
            after: 0,
        };
        (select, self.planned)
    }
}

impl Select {
    /// Whether it asks for just what another selector needs, matchers apart.
    fn asks_like(&self, other: &PlannedUse) -> bool {
        (self.range, self.step_ms, self.range_ms, &self.func)
            == (other.range, other.step_ms, other.range_ms, &other.func)
    }

    /// Asks for what `other` does as well, matchers apart.
    fn widen(&mut self, other: &Self) {
        self.labels = self.labels.as_ref().zip(other.labels.as_ref()).map(|(own, other)| own.and(other));
        self.newest_only &= other.newest_only && self.range == other.range;
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

#[cfg(test)]
mod tests;
