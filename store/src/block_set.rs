//! Which blocks are served, and which of them are asked.

use crate::live_block::LiveBlock;
use crate::selection::{Span, for_range, left_for_block};
use model::{Labels, Matcher, TimeRange};
use std::collections::BTreeMap;
use std::sync::Arc;
use storeapi::TsdbInfo;
use ulid::Ulid;

/// The label by which single blocks are chosen.
const BLOCK_ID: &[u8] = b"__block_id";

/// The blocks served at one time.
#[derive(Debug, Default)]
pub(crate) struct BlockSet {
    /// By external labels; in order of time.
    groups: BTreeMap<Labels, Vec<Arc<LiveBlock>>>,
}

/// Blocks to ask, and the matchers that their external labels leave.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) matchers: Arc<[Matcher]>,
    pub(crate) blocks: Vec<Arc<LiveBlock>>,
}

impl BlockSet {
    /// The set of `blocks`.
    pub(crate) fn new(blocks: impl IntoIterator<Item = Arc<LiveBlock>>) -> Self {
        let mut groups: BTreeMap<Labels, Vec<Arc<LiveBlock>>> = BTreeMap::new();
        for block in blocks {
            groups.entry(block.external.clone()).or_default().push(block);
        }
        for group in groups.values_mut() {
            group.sort_by_key(|block| (block.meta.min_ms, block.meta.max_ms, block.meta.ulid));
        }
        Self { groups }
    }

    /// Every block.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Arc<LiveBlock>> {
        self.groups.values().flatten()
    }

    /// The external label sets, each once, sorted.
    pub(crate) fn label_sets(&self) -> Vec<Labels> {
        self.groups.keys().cloned().collect()
    }

    /// The time of each label set, in which blocks that follow each other without a gap count as one. As Thanos does, the
    /// end of a block is told as if it were inside.
    pub(crate) fn tsdbs(&self) -> Vec<TsdbInfo> {
        let mut tsdbs: Vec<TsdbInfo> = Vec::new();
        for (labels, blocks) in &self.groups {
            let first = tsdbs.len();
            for block in blocks {
                let Some(range) = TimeRange::new(block.meta.min_ms, block.meta.max_ms) else { continue };
                match tsdbs.get_mut(first..).and_then(<[TsdbInfo]>::last_mut) {
                    Some(last) if range.min_ms() <= last.range.max_ms() => last.range = last.range.hull(range),
                    _ => tsdbs.push(TsdbInfo { labels: labels.clone(), range }),
                }
            }
        }
        tsdbs
    }

    /// The blocks for samples in `range` of which the coarsest within `max_resolution_ms` will do.
    pub(crate) fn for_series(
        &self,
        range: TimeRange,
        max_resolution_ms: i64,
        (matchers, block_matchers): (&[Matcher], &[Matcher]),
    ) -> Vec<Chosen> {
        let choose = |blocks: &[Arc<LiveBlock>]| {
            let spans: Vec<Span> = blocks.iter().map(|block| block.span()).collect();
            let chosen = for_range(&spans, range, max_resolution_ms).into_iter().filter_map(|index| blocks.get(index));
            chosen.filter(|block| accepted(block.meta.ulid, block_matchers)).cloned().collect()
        };
        self.choose(matchers, choose)
    }

    /// The blocks that may hold samples in `range`, of every resolution.
    pub(crate) fn for_labels(
        &self,
        range: TimeRange,
        (matchers, block_matchers): (&[Matcher], &[Matcher]),
    ) -> Vec<Chosen> {
        let wanted = |block: &&Arc<LiveBlock>| block.overlaps(range) && accepted(block.meta.ulid, block_matchers);
        self.choose(matchers, |blocks| blocks.iter().filter(wanted).cloned().collect())
    }

    fn choose(&self, matchers: &[Matcher], choose: impl Fn(&[Arc<LiveBlock>]) -> Vec<Arc<LiveBlock>>) -> Vec<Chosen> {
        let chosen = self.groups.iter().filter_map(|(external, blocks)| {
            let matchers = left_for_block(external.as_ref(), matchers)?.into();
            let blocks = choose(blocks);
            (!blocks.is_empty()).then_some(Chosen { matchers, blocks })
        });
        chosen.collect()
    }
}

fn accepted(block: Ulid, block_matchers: &[Matcher]) -> bool {
    let id = block.to_string();
    block_matchers.iter().all(|matcher| matcher.matches(if matcher.name() == BLOCK_ID { id.as_bytes() } else { b"" }))
}
