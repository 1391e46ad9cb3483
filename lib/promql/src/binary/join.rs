//! Operators between two vectors, other than those of sets.

use super::mixed::{self, Operand, Outcome};
use super::{compare, compute, is_comparison, is_trim, keeps_names};
use crate::QueryError;
use crate::annotations::Remark;
use crate::ast::{BinaryOp, Cardinality, Span};
use crate::chain::Row;
use crate::column::{Column, FloatColumn, MixedBuilder, Presence};
use crate::labelset::{LabelScratch, LabelTable, NameSet, is_metadata};
use crate::series::SAME_LABELS;
use crate::stage::{Stage, StageContext};
use hashbrown::HashMap;
use model::{FloatHistogram, Label, Labels, LabelsRef, Quoted, QuotedName};
use std::collections::BTreeMap;

/// An operator between two vectors.
#[derive(Debug, Clone)]
pub(crate) struct JoinPlan {
    pub(crate) op: BinaryOp,
    pub(crate) return_bool: bool,
    pub(crate) card: Cardinality,
    /// The labels by which series match.
    pub(crate) matching: NameSet,
    /// The labels that a result keeps if each series has one partner.
    pub(crate) kept: NameSet,
    /// Labels taken over from the "one" side.
    pub(crate) include: Vec<Vec<u8>>,
    pub(crate) delayed_names: bool,
    /// Whether results are checked for label sets that are alike: where their keys do not tell, and unless that is left to
    /// the end of the query.
    pub(crate) check_labels: bool,
    pub(crate) steps: usize,
    /// Where the operation stands.
    pub(crate) node: Span,
    /// Numbers for a partner that is missing on the "many" side and on the "one" side, whichever is the left one.
    pub(crate) fill_many_side: Option<f64>,
    pub(crate) fill_one_side: Option<f64>,
}

/// A running join. The "one" side is kept; series of the other side, the "many", pass by and meet their partners. What of
/// them comes before the first side is over has to wait.
#[derive(Debug)]
pub(crate) struct Join {
    plan: JoinPlan,
    keys: LabelTable,
    /// By key.
    partners: Vec<Partners>,
    ones: Vec<One>,
    built: bool,
    passed: bool,
    waiting: Vec<Row>,
    /// Where any series of the "many" side has a value: only there are duplicates on the "one" side noticed.
    many_present: Presence,
    /// Where result labels were given out, by key: they may be only once at a step.
    given: HashMap<(usize, Labels), Presence>,
    /// Where results have the same labels, whatever their keys.
    results: HashMap<Labels, Presence>,
    fault: Option<Fault>,
    /// What is to be said of a step: Prometheus remembers the last remark only.
    remarks: BTreeMap<usize, Remark<'static>>,
    packed: Vec<u8>,
    scratch: LabelScratch,
}

/// Series with one key.
#[derive(Debug, Default)]
struct Partners {
    ones: Vec<usize>,
    /// Where a pair was made.
    matched: Option<Presence>,
}

#[derive(Debug)]
struct One {
    row: Row,
    key: usize,
}

/// What is wrong at the first step at which something is: there may be worse before it in series yet to come.
#[derive(Debug)]
struct Fault {
    step: usize,
    /// Of faults at one step that with the lowest rank is found first.
    rank: u8,
    text: &'static str,
}

impl JoinPlan {
    /// The input that is kept: the left one for `group_right`.
    pub(crate) fn one_side(&self) -> usize {
        if self.card == Cardinality::OneToMany { super::set::LEFT } else { super::set::RIGHT }
    }
}

impl Join {
    pub(crate) fn new(plan: JoinPlan) -> Self {
        let many_present = Presence::none(plan.steps);
        Self {
            plan,
            keys: LabelTable::default(),
            partners: Vec::new(),
            ones: Vec::new(),
            built: false,
            passed: false,
            waiting: Vec::new(),
            many_present,
            given: HashMap::new(),
            results: HashMap::new(),
            fault: None,
            remarks: BTreeMap::new(),
            packed: Vec::new(),
            scratch: LabelScratch::default(),
        }
    }

    fn key_of(&mut self, labels: LabelsRef<'_>) -> usize {
        self.packed.clear();
        self.plan.matching.write(labels, &mut self.packed);
        let (key, is_new) = self.keys.insert(LabelsRef::from_packed_unchecked(&self.packed));
        if is_new {
            self.partners.push(Partners::default());
        }
        key
    }

    fn keep(&mut self, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let key = self.key_of(row.labels.as_ref());
        cx.hold(row.size_bytes() + self.packed.len() + size_of::<Partners>())?;
        self.partners[key].ones.push(self.ones.len());
        self.ones.push(One { row, key });
        Ok(())
    }

