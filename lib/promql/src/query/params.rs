//! How an expression is evaluated.

use super::QueryLimits;

/// When, and within which limits, an expression is evaluated.
#[derive(Debug, Clone)]
pub struct QueryParams {
    /// The first step, in milliseconds.
    pub start_ms: i64,
    /// The last moment at which a step may be, in milliseconds.
    pub end_ms: i64,
    /// How far apart steps are, in milliseconds; 0 makes it an instant query, whose start and end are the same.
    pub step_ms: i64,
    /// How old a sample may be for an instant selector to find it: one that is just so old is not found.
    pub lookback_ms: i64,
    /// The step of a subquery that does not name its own.
    pub subquery_step_ms: i64,
    /// Whether metric names are taken away at the very end instead of by each function (a feature flag of Prometheus).
    pub delayed_names: bool,
    /// Whether functions of counters look at when those began (a feature flag of Prometheus).
    pub use_start_timestamps: bool,
    /// Whether it is the label `__type__` that tells what a counter is, and not the name (a feature flag of Prometheus).
    pub type_and_unit_labels: bool,
    /// Whether only selectors share a select that ask for the same in every respect, time and function among it: for stores
    /// whose samples depend on how they are asked for, as of replicas and of downsampled data.
    pub strict_sharing: bool,
    /// What the planner may spare.
    pub passes: Passes,
    /// Whether samples that are looked at are counted, for [`Query::statistics`].
    pub count_samples: bool,
    /// Whether it is written down what operators do, for [`Query::operators`].
    pub analyze: bool,
    pub limits: QueryLimits,
}

/// What the planner may spare. The answer is the same to the bit with any of them, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passes {
    /// Selectors with the same matchers are read from the stores once.
    pub shared_selects: bool,
    /// Selectors that mean the same have the same matchers.
    pub matchers: bool,
    /// Selectors are read with others that have all their series.
    pub wider_selects: bool,
    /// Numbers that are computed from numbers alone are computed before the query runs.
    pub constants: bool,
    /// Set operators with a side that is empty, or there for everybody, are the other side or nothing.
    pub toggles: bool,
    /// What is wanted at several places of the query is evaluated once.
    pub common_expressions: bool,
    /// What has the same value at every step is evaluated at one.
    pub step_invariants: bool,
    /// Series that cannot be labelled alike are not searched for those that are.
    pub distinct_series: bool,
    /// Labels that no operator looks at are not asked for.
    pub used_labels: bool,
}

impl Default for Passes {
    fn default() -> Self {
        Self {
            shared_selects: true,
            matchers: true,
            wider_selects: true,
            constants: true,
            toggles: true,
            common_expressions: true,
            step_invariants: true,
            distinct_series: true,
            used_labels: true,
        }
    }
}

impl QueryParams {
    /// An instant query at `time_ms`, with Prometheus' defaults.
    pub fn instant(time_ms: i64) -> Self {
        Self::range(time_ms, time_ms, 0)
    }

    /// A range query, with Prometheus' defaults.
    pub fn range(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        Self {
            start_ms,
            end_ms,
            step_ms,
            lookback_ms: 300_000,
            subquery_step_ms: 60_000,
            delayed_names: false,
            use_start_timestamps: false,
            type_and_unit_labels: false,
            strict_sharing: false,
            count_samples: false,
            analyze: false,
            passes: Passes::default(),
            limits: QueryLimits::default(),
        }
    }
}
