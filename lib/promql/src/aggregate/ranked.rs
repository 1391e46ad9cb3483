//! Aggregations that keep some of the series of a group: `topk`, `bottomk`, `limitk`, `limit_ratio`.

use super::heap;
use crate::annotations::{Level, Remark};
use crate::ast::Span;
use crate::chain::{Row, go_max, go_min, scalar};
use crate::column::{Column, FloatColumn, HistogramSteps, MixedBuilder};
use crate::labelset::{LabelTable, NameSet};
use crate::plan::ScalarId;
use crate::stage::{Stage, StageContext};
use crate::{Grid, QueryError};
use model::ShortFloat;
use model::{HistogramRef, Labels, LabelsRef};
use std::sync::Arc;
use xxhash_rust::xxh64::xxh64;

/// Which aggregation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RankedKind {
    Top,
    Bottom,
    Limit,
    Ratio,
}

/// An aggregation that keeps some of the series of a group.
#[derive(Debug, Clone)]
pub(crate) struct RankedPlan {
    pub(crate) kind: RankedKind,
    pub(crate) param: ScalarId,
    pub(crate) group: NameSet,
    pub(crate) grid: Arc<Grid>,
    pub(crate) node: Span,
    pub(crate) blamed: Span,
}

/// A running one: per group and step a heap of at most `k` values with the series they are of.
#[derive(Debug)]
pub(crate) struct Ranked {
    plan: RankedPlan,
    names: LabelTable,
    /// By group, then step.
    groups: Vec<Vec<Vec<Entry>>>,
    members: Members,
    packed: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    value: f64,
    member: usize,
}

/// The series that are in some heap.
#[derive(Debug, Default)]
struct Members {
    slots: Vec<Option<Member>>,
    free: Vec<usize>,
    size_bytes: usize,
}

#[derive(Debug)]
struct Member {
    labels: Labels,
    drop_name: bool,
    entries: usize,
    /// Of an aggregation that does not look at values.
    histograms: HistogramSteps,
}

impl Ranked {
    pub(crate) fn new(plan: RankedPlan) -> Self {
        let (names, groups, members) = (LabelTable::default(), Vec::new(), Members::default());
        Self { plan, names, groups, members, packed: Vec::new() }
    }

    fn group_of(&mut self, labels: LabelsRef<'_>, cx: &mut StageContext<'_>) -> Result<usize, QueryError> {
        self.packed.clear();
        self.plan.group.write(labels, &mut self.packed);
        let (id, is_new) = self.names.insert(LabelsRef::from_packed_unchecked(&self.packed));
        if is_new {
            let steps = self.plan.grid.steps();
            cx.hold(self.packed.len() + steps * size_of::<Vec<Entry>>())?;
            self.groups.push(vec![Vec::new(); steps]);
        }
        Ok(id)
    }

    /// Offers a value; answers whether the heap has grown.
    fn offer(&mut self, group: usize, step: usize, entry: Entry, limit: i64) -> bool {
        let heap = &mut self.groups[group][step];
        let kind = self.plan.kind;
        let less = less(kind);
        if kind == RankedKind::Ratio || i64::try_from(heap.len()).is_ok_and(|len| len < limit) {
            heap::push(heap, entry, less);
            self.members.enter(entry.member);
            return true;
        }
        let Some(worst) = heap.first_mut().filter(|_| kind != RankedKind::Limit) else { return false };
        let better = if kind == RankedKind::Top { worst.value < entry.value } else { worst.value > entry.value };
        if better || (worst.value.is_nan() && !entry.value.is_nan()) {
            self.members.leave(worst.member);
            self.members.enter(entry.member);
            *worst = entry;
            heap::fix_first(heap, less);
        }
        false
    }

