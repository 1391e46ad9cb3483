//! Operators that change one series at a time.

mod labels;
#[cfg(test)]
mod tests;

pub(crate) use labels::{LabelJoin, LabelReplace};

use crate::annotations::Annotations;
use crate::binary::ScalarOp;
use crate::column::{Column, ColumnBuilder, FloatColumn, HistogramSteps, Presence};
use crate::date::Date;
use crate::kernels::{Histograms, KernelScratch, RangeCall, Samples};
use crate::labelset::{LabelScratch, NameSet};
use crate::plan::ScalarId;
use crate::statistics::Statistics;
use crate::{Grid, QueryError};
use model::{HistogramColumn, HistogramRef, Labels, LabelsRef, METRIC_NAME, ResetHint, SampleColumns};
use smallvec::SmallVec;
use std::cmp::Ordering;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// An operator on one series.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// A function of one float; histograms are none of its business, and go.
    Map(fn(f64) -> f64),
    /// A function of one native histogram; floats are none of its business, and go.
    MapHistogram(fn(&HistogramRef<'_>) -> f64),
    /// Histograms go.
    FloatsOnly,
    /// All goes.
    Nothing,
    /// The unary minus.
    Negate,
    /// A function of the date that a value is in seconds.
    Date(fn(Date) -> i64),
    /// With a number on the other side.
    Scalar(ScalarOp),
    Round(Option<ScalarId>),
    Clamp {
        min: Option<ScalarId>,
        max: Option<ScalarId>,
    },
    /// The time of the step, where there is a value.
    StepTime(Arc<Grid>),
    /// A function of windows over the column, which was computed over `inner`: a subquery.
    Window {
        inner: Arc<Grid>,
        call: Arc<RangeCall>,
        /// How many calls of the query it stands for.
        times: u64,
    },
    /// What was computed once holds at each of so many steps.
    Repeat(usize),
    DropMetadata,
    /// Takes away the name, but neither type nor unit.
    DropName,
    /// Notices label sets for the check with this number.
    Check {
        check: usize,
        conflict: Conflict,
    },
    LabelReplace(Arc<LabelReplace>),
    LabelJoin(Arc<LabelJoin>),
    /// Leaves the labels of the group.
    Group(Arc<NameSet>),
}

/// When two series that are labelled alike are a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    Anywhere,
    /// If both have something at the same step.
    AtStep,
    /// If both have a float, or both a histogram, at the same step.
    OfKind,
}

/// What label sets at some point of a chain may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckKind {
    /// Whether the series came in label order with one fixed name: then only those with a type or a unit can be alike
    /// without it.
    pub(crate) fixed_name: bool,
}

/// A series and its column, between two operators.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) labels: Labels,
    /// The metric's name is to be taken away at the end.
    pub(crate) drop_name: bool,
    pub(crate) column: Column,
    pub(crate) aside: Aside,
}

/// What few rows have: nothing most often, and then it is one word.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aside(Option<Box<AsideParts>>);

#[derive(Debug, Clone, Default)]
struct AsideParts {
    checks: SmallVec<[Noticed; 1]>,
    metric: Option<Box<[u8]>>,
}

/// A label set that has to be unlike those of other series, at some point of a chain.
#[derive(Debug, Clone)]
pub(crate) struct Noticed {
    pub(crate) check: usize,
    pub(crate) hash: u128,
    pub(crate) form: Form,
    /// At these steps; `None`: anywhere.
    pub(crate) present: Option<Presence>,
}

/// How a label set looked before the metadata was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Form {
    /// Labels that sort behind all metadata, and a name at most before them.
    #[default]
    Plain,
    /// A name and nothing else.
    Bare,
    /// Others. In label order, and with the same name, they come before the plain ones.
    Special,
}

/// What operators need besides the series.
#[derive(Debug)]
pub(crate) struct OpContext<'a> {
    pub(crate) scalars: &'a [Option<Arc<FloatColumn>>],
    pub(crate) delayed_names: bool,
    /// Whether no two series can be labelled alike, and their labels are only a part of what they have.
    pub(crate) used_labels_only: bool,
    pub(crate) notes: &'a mut Annotations,
    /// Where samples are counted that are looked at.
    pub(crate) statistics: Option<&'a mut Statistics>,
    pub(crate) scratch: &'a mut OpScratch,
}

/// Buffers that operators use again for the next series.
#[derive(Debug, Default)]
pub(crate) struct OpScratch {
    pub(crate) labels: LabelScratch,
    window: SubqueryScratch,
    pub(crate) kernel: KernelScratch,
}

/// What windows over a subquery see.
#[derive(Debug, Default)]
struct SubqueryScratch {
    floats: SampleColumns,
    histograms: HistogramColumn,
    times_ms: Vec<i64>,
    rows: Vec<usize>,
}

/// One series on its way through a chain; its labels are in the scratch of the context.
#[derive(Debug, Clone)]
pub(crate) struct Passing {
    pub(crate) drop_name: bool,
    pub(crate) column: Column,
    pub(crate) aside: Aside,
    /// Its labels are those of a group, which it shares with others.
    pub(crate) is_grouped: bool,
    form: Form,
}

