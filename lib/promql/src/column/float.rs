//! Numbers of one series over a grid.

use super::presence::{Presence, set_bit, set_bits};
use smallvec::{SmallVec, smallvec};

/// One `f64` per step of a grid, and for each step whether there is one: a NaN is a value like any other.
///
/// Two shapes are known by a tag and take shorter paths: a value at every step, and the same value at every step. A third one
/// is for many columns with few values each.
#[derive(Debug, Clone)]
pub struct FloatColumn {
    values: SmallVec<[f64; 2]>,
    shape: Shape,
    present: Presence,
}

/// What numbers a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One per step. Where nothing is present the number means nothing.
    Spread,
    /// One, which is that of every step.
    Constant,
    /// One for each step that has a value.
    Packed,
}

impl FloatColumn {
    /// The same value at every one of `steps` steps.
    pub fn constant(value: f64, steps: usize) -> Self {
        Self { values: smallvec![value], shape: Shape::Constant, present: Presence::all(steps) }
    }

    /// No value at any of `steps` steps.
    pub(crate) fn none(steps: usize) -> Self {
        ColumnBuilder::new(steps).build()
    }

    /// A value at every step.
    pub fn full(values: impl IntoIterator<Item = f64>) -> Self {
        let values: SmallVec<[f64; 2]> = values.into_iter().collect();
        let steps = values.len();
        Self { values, shape: Shape::Spread, present: Presence::all(steps) }
    }

    /// The values that are `present`, of one number per step.
    pub(crate) fn from_parts(values: Vec<f64>, mut present: Presence) -> Self {
        present.seal();
        Self { values: values.into(), shape: Shape::Spread, present }
    }

    /// So many values at so many steps of `steps`, steps rising.
    pub(crate) fn packed(steps: usize, points: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let mut present = Presence::none(steps);
        let values = points.into_iter().map(|(step, value)| {
            present.set(step);
            value
        });
        let values: SmallVec<[f64; 2]> = values.collect();
        present.seal();
        let shape = if present.is_all() { Shape::Spread } else { Shape::Packed };
        Self { values, shape, present }
    }

    /// Over how many steps it goes.
    pub fn steps(&self) -> usize {
        self.present.steps()
    }

    /// At how many steps there is a value.
    pub fn points(&self) -> usize {
        self.present.count()
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.points() == 0
    }

    /// Where there are values.
    pub fn present(&self) -> &Presence {
        &self.present
    }

    /// The value, if it is known to be the same at every step.
    pub fn as_constant(&self) -> Option<f64> {
        if self.shape == Shape::Constant { self.values.first().copied() } else { None }
    }

    /// The values and the step of the first, if the steps that have one follow one another, as at all steps, and the values are
    /// not known to be the same.
    pub fn as_run(&self) -> Option<(usize, &[f64])> {
        if self.shape == Shape::Constant {
            return None;
        }
        let run = self.present.as_run()?;
        let first = run.start;
        let values = if self.shape == Shape::Spread { self.values.get(run)? } else { self.values.as_slice() };
        Some((first, values))
    }

    /// The value at `step`.
    pub fn get(&self, step: usize) -> Option<f64> {
        self.present.get(step).then(|| self.value(step))
    }

    /// The steps that have a value, with it.
    pub fn iter(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.present.iter().enumerate().map(|(at, step)| match self.shape {
            Shape::Spread => (step, self.values[step]),
            Shape::Constant => (step, self.values[0]),
            Shape::Packed => (step, self.values[at]),
        })
    }

    /// Bytes held, for the budget.
    pub fn size_bytes(&self) -> usize {
        let spilled = if self.values.spilled() { self.values.capacity() * size_of::<f64>() } else { 0 };
        size_of::<Self>() + spilled + self.present.heap_bytes()
    }

    /// The number at `step`, which means something only where the column has a value.
    pub(crate) fn value(&self, step: usize) -> f64 {
        match self.shape {
            Shape::Spread => self.values[step],
            Shape::Constant => self.values[0],
            Shape::Packed => self.values.get(self.present.rank(step)).copied().unwrap_or(0.0),
        }
    }

    /// Calls `f` for every step that has a value.
    pub(crate) fn for_each(&self, mut f: impl FnMut(usize, f64)) {
        if let Some(value) = self.as_constant() {
            (0..self.steps()).for_each(|step| f(step, value));
        } else if self.shape == Shape::Packed {
            self.iter().for_each(|(step, value)| f(step, value));
        } else if self.present.is_all() {
            self.values.iter().enumerate().for_each(|(step, value)| f(step, *value));
        } else {
            self.present.iter().for_each(|step| f(step, self.values[step]));
        }
    }