    /// Pairs a series of the "many" side with all its partners.
    fn pass(&mut self, many: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        self.many_present.unite(&many.column.present());
        let known = self.keys.len();
        let key = self.key_of(many.labels.as_ref());
        if key == known {
            cx.hold(self.packed.len() + size_of::<Partners>())?;
        }
        let mut alone = many.column.present().into_owned();
        let ones = std::mem::take(&mut self.ones);
        for one in self.partners[key].ones.clone() {
            let one = &ones[one].row;
            let present = many.column.present().and(&one.column.present());
            if !present.is_empty() {
                alone = alone.minus(&present);
                self.pair(key, &many, (&one.labels, &one.column), present, cx)?;
            }
        }
        self.ones = ones;
        if let Some(fill) = self.plan.fill_one_side.filter(|_| !alone.is_empty()) {
            let labels = self.keys.get(key).clone();
            let filled = FloatColumn::constant(fill, self.plan.steps).into();
            self.pair(key, &many, (&labels, &filled), alone, cx)?;
        }
        Ok(())
    }

    /// The output of two series where both have values.
    fn pair(
        &mut self,
        key: usize,
        many: &Row,
        (one_labels, one_column): (&Labels, &Column),
        mut present: Presence,
        cx: &mut StageContext<'_>,
    ) -> Result<(), QueryError> {
        let labels = self.result_labels(many.labels.as_ref(), one_labels.as_ref());
        let floats_only = many.column.histograms.is_empty() && one_column.histograms.is_empty();
        let column = if floats_only && !is_trim(self.plan.op) {
            let mut column = many.column.floats.clone();
            column.restrict_to(present.clone());
            self.operate(&mut column, &one_column.floats);
            column.into()
        } else {
            self.operate_mixed(&many.column, one_column, &mut present)
        };
        self.give_out(key, &labels, &present, cx)?;
        if self.plan.check_labels {
            let twice = note(&mut self.results, &labels, &column.present(), cx)?;
            self.found(twice, 2, SAME_LABELS);
        }
        cx.out.push(Row::new(labels, self.plan.return_bool, column));
        Ok(())
    }

    /// Replaces the values of the "many" side by those of the operator.
    fn operate(&self, many: &mut FloatColumn, one: &FloatColumn) {
        let swapped = self.plan.one_side() == super::set::LEFT;
        let op = self.plan.op;
        if !is_comparison(op) {
            let sides = |many, one| if swapped { (one, many) } else { (many, one) };
            compute(op, many, one, sides);
            return;
        }
        let test = |many: f64, one: f64| if swapped { compare(op, one, many) } else { compare(op, many, one) };
        if self.plan.return_bool {
            many.combine(one, |many, one| f64::from(u8::from(test(many, one))));
            return;
        }
        many.filter(|step, many| test(many, one.value(step)));
        if swapped {
            // What is kept is the left value.
            many.combine(one, |_, one| one);
        }
    }

    /// The same where there are histograms, step by step; what cannot be computed is taken out of `present`.
    fn operate_mixed(&mut self, many: &Column, one: &Column, present: &mut Presence) -> Column {
        let swapped = self.plan.one_side() == super::set::LEFT;
        let mut out = MixedBuilder::new(self.plan.steps);
        let mut scratch = FloatHistogram::default();
        let mut met = Presence::none(self.plan.steps);
        for step in present.iter() {
            let (Some(many), Some(one)) = (many.operand(step), one.operand(step)) else { continue };
            let (left, right) = if swapped { (one, many) } else { (many, one) };
            let (outcome, remark) = mixed::apply(self.plan.op, left, right, &mut scratch);
            if let Some(remark) = remark {
                self.remarks.insert(step, remark);
            }
            if outcome == Outcome::Nothing {
                continue;
            }
            met.set(step);
            match outcome {
                Outcome::Float(value) => out.float(step, value),
                Outcome::Histogram => out.histogram(step, scratch.as_ref()),
                Outcome::Compared(stays) if self.plan.return_bool => out.float(step, f64::from(u8::from(stays))),
                Outcome::Compared(true) => match left {
                    Operand::Float(value) => out.float(step, value),
                    Operand::Histogram(histogram) => out.histogram(step, histogram),
                },
                Outcome::Compared(false) | Outcome::Nothing => {}
            }
        }
        met.seal();
        *present = met;
        out.build()
    }

    fn result_labels(&mut self, many: LabelsRef<'_>, one: LabelsRef<'_>) -> Labels {
        let labels = &mut self.scratch;
        labels.start(many);
        if !keeps_names(self.plan.op) || (self.plan.return_bool && !self.plan.delayed_names) {
            labels.retain(|name| !is_metadata(name));
        }
        if self.plan.card == Cardinality::OneToOne {
            labels.keep(&self.plan.kept);
        }
        for name in &self.plan.include {
            labels.set(name, one.get(name).unwrap_or_default());
        }
        labels.labels().to_owned()
    }

    /// Notices at which steps a result was given for a key, and whether there was one before.
    fn give_out(
        &mut self,
        key: usize,
        labels: &Labels,
        present: &Presence,
        cx: &mut StageContext<'_>,
    ) -> Result<(), QueryError> {
        let one_to_one = self.plan.card == Cardinality::OneToOne;
        let partners = &mut self.partners[key];
        let twice = match &mut partners.matched {
            Some(matched) => {
                let twice = matched.first_common(present);
                matched.unite(present);
                twice
            }
            None => {
                cx.hold(present.heap_bytes())?;
                partners.matched = Some(present.clone());
                None
            }
        };
        if one_to_one {
            let text = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";
            self.found(twice, 1, text);
            return Ok(());
        }
        let twice = note(&mut self.given, &(key, labels.clone()), present, cx)?;
        self.found(twice, 1, "multiple matches for labels: grouping labels must ensure unique matches");
        Ok(())
    }

