//! Where in the tree of a query something is planned.

use crate::Grid;
use crate::statistics::Counted;
use std::sync::Arc;

/// Where in the tree something is planned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) grid: Arc<Grid>,
    /// Within something that is evaluated once for all steps.
    pub(super) apart: bool,
    /// Selects here must be on this level at least.
    pub(super) level: usize,
    /// The nearest function or aggregation around, for the stores to know.
    pub(super) func: String,
    /// How what is looked at here counts.
    pub(super) counted: Counted,
    /// What the stores are told of the steps.
    pub(super) step_ms: i64,
    pub(super) buckets: Buckets,
}

/// Whether the buckets of native histograms are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Buckets {
    /// They may be: nobody around said otherwise.
    Kept,
    /// Within a function that looks at counts and sums only.
    Spared,
    /// Within something that needs them, whatever else is there.
    Needed,
}

impl Buckets {
    /// Within a function that looks at counts and sums only.
    pub(super) fn spared(self) -> Self {
        if self == Self::Needed { self } else { Self::Spared }
    }
}

impl Place {
    /// What comes now is evaluated once, for the first step.
    pub(super) fn set_apart(&mut self) {
        self.apart = true;
        self.counted = self.counted.once(self.grid.steps());
        self.grid = Arc::new(self.grid.first());
    }
}
