//! What is said of histograms.

use super::{Annotations, Level};
use crate::ast::Span;
use model::Quoted;
use std::fmt::{self, Display, Formatter};

/// What was noticed of histograms while functions, aggregations and operators were evaluated. Names are those of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Remark<'a> {
    /// A window has floats and histograms where only one kind will do.
    MixedRange(&'a [u8]),
    /// A group has floats and histograms where only one kind will do.
    MixedGroup,
    /// Exponential and custom buckets come together.
    MixedSchemas(&'a [u8]),
    NotCounter(&'a [u8]),
    NotGauge(&'a [u8]),
    /// By the aggregation of that name.
    IgnoredInGroup(&'static str),
    IgnoredInRange(&'a [u8]),
    /// What an operator cannot be applied to: left operand, operator, right operand.
    IncompatibleTypes(&'static str, &'static str, &'static str),
    /// Buckets that an operator cannot be applied to.
    IncompatibleBuckets(&'static str),
    CollidingResets(HistogramStep),
    /// Custom buckets with other bounds were brought down to the bounds they share.
    ReconciledBounds(HistogramStep),
}

/// What was done to two histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum HistogramStep {
    Addition,
    Subtraction,
    Aggregation,
}

impl Annotations {
    /// Adds a remark that `node` made about `blamed`.
    pub(crate) fn remark(&mut self, remark: Remark<'_>, node: Span, blamed: Span) {
        self.add(remark.level(), remark.to_string(), node, blamed);
    }
}

impl Remark<'_> {
    fn level(self) -> Level {
        match self {
            Self::IgnoredInGroup(_)
            | Self::IgnoredInRange(_)
            | Self::IncompatibleTypes(..)
            | Self::ReconciledBounds(_) => Level::Info,
            _ => Level::Warning,
        }
    }
}

impl Display for Remark<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let kind = if self.level() == Level::Info { "info" } else { "warning" };
        write!(out, "PromQL {kind}: ")?;
        match self {
            Self::MixedRange(name) => {
                write!(out, "encountered a mix of histograms and floats for metric name {}", Quoted(name))
            }
            Self::MixedGroup => out.write_str("encountered a mix of histograms and floats for aggregation"),
            Self::MixedSchemas(name) => write!(
                out,
                "vector contains a mix of histograms with exponential and custom buckets schemas for metric name {}",
                Quoted(name)
            ),
            Self::NotCounter(name) => write!(out, "this native histogram metric is not a counter: {}", Quoted(name)),
            Self::NotGauge(name) => write!(out, "this native histogram metric is not a gauge: {}", Quoted(name)),
            Self::IgnoredInGroup(aggregation) => write!(out, "ignored histogram in {aggregation} aggregation"),
            Self::IgnoredInRange(name) => write!(
                out,
                "ignored histograms in a range containing both floats and histograms for metric name {}",
                Quoted(name)
            ),
            Self::IncompatibleTypes(left, op, right) => write!(
                out,
                "incompatible sample types encountered for binary operator {}: {left} {op} {right}",
                Quoted(op.as_bytes())
            ),
            Self::IncompatibleBuckets(op) => {
                write!(out, "incompatible bucket layout encountered for binary operator {op}")
            }
            Self::CollidingResets(step) => write!(out, "conflicting counter resets during histogram {step}"),
            Self::ReconciledBounds(step) => write!(out, "mismatched custom buckets were reconciled during {step}"),
        }
    }
}

impl Display for HistogramStep {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        })
    }
}
