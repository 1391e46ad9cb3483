//! What is to be shipped: a pure function of what lies in the directory and what was shipped before.

use super::ShipError;
use std::collections::{BTreeMap, BTreeSet};
use tsdb::SourceError;
use tsdb::block::Meta;
use ulid::Ulid;

/// What is shipped besides blocks that were cut from a head.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShipRules {
    /// Blocks that were made of others, too.
    pub compacted: bool,
    /// A block that cannot be read is passed over; else it ends the pass.
    pub skip_corrupted: bool,
    /// A block that cannot be shipped is passed over, and overlaps are not looked for.
    pub out_of_order: bool,
}

/// What lies in the directory under a block's name.
#[derive(Debug)]
pub enum Found {
    Block(Box<Meta>),
    Corrupted { block: Ulid, fault: SourceError },
}

/// What is to be done with a block.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// It was shipped before. If the bucket does not have it any more, it was compacted there.
    Listed(Ulid),
    /// It is to be shipped, if the bucket does not have it.
    Ship { meta: Box<Meta>, check_overlap: bool },
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// By time.
    pub steps: Vec<Step>,
    /// What cannot be read.
    pub passed_over: Vec<Ulid>,
}

impl Step {
    pub(super) fn block(&self) -> Ulid {
        match self {
            Self::Listed(block) => *block,
            Self::Ship { meta, .. } => meta.ulid,
        }
    }
}

/// What is to be done with the blocks that were `found`.
///
/// Left out are blocks without samples, those from which something was deleted (a bucket has no tombstones, so it would come
/// back there: they are to be rewritten first), and those made of others, where the rules do not ask for them.
///
/// # Errors
/// A block that cannot be read, where the rules do not pass over it.
pub fn plan(found: Vec<Found>, listed: &BTreeSet<Ulid>, rules: ShipRules) -> Result<Plan, ShipError> {
    let mut plan = Plan::default();
    let mut metas = Vec::new();
    for one in found {
        match one {
            Found::Block(meta) => metas.push(meta),
            Found::Corrupted { block, .. } if rules.skip_corrupted => plan.passed_over.push(block),
            Found::Corrupted { block, fault } => return Err(ShipError::Corrupted { block, source: fault }),
        }
    }
    metas.sort_by_key(|meta| (meta.min_ms, meta.ulid));
    for meta in metas {
        let is_compacted = meta.compaction.level > 1;
        if listed.contains(&meta.ulid) {
            plan.steps.push(Step::Listed(meta.ulid));
        } else if meta.stats.num_samples > 0 && meta.stats.num_tombstones == 0 && (rules.compacted || !is_compacted) {
            let check_overlap = is_compacted && !rules.out_of_order;
            plan.steps.push(Step::Ship { meta, check_overlap });
        }
    }
    Ok(plan)
}

/// The first of `others` that is another block with these labels and a range that overlaps with that of `meta`.
pub fn find_overlap(meta: &Meta, labels: &BTreeMap<String, String>, others: &[Meta]) -> Option<Ulid> {
    let overlaps = |other: &&Meta| {
        let is_like = other.thanos.as_ref().is_some_and(|thanos| thanos.labels == *labels);
        is_like && other.ulid != meta.ulid && other.min_ms < meta.max_ms && meta.min_ms < other.max_ms
    };
    others.iter().find(overlaps).map(|other| other.ulid)
}

#[cfg(test)]
mod tests;
