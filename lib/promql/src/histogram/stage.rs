//! The functions that take classic histograms, whose buckets have to be brought together, and native ones beside them.

use super::classic::Bucket;
use super::question::Question;
use super::repairs::Repairs;
use super::{BUCKET, HistogramPlan};
use crate::annotations::Level;
use crate::chain::Row;
use crate::column::{ColumnBuilder, FloatColumn, HistogramSteps, Presence};
use crate::labelset::{LabelScratch, LabelTable, push_label};
use crate::stage::{Stage, StageContext};
use crate::{QueryError, number};
use model::{LabelsRef, METRIC_NAME, Quoted};
use std::sync::Arc;

/// A running function of histograms.
///
/// Of a native histogram only the answer is kept, until it is known that no classic one is labelled alike at the same step:
/// nothing is said of either then.
#[derive(Debug)]
pub(crate) struct Histograms {
    plan: HistogramPlan,
    question: Option<Arc<Question>>,
    /// Label sets without `le`, and what there is under each of them.
    names: LabelTable,
    groups: Vec<Group>,
    packed: Vec<u8>,
    labels: LabelScratch,
}

/// Histograms with the same labels.
#[derive(Debug, Default)]
struct Group {
    /// The bounds of a classic one and their counts.
    buckets: Vec<(f64, FloatColumn)>,
    natives: Vec<Native>,
}

/// What is answered of a series of native histograms.
#[derive(Debug)]
struct Native {
    present: Presence,
    /// The columns of the question.
    answers: Vec<FloatColumn>,
    /// What is to be said beside, and of which steps.
    notes: Vec<(&'static str, Presence)>,
}

const MIXED: &str = "PromQL warning: vector contains a mix of classic and native histograms";

impl Histograms {
    pub(crate) fn new(plan: HistogramPlan) -> Self {
        Self {
            plan,
            question: None,
            names: LabelTable::default(),
            groups: Vec::new(),
            packed: Vec::new(),
            labels: LabelScratch::default(),
        }
    }

    /// What is asked: known once the first series comes.
    fn question(&mut self, cx: &StageContext<'_>) -> Result<Arc<Question>, QueryError> {
        if let Some(question) = &self.question {
            return Ok(Arc::clone(question));
        }
        let question = Arc::new(Question::new(&self.plan, cx.scalars)?);
        Ok(Arc::clone(self.question.insert(question)))
    }

    /// What was put under `labels`.
    fn group(&mut self, labels: LabelsRef<'_>, cx: &mut StageContext<'_>) -> Result<&mut Group, QueryError> {
        let (id, is_new) = self.names.insert(labels);
        if is_new {
            cx.hold(size_of::<Group>() + labels.as_packed().len())?;
            self.groups.push(Group::default());
        }
        Ok(&mut self.groups[id])
    }

    fn push_bucket(
        &mut self,
        labels: LabelsRef<'_>,
        counts: FloatColumn,
        cx: &mut StageContext<'_>,
    ) -> Result<(), QueryError> {
        let text = labels.get(BUCKET).unwrap_or_default();
        let Some(bound) = number::parse(text) else {
            let note =
                format!("PromQL warning: bucket label \"le\" is missing or has a malformed value of {}", Quoted(text));
            self.plan.warn(&note, labels, cx);
            return Ok(());
        };
        cx.hold(counts.size_bytes())?;
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        labels.iter().filter(|label| label.name != BUCKET).for_each(|label| push_label(&mut packed, label));
        self.group(LabelsRef::from_packed_unchecked(&packed), cx)?.buckets.push((bound, counts));
        self.packed = packed;
        Ok(())
    }

    fn push_native(
        &mut self,
        labels: LabelsRef<'_>,
        histograms: &HistogramSteps,
        cx: &mut StageContext<'_>,
    ) -> Result<(), QueryError> {
        let Some(present) = histograms.present() else { return Ok(()) };
        let steps = self.plan.grid.steps();
        let question = self.question(cx)?;
        let bytes = question.size_bytes(steps);
        cx.hold(bytes)?;
        let native = Native::new(&question, steps, (present.clone(), histograms));
        if labels.get(BUCKET).is_none() {
            self.group(labels, cx)?.natives.push(native);
            return Ok(());
        }
        // No classic one has that label.
        self.emit_native(labels, native, cx);
        cx.release(bytes);
        Ok(())
    }

    /// Native ones that are labelled like a classic one at the same step, and that one, are taken away there. Answers where.
    fn part(&self, labels: LabelsRef<'_>, group: &mut Group, cx: &mut StageContext<'_>) -> Presence {
        let mut classic = Presence::none(self.plan.grid.steps());
        let mut both = classic.clone();
        group.buckets.iter().for_each(|(_, counts)| classic.unite(counts.present()));
        for native in &mut group.natives {
            let mixed = native.present.and(&classic);
            if mixed.is_empty() {
                continue;
            }
            self.plan.warn(MIXED, labels, cx);
            for column in &mut native.answers {
                column.restrict_to(column.present().minus(&mixed));
            }
            native.notes.retain(|(_, at)| !at.minus(&mixed).is_empty());
            both.unite(&mixed);
        }
        both
    }

