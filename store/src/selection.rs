//! Which blocks answer a request.

use model::{LabelsRef, Matcher, TimeRange};
use std::ops::Range;

/// What a block covers, and how coarsely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub min_ms: i64,
    /// The end of the block's range, **outside**.
    pub end_ms: i64,
    pub resolution_ms: i64,
}

/// The resolutions of Thanos' blocks, the coarsest first.
const RESOLUTIONS_MS: [i64; 3] = [3_600_000, 300_000, 0];

/// The indices of the blocks to be read for `range`, where no resolution coarser than `max_resolution_ms` will do: the
/// coarsest that may be, and finer ones where these have gaps. `spans` is sorted by the first millisecond. Each block is named
/// once.
pub fn for_range(spans: &[Span], range: TimeRange, max_resolution_ms: i64) -> Vec<usize> {
    let finest_allowed = RESOLUTIONS_MS.iter().position(|resolution| *resolution <= max_resolution_ms);
    let mut chosen = Vec::new();
    if let Some(level) = finest_allowed {
        fill(spans, range.min_ms()..range.max_ms().saturating_add(1), level, &mut chosen);
    }
    chosen
}

/// Adds the blocks of that level that lie in `range`, and before each those of the next one that fill the gap in front.
fn fill(spans: &[Span], range: Range<i64>, level: usize, chosen: &mut Vec<usize>) {
    let Some(resolution_ms) = RESOLUTIONS_MS.get(level).copied().filter(|_| !range.is_empty()) else {
        return;
    };
    let mut covered_ms = range.start;
    let of_level = spans.iter().enumerate().filter(|(_, span)| span.resolution_ms == resolution_ms);
    let in_range = of_level.filter(|(_, span)| span.end_ms > range.start && span.min_ms < range.end);
    for (index, span) in in_range {
        fill(spans, covered_ms..span.min_ms, level + 1, chosen);
        if !chosen.contains(&index) {
            chosen.push(index);
        }
        covered_ms = span.end_ms;
    }
    fill(spans, covered_ms..range.end, level + 1, chosen);
}

/// The matchers that are left for a block once those on its external labels are decided; `None` if one of these refuses it.
pub fn left_for_block(external: LabelsRef<'_>, matchers: &[Matcher]) -> Option<Vec<Matcher>> {
    let mut left = Vec::with_capacity(matchers.len());
    for matcher in matchers {
        match external.get(matcher.name()) {
            Some(value) if matcher.matches(value) => {}
            Some(_) => return None,
            None => left.push(matcher.clone()),
        }
    }
    Some(left)
}