impl Aside {
    /// Label sets that have to be unlike others.
    pub(crate) fn checks(&self) -> &[Noticed] {
        self.0.as_ref().map_or(&[], |parts| &parts.checks)
    }

    /// The same, taken out.
    pub(crate) fn take_checks(&mut self) -> SmallVec<[Noticed; 1]> {
        self.0.as_mut().map_or_else(SmallVec::new, |parts| std::mem::take(&mut parts.checks))
    }

    /// What the metric was called before only the labels of its group were left, where that may have to be said.
    pub(crate) fn metric(&self) -> Option<&[u8]> {
        self.0.as_ref()?.metric.as_deref()
    }

    fn parts(&mut self) -> &mut AsideParts {
        self.0.get_or_insert_default()
    }

    /// Bytes held outside the value itself.
    fn heap_bytes(&self) -> usize {
        let presence = |noticed: &Noticed| noticed.present.as_ref().map_or(0, Presence::heap_bytes);
        let parts = self.0.as_ref().map_or(0, |_| size_of::<AsideParts>());
        parts + self.checks().iter().map(presence).sum::<usize>()
    }
}

impl OpScratch {
    /// How many samples there is room for.
    pub(crate) fn samples(&self) -> usize {
        self.window.floats.values.capacity().max(self.window.histograms.cells())
    }
}

impl Passing {
    pub(crate) fn new(column: impl Into<Column>, drop_name: bool) -> Self {
        Self { drop_name, column: column.into(), aside: Aside::default(), is_grouped: false, form: Form::default() }
    }

    pub(crate) fn into_row(self, labels: Labels) -> Row {
        Row { labels, drop_name: self.drop_name, column: self.column, aside: self.aside }
    }

    /// Applies `ops`; answers whether anything is left.
    pub(crate) fn apply(&mut self, ops: &[Op], cx: &mut OpContext<'_>) -> Result<bool, QueryError> {
        for op in ops {
            if self.column.is_empty() {
                return Ok(false);
            }
            self.step(op, cx)?;
        }
        Ok(!self.column.is_empty())
    }

    fn step(&mut self, op: &Op, cx: &mut OpContext<'_>) -> Result<(), QueryError> {
        match op {
            Op::Map(function) => self.floats_only().map(function),
            Op::Date(part) => self.floats_only().map(|value| part(Date::from_unix(go_int(value))) as f64),
            Op::MapHistogram(function) => self.map_histograms(*function),
            Op::Nothing => self.column = FloatColumn::none(self.column.steps()).into(),
            Op::FloatsOnly => {
                self.floats_only();
            }
            Op::Negate => self.column.negate(),
            Op::Scalar(operation) => {
                let scalar = cx.scalar(operation.scalar)?;
                operation.apply(&mut self.column, scalar, cx.notes);
            }
            Op::Round(to) => self.round(to.map(|id| cx.scalar(id)).transpose()?),
            Op::Clamp { min, max } => {
                let min = min.map(|id| cx.scalar(id)).transpose()?;
                let max = max.map(|id| cx.scalar(id)).transpose()?;
                self.clamp(min, max);
            }
            Op::StepTime(grid) => {
                let mut times = FloatColumn::full(grid.times_ms().map(seconds));
                times.restrict_to(self.column.present().into_owned());
                self.column = times.into();
            }
            Op::Window { inner, call, times } => self.window(inner, (call, *times), cx)?,
            Op::Repeat(steps) => self.column = self.column.repeated(*steps),
            Op::DropMetadata => self.drop_metadata(cx),
            Op::DropName if cx.delayed_names => self.drop_name = true,
            Op::DropName => {
                cx.scratch.labels.retain(|name| name != METRIC_NAME);
            }
            Op::Check { .. } if cx.used_labels_only => {}
            Op::Check { check, conflict } => {
                let hash = xxh3_128(cx.scratch.labels.labels().as_packed());
                let noticed = |hash, present| Noticed { check: *check, hash, form: self.form, present };
                let checks = &mut self.aside.parts().checks;
                match conflict {
                    Conflict::Anywhere => checks.push(noticed(hash, None)),
                    Conflict::AtStep => checks.push(noticed(hash, Some(self.column.present().into_owned()))),
                    Conflict::OfKind => {
                        checks.push(noticed(hash, Some(self.column.floats.present().clone())));
                        let histograms = self.column.histograms.present();
                        checks.extend(histograms.map(|present| noticed(!hash, Some(present.clone()))));
                    }
                }
            }
            Op::LabelReplace(replace) => replace.apply(&mut cx.scratch.labels, &mut self.drop_name)?,
            Op::LabelJoin(join) => join.apply(&mut cx.scratch.labels, &mut self.drop_name)?,
            Op::Group(names) => {
                if !self.column.histograms.is_empty() {
                    self.aside.parts().metric = cx.scratch.labels.labels().get(METRIC_NAME).map(Box::from);
                }
                cx.scratch.labels.keep(names);
                self.is_grouped = true;
            }
        }
        Ok(())
    }

    /// The floats, with histograms forgotten.
    fn floats_only(&mut self) -> &mut FloatColumn {
        self.column.histograms = HistogramSteps::default();
        &mut self.column.floats
    }

