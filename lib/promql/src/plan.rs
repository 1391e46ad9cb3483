//! What a query does, worked out before the first series is seen.
//!
//! The tree of the query becomes selects, chains and stages. A **select** is one call to the stores; all selectors with the
//! same matchers share one, so that a series is fetched and decoded once. A **use** is one selector: how it turns samples into
//! a column, and the **chain** of operators that change one series at a time. A chain ends in a **stage**, which has to see
//! more than one series (an aggregation, one side of a join) and whose own output goes on through another chain, up to the
//! result; or in a **fan**, from where several chains go on, since what is wanted at several places is evaluated once. Chains
//! behind a select run in evaluators, on any thread; all else runs in order, where partials are accepted.
//!
//! Some operators need a number per step (`x * scalar(y)`, the `k` of `topk`) before they can see a series. Selects are
//! therefore ordered in levels: what a number is computed from is on a lower level than what uses it.

mod absent;
mod aggregate;
mod binary;
mod build;
mod call;
mod classes;
mod facts;
mod fan;
mod histograms;
mod info;
mod labels;
mod matchers;
mod naming;
mod number;
mod place;
mod range_call;
mod scalar;
mod select;
mod time;
mod toggle;
mod twins;

use crate::annotations::{Annotations, Level};
use crate::ast::{Boundary, Span};
use crate::chain::{CheckKind, Op};
use crate::kernels::RangeCall;
use crate::number_column::Scalar;
use crate::stage::StagePlan;
use crate::statistics::Counted;
use crate::{Grid, Select};
use model::{LabelsRef, Matcher};
use std::sync::Arc;

pub(crate) use build::build;
pub(crate) use fan::Fan;
pub use labels::UsedLabels;
pub(crate) use time::Shift;
pub(crate) use twins::Twins;

/// A whole query.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) selects: Vec<Select>,
    /// For each select, the selectors that share it.
    pub(crate) uses: Vec<Vec<Use>>,
    /// Series that come from no select.
    pub(crate) sources: Vec<Source>,
    pub(crate) stages: Vec<StageNode>,
    /// What goes on to several places at once.
    pub(crate) fans: Vec<Fan>,
    /// What is evaluated for several places at once.
    pub(crate) twins: Twins,
    /// In an order in which each needs only those before it.
    pub(crate) scalars: Vec<Scalar>,
    /// How many numbers per step are gathered from series.
    pub(crate) gathered: Vec<Arc<Grid>>,
    pub(crate) checks: Vec<CheckKind>,
    pub(crate) result: ResultPlan,
    /// What can be said before any series is seen.
    pub(crate) notes: Annotations,
    /// Whether metric names are taken away at the very end.
    pub(crate) delayed_names: bool,
    pub(crate) lookback_ms: i64,
    /// Over how many steps samples are counted that are looked at; `None` if they are not.
    pub(crate) counts: Option<usize>,
    /// Whether it is written down what operators do.
    pub(crate) analyzes: bool,
}

impl Plan {
    /// Says that a sort does nothing.
    fn warn_of_sort(&mut self, call: Span) {
        let text = "PromQL warning: sort is ineffective for range queries since results are always ordered by labels";
        self.notes.add(Level::Warning, text, call, call);
    }
}

/// One selector.
#[derive(Debug)]
pub(crate) struct Use {
    /// The selector in the query.
    pub(crate) node: Span,
    pub(crate) leaf: Leaf,
    /// Nobody behind it looks at buckets of native histograms: only at counts, sums, and what their hints say.
    pub(crate) without_buckets: bool,
    /// Series of its select that are not its own are told by these.
    pub(crate) filter: Vec<Matcher>,
    /// How many selectors of the query it stands for.
    pub(crate) times: u64,
    pub(crate) chain: Chain,
    /// Where the chain comes to, and all that it branches into.
    pub(crate) ends: Vec<Destination>,
}

impl Use {
    /// Whether a series of its select is one of its own.
    pub(crate) fn wants(&self, labels: LabelsRef<'_>) -> bool {
        self.filter.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
    }

    /// Whether the newest sample of a series is all that is looked at. Where histograms lose their buckets and only then are
    /// added, those before tell what goes into the hint.
    fn takes_newest(&self) -> bool {
        let hints_matter = || !self.chain.ops.iter().any(|op| matches!(op, Op::MapHistogram(_)));
        self.leaf.is_newest() && !(self.without_buckets && hints_matter())
    }