    fn found(&mut self, step: Option<usize>, rank: u8, text: &'static str) {
        if let Some(step) = step
            && self.fault.as_ref().is_none_or(|fault| (step, rank) < (fault.step, fault.rank))
        {
            self.fault = Some(Fault { step, rank, text });
        }
    }

    /// Series of the "one" side that have no partner, with the number that stands for it.
    fn fill_in(&mut self, fill: f64, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let ones = std::mem::take(&mut self.ones);
        for One { row, key } in &ones {
            let present = row.column.present().into_owned();
            let alone =
                self.partners[*key].matched.as_ref().map_or_else(|| present.clone(), |matched| present.minus(matched));
            if !alone.is_empty() {
                let many = Row::new(self.keys.get(*key).clone(), false, FloatColumn::constant(fill, self.plan.steps));
                self.pair(*key, &many, (&row.labels, &row.column), alone, cx)?;
            }
        }
        self.ones = ones;
        Ok(())
    }

    /// The first step at which two series of the "one" side share a key, and the two.
    fn duplicate(&self) -> Option<(usize, usize, usize)> {
        let fills = self.plan.fill_many_side.is_some() || self.plan.fill_one_side.is_some();
        let looked_at = if fills { &Presence::all(self.plan.steps) } else { &self.many_present };
        let mut first: Option<(usize, usize)> = None;
        for partners in self.partners.iter().filter(|partners| partners.ones.len() > 1) {
            let mut before = Presence::none(self.plan.steps);
            for one in &partners.ones {
                let present = self.ones[*one].row.column.present();
                let step = before.and(&present).first_common(looked_at);
                if let Some(step) = step
                    && first.is_none_or(|first| (step, *one) < first)
                {
                    first = Some((step, *one));
                }
                before.unite(&present);
            }
        }
        let (step, later) = first?;
        let partners = &self.partners[self.ones[later].key];
        let earlier = partners.ones.iter().find(|one| self.ones[**one].row.column.present().get(step))?;
        Some((step, later, *earlier))
    }

    /// # Errors
    /// What Prometheus would have found first.
    fn check(&self) -> Result<(), QueryError> {
        let duplicate = self.duplicate();
        match (&self.fault, duplicate) {
            (fault, Some((step, later, earlier))) if fault.as_ref().is_none_or(|fault| step <= fault.step) => {
                let side = if self.plan.one_side() == super::set::LEFT { "left" } else { "right" };
                let [later, earlier] = [later, earlier].map(|at| &self.ones[at]);
                Err(QueryError::Execution(format!(
                    "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}];\
                     many-to-many matching not allowed: matching labels must be unique on one side",
                    show(self.keys.get(later.key)),
                    show(&later.row.labels),
                    show(&earlier.row.labels),
                )))
            }
            (Some(fault), _) => Err(QueryError::Execution(fault.text.to_owned())),
            (None, _) => Ok(()),
        }
    }
}

impl Stage for Join {
    fn push(&mut self, input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        if input == self.plan.one_side() {
            return self.keep(row, cx);
        }
        if self.built {
            return self.pass(row, cx);
        }
        cx.hold(row.size_bytes())?;
        self.waiting.push(row);
        Ok(())
    }

    fn finish(&mut self, input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        if input == self.plan.one_side() {
            self.built = true;
            for row in std::mem::take(&mut self.waiting) {
                self.pass(row, cx)?;
            }
        } else {
            self.passed = true;
        }
        if !(self.built && self.passed) {
            return Ok(());
        }
        if let Some(fill) = self.plan.fill_many_side {
            self.fill_in(fill, cx)?;
        }
        let mut said = Vec::new();
        for remark in self.remarks.values() {
            if !said.contains(&remark) {
                cx.notes.remark(*remark, self.plan.node, self.plan.node);
                said.push(remark);
            }
        }
        self.check()
    }
}

/// Notices that there are values under a name; the first step at which there were some before.
pub(crate) fn note<K: Clone + Eq + std::hash::Hash>(
    noticed: &mut HashMap<K, Presence>,
    name: &K,
    present: &Presence,
    cx: &mut StageContext<'_>,
) -> Result<Option<usize>, QueryError> {
    if let Some(known) = noticed.get_mut(name) {
        let twice = known.first_common(present);
        known.unite(present);
        return Ok(twice);
    }
    cx.hold(size_of::<(K, Presence)>() + present.heap_bytes())?;
    noticed.insert(name.clone(), present.clone());
    Ok(None)
}

/// A label set as Prometheus prints it in errors.
pub(crate) fn show(labels: &Labels) -> String {
    let mut text = String::from("{");
    for (at, Label { name, value }) in labels.iter().enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(&format!("{}={}", QuotedName(name), Quoted(value)));
    }
    text.push('}');
    text
}
