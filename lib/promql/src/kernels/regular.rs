//! Samples that are equally far apart, as scrapes are: which of them a window sees is reckoned there, not searched for.
//!
//! Where the steps are some multiple of the samples' distance (or the other way round), windows are alike: each sees as many
//! samples as the others, and those equally far from its bounds.

use super::windows::Ends;
use std::ops::Range;

/// What is shorter is not worth the reckoning.
const LEAST_SAMPLES: usize = 12;
const LEAST_STEPS: usize = 6;

/// Where there are so many more samples than steps, looking at each would be dearer than a search.
const MOST_SAMPLES_A_STEP: usize = 64;

/// So many runs that are too short, one after the other, and the samples are taken for irregular.
const PATIENCE: usize = 4;

/// So many rows at most do the steps of a stretch fall into, and each has so many windows at least.
const MOST_ROWS: usize = 8;
const LEAST_IN_ROW: usize = 4;

/// Samples of a series, given by their positions, that are equally far apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    samples: Range<usize>,
    spacing_ms: i64,
}

/// The runs of a series, those that are long enough.
#[derive(Debug, Clone)]
struct Runs<'a> {
    timestamps_ms: &'a [i64],
    at: usize,
}

/// The steps of a grid, in pieces: those of a stretch, or those between two.
#[derive(Debug)]
pub(super) struct Pieces<'a, R> {
    stretches: Stretches<'a, R>,
    steps: usize,
    step: usize,
    waiting: Option<Stretch>,
}

/// Finds the steps whose windows lie within a run.
#[derive(Debug)]
struct Stretches<'a, R> {
    runs: Runs<'a>,
    ends: Option<Ends>,
    range_ms: R,
    /// The first step that is in none yet.
    step: usize,
}

/// Steps the bounds of whose windows lie within a run.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pub(super) steps: Range<usize>,
    /// Where the window of the first step begins and ends among the samples, and those of the next ones.
    pub(super) first: Ticks,
    pub(super) end: Ticks,
}

/// Positions of the samples before which bounds lie that are equally far apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticks {
    at: usize,
    /// How far the bound is behind the sample before it.
    behind_ms: i64,
    spacing_ms: i64,
    /// By how many samples, and by what beyond that, each bound is further than the last.
    whole: usize,
    part_ms: i64,
}

/// Windows that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alike {
    /// The step of the first, and how many steps on the next ones are.
    pub(super) step: usize,
    pub(super) every: usize,
    pub(super) count: usize,
    /// Where the first begins among the samples, and how many samples on the next ones do.
    pub(super) first: usize,
    pub(super) stride: usize,
    /// How many samples each has.
    pub(super) len: usize,
}

impl<'a, R: Fn(i64) -> Option<i64>> Pieces<'a, R> {
    /// Of windows that end at `ends`; `range_ms` says how wide they are where samples are so far apart, `None`: there is
    /// nothing to reckon there.
    pub(super) fn new(timestamps_ms: &'a [i64], steps: usize, ends: Option<Ends>, range_ms: R) -> Self {
        let is_worth_it = steps >= LEAST_STEPS && timestamps_ms.len() / MOST_SAMPLES_A_STEP <= steps;
        let ends = ends.filter(|_| is_worth_it);
        let stretches = Stretches { runs: Runs { timestamps_ms, at: 0 }, ends, range_ms, step: 0 };
        Self { stretches, steps, step: 0, waiting: None }
    }
}

impl<R: Fn(i64) -> Option<i64>> Iterator for Pieces<'_, R> {
    type Item = (Range<usize>, Option<Stretch>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.step == self.steps {
            return None;
        }
        let from = self.step;
        let stretch = self.waiting.take().or_else(|| self.stretches.next());
        self.step = stretch.as_ref().map_or(self.steps, |stretch| stretch.steps.start);
        if self.step > from {
            self.waiting = stretch;
            return Some((from..self.step, None));
        }
        self.step = stretch.as_ref().map_or(self.steps, |stretch| stretch.steps.end);
        Some((from..self.step, stretch))
    }
}

impl<R: Fn(i64) -> Option<i64>> Stretches<'_, R> {
    fn of(&self, run: &Run, ends: Ends) -> Option<Stretch> {
        let Run { samples, spacing_ms } = run;
        let times = self.runs.timestamps_ms;
        let range_ms = (self.range_ms)(*spacing_ms)?;
        let (first_ms, last_ms) = (times[samples.start], times[samples.end - 1]);
        // A bound as far out as that has samples of the run on both sides, or lies less than their distance from its ends.
        let mut from_ms = first_ms.checked_sub(*spacing_ms)?;
        let mut until_ms = last_ms.checked_add(*spacing_ms)?;
        if let Some(before) = samples.start.checked_sub(1) {
            from_ms = from_ms.max(times[before]);
        }
        if let Some(next_ms) = times.get(samples.end) {
            until_ms = until_ms.min(*next_ms);
        }
        let start = ends.first_from(from_ms.checked_add(range_ms)?)?.max(self.step);
        let end = ends.first_from(until_ms)?.min(ends.steps);
        if start >= end {
            return None;
        }
        let end_ms = ends.at(start);
        let ticks = |bound_ms: i64| {
            let since_ms = bound_ms.checked_sub(first_ms)?;
            // From −1 on, and at most the number of samples.
            let before = usize::try_from(since_ms.div_euclid(*spacing_ms) + 1).ok()?;
            Some(Ticks {
                at: samples.start + before,
                behind_ms: since_ms.rem_euclid(*spacing_ms),
                spacing_ms: *spacing_ms,
                whole: usize::try_from(ends.step_ms / spacing_ms).ok()?,
                part_ms: ends.step_ms % spacing_ms,
            })
        };
        Some(Stretch { steps: start..end, first: ticks(end_ms.checked_sub(range_ms)?)?, end: ticks(end_ms)? })
    }
}

