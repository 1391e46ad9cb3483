//! The steps a query is evaluated at.

#[cfg(test)]
mod tests;

/// Evenly spaced points in time, shared by everything that is computed over them: a column stores values, never times.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grid {
    start_ms: i64,
    end_ms: i64,
    step_ms: i64,
    steps: usize,
}

impl Grid {
    /// One step.
    pub fn instant(time_ms: i64) -> Self {
        Self { start_ms: time_ms, end_ms: time_ms, step_ms: 1, steps: 1 }
    }

    /// The steps `start_ms`, `start_ms + step_ms`, … up to `end_ms`, which is inside if a step falls on it. No step at all
    /// if the range runs backwards or `step_ms` is not positive.
    pub fn range(start_ms: i64, end_ms: i64, step_ms: i64) -> Self {
        let steps = match (end_ms.checked_sub(start_ms), step_ms) {
            (Some(span), 1..) if span >= 0 => {
                usize::try_from(span / step_ms).map_or(usize::MAX, |n| n.saturating_add(1))
            }
            _ => 0,
        };
        Self { start_ms, end_ms, step_ms, steps }
    }

    /// How many steps there are.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// When the first step is, in milliseconds.
    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// How far apart steps are, in milliseconds.
    pub fn step_ms(&self) -> i64 {
        self.step_ms
    }

    /// When step `step` is, in milliseconds.
    pub fn time_ms(&self, step: usize) -> i64 {
        self.start_ms.saturating_add(self.step_ms.saturating_mul(i64::try_from(step).unwrap_or(i64::MAX)))
    }

    /// When the last step is, in milliseconds; the start if there is none.
    pub fn last_ms(&self) -> i64 {
        self.time_ms(self.steps.saturating_sub(1))
    }

    /// The times of all steps, in milliseconds.
    pub fn times_ms(&self) -> impl Iterator<Item = i64> + '_ {
        (0..self.steps).map(|step| self.time_ms(step))
    }

    /// Whether start and end are the same: then results keep the order of the operators instead of that of labels.
    pub fn is_instant(&self) -> bool {
        self.start_ms == self.end_ms
    }

    /// The first step alone: what does not depend on the step is computed there.
    pub fn first(&self) -> Self {
        let steps = self.steps.min(1);
        Self { start_ms: self.start_ms, end_ms: self.start_ms, step_ms: self.step_ms, steps }
    }
}