    /// How many values, or which share, a step takes; `None`: nothing.
    fn admits(&self, param: f64, offset: f64) -> Option<i64> {
        if self.plan.kind != RankedKind::Ratio {
            // What does not fit is refused when the last series has come.
            return Some(param as i64).filter(|k| *k >= 1);
        }
        let ratio = param.clamp(-1.0, 1.0);
        let taken = if ratio >= 0.0 { offset < ratio } else { offset >= 1.0 + ratio };
        (taken && ratio != 0.0).then_some(i64::MAX)
    }

    /// The series in the heaps, those of a group in the order of an instant query.
    fn emit_instant(&mut self, cx: &mut StageContext<'_>) {
        let kind = self.plan.kind;
        for mut entries in std::mem::take(&mut self.groups).into_iter().flatten() {
            if matches!(kind, RankedKind::Top | RankedKind::Bottom) {
                let less = less(kind);
                super::sort_as_go(&mut entries, |a, b| less(b, a));
            }
            for entry in entries {
                if let Some(Member { labels, drop_name, histograms, .. }) = self.members.take(entry.member) {
                    let column = match histograms.is_empty() {
                        true => FloatColumn::constant(entry.value, 1).into(),
                        false => Column { floats: FloatColumn::none(1), histograms },
                    };
                    cx.out.push(Row::new(labels, drop_name, column));
                }
            }
        }
    }

    fn emit_range(&mut self, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let steps = self.plan.grid.steps();
        let mut columns: Vec<Option<MixedBuilder>> = Vec::new();
        columns.resize_with(self.members.slots.len(), || None);
        for steps_of_group in std::mem::take(&mut self.groups) {
            for (step, entries) in steps_of_group.into_iter().enumerate() {
                for entry in entries {
                    let column = &mut columns[entry.member];
                    if column.is_none() {
                        cx.hold(steps * size_of::<f64>())?;
                    }
                    let column = column.get_or_insert_with(|| MixedBuilder::new(steps));
                    match self.members.histogram(entry.member, step) {
                        Some(histogram) => column.histogram(step, histogram),
                        None => column.float(step, entry.value),
                    }
                }
            }
        }
        for (id, column) in columns.into_iter().enumerate() {
            if let (Some(column), Some(member)) = (column, self.members.take(id)) {
                cx.out.push(Row::new(member.labels, member.drop_name, column.build()));
            }
        }
        Ok(())
    }

    /// Checks the parameter; answers whether there is anything to give.
    fn check(&self, param: &FloatColumn, cx: &mut StageContext<'_>) -> Result<bool, QueryError> {
        let all = (0..self.plan.grid.steps()).map(|step| param.value(step));
        let Some((least, greatest)) = all.map(|p| (p, p)).reduce(|a, b| (go_min(a.0, b.0), go_max(a.1, b.1))) else {
            return Ok(false);
        };
        let refuse = |text: String| Err(QueryError::Execution(text));
        if self.plan.kind == RankedKind::Ratio {
            if least == 0.0 && greatest == 0.0 {
                return Ok(false);
            }
            if least.is_nan() {
                return refuse("Ratio value is NaN".to_owned());
            }
            for (value, bound) in [(greatest, 1.0), (least, -1.0)] {
                if value.abs() > 1.0 && value.signum() == bound {
                    let value = ShortFloat(value);
                    let text = format!(
                        "PromQL warning: ratio value should be between -1 and 1, got {value}, capping to {bound}"
                    );
                    cx.notes.add(Level::Warning, text, self.plan.node, self.plan.blamed);
                }
            }
            return Ok(true);
        }
        if greatest < 1.0 {
            return Ok(false);
        }
        if least.is_nan() {
            return refuse("Parameter value is NaN".to_owned());
        }
        if least <= i64::MIN as f64 {
            return refuse(format!("Scalar value {} underflows int64", ShortFloat(least)));
        }
        if greatest >= LARGEST_K {
            return refuse(format!("Scalar value {} overflows int64", ShortFloat(greatest)));
        }
        Ok(true)
    }
}

/// What Prometheus takes for the largest number of series: the greatest float below 2^63.
const LARGEST_K: f64 = 9_223_372_036_854_774_784.0;

