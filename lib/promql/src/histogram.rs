//! Functions of histograms: native ones, each a sample of one series, and classic ones, of which every bucket is a series of
//! its own, told apart by the label `le`.

mod classic;
#[cfg(test)]
pub(crate) mod fixture;
mod fraction;
mod native;
mod question;
mod repairs;
mod stage;

pub(crate) use native::function;
pub(crate) use stage::Histograms;

use crate::Grid;
use crate::ast::Span;
use crate::plan::ScalarId;
use std::sync::Arc;

/// The label with a bucket's upper bound.
pub(crate) const BUCKET: &[u8] = b"le";

/// A function that takes both kinds of histograms.
#[derive(Debug, Clone)]
pub(crate) struct HistogramPlan {
    pub(crate) asked: Asked,
    pub(crate) grid: Arc<Grid>,
    /// Whether notes name the metric: only if names are still there.
    pub(crate) delayed_names: bool,
    pub(crate) node: Span,
    pub(crate) blamed: Span,
}

/// What is asked of each histogram.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    Quantiles {
        quantiles: Vec<AskedQuantile>,
        /// What tells them apart in the answer; none of a single one.
        label: Option<Vec<u8>>,
    },
    /// How much of it is between two numbers.
    Fraction { lower: ScalarId, upper: ScalarId },
}

/// Which quantile, and what is blamed if it is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskedQuantile {
    pub(crate) quantile: ScalarId,
    pub(crate) blamed: Span,
}