    fn map_histograms(&mut self, function: fn(&HistogramRef<'_>) -> f64) {
        let mut floats = ColumnBuilder::new(self.column.steps());
        for (step, histogram) in self.column.histograms.iter() {
            floats.set(step, function(&histogram));
        }
        self.column = floats.build().into();
    }

    fn round(&mut self, to: Option<&FloatColumn>) {
        let round = |value: f64, to: f64| {
            let inverse = 1.0 / to;
            (value * inverse + 0.5).floor() / inverse
        };
        match to {
            Some(to) => self.floats_only().combine(to, round),
            None => self.floats_only().map(|value| round(value, 1.0)),
        }
    }

    fn clamp(&mut self, min: Option<&FloatColumn>, max: Option<&FloatColumn>) {
        let column = self.floats_only();
        if let (Some(min), Some(max)) = (min, max) {
            column.filter(|step, _| max.value(step).partial_cmp(&min.value(step)) != Some(Ordering::Less));
        }
        match max {
            Some(max) => column.combine(max, |value, max| go_min(max, value)),
            None => column.map(|value| go_min(f64::INFINITY, value)),
        }
        match min {
            Some(min) => column.combine(min, |value, min| go_max(min, value)),
            None => column.map(|value| go_max(f64::NEG_INFINITY, value)),
        }
    }

    fn drop_metadata(&mut self, cx: &mut OpContext<'_>) {
        if cx.delayed_names {
            self.drop_name = true;
            return;
        }
        self.form = Form::of(cx.scratch.labels.labels());
        cx.scratch.labels.drop_metadata();
    }

    fn window(
        &mut self,
        inner: &Grid,
        (call, times): (&RangeCall, u64),
        cx: &mut OpContext<'_>,
    ) -> Result<(), QueryError> {
        let SubqueryScratch { floats, histograms, times_ms, rows } = &mut cx.scratch.window;
        floats.clear();
        for (step, value) in self.column.floats.iter() {
            floats.push(inner.time_ms(step), value);
        }
        histograms.clear();
        times_ms.clear();
        rows.clear();
        for (row, (step, histogram)) in self.column.histograms.iter().enumerate() {
            // They need not be neighbours where they were stored: what they knew of each other is not so any more.
            let hint = if histogram.hint == ResetHint::Gauge { ResetHint::Gauge } else { ResetHint::Unknown };
            histograms.push(HistogramRef { hint, ..histogram });
            times_ms.push(inner.time_ms(step));
            rows.push(row);
        }
        let histograms = Histograms { timestamps_ms: times_ms, rows, column: histograms, starts_ms: &[] };
        let samples = (Samples::from(&*floats), (!rows.is_empty()).then_some(histograms));
        if let Some(statistics) = &mut cx.statistics {
            statistics.windows((call, times), false, samples);
        }
        let labels = cx.scratch.labels.labels();
        self.column = call.evaluate(samples, labels, cx.scalars, &mut cx.scratch.kernel, cx.notes)?;
        Ok(())
    }
}

impl Form {
    fn of(labels: LabelsRef<'_>) -> Self {
        match labels.iter().find(|label| label.name != METRIC_NAME) {
            None => Self::Bare,
            Some(first) if first.name > b"__unit__".as_slice() => Self::Plain,
            Some(_) => Self::Special,
        }
    }
}

impl<'a> OpContext<'a> {
    fn scalar(&self, id: ScalarId) -> Result<&'a FloatColumn, QueryError> {
        scalar(self.scalars, id)
    }
}

/// The number per step with number `id`.
pub(crate) fn scalar(scalars: &[Option<Arc<FloatColumn>>], id: ScalarId) -> Result<&FloatColumn, QueryError> {
    let found = scalars.get(id.0).and_then(|scalar| scalar.as_deref());
    found.ok_or_else(|| {
        QueryError::Internal("a number was used before the select it is computed from was finished".into())
    })
}

impl Row {
    pub(crate) fn new(labels: Labels, drop_name: bool, column: impl Into<Column>) -> Self {
        Self { labels, drop_name, column: column.into(), aside: Aside::default() }
    }

    /// Bytes held, for the budget.
    pub(crate) fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.labels.as_ref().as_packed().len() + self.column.size_bytes() + self.aside.heap_bytes()
    }
}

/// Seconds of a number of milliseconds.
pub(crate) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// Go's conversion to a 64-bit integer on amd64: what does not fit becomes the smallest one.
fn go_int(value: f64) -> i64 {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if (-END..END).contains(&value) { value as i64 } else { i64::MIN }
}

/// Go's `math.Min`: NaN if either is, −0 below 0.
pub(crate) fn go_min(a: f64, b: f64) -> f64 {
    if a == f64::NEG_INFINITY || b == f64::NEG_INFINITY {
        f64::NEG_INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { a } else { b }
    } else if a < b {
        a
    } else {
        b
    }
}

/// Go's `math.Max`: NaN if either is, 0 above −0.
pub(crate) fn go_max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else if a > b {
        a
    } else {
        b
    }
}
