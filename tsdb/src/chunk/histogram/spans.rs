//! Buckets of two layouts side by side.

use model::{BUCKET_CELLS, HistogramLayout, HistogramRef, Span};

/// The index of each bucket, in order.
pub(in super::super) fn indices(spans: &[Span]) -> impl Iterator<Item = i64> {
    let mut end = 0_i64;
    spans.iter().flat_map(move |span| {
        let start = end + i64::from(span.offset);
        end = start + i64::from(span.length);
        start..end
    })
}

/// A bucket of two layouts together, with the numbers it has in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bucket {
    Both(usize, usize),
    First(usize),
    Second(usize),
}

/// The buckets of two layouts together, by index. Both must rise, which those that were validated do.
pub(super) fn side_by_side(first: &[Span], second: &[Span]) -> impl Iterator<Item = (i64, Bucket)> {
    let (mut left, mut right) = (indices(first).enumerate().peekable(), indices(second).enumerate().peekable());
    std::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (Some((_, one)), Some((_, other))) => one.cmp(other),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (None, None) => return None,
        };
        let from_left = if order.is_le() { left.next() } else { None };
        let from_right = if order.is_ge() { right.next() } else { None };
        match (from_left, from_right) {
            (Some((one, index)), Some((other, _))) => Some((index, Bucket::Both(one, other))),
            (Some((one, index)), None) => Some((index, Bucket::First(one))),
            (None, Some((other, index))) => Some((index, Bucket::Second(other))),
            (None, None) => None,
        }
    })
}

/// The fewest spans that have the buckets of both.
pub(super) fn union(first: &[Span], second: &[Span]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let mut end = 0_i64;
    for (index, _) in side_by_side(first, second) {
        match spans.last_mut() {
            Some(last) if index == end => last.length += 1,
            // Between two indices lies no more than between two offsets of 32 bits; what no layout has may be cut off.
            _ => spans.push(Span { offset: (index - end) as i32, length: 1 }),
        }
        end = index + 1;
    }
    spans
}

/// The cells of a histogram in another layout, which has all of its buckets: those it lacks are 0. `cells` has as many as
/// `onto`.
pub fn spread(histogram: HistogramRef<'_>, onto: &HistogramLayout, cells: &mut [u64]) {
    cells.fill(0);
    let (head, buckets) = cells.split_at_mut_checked(BUCKET_CELLS).unwrap_or_default();
    for (to, from) in head.iter_mut().zip(histogram.cells) {
        *to = *from;
    }
    let (positive, negative) = buckets.split_at_mut_checked(onto.positive_buckets()).unwrap_or_default();
    let layout = histogram.layout;
    let sides = [
        (layout.positive(), onto.positive(), histogram.positive(), positive),
        (layout.negative(), onto.negative(), histogram.negative(), negative),
    ];
    for (from, onto, counts, cells) in sides {
        if from == onto {
            cells.iter_mut().zip(counts).for_each(|(to, from)| *to = *from);
            continue;
        }
        for (_, bucket) in side_by_side(from, onto) {
            if let Bucket::Both(from, to) = bucket
                && let (Some(from), Some(to)) = (counts.get(from), cells.get_mut(to))
            {
                *to = *from;
            }
        }
    }
}
