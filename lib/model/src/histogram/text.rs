//! Histograms as Prometheus prints them.

use super::indexed::Indexed;
use super::{FloatHistogram, HistogramRef, Numbers, ResetHint, Span};
use crate::ShortFloat;
use std::fmt::{self, Display, Formatter};

impl Display for FloatHistogram {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(out)
    }
}

/// A count as it is printed.
struct Count(Numbers, u64);

/// `{count:3, sum:1.5, [-2,-1):1, [-0.001,0.001]:1, (1,2]:1}`: buckets from the lowest on, none that is empty.
impl Display for HistogramRef<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let layout = self.layout;
        write!(out, "{{count:{}, sum:{}", Count(self.numbers, self.count()), ShortFloat(self.sum))?;
        for (index, cell) in Indexed::new(layout.negative(), self.negative()).rev() {
            self.bucket((-layout.bound(index), -layout.bound(index.saturating_sub(1))), index, cell, out)?;
        }
        if self.numbers.value(self.zero_count()) != 0.0 && !layout.has_custom_buckets() {
            let (width, count) = (layout.zero_threshold(), Count(self.numbers, self.zero_count()));
            write!(out, ", [{},{}]:{count}", ShortFloat(-width), ShortFloat(width))?;
        }
        for (index, cell) in Indexed::new(layout.positive(), self.positive()) {
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

/// A histogram as the language of Prometheus' tests writes it: `{{schema:1 count:3 sum:1.5 offset:1 buckets:[1 2]}}`. What is
/// zero is left out.
///
/// Source: Prometheus 3.14, `TestExpression` in `model/histogram/float_histogram.go`.
#[derive(Debug, Clone)]
pub struct TestExpression(FloatHistogram);

impl FloatHistogram {
    /// The histogram as tests write it, its buckets on each side in a single span.
    pub fn test_expression(&self) -> TestExpression {
        let mut compact = self.clone();
        compact.compact(usize::MAX);
        TestExpression(compact)
    }
}

impl Display for TestExpression {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let histogram = self.0.as_ref();
        let layout = histogram.layout;
        let list = |values: &mut dyn Iterator<Item = f64>| {
            let values: Vec<_> = values.map(|value| ShortFloat(value).to_string()).collect();
            format!("[{}]", values.join(" "))
        };
        let mut fields = Vec::new();
        if layout.schema() != 0 {
            fields.push(format!("schema:{}", layout.schema()));
        }
        let numbers = [
            ("count", self.0.count()),
            ("sum", self.0.sum()),
            ("z_bucket", self.0.zero_count()),
            ("z_bucket_w", layout.zero_threshold()),
        ];
        let numbers = numbers.into_iter().filter(|(_, value)| *value != 0.0);
        fields.extend(numbers.map(|(name, value)| format!("{name}:{}", ShortFloat(value))));
        if layout.has_custom_buckets() {
            fields.push(format!("custom_values:{}", list(&mut layout.custom_bounds().iter().copied())));
        }
        fields.extend(match histogram.hint {
            ResetHint::Unknown => None,
            ResetHint::Reset => Some("counter_reset_hint:reset".to_owned()),
            ResetHint::NotReset => Some("counter_reset_hint:not_reset".to_owned()),
            ResetHint::Gauge => Some("counter_reset_hint:gauge".to_owned()),
        });
        for (prefix, spans, cells) in
            [("", layout.positive(), histogram.positive()), ("n_", layout.negative(), histogram.negative())]
        {
            if let Some(Span { offset: offset @ (..=-1 | 1..), .. }) = spans.first() {
                fields.push(format!("{prefix}offset:{offset}"));
            }
            if !cells.is_empty() {
                let buckets = list(&mut cells.iter().map(|cell| f64::from_bits(*cell)));
                fields.push(format!("{prefix}buckets:{buckets}"));
            }
        }
        write!(out, "{{{{{}}}}}", fields.join(" "))
    }
}

#[cfg(test)]
mod tests;