    /// Applies `f` to every value.
    pub(crate) fn map(&mut self, mut f: impl FnMut(f64) -> f64) {
        for value in &mut self.values {
            *value = f(*value);
        }
    }

    /// Applies `f` to every value and the number `other` has at its step.
    pub(crate) fn combine(&mut self, other: &Self, mut f: impl FnMut(f64, f64) -> f64) {
        match other.as_constant() {
            Some(value) => self.map(|own| f(own, value)),
            None if other.shape == Shape::Packed => {
                let mut other = other.clone();
                other.spread();
                self.combine(&other, f);
            }
            None => {
                self.spread();
                for (own, other) in self.values.iter_mut().zip(&other.values) {
                    *own = f(*own, *other);
                }
            }
        }
    }

    /// Keeps the values that `keep` accepts.
    pub(crate) fn filter(&mut self, mut keep: impl FnMut(usize, f64) -> bool) {
        let mut kept = Presence::none(self.steps());
        for (step, value) in self.iter() {
            if keep(step, value) {
                kept.set(step);
            }
        }
        self.restrict_to(kept);
    }

    /// Takes away the values outside `present`, which is part of where there are values.
    pub(crate) fn restrict_to(&mut self, present: Presence) {
        if self.shape == Shape::Packed {
            let left = self.iter().filter(|(step, _)| present.get(*step));
            *self = Self::packed(self.steps(), left);
        } else {
            if !present.is_all() {
                self.spread();
            }
            self.present = present;
        }
    }

    /// Takes the values that `other` has and this column has not.
    pub(crate) fn fill_from(&mut self, other: &Self) {
        self.spread();
        for (step, value) in other.iter() {
            if !self.present.get(step) {
                self.values[step] = value;
            }
        }
        self.present.unite(&other.present);
    }

    /// The value of the one step, at each of `steps` steps.
    pub(crate) fn repeated(&self, steps: usize) -> Self {
        match self.get(0) {
            Some(value) => Self::constant(value, steps),
            None => Self::none(steps),
        }
    }

    /// Gives up a shorter form.
    fn spread(&mut self) {
        let steps = self.steps();
        match self.shape {
            Shape::Spread => {}
            Shape::Constant => {
                let value = self.values[0];
                self.values.resize(steps, value);
                self.values.truncate(steps);
            }
            Shape::Packed => {
                let mut values = smallvec![0.0; steps];
                self.iter().for_each(|(step, value)| values[step] = value);
                self.values = values;
            }
        }
        self.shape = Shape::Spread;
    }
}

/// A value is a NaN or not; which NaN does not matter.
impl PartialEq for FloatColumn {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan());
        self.steps() == other.steps()
            && self.points() == other.points()
            && self.iter().zip(other.iter()).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
    }
}

/// Fills a column step by step.
#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    values: SmallVec<[f64; 2]>,
    present: Presence,
}

/// The memory of a column that is being filled.
#[derive(Debug)]
pub(crate) struct Slots<'a> {
    values: &'a mut [f64],
    words: &'a mut [u64],
}

impl ColumnBuilder {
    /// A column of `steps` steps without values.
    pub(crate) fn new(steps: usize) -> Self {
        Self { values: smallvec![0.0; steps], present: Presence::none(steps) }
    }

    /// Sets the value at `step`, which is below the number of steps.
    pub(crate) fn set(&mut self, step: usize, value: f64) {
        self.slots().set(step, value);
    }

    /// For loops over many steps.
    pub(crate) fn slots(&mut self) -> Slots<'_> {
        Slots { values: &mut self.values, words: self.present.words_mut() }
    }

    /// The column.
    pub(crate) fn build(self) -> FloatColumn {
        let mut present = self.present;
        present.seal();
        FloatColumn { values: self.values, shape: Shape::Spread, present }
    }
}

impl Slots<'_> {
    /// Sets the value at `step`, which is below the number of steps.
    #[inline]
    pub(crate) fn set(&mut self, step: usize, value: f64) {
        self.values[step] = value;
        set_bit(self.words, step);
    }

    /// The places of `count` values at `step` and at every so many steps after it, not known to have any yet.
    pub(crate) fn row(&mut self, (step, every, count): (usize, usize, usize)) -> impl Iterator<Item = &mut f64> {
        self.values[step..].iter_mut().step_by(every).take(count)
    }

    /// Says that there are values in such a row.
    pub(crate) fn set_row(&mut self, (step, every, count): (usize, usize, usize)) {
        match every {
            1 => set_bits(self.words, step..step + count),
            _ => (0..count).for_each(|at| set_bit(self.words, step + at * every)),
        }
    }
}
