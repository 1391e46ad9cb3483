//! Follows one replica, and goes over to another where it has a gap.

use super::{FEW, Follow, has_more};
use model::SampleColumns;

/// How far the replica that was not taken is kept back while no distance between samples is known.
const FIRST_PENALTY_MS: i64 = 5_000;

/// Replaces `out` by the samples of one series that `replicas` hold, at about the rate of one of them.
///
/// Replicas are folded pairwise from the left. Of two, the one whose next sample is earlier is taken, the left one at a
/// tie; the other is then passed over for twice the distance between the samples just taken, so that it is turned to only
/// in a gap. With `counter`, the values are those of counters without resets: where the fold goes over to a replica whose
/// value is lower than the last one, all of that replica's values are raised by the difference from there on. Thanos does
/// this for `rate`, `increase`, `irate` and `resets`. Histograms are never raised.
///
/// A histogram that does not follow the one before it in its replica says nothing of a reset any more, unless it is a gauge.
/// Samples whose timestamps do not rise within a replica are passed over.
pub fn penalty(replicas: &[SampleColumns], counter: bool, out: &mut SampleColumns) {
    out.clear();
    let (first, others) = match replicas {
        [] => return,
        [one] => return out.clone_from(one),
        [first, others @ ..] => (first, others),
    };
    let mut few = [const { Turn::new(Walk::EMPTY) }; FEW];
    let mut many = Vec::new();
    let turns = match few.get_mut(..others.len()) {
        Some(few) => few,
        None => {
            many.resize(others.len(), Turn::new(Walk::EMPTY));
            &mut many
        }
    };
    for (turn, replica) in turns.iter_mut().zip(others) {
        *turn = Turn::new(Walk::new(replica, counter));
    }
    let mut fold = Fold { first: Walk::new(first, counter), turns, counter };
    if !replicas.iter().any(has_more) {
        while let Some(at_ms) = fold.next() {
            out.push(at_ms, fold.last_value().unwrap_or_default());
        }
        return;
    }
    let mut follow = Follow::default();
    while fold.next().is_some() {
        let Some((replica, left)) = fold.place() else { return };
        let Some(samples) = replicas.get(replica) else { return };
        follow.push((replica, samples.len().saturating_sub(left)), samples, out);
        if let (Some(value), Some(newest)) = (fold.last_value(), out.values.last_mut()) {
            *newest = value;
        }
    }
}

/// What is left of a replica; the walk stands at the first of it.
#[derive(Debug, Clone, Copy)]
struct Walk<'a> {
    timestamps_ms: &'a [i64],
    values: &'a [f64],
    /// All samples of the replica, if there are histograms among them.
    histograms: Option<&'a SampleColumns>,
    /// By how much values are raised; `None`: never. To add even 0 would turn the stale marker into another NaN.
    raise: Option<f64>,
}

/// Where two sides are made one. On the right is a replica, on the left what the turn before makes of those before it, or
/// the first replica.
#[derive(Debug, Clone, Copy)]
struct Turn<'a> {
    right: Walk<'a>,
    /// The timestamp taken last; `None` before the first.
    last_ms: Option<i64>,
    takes_left: bool,
    left_penalty_ms: i64,
    right_penalty_ms: i64,
    /// Both sides are at their end.
    done: bool,
    /// While the turn is on its way to its next sample: from which side the last one came, and its value.
    before: (bool, Option<f64>),
}

/// The turns, each of which reads the one before it.
#[derive(Debug)]
struct Fold<'a, 't> {
    first: Walk<'a>,
    turns: &'t mut [Turn<'a>],
    counter: bool,
}

impl<'a> Walk<'a> {
    const EMPTY: Self = Self { timestamps_ms: &[], values: &[], histograms: None, raise: None };

    fn new(samples: &'a SampleColumns, counter: bool) -> Self {
        let raise = counter.then_some(0.0);
        let histograms = samples.has_histograms().then_some(samples);
        Self { timestamps_ms: &samples.timestamps_ms, values: &samples.values, histograms, raise }
    }

    fn at_ms(&self) -> Option<i64> {
        self.timestamps_ms.first().copied()
    }

    /// The value of the current sample; `None` at the end, and of a histogram.
    fn value(&self) -> Option<f64> {
        let value = *self.values.first()?;
        let is_histogram = |samples: &SampleColumns| samples.histogram(samples.len() - self.values.len()).is_some();
        if self.histograms.is_some_and(is_histogram) {
            return None;
        }
        Some(self.raise.map_or(value, |raise| value + raise))
    }

    /// Goes to the first sample that is later than `last_ms` by more than `penalty_ms`.
    fn pass(&mut self, last_ms: Option<i64>, penalty_ms: i64) {
        let Some(last_ms) = last_ms else { return };
        let past_ms = last_ms.saturating_add(penalty_ms);
        let passed = self.timestamps_ms.iter().take_while(|at_ms| **at_ms <= past_ms).count();
        self.timestamps_ms = self.timestamps_ms.get(passed..).unwrap_or_default();
        self.values = self.values.get(passed..).unwrap_or_default();
    }

    /// Raises the values so that the current one is not below `last`.
    fn raise_to(&mut self, last: f64) {
        if let (Some(value), Some(raise)) = (self.value(), &mut self.raise)
            && last > value
        {
            *raise += last - value;
        }
    }
}

