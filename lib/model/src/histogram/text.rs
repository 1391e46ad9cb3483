//! Histograms as Prometheus prints them.

use super::{HistogramRef, Numbers, Span};
use crate::ShortFloat;
use std::fmt::{self, Display, Formatter};

/// A count as it is printed.
struct Count(Numbers, u64);

/// `{count:3, sum:1.5, [-2,-1):1, [-0.001,0.001]:1, (1,2]:1}`: buckets from the lowest on, none that is empty.
impl Display for HistogramRef<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let layout = self.layout;
        write!(out, "{{count:{}, sum:{}", Count(self.numbers, self.count()), ShortFloat(self.sum))?;
        let negative: Vec<_> = buckets(layout.negative(), self.negative()).collect();
        for (index, cell) in negative.into_iter().rev() {
            self.bucket((-layout.bound(index), -layout.bound(index.saturating_sub(1))), index, cell, out)?;
        }
        if self.numbers.value(self.zero_count()) != 0.0 {
            let (width, count) = (layout.zero_threshold(), Count(self.numbers, self.zero_count()));
            write!(out, ", [{},{}]:{count}", ShortFloat(-width), ShortFloat(width))?;
        }
        for (index, cell) in buckets(layout.positive(), self.positive()) {
            self.bucket((layout.bound(index.saturating_sub(1)), layout.bound(index)), index, cell, out)?;
        }
        out.write_str("}")
    }
}

impl HistogramRef<'_> {
    fn bucket(&self, (lower, upper): (f64, f64), index: i32, cell: u64, out: &mut Formatter<'_>) -> fmt::Result {
        if self.numbers.value(cell) == 0.0 {
            return Ok(());
        }
        let custom = self.layout.has_custom_buckets();
        let open = if if custom { index == 0 } else { lower < 0.0 } { '[' } else { '(' };
        let close = if custom || upper > 0.0 { ']' } else { ')' };
        let (lower, upper, count) = (ShortFloat(lower), ShortFloat(upper), Count(self.numbers, cell));
        write!(out, ", {open}{lower},{upper}{close}:{count}")
    }
}

impl Display for Count {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Numbers::Integer => self.1.fmt(out),
            Numbers::Float => ShortFloat(f64::from_bits(self.1)).fmt(out),
        }
    }
}

/// The buckets of spans: the index of each and its cell.
fn buckets<'a>(spans: &'a [Span], cells: &'a [u64]) -> impl Iterator<Item = (i32, u64)> + 'a {
    let mut next = 0_i32;
    let indices = spans.iter().flat_map(move |span| {
        let first = next.wrapping_add(span.offset);
        next = first.wrapping_add_unsigned(span.length);
        (0..span.length).map(move |step| first.wrapping_add_unsigned(step))
    });
    indices.zip(cells.iter().copied())
}

#[cfg(test)]
mod tests;
