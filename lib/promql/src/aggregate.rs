//! Aggregations.

mod count_values;
mod fold;
mod heap;
mod quantile;
mod ranked;
#[cfg(test)]
mod tests;

pub(crate) use count_values::CountValues;
pub(crate) use fold::{Fold, FoldKind};
pub(crate) use heap::sort_as_go;
pub(crate) use quantile::QuantileOf;
pub(crate) use ranked::{Ranked, RankedKind, RankedPlan};