/// What is on top of the heap: the one to go next. A NaN always is.
fn less(kind: RankedKind) -> fn(&Entry, &Entry) -> bool {
    match kind {
        RankedKind::Bottom => |a, b| a.value.is_nan() || a.value > b.value,
        _ => |a, b| a.value.is_nan() || a.value < b.value,
    }
}

impl Stage for Ranked {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let param = scalar(cx.scalars, self.plan.param)?;
        let group = self.group_of(row.labels.as_ref(), cx)?;
        let offset = match self.plan.kind {
            RankedKind::Ratio => xxh64(row.labels.as_ref().as_packed(), 0) as f64 / u64::MAX as f64,
            _ => 0.0,
        };
        let before_bytes = self.members.size_bytes;
        let Column { floats, histograms } = row.column;
        let takes_all = matches!(self.plan.kind, RankedKind::Limit | RankedKind::Ratio);
        let of_histograms: Vec<usize> = histograms.iter().map(|(step, _)| step).collect();
        let kept = if takes_all { histograms } else { HistogramSteps::default() };
        let member = self.members.add(row.labels, row.drop_name, kept);
        let mut grown = 0;
        for (step, value) in floats.iter() {
            if let Some(limit) = self.admits(param.value(step), offset) {
                grown += usize::from(self.offer(group, step, Entry { value, member }, limit));
            }
        }
        for step in of_histograms {
            let Some(limit) = self.admits(param.value(step), offset) else { continue };
            if takes_all {
                grown += usize::from(self.offer(group, step, Entry { value: 0.0, member }, limit));
            } else {
                let name = if self.plan.kind == RankedKind::Top { "topk" } else { "bottomk" };
                cx.notes.remark(Remark::IgnoredInGroup(name), self.plan.node, self.plan.node);
            }
        }
        self.members.drop_if_idle(member);
        cx.hold(grown * size_of::<Entry>() + self.members.size_bytes.saturating_sub(before_bytes))?;
        cx.release(before_bytes.saturating_sub(self.members.size_bytes));
        Ok(())
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let param = scalar(cx.scalars, self.plan.param)?;
        if !self.check(param, cx)? {
            return Ok(());
        }
        if self.plan.grid.is_instant() {
            self.emit_instant(cx);
            return Ok(());
        }
        self.emit_range(cx)
    }
}

impl Members {
    /// Makes room for a series that is in no heap yet.
    fn add(&mut self, labels: Labels, drop_name: bool, histograms: HistogramSteps) -> usize {
        let member = Member { labels, drop_name, entries: 0, histograms };
        self.size_bytes += member.size_bytes();
        match self.free.pop() {
            Some(id) => {
                self.slots[id] = Some(member);
                id
            }
            None => {
                self.slots.push(Some(member));
                self.slots.len() - 1
            }
        }
    }

    fn enter(&mut self, id: usize) {
        if let Some(member) = &mut self.slots[id] {
            member.entries += 1;
        }
    }

    fn leave(&mut self, id: usize) {
        if let Some(member) = &mut self.slots[id] {
            member.entries -= 1;
        }
        self.drop_if_idle(id);
    }

    /// Forgets a series that is in no heap.
    fn drop_if_idle(&mut self, id: usize) {
        if let Some(member) = self.slots[id].take_if(|member| member.entries == 0) {
            self.size_bytes -= member.size_bytes();
            self.free.push(id);
        }
    }

    fn histogram(&self, id: usize, step: usize) -> Option<HistogramRef<'_>> {
        self.slots.get(id)?.as_ref()?.histograms.get(step)
    }

    fn take(&mut self, id: usize) -> Option<Member> {
        self.slots[id].take()
    }
}

impl Member {
    fn size_bytes(&self) -> usize {
        size_of::<Self>() + self.labels.as_ref().as_packed().len() + self.histograms.heap_bytes()
    }
}
