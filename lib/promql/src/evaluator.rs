//! Batches of series to partial results, on any thread.

mod kept;
mod scratch;
#[cfg(test)]
mod tests;
mod without_buckets;

pub(crate) use kept::size_of_samples;
pub(crate) use scratch::with_op_scratch;

use crate::analysis::Work;
use crate::annotations::Annotations;
use crate::budget::Reservation;
use crate::chain::{Op, OpContext, Passing, Row};
use crate::column::{Column, FloatColumn};
use crate::kernels::{Samples, Speaker, newest, newest_mixed, of_newest, smoothed, smoothed_mixed};
use crate::labelset::LabelTable;
use crate::plan::{Destination, Leaf, Plan, Reading, Use};
use crate::query::{Cancel, HeldSamples, QueryLimits, SampleCount};
use crate::source::SeriesBatch;
use crate::statistics::Statistics;
use crate::{BatchError, QueryError};
use kept::{extended, keep, within};
use model::{HistogramRef, Labels, LabelsRef, SampleColumns};
use scratch::Scratch;
use smallvec::SmallVec;
use std::sync::Arc;
use std::time::Instant;

/// Evaluates batches of one select. A pure function of the batch: it can be called on any number of threads at once, and
/// what it gives is to be accepted in the order of the batches. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Evaluator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: Arc<Plan>,
    select: usize,
    scalars: Vec<Option<Arc<FloatColumn>>>,
    cancel: Cancel,
    limits: QueryLimits,
    samples: SampleCount,
}

/// What one batch contributes to the result.
#[derive(Debug)]
pub struct Partial {
    pub(crate) select: usize,
    /// By use of the select.
    pub(crate) uses: Vec<Contribution>,
    pub(crate) notes: Annotations,
    /// For the bytes of the rows.
    pub(crate) held: Reservation,
    /// For their points.
    pub(crate) samples: HeldSamples,
    /// What was looked at, if that is counted.
    pub(crate) statistics: Option<Statistics>,
    /// What was done; its time and its bytes only if that is asked for.
    pub(crate) work: Work,
}

/// What one selector contributes.
#[derive(Debug, Default)]
pub(crate) struct Contribution {
    /// By end of its chain.
    pub(crate) rows: SmallVec<[Vec<Row>; 1]>,
    pub(crate) samples: Vec<(Labels, SampleColumns)>,
}

/// Bytes are reserved in pieces of this size, and what was too much is given back at the end of a batch.
const PIECE_BYTES: usize = 64 << 10;

/// Labels of fewer bytes than this are kept on the stack while a series branches.
const KEPT_LABEL_BYTES: usize = 256;

/// A time and a value.
const SAMPLE_BYTES: usize = size_of::<i64>() + size_of::<f64>();

/// Where a series comes to that goes through the chain of a selector.
#[derive(Debug)]
struct Ends<'a> {
    /// By end.
    rows: &'a mut [Vec<Row>],
    /// The end that is reached next.
    next: usize,
    samples: &'a mut HeldSamples,
    groups: &'a mut LabelTable,
    /// Bytes of what has arrived.
    bytes: usize,
}

impl Evaluator {
    pub(crate) fn new(
        plan: Arc<Plan>,
        select: usize,
        scalars: Vec<Option<Arc<FloatColumn>>>,
        (cancel, limits, samples): (Cancel, QueryLimits, SampleCount),
    ) -> Self {
        Self(Arc::new(Inner { plan, select, scalars, cancel, limits, samples }))
    }

    /// Evaluates the chains of the select on a batch. Looks once per series whether the query was stopped.
    ///
    /// # Errors
    /// A series that cannot be decoded, a limit, or the query was stopped. The query cannot go on then.
    pub fn evaluate(&self, batch: &dyn SeriesBatch) -> Result<Partial, QueryError> {
        let began = self.0.plan.analyzes.then(Instant::now);
        let mut partial = Scratch::with(|scratch| self.0.evaluate(batch, scratch));
        if let (Some(began), Ok(Partial { work, statistics, .. })) = (began, &mut partial) {
            work.time = began.elapsed();
            work.bytes = batch.size_bytes() as u64;
            work.queryable = statistics.as_ref().map_or(0, Statistics::total_queryable);
        }
        partial
    }
}

