//! `histogram_quantile` of classic histograms: one series per bucket, told apart by the label `le`.

#[cfg(test)]
mod tests;

use crate::annotations::{Level, Repair};
use crate::ast::Span;
use crate::chain::{Row, scalar};
use crate::column::{ColumnBuilder, FloatColumn};
use crate::kernels::invalid_quantile;
use crate::labelset::LabelTable;
use crate::plan::ScalarId;
use crate::stage::{Stage, StageContext};
use crate::{Grid, QueryError, number};
use model::{LabelsRef, METRIC_NAME, Quoted};
use std::sync::Arc;

/// The label with a bucket's upper bound.
pub(crate) const BUCKET: &[u8] = b"le";

/// Relative differences of counts up to this are taken for rounding.
const SMALL_DELTA: f64 = 1e-12;

/// What is computed of a group of buckets.
#[derive(Debug, Clone)]
pub(crate) struct BucketsPlan {
    pub(crate) quantile: ScalarId,
    pub(crate) grid: Arc<Grid>,
    /// Whether notes name the metric: only if names are still there.
    pub(crate) delayed_names: bool,
    pub(crate) node: Span,
    pub(crate) blamed_quantile: Span,
    pub(crate) blamed: Span,
}

/// A bucket at one step: how many observations were at most `bound`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) bound: f64,
    pub(crate) count: f64,
}

/// A running `histogram_quantile`.
#[derive(Debug)]
pub(crate) struct Buckets {
    plan: BucketsPlan,
    names: LabelTable,
    /// By number of the labels without `le`.
    groups: Vec<Vec<(f64, FloatColumn)>>,
    packed: Vec<u8>,
}

impl Buckets {
    pub(crate) fn new(plan: BucketsPlan) -> Self {
        Self { plan, names: LabelTable::default(), groups: Vec::new(), packed: Vec::new() }
    }

    fn metric_note(&self, text: String, labels: LabelsRef<'_>) -> String {
        let name = labels.get(METRIC_NAME).unwrap_or_default();
        if self.plan.delayed_names && !name.is_empty() {
            format!("{text} for metric name {}", Quoted(name))
        } else {
            text
        }
    }

    /// The quantiles of one step; answers how often the counts had to be repaired.
    fn step(
        &self,
        step: usize,
        q: f64,
        columns: &mut [ColumnBuilder],
        cx: &mut StageContext<'_>,
    ) -> Vec<(String, Repair)> {
        let mut repairs = Vec::new();
        let mut buckets = Vec::new();
        if let Some(text) = invalid_quantile(q) {
            cx.notes.add(Level::Warning, text, self.plan.node, self.plan.blamed_quantile);
        }
        for (id, group) in self.groups.iter().enumerate() {
            buckets.clear();
            let at_step = group.iter().filter_map(|(bound, column)| Some((*bound, column.get(step)?)));
            buckets.extend(at_step.map(|(bound, count)| Bucket { bound, count }));
            if buckets.is_empty() {
                continue;
            }
            let (value, repair) = bucket_quantile(q, &mut buckets);
            columns[id].set(step, value);
            if let Some(repair) = repair {
                let text = self.metric_note(REPAIRED.to_owned(), self.names.get(id).as_ref());
                let ms = self.plan.grid.time_ms(step);
                repairs.push((text, Repair { first_ms: ms, last_ms: ms, ..repair }));
            }
        }
        repairs
    }
}

const REPAIRED: &str = "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see \
                        https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";