impl<R: Fn(i64) -> Option<i64>> Iterator for Stretches<'_, R> {
    type Item = Stretch;

    fn next(&mut self) -> Option<Stretch> {
        let ends = self.ends?;
        loop {
            let run = self.runs.next()?;
            if let Some(stretch) = self.of(&run, ends) {
                self.step = stretch.steps.end;
                return Some(stretch);
            }
        }
    }
}

impl Iterator for Runs<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        for _ in 0..PATIENCE {
            let rest = self.timestamps_ms.get(self.at..)?;
            let [first_ms, second_ms, ..] = rest else { return None };
            if rest.len() < LEAST_SAMPLES {
                return None;
            }
            let spacing_ms = second_ms.wrapping_sub(*first_ms);
            let len = regular(rest, spacing_ms);
            let samples = self.at..self.at + len;
            // The last one may be the first of the next run.
            self.at += len - 1;
            // Times that do not rise, or so far apart that their differences are no numbers, are nothing to reckon with.
            let spans_ms = i64::try_from(len - 1).ok().and_then(|pairs| spacing_ms.checked_mul(pairs));
            let is_sound = spans_ms.and_then(|spans_ms| first_ms.checked_add(spans_ms)) == Some(rest[len - 1]);
            if len >= LEAST_SAMPLES && spacing_ms > 0 && is_sound {
                return Some(Run { samples, spacing_ms });
            }
        }
        self.timestamps_ms = &[];
        None
    }
}

/// How many samples from the first of at least two on are as far apart as the first two, which are `spacing_ms`.
fn regular(timestamps_ms: &[i64], spacing_ms: i64) -> usize {
    const BLOCK: usize = 16;
    let later = &timestamps_ms[1..];
    let is_other = |(before, after): (&i64, &i64)| after.wrapping_sub(*before) ^ spacing_ms;
    let mut pairs = 0;
    // Whole blocks without a branch in them.
    for (before, after) in timestamps_ms.chunks_exact(BLOCK).zip(later.chunks_exact(BLOCK)) {
        if before.iter().zip(after).map(is_other).fold(0, |all, other| all | other) != 0 {
            break;
        }
        pairs += BLOCK;
    }
    let rest = timestamps_ms[pairs..].iter().zip(&later[pairs..]);
    pairs + rest.take_while(|pair| is_other(*pair) == 0).count() + 1
}

impl Stretch {
    /// The windows in rows of some that are alike; `None`: there are too few of those.
    pub(super) fn rows(&self) -> Option<impl Iterator<Item = Alike> + use<>> {
        let Self { steps, mut first, mut end } = self.clone();
        let common = greatest_common_divisor(end.spacing_ms, end.part_ms);
        let every = usize::try_from(end.spacing_ms / common).ok()?;
        if every > MOST_ROWS || steps.len() < every * LEAST_IN_ROW {
            return None;
        }
        let stride = every * end.whole + usize::try_from(end.part_ms / common).ok()?;
        Some((0..every).map(move |row| {
            let count = (steps.len() - row).div_ceil(every);
            let (first, end) = (first.next(), end.next());
            Alike { step: steps.start + row, every, count, first, stride, len: end - first }
        }))
    }
}

fn greatest_common_divisor(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Ticks {
    /// How many samples of the series are not behind the bound; turns to the next one.
    #[inline]
    pub(super) fn next(&mut self) -> usize {
        let at = self.at;
        self.behind_ms += self.part_ms;
        let is_over = self.behind_ms >= self.spacing_ms;
        self.behind_ms -= if is_over { self.spacing_ms } else { 0 };
        self.at += self.whole + usize::from(is_over);
        at
    }
}

impl Alike {
    /// Of `values` the first and every one as many on as windows are.
    pub(super) fn each_of(self, values: &[f64]) -> impl Iterator<Item = &f64> {
        values.iter().step_by(self.stride).take(self.count)
    }

    /// The steps: the first, how many on each next one is, and how many there are.
    pub(super) fn places(self) -> (usize, usize, usize) {
        (self.step, self.every, self.count)
    }

    /// Each step, with the position where its window begins.
    pub(super) fn iter(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.count).map(move |window| (self.step + window * self.every, self.first + window * self.stride))
    }
}

#[cfg(test)]
mod tests;