    /// Bytes that columns take on their way through the chain: at most two at a time, the widest ones, and one for each fan
    /// that they are behind.
    pub(crate) fn working_bytes(&self, plan: &Plan) -> usize {
        let leaf = match &self.leaf {
            Leaf::Instant { grid, .. } | Leaf::Smoothed { grid, .. } => grid.steps(),
            Leaf::Range(call) => call.grid.steps(),
            Leaf::Samples { .. } => 0,
        };
        let wider = |chain: &Chain| {
            let wider = chain.ops.iter().map(|op| match op {
                Op::Window { inner, call, .. } => inner.steps().max(call.grid.steps()),
                Op::Repeat(steps) => *steps,
                _ => 0,
            });
            wider.fold(0, usize::max)
        };
        let (mut widest, mut columns) = (leaf, 2);
        let mut open = vec![(&self.chain, 2)];
        while let Some((chain, behind)) = open.pop() {
            (widest, columns) = (widest.max(wider(chain)), columns.max(behind));
            if let Destination::Fan(fan) = chain.to {
                open.extend(plan.fans.get(fan).iter().flat_map(|fan| &fan.chains).map(|chain| (chain, behind + 1)));
            }
        }
        // A value and a bit per step.
        widest.saturating_mul(columns * size_of::<f64>() + 1)
    }
}

/// How a selector turns samples into a column.
#[derive(Debug)]
pub(crate) enum Leaf {
    /// The newest sample in the lookback window.
    Instant { grid: Arc<Grid>, shift: Shift, lookback_ms: i64, reading: Reading, counted: Counted },
    /// A function of a window.
    Range(RangeCall),
    /// The value on the line between the samples before and behind.
    Smoothed { grid: Arc<Grid>, shift: Shift, lookback_ms: i64, span: Span },
    /// The samples themselves, in `(start_ms, end_ms]`, with values at both bounds if the range is extended.
    Samples { start_ms: i64, end_ms: i64, boundary: Option<Boundary> },
}

impl Leaf {
    /// Whether it takes one sample of a series, the newest in its time. When the counter behind it began is not known of that
    /// alone.
    fn is_newest(&self) -> bool {
        match self {
            Self::Instant { grid, reading, .. } => grid.steps() == 1 && *reading != Reading::Start,
            Self::Range(_) | Self::Smoothed { .. } | Self::Samples { .. } => false,
        }
    }
}

/// What of a sample an instant selector takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    Sample,
    /// When it was, in seconds.
    Time,
    /// The same, but histograms as they are: an info series has none.
    TimeOfFloat,
    /// When the counter behind it began, in seconds; 0 where that is not known.
    Start,
}

/// `vector(…)`: one series without labels.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) scalar: ScalarId,
    /// It may flow once all selects of lower levels are finished: the first `after` of them.
    pub(crate) after: usize,
    pub(crate) level: usize,
    pub(crate) chain: Chain,
}

/// An operator that sees more than one series, and where its output goes.
#[derive(Debug)]
pub(crate) struct StageNode {
    /// The expression it is planned for.
    pub(crate) node: Span,
    pub(crate) plan: StagePlan,
    pub(crate) inputs: usize,
    pub(crate) out: Chain,
}

/// Operators on one series, in order, and where it goes then.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) ops: Vec<Op>,
    pub(crate) to: Destination,
}

/// Where a chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    Result,
    /// `scalar(…)`, by its number.
    Gather(usize),
    Stage {
        stage: usize,
        input: usize,
    },
    /// Several chains, by the number of the fan.
    Fan(usize),
}

/// A number per step, by its position in [`Plan::scalars`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScalarId(pub(crate) usize);

/// What the answer is made of.
#[derive(Debug, Clone)]
pub(crate) enum ResultPlan {
    String(Vec<u8>),
    Scalar(ScalarId),
    /// Columns, over the grid of the query or of the subquery that is the query.
    Series {
        grid: Arc<Grid>,
        as_vector: bool,
        distinct: bool,
    },
    /// The samples of a range selector.
    Samples,
}