impl Stage for Buckets {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let column = row.column.floats_only()?;
        let labels = row.labels.as_ref();
        let text = labels.get(BUCKET).unwrap_or_default();
        let Some(bound) = number::parse(text) else {
            let note =
                format!("PromQL warning: bucket label \"le\" is missing or has a malformed value of {}", Quoted(text));
            cx.notes.add(Level::Warning, self.metric_note(note, labels), self.plan.node, self.plan.blamed);
            return Ok(());
        };
        cx.hold(row.column.size_bytes())?;
        self.packed.clear();
        for label in labels.iter().filter(|label| label.name != BUCKET) {
            crate::labelset::push_label(&mut self.packed, label);
        }
        let (id, is_new) = self.names.insert(LabelsRef::from_packed_unchecked(&self.packed));
        if is_new {
            cx.hold(self.packed.len())?;
            self.groups.push(Vec::new());
        }
        self.groups[id].push((bound, column.clone()));
        Ok(())
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let quantile = scalar(cx.scalars, self.plan.quantile)?;
        let steps = self.plan.grid.steps();
        let mut columns: Vec<ColumnBuilder> = Vec::new();
        columns.resize_with(self.groups.len(), || ColumnBuilder::new(steps));
        let mut all: Vec<(String, Repair)> = Vec::new();
        for step in 0..steps {
            let said_before = all.len();
            for (text, repair) in self.step(step, quantile.value(step), &mut columns, cx) {
                match all.iter_mut().find(|(said, _)| *said == text) {
                    Some((_, said)) => said.merge(&repair),
                    None => all.push((text, repair)),
                }
            }
            // Prometheus counts what it has said before once more at each step that follows.
            for (_, repair) in &mut all[..said_before] {
                repair.more_samples = repair.more_samples.wrapping_mul(2).wrapping_add(1);
            }
        }
        for (text, repair) in all {
            cx.notes.add_repair(text, self.plan.node, self.plan.blamed, repair);
        }
        for (id, column) in columns.into_iter().enumerate() {
            cx.out.push(Row::new(self.names.get(id).clone(), true, column.build()));
        }
        Ok(())
    }
}

/// The `q` quantile of a histogram, and how its counts had to be repaired; the buckets are put in order.
///
/// Within a bucket observations are taken to be spread evenly; the lowest starts at 0 unless its bound is below; in the
/// highest it is the bound before. NaN without observations, with fewer than two bounds, or without one that is +Inf.
pub(crate) fn bucket_quantile(q: f64, buckets: &mut Vec<Bucket>) -> (f64, Option<Repair>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    buckets.sort_by(|a, b| a.bound.partial_cmp(&b.bound).unwrap_or(std::cmp::Ordering::Equal));
    if buckets.last().is_none_or(|last| last.bound != f64::INFINITY) {
        return (f64::NAN, None);
    }
    buckets.dedup_by(|next, kept| {
        let same = next.bound == kept.bound;
        if same {
            kept.count += next.count;
        }
        same
    });
    let repair = force_monotonic(buckets);
    (interpolate(q, buckets), repair)
}

fn interpolate(q: f64, buckets: &[Bucket]) -> f64 {
    let ([first, ..], [.., before_last, last]) = (buckets, buckets) else { return f64::NAN };
    if last.count == 0.0 {
        return f64::NAN;
    }
    let rank = q * last.count;
    let below_last = &buckets[..buckets.len() - 1];
    let at = search(below_last, |bucket| bucket.count >= rank);
    if at == below_last.len() {
        return before_last.bound;
    }
    if at == 0 && first.bound <= 0.0 {
        return first.bound;
    }
    let Bucket { bound, count } = buckets[at];
    let (start, count, rank) = match at.checked_sub(1).map(|below| buckets[below]) {
        Some(below) => (below.bound, count - below.count, rank - below.count),
        None => (0.0, count, rank),
    };
    start + (bound - start) * (rank / count)
}

/// The first bucket that `is_reached` accepts, by halving as Go does it: with NaN among the counts that is what is found.
fn search(buckets: &[Bucket], is_reached: impl Fn(&Bucket) -> bool) -> usize {
    let (mut low, mut high) = (0, buckets.len());
    while low < high {
        let middle = low.midpoint(high);
        if is_reached(&buckets[middle]) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Makes counts rise from bucket to bucket; says what had to be done, but for what is taken for rounding.
fn force_monotonic(buckets: &mut [Bucket]) -> Option<Repair> {
    let mut repair: Option<Repair> = None;
    let mut before = buckets.first()?.count;
    for bucket in buckets.iter_mut().skip(1) {
        let count = bucket.count;
        if count == before {
            continue;
        }
        if nearly_equal(before, count) {
            bucket.count = before;
        } else if count < before {
            bucket.count = before;
            let none = Repair {
                min_bucket: f64::INFINITY,
                max_bucket: f64::NEG_INFINITY,
                max_diff: 0.0,
                first_ms: 0,
                last_ms: 0,
                more_samples: 0,
            };
            let repair = repair.get_or_insert(none);
            repair.min_bucket = repair.min_bucket.min(bucket.bound);
            repair.max_bucket = repair.max_bucket.max(bucket.bound);
            repair.max_diff = repair.max_diff.max(before - count);
        } else {
            before = count;
        }
    }
    repair
}

/// Whether two numbers differ by no more than [`SMALL_DELTA`] of their sum.
fn nearly_equal(a: f64, b: f64) -> bool {
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}