impl Inner {
    fn evaluate(&self, batch: &dyn SeriesBatch, scratch: &mut Scratch) -> Result<Partial, QueryError> {
        let uses = self.plan.uses.get(self.select).map_or(&[][..], Vec::as_slice);
        let mut partial = Partial {
            select: self.select,
            uses: Vec::new(),
            notes: Annotations::default(),
            held: self.limits.memory.reserve(0)?,
            samples: self.samples.hold(),
            statistics: self.plan.counts.map(Statistics::new),
            work: Work { series: batch.len() as u64, ..Work::default() },
        };
        for one in uses {
            let rows = one.ends.iter().map(|_| Vec::new()).collect();
            partial.uses.push(Contribution { rows, samples: Vec::new() });
        }
        scratch.used_labels_only = batch.has_used_labels_only();
        let mut groups = LabelTable::default();
        let mut used_bytes = 0;
        let columns_bytes = uses.iter().map(|one| one.working_bytes(&self.plan)).fold(0, usize::max);
        let mut working = self.limits.memory.reserve(columns_bytes)?;
        for series in 0..batch.len() {
            self.cancel.check()?;
            batch.samples(series, &mut scratch.columns)?;
            partial.work.samples += scratch.columns.len() as u64;
            scratch.sift();
            let needed_bytes = columns_bytes + scratch.size_bytes();
            if needed_bytes > working.bytes() {
                working.grow(needed_bytes - working.bytes())?;
            }
            for (at, one) in uses.iter().enumerate() {
                if !one.filter.is_empty() && !one.wants(batch.labels(series)) {
                    continue;
                }
                let bytes = self.one(one, batch.labels(series), scratch, (&mut partial, at), &mut groups)?;
                used_bytes += bytes;
                if used_bytes > partial.held.bytes() {
                    let missing = used_bytes - partial.held.bytes();
                    partial.held.grow(missing.next_multiple_of(PIECE_BYTES))?;
                }
            }
        }
        partial.held.shrink_to(used_bytes);
        partial.samples.count_all()?;
        Ok(partial)
    }

    /// One selector on one series; answers how many bytes its contribution has.
    fn one(
        &self,
        one: &Use,
        labels: LabelsRef<'_>,
        scratch: &mut Scratch,
        (partial, at): (&mut Partial, usize),
        groups: &mut LabelTable,
    ) -> Result<usize, QueryError> {
        if let Leaf::Samples { start_ms, end_ms, boundary } = &one.leaf {
            let Scratch { columns, fresh, .. } = scratch;
            let bounds = (*start_ms, *end_ms);
            let kept = match boundary {
                None => within(columns, bounds),
                Some(boundary) => extended(fresh.of(columns), bounds, *boundary, self.plan.lookback_ms)?,
            };
            if let Some(statistics) = &mut partial.statistics {
                statistics.samples(&kept);
            }
            return keep(kept, labels, (partial, at));
        }
        let (column, left) = self.begin(one, labels, scratch, partial)?;
        let Scratch { ops, used_labels_only, .. } = scratch;
        if column.is_empty() {
            return Ok(0);
        }
        if let (Leaf::Instant { counted, .. }, Some(statistics)) = (&one.leaf, &mut partial.statistics) {
            statistics.found(&column, *counted, one.times);
        }
        ops.labels.start(labels);
        let mut cx = OpContext {
            scalars: &self.scalars,
            delayed_names: self.plan.delayed_names,
            used_labels_only: *used_labels_only,
            notes: &mut partial.notes,
            statistics: partial.statistics.as_mut(),
            scratch: ops,
        };
        let rows = &mut partial.uses[at].rows;
        let mut ends = Ends { rows, next: 0, samples: &mut partial.samples, groups, bytes: 0 };
        self.follow((left, one.chain.to), Passing::new(column, false), &mut cx, &mut ends)?;
        Ok(ends.bytes)
    }

