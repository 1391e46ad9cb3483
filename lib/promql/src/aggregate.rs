//! Aggregations.

mod count_values;
mod fold;
mod heap;
mod histograms;
mod quantile;
mod ranked;
#[cfg(test)]
mod tests;

pub(crate) use count_values::CountValues;
pub(crate) use fold::{Fold, FoldKind, FoldPlan};
pub(crate) use heap::sort_as_go;
pub(crate) use quantile::{QuantileOf, QuantilePlan};
pub(crate) use ranked::{Ranked, RankedKind, RankedPlan};
