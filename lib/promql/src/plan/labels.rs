//! Which labels of a selector's series are looked at.

use super::{Chain, Destination, Leaf, Plan, Use};
use crate::chain::Op;
use model::{Labels, METRIC_NAME, Matcher};
use std::sync::Arc;

/// Labels that are all that is looked at.
///
/// Series may come with these alone, in the order that all their labels give them, if none of them has a label of
/// [`UsedLabels::ABSENT`]: then no two of one metric have the same labels but for metadata, which nobody could see any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedLabels(Arc<[Vec<u8>]>);

impl UsedLabels {
    /// Metadata besides the name.
    pub const ABSENT: [&[u8]; 2] = [b"__type__", b"__unit__"];

    /// Those of `names`, and the name of the metric, which notes speak of.
    fn new(mut names: Vec<Vec<u8>>) -> Self {
        names.push(METRIC_NAME.to_vec());
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }

    /// Those that `matchers` look at.
    pub(super) fn of_matchers(matchers: &[Matcher]) -> Self {
        Self::new(matchers.iter().map(|matcher| matcher.name().to_vec()).collect())
    }

    /// The names, sorted.
    pub fn names(&self) -> &[Vec<u8>] {
        &self.0
    }

    /// What is left of `labels`; `None` if there is one among them that series must not have.
    pub fn of(&self, labels: &Labels) -> Option<Labels> {
        if Self::ABSENT.iter().any(|name| labels.get(name).is_some()) {
            return None;
        }
        let mut edit = labels.edit();
        edit.retain(|name| self.0.iter().any(|used| used == name));
        edit.build().ok()
    }

    /// What both look at.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self::new([self.names(), other.names()].concat())
    }
}

impl Use {
    /// The labels that are looked at on the way to what an aggregation keeps; `None`: all may be.
    pub(super) fn used_labels(&self, plan: &Plan) -> Option<UsedLabels> {
        if matches!(self.leaf, Leaf::Samples { .. }) { None } else { self.chain.used_labels(plan) }
    }
}

impl Chain {
    fn used_labels(&self, plan: &Plan) -> Option<UsedLabels> {
        for op in &self.ops {
            match op {
                // Series of one metric, which are told apart by what is left of them.
                Op::Check { check, .. } if plan.checks.get(*check).is_some_and(|kind| kind.fixed_name) => {}
                // What labels are made of may be alike in whatever else there is.
                Op::Check { .. } | Op::LabelReplace(_) | Op::LabelJoin(_) => return None,
                Op::Group(names) => return Some(UsedLabels::new(names.kept()?.to_vec())),
                Op::Map(_)
                | Op::MapHistogram(_)
                | Op::FloatsOnly
                | Op::Nothing
                | Op::Negate
                | Op::Date(_)
                | Op::Scalar(_)
                | Op::Round(_)
                | Op::Clamp { .. }
                | Op::StepTime(_)
                | Op::Window { .. }
                | Op::Repeat(_)
                | Op::DropMetadata
                | Op::DropName => {}
            }
        }
        let Destination::Fan(fan) = self.to else { return None };
        let ways = &plan.fans.get(fan)?.chains;
        let used: Option<Vec<UsedLabels>> = ways.iter().map(|chain| chain.used_labels(plan)).collect();
        used?.into_iter().reduce(|used, other| used.and(&other))
    }
}

#[cfg(test)]
mod tests;