impl<'a> Turn<'a> {
    const fn new(right: Walk<'a>) -> Self {
        Self {
            right,
            last_ms: None,
            takes_left: true,
            left_penalty_ms: 0,
            right_penalty_ms: 0,
            done: false,
            before: (true, None),
        }
    }

    /// Takes the side that is at the earlier time, and keeps the other one back.
    fn take(&mut self, left_ms: Option<i64>, right_ms: Option<i64>) {
        let since_last = |at_ms: i64| match self.last_ms {
            Some(last_ms) => at_ms.saturating_sub(last_ms).saturating_mul(2),
            None => FIRST_PENALTY_MS,
        };
        match (left_ms, right_ms) {
            (Some(left_ms), Some(right_ms)) if left_ms <= right_ms => {
                (self.takes_left, self.left_penalty_ms, self.right_penalty_ms) = (true, 0, since_last(left_ms));
                self.last_ms = Some(left_ms);
            }
            (Some(_), Some(right_ms)) => {
                (self.takes_left, self.left_penalty_ms, self.right_penalty_ms) = (false, since_last(right_ms), 0);
                self.last_ms = Some(right_ms);
            }
            (Some(left_ms), None) => {
                (self.takes_left, self.left_penalty_ms, self.last_ms) = (true, 0, Some(left_ms));
            }
            (None, Some(right_ms)) => {
                (self.takes_left, self.right_penalty_ms, self.last_ms) = (false, 0, Some(right_ms));
            }
            (None, None) => (self.takes_left, self.done) = (false, true),
        }
    }
}

impl Fold<'_, '_> {
    /// The time of the next sample of the last turn. A loop where a recursion would be plainer: there may be more replicas than the
    /// stack can hold.
    fn next(&mut self) -> Option<i64> {
        let top = self.turns.len().checked_sub(1)?;
        if self.turns.get(top)?.last_ms.is_none() {
            // As each turn is made, it looks at the first sample of the one before.
            (0..top).for_each(|below| self.advance(below));
        }
        self.advance(top);
        let turn = self.turns.get(top)?;
        if turn.done {
            return None;
        }
        turn.last_ms
    }

    /// Its value; `None` of a histogram.
    fn last_value(&self) -> Option<f64> {
        self.value(self.turns.len().checked_sub(1)?)
    }

    /// The replica it comes from, and how many samples are left of that, this one among them.
    fn place(&self) -> Option<(usize, usize)> {
        for (replica, turn) in self.turns.iter().enumerate().rev() {
            if turn.done {
                return None;
            }
            if !turn.takes_left {
                return Some((replica + 1, turn.right.values.len()));
            }
        }
        Some((0, self.first.values.len()))
    }

    /// Moves turn `top` to its next sample, and those before it as far as it needs them.
    fn advance(&mut self, top: usize) {
        let mut level = top;
        self.begin(level);
        loop {
            if self.left_is_behind(level) {
                level -= 1;
                self.begin(level);
                continue;
            }
            self.finish(level);
            if level == top {
                return;
            }
            level += 1;
        }
    }

    fn begin(&mut self, level: usize) {
        if !self.counter {
            return;
        }
        let value = self.value(level);
        if let Some(turn) = self.turns.get_mut(level) {
            turn.before = (turn.takes_left, value);
        }
    }

    /// Whether the turn before this one has to move on first.
    fn left_is_behind(&self, level: usize) -> bool {
        let left = level.checked_sub(1).and_then(|left| self.turns.get(left));
        match (left, self.turns.get(level)) {
            (Some(left), Some(Turn { last_ms: Some(last_ms), left_penalty_ms, .. })) => {
                !left.done && left.last_ms <= Some(last_ms.saturating_add(*left_penalty_ms))
            }
            _ => false,
        }
    }

    /// Moves a turn whose left side stands where it should, unless that is the first replica.
    fn finish(&mut self, level: usize) {
        let left_ms = match level.checked_sub(1).and_then(|left| self.turns.get(left)) {
            Some(left) => left.last_ms.filter(|_| !left.done),
            None => {
                if let Some(turn) = self.turns.get(level) {
                    self.first.pass(turn.last_ms, turn.left_penalty_ms);
                }
                self.first.at_ms()
            }
        };
        let Some(turn) = self.turns.get_mut(level) else { return };
        turn.right.pass(turn.last_ms, turn.right_penalty_ms);
        turn.take(left_ms, turn.right.at_ms());
        if self.counter
            && let (took_left, Some(last)) = turn.before
            && turn.takes_left != took_left
        {
            self.raise_to(level, last);
        }
    }

    /// The value where turn `level` stands; `None` at the end of the side that it takes, and of a histogram.
    fn value(&self, level: usize) -> Option<f64> {
        for turn in self.turns.get(..=level)?.iter().rev() {
            if turn.done {
                return None;
            }
            if !turn.takes_left {
                return turn.right.value();
            }
        }
        self.first.value()
    }

    /// Raises all replicas of turn `level` that are not at their end.
    fn raise_to(&mut self, level: usize, last: f64) {
        for turn in self.turns.iter_mut().take(level + 1).rev() {
            if turn.done {
                return;
            }
            turn.right.raise_to(last);
        }
        self.first.raise_to(last);
    }
}

#[cfg(test)]
mod tests;