    /// What a selector and the operators that go with it make of one series, and the operators that are left.
    fn begin<'a>(
        &self,
        one: &'a Use,
        labels: LabelsRef<'_>,
        scratch: &mut Scratch,
        partial: &mut Partial,
    ) -> Result<(Column, &'a [Op]), QueryError> {
        let ops = one.chain.ops.as_slice();
        // What is looked at would be counted by the size of histograms.
        if let ([Op::MapHistogram(function), others @ ..], None) = (ops, &partial.statistics)
            && let Some(floats) = one.leaf.of_newest(*function, &scratch.columns)
        {
            return Ok((floats.into(), others));
        }
        if !one.without_buckets || !scratch.columns.has_histograms() {
            return Ok((self.column(one, labels, scratch, partial)?, ops));
        }
        scratch.without_buckets.fill(&scratch.columns, &one.leaf);
        scratch.swap_histograms();
        let column = self.column(one, labels, scratch, partial);
        scratch.swap_histograms();
        Ok((column?, ops))
    }

    /// Takes a series through `ops` and all that it branches into behind them.
    fn follow(
        &self,
        (ops, to): (&[Op], Destination),
        mut passing: Passing,
        cx: &mut OpContext<'_>,
        ends: &mut Ends<'_>,
    ) -> Result<(), QueryError> {
        let left = passing.apply(ops, cx)?;
        let labels = cx.scratch.labels.labels();
        let Destination::Fan(fan) = to else {
            return ends.arrive(passing, left, labels, 1);
        };
        let fan = self.plan.fans.get(fan).ok_or_else(|| QueryError::Internal("a chain leads nowhere".to_owned()))?;
        let Some((last, others)) = fan.chains.split_last().filter(|_| left) else {
            // What is to be checked still is.
            return ends.arrive(passing, left, labels, fan.ends);
        };
        let labels: SmallVec<[u8; KEPT_LABEL_BYTES]> = labels.as_packed().into();
        for chain in others {
            let copy = passing.clone();
            passing.aside.take_checks();
            self.follow((&chain.ops, chain.to), copy, cx, ends)?;
            cx.scratch.labels.start(LabelsRef::from_packed_unchecked(&labels));
        }
        self.follow((&last.ops, last.to), passing, cx, ends)
    }

    /// What a selector makes of one series.
    fn column(
        &self,
        one: &Use,
        labels: LabelsRef<'_>,
        scratch: &mut Scratch,
        partial: &mut Partial,
    ) -> Result<Column, QueryError> {
        let Scratch { columns, fresh, ops, .. } = scratch;
        Ok(match &one.leaf {
            Leaf::Instant { grid, shift, lookback_ms, reading, .. } if columns.has_histograms() => {
                newest_mixed(columns, grid, *shift, *lookback_ms, *reading)
            }
            Leaf::Instant { grid, shift, lookback_ms, reading, .. } => {
                newest(Samples::from(&*columns), grid, *shift, *lookback_ms, *reading).into()
            }
            Leaf::Range(call) => {
                let samples = fresh.of(columns);
                if let Some(statistics) = &mut partial.statistics {
                    statistics.windows((call, one.times), true, samples);
                }
                call.evaluate(samples, labels, &self.scalars, &mut ops.kernel, &mut partial.notes)?
            }
            Leaf::Smoothed { grid, shift, lookback_ms, span } => match fresh.of(columns) {
                (floats, Some(histograms)) => {
                    let speaker = Speaker::new(labels, (*span, *span), &mut partial.notes);
                    smoothed_mixed((floats, histograms), grid, (*shift, *lookback_ms), speaker)
                }
                (floats, None) => smoothed(floats, grid, *shift, *lookback_ms).into(),
            },
            Leaf::Samples { .. } => return Err(QueryError::Internal("samples are no column".to_owned())),
        })
    }
}

impl Leaf {
    /// What `function` makes of what an instant selector finds, and there is no copy of that; `None`: it is another selector.
    fn of_newest(&self, function: fn(&HistogramRef<'_>) -> f64, samples: &SampleColumns) -> Option<FloatColumn> {
        match self {
            Self::Instant { grid, shift, lookback_ms, reading: Reading::Sample, .. } => {
                Some(of_newest(samples, (grid, *shift, *lookback_ms), function))
            }
            _ => None,
        }
    }
}

impl Ends<'_> {
    /// Keeps what has come to the next end, if it is anything, and passes over others up to `ends`.
    fn arrive(&mut self, passing: Passing, left: bool, labels: LabelsRef<'_>, ends: usize) -> Result<(), QueryError> {
        let end = self.next;
        self.next += ends;
        if !left && passing.aside.checks().is_empty() {
            return Ok(());
        }
        self.samples.add(passing.column.samples())?;
        // Rows of one group share its labels; all others have labels of their own, and nothing is won by looking for them.
        let labels = match passing.is_grouped {
            true => self.groups.share(labels),
            false => labels.to_owned(),
        };
        let row = passing.into_row(labels);
        self.bytes += row.size_bytes();
        if let Some(rows) = self.rows.get_mut(end) {
            rows.push(row);
        }
        Ok(())
    }
}

impl From<BatchError> for QueryError {
    fn from(err: BatchError) -> Self {
        Self::Storage(err.to_string())
    }
}