    fn emit_native(&mut self, labels: LabelsRef<'_>, native: Native, cx: &mut StageContext<'_>) {
        for (note, _) in &native.notes {
            cx.notes.add(Level::Info, self.plan.text(note, labels), self.plan.node, self.plan.blamed);
        }
        self.emit(labels, native.answers, cx);
    }

    /// Passes on the columns of an answer.
    fn emit(&mut self, labels: LabelsRef<'_>, answers: Vec<FloatColumn>, cx: &mut StageContext<'_>) {
        let Some(question) = self.question.clone() else { return };
        for (column, text) in answers.into_iter().zip(question.texts()) {
            if column.is_empty() {
                continue;
            }
            self.labels.start(labels);
            if let Some((label, text)) = text {
                // The label may be one of those that are taken away.
                if !self.plan.delayed_names {
                    self.labels.drop_metadata();
                }
                self.labels.set(label, text.as_bytes());
            }
            cx.out.push(Row::new(self.labels.labels().to_owned(), true, column));
        }
    }
}

impl Stage for Histograms {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let (labels, column) = (row.labels.as_ref(), row.column);
        self.push_native(labels, &column.histograms, cx)?;
        if column.floats.is_empty() { Ok(()) } else { self.push_bucket(labels, column.floats, cx) }
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let steps = self.plan.grid.steps();
        let question = self.question(cx)?;
        question.doubt(&self.plan, cx);
        let mut repairs = Repairs::new(steps);
        for (id, mut group) in std::mem::take(&mut self.groups).into_iter().enumerate() {
            let labels = self.names.get(id).clone();
            let labels = labels.as_ref();
            let mixed = self.part(labels, &mut group, cx);
            for native in group.natives {
                self.emit_native(labels, native, cx);
            }
            if group.buckets.is_empty() {
                continue;
            }
            let answers = of_classic(&question, &group.buckets, &mixed, &mut repairs);
            self.emit(labels, answers, cx);
            repairs.close(|text| self.plan.text(text, labels));
        }
        repairs.say(&self.plan, cx);
        Ok(())
    }
}

/// What is answered of a classic histogram, but where it is `mixed` with a native one.
fn of_classic(
    question: &Question,
    buckets: &[(f64, FloatColumn)],
    mixed: &Presence,
    repairs: &mut Repairs,
) -> Vec<FloatColumn> {
    let steps = mixed.steps();
    let mut answers = question.columns(steps);
    let mut at_step = Vec::with_capacity(buckets.len());
    for step in (0..steps).filter(|step| !mixed.get(*step)) {
        at_step.clear();
        let counts = buckets.iter().filter_map(|(bound, counts)| Some((*bound, counts.get(step)?)));
        at_step.extend(counts.map(|(bound, count)| Bucket { bound, count }));
        if at_step.is_empty() {
            continue;
        }
        for (part, column) in question.parts(step) {
            let (value, repair) = part.of_classic(&mut at_step);
            answers[column].set(step, value);
            if let Some(repair) = repair {
                repairs.add(step, repair);
            }
        }
    }
    answers.into_iter().map(ColumnBuilder::build).collect()
}

impl Native {
    fn new(question: &Question, steps: usize, (present, histograms): (Presence, &HistogramSteps)) -> Self {
        let mut answers = question.columns(steps);
        let mut notes: Vec<(&'static str, Presence)> = Vec::new();
        for (step, histogram) in histograms.iter() {
            for (part, column) in question.parts(step) {
                let (value, note) = part.of_native(&histogram);
                answers[column].set(step, value);
                let Some(note) = note else { continue };
                let at = match notes.iter().position(|(said, _)| *said == note) {
                    Some(at) => at,
                    None => {
                        notes.push((note, Presence::none(steps)));
                        notes.len() - 1
                    }
                };
                notes[at].1.set(step);
            }
        }
        Self { present, answers: answers.into_iter().map(ColumnBuilder::build).collect(), notes }
    }
}

impl HistogramPlan {
    /// Warns of histograms with these labels.
    fn warn(&self, text: &str, labels: LabelsRef<'_>, cx: &mut StageContext<'_>) {
        cx.notes.add(Level::Warning, self.text(text, labels), self.node, self.blamed);
    }

    /// A note with the name of the metric, where that is known.
    fn text(&self, text: &str, labels: LabelsRef<'_>) -> String {
        let name = labels.get(METRIC_NAME).unwrap_or_default();
        match self.delayed_names && !name.is_empty() {
            true => format!("{text} for metric name {}", Quoted(name)),
            false => text.to_owned(),
        }
    }
}
