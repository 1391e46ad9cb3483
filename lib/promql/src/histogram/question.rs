//! What is asked of each histogram, with the numbers per step at hand.

use super::classic::{self, Bucket};
use super::native::{self, NanEffect};
use super::{Asked, AskedQuantile, HistogramPlan, fraction};
use crate::QueryError;
use crate::annotations::{Level, Repair};
use crate::chain::scalar;
use crate::column::{ColumnBuilder, FloatColumn};
use crate::kernels::invalid_quantile;
use crate::number;
use crate::stage::StageContext;
use hashbrown::HashMap;
use model::HistogramRef;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// What is asked, and how the answer is divided into columns: one, or one for each quantile and each text that its number
/// has at some step.
#[derive(Debug)]
pub(super) struct Question {
    kind: Kind,
    /// The label that tells columns apart, and its value for each column.
    label: Option<Vec<u8>>,
    texts: Vec<String>,
    /// For each quantile the number of its column, at every step or once for all steps.
    columns: SmallVec<[Vec<usize>; 1]>,
}

#[derive(Debug)]
enum Kind {
    Quantiles(SmallVec<[FloatColumn; 1]>),
    Fraction(FloatColumn, FloatColumn),
}

/// One number that is asked for at one step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Quantile(f64),
    Fraction(f64, f64),
}

const NAN_RESULT: &str = "PromQL info: input to histogram_quantile has NaN observations, result is NaN";
const NAN_SKEW: &str = "PromQL info: input to histogram_quantile has NaN observations, result is skewed higher";
const NAN_EXCLUDED: &str =
    "PromQL info: input to histogram_fraction has NaN observations, which are excluded from all fractions";

impl Question {
    pub(super) fn new(plan: &HistogramPlan, scalars: &[Option<Arc<FloatColumn>>]) -> Result<Self, QueryError> {
        let kind = match &plan.asked {
            Asked::Quantiles { quantiles, .. } => {
                let numbers = quantiles.iter().map(|asked| scalar(scalars, asked.quantile).cloned());
                Kind::Quantiles(numbers.collect::<Result<_, _>>()?)
            }
            Asked::Fraction { lower, upper } => {
                Kind::Fraction(scalar(scalars, *lower)?.clone(), scalar(scalars, *upper)?.clone())
            }
        };
        let mut question = Self { kind, label: None, texts: Vec::new(), columns: smallvec![vec![0]] };
        if let Asked::Quantiles { label: Some(label), .. } = &plan.asked {
            question.label = Some(label.clone());
            question.divide(plan.grid.steps());
        }
        Ok(question)
    }

    /// Finds out how many columns there are.
    fn divide(&mut self, steps: usize) {
        let Kind::Quantiles(quantiles) = &self.kind else { return };
        let texts = &mut self.texts;
        let divide = |quantile: &FloatColumn| {
            let mut known: HashMap<String, usize> = HashMap::new();
            let steps = if quantile.as_constant().is_some() { 1 } else { steps };
            let column = |step| {
                *known.entry(number::label_value(quantile.value(step))).or_insert_with_key(|text| {
                    texts.push(text.clone());
                    texts.len() - 1
                })
            };
            (0..steps).map(column).collect()
        };
        self.columns = quantiles.iter().map(divide).collect();
    }

    /// Says which quantiles are none, whether there is any histogram or not.
    pub(super) fn doubt(&self, plan: &HistogramPlan, cx: &mut StageContext<'_>) {
        let (Kind::Quantiles(numbers), Asked::Quantiles { quantiles, .. }) = (&self.kind, &plan.asked) else { return };
        let all_constant = numbers.iter().all(|number| number.as_constant().is_some());
        let steps = if all_constant { 1 } else { plan.grid.steps() };
        for step in 0..steps {
            for (number, AskedQuantile { blamed, .. }) in numbers.iter().zip(quantiles) {
                if let Some(text) = invalid_quantile(number.value(step)) {
                    cx.notes.add(Level::Warning, text, plan.node, *blamed);
                }
            }
        }
    }

    /// What is asked at `step`, and in which column the answer goes.
    pub(super) fn parts(&self, step: usize) -> impl Iterator<Item = (Part, usize)> {
        (0..self.columns.len()).map(move |number| {
            let part = match &self.kind {
                Kind::Quantiles(quantiles) => Part::Quantile(quantiles[number].value(step)),
                Kind::Fraction(lower, upper) => Part::Fraction(lower.value(step), upper.value(step)),
            };
            let columns = &self.columns[number];
            (part, columns[step.min(columns.len() - 1)])
        })
    }

    /// Columns for the answer of one histogram.
    pub(super) fn columns(&self, steps: usize) -> Vec<ColumnBuilder> {
        (0..self.len()).map(|_| ColumnBuilder::new(steps)).collect()
    }

    /// What tells the columns apart: a label and its value.
    pub(super) fn texts(&self) -> impl Iterator<Item = Option<(&[u8], &str)>> {
        (0..self.len()).map(|at| Some((self.label.as_deref()?, self.texts.get(at)?.as_str())))
    }

    /// Bytes of the answer of one histogram, for the budget.
    pub(super) fn size_bytes(&self, steps: usize) -> usize {
        let column = size_of::<FloatColumn>() + steps * size_of::<f64>() + steps / 8;
        self.len().saturating_mul(column)
    }

    /// How many columns an answer has.
    fn len(&self) -> usize {
        self.texts.len().max(1)
    }
}

impl Part {
    /// The answer for a native histogram, and what is to be said beside.
    pub(super) fn of_native(self, histogram: &HistogramRef<'_>) -> (f64, Option<&'static str>) {
        match self {
            Self::Quantile(q) => {
                let (value, effect) = native::quantile(q, histogram);
                let note = |effect| match effect {
                    NanEffect::Result => NAN_RESULT,
                    NanEffect::Skew => NAN_SKEW,
                };
                (value, effect.map(note))
            }
            Self::Fraction(lower, upper) => {
                let (value, excluded) = fraction::of_native((lower, upper), histogram);
                (value, excluded.then_some(NAN_EXCLUDED))
            }
        }
    }

    /// The answer for a classic histogram, and how its counts had to be repaired.
    pub(super) fn of_classic(self, buckets: &mut [Bucket]) -> (f64, Option<Repair>) {
        match self {
            Self::Quantile(q) => classic::quantile(q, buckets),
            Self::Fraction(lower, upper) => (fraction::of_classic((lower, upper), buckets), None),
        }
    }
}
