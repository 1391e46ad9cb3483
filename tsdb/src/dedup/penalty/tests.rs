use super::{FEW, penalty};
use model::SampleColumns;
use proptest::prelude::*;

fn columns(samples: &[(i64, f64)]) -> SampleColumns {
    let mut columns = SampleColumns::default();
    samples.iter().for_each(|&(timestamp_ms, value)| columns.push(timestamp_ms, value));
    columns
}

/// Samples `interval_ms` apart from `first_ms` on, as many as there are values.
fn every(interval_ms: i64, first_ms: i64, values: &[f64]) -> SampleColumns {
    let at = |(index, &value): (usize, &f64)| (first_ms + index as i64 * interval_ms, value);
    columns(&values.iter().enumerate().map(at).collect::<Vec<_>>())
}

#[track_caller]
fn check(replicas: &[SampleColumns], counter: bool, want: &[(i64, f64)]) {
    let mut out = columns(&[(1, 1.0)]);
    penalty(replicas, counter, &mut out);
    assert_eq!(out, columns(want));
}

#[test]
fn one_replica_is_followed_until_it_has_a_gap() {
    let left = columns(&[(0, 1.0), (10_000, 2.0), (20_000, 3.0), (80_000, 4.0)]);
    let right = every(10_000, 1, &[11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0]);
    // The other is kept back by 20 s more, and is turned to at its first sample after that. By then the first one is kept
    // back by 40 s, and its last sample comes too early.
    let want = [(0, 1.0), (10_000, 2.0), (20_000, 3.0), (40_001, 15.0), (50_001, 16.0), (60_001, 17.0), (70_001, 18.0)];
    check(&[left, right], false, &want);
}

#[test]
fn counters_do_not_fall_where_the_replica_changes() {
    let left = columns(&[(0, 100.0), (10_000, 110.0)]);
    let right = every(10_000, 5_000, &[10.0, 20.0, 30.0, 40.0, 50.0]);
    let raised = [(0, 100.0), (10_000, 110.0), (35_000, 110.0), (45_000, 120.0)];
    check(&[left.clone(), right.clone()], true, &raised);
    let plain = [(0, 100.0), (10_000, 110.0), (35_000, 40.0), (45_000, 50.0)];
    check(&[left, right], false, &plain);
}

#[test]
fn times_at_the_ends_of_what_can_be_told_are_survived() {
    let far = columns(&[(i64::MIN, 1.0), (0, 2.0), (i64::MAX, 3.0)]);
    check(&[far.clone(), far.clone()], true, &[(i64::MIN, 1.0), (0, 2.0), (i64::MAX, 3.0)]);
    let other = columns(&[(i64::MIN + 1, 5.0), (i64::MAX - 1, 6.0)]);
    check(&[far, other], false, &[(i64::MIN, 1.0), (0, 2.0), (i64::MAX, 3.0)]);
}

#[test]
fn more_replicas_than_a_stack_is_deep() {
    let one = every(10_000, 0, &[1.0, 2.0, 3.0]);
    let mut out = SampleColumns::default();
    penalty(&vec![one.clone(); 100_000], false, &mut out);
    assert_eq!(out, one);
    penalty(&vec![one.clone(); 1_000], true, &mut out);
    assert_eq!(out, one);
}

/// A fold as its definition has it: each turn reads an iterator, one sample at a time, and calls itself for the side that
/// is itself a turn.
mod plain {
    use model::SampleColumns;

    pub(super) enum Side<'a> {
        Replica { samples: &'a SampleColumns, at: usize, raise: f64 },
        Turn(Box<Turn<'a>>),
    }

    pub(super) struct Turn<'a> {
        left: Side<'a>,
        right: Side<'a>,
        left_done: bool,
        right_done: bool,
        last_ms: Option<i64>,
        takes_left: bool,
        left_penalty_ms: i64,
        right_penalty_ms: i64,
    }

    impl<'a> Side<'a> {
        pub(super) fn fold(replicas: &'a [SampleColumns]) -> Self {
            let mut sides = replicas.iter().map(|samples| Side::Replica { samples, at: usize::MAX, raise: 0.0 });
            let first = sides.next().unwrap();
            sides.fold(first, |mut left, mut right| {
                let (left_done, right_done) = (!left.next(), !right.next());
                Side::Turn(Box::new(Turn {
                    left,
                    right,
                    left_done,
                    right_done,
                    last_ms: None,
                    takes_left: true,
                    left_penalty_ms: 0,
                    right_penalty_ms: 0,
                }))
            })
        }

        pub(super) fn next(&mut self) -> bool {
            match self {
                Side::Replica { samples, at, .. } => {
                    *at = at.wrapping_add(1);
                    *at < samples.len()
                }
                Side::Turn(turn) => turn.next(),
            }
        }

        fn seek(&mut self, from_ms: i64) -> bool {
            while self.sample().0 < from_ms {
                if !self.next() {
                    return false;
                }
            }
            true
        }

        pub(super) fn sample(&self) -> (i64, f64) {
            match self {
                Side::Replica { samples, at, raise } => (samples.timestamps_ms[*at], samples.values[*at] + raise),
                Side::Turn(turn) if turn.takes_left => turn.left.sample(),
                Side::Turn(turn) => turn.right.sample(),
            }
        }

        fn raise_to(&mut self, last: f64) {
            let value = self.sample().1;
            match self {
                Side::Replica { raise, .. } if last > value => *raise += last - value,
                Side::Replica { .. } => {}
                Side::Turn(turn) => turn.raise_to(last),
            }
        }
    }

    impl Turn<'_> {
        fn next(&mut self) -> bool {
            let side = if self.takes_left { (&self.left, self.left_done) } else { (&self.right, self.right_done) };
            let (took_left, last) = (self.takes_left, (!side.1).then(|| side.0.sample().1));
            let more = self.choose();
            if let Some(last) = last
                && self.takes_left != took_left
            {
                self.raise_to(last);
            }
            more
        }

        fn choose(&mut self) -> bool {
            let from = |penalty_ms: i64| self.last_ms.map_or(i64::MIN, |last_ms| last_ms + 1 + penalty_ms);
            let (left_ms, right_ms) = (from(self.left_penalty_ms), from(self.right_penalty_ms));
            self.left_done = self.left_done || !self.left.seek(left_ms);
            self.right_done = self.right_done || !self.right.seek(right_ms);
            if self.left_done && self.right_done {
                self.takes_left = false;
                return false;
            }
            self.takes_left = self.right_done || !self.left_done && self.left.sample().0 <= self.right.sample().0;
            let at_ms = if self.takes_left { self.left.sample().0 } else { self.right.sample().0 };
            let away = self.last_ms.map_or(5_000, |last_ms| 2 * (at_ms - last_ms));
            let both = !self.left_done && !self.right_done;
            if self.takes_left {
                self.left_penalty_ms = 0;
                self.right_penalty_ms = if both { away } else { self.right_penalty_ms };
            } else {
                self.right_penalty_ms = 0;
                self.left_penalty_ms = if both { away } else { self.left_penalty_ms };
            }
            self.last_ms = Some(at_ms);
            true
        }

        fn raise_to(&mut self, last: f64) {
            if !self.left_done {
                self.left.raise_to(last);
            }
            if !self.right_done {
                self.right.raise_to(last);
            }
        }
    }
}

fn replica() -> impl Strategy<Value = SampleColumns> {
    let sample = (prop_oneof![Just(10_000_i64), Just(10_001), 1_i64..60_000], 0_u32..1_000);
    (-50_000_i64..50_000, prop::collection::vec(sample, 0..40)).prop_map(|(mut at_ms, samples)| {
        let mut columns = SampleColumns::default();
        for (distance_ms, value) in samples {
            at_ms += distance_ms;
            columns.push(at_ms, f64::from(value) / 7.0);
        }
        columns
    })
}

proptest! {
    #[test]
    fn as_a_fold_that_reads_one_sample_at_a_time(replicas in prop::collection::vec(replica(), 2..FEW + 4)) {
        let mut out = SampleColumns::default();
        penalty(&replicas, true, &mut out);
        let (mut fold, mut want) = (plain::Side::fold(&replicas), SampleColumns::default());
        while fold.next() {
            let (timestamp_ms, value) = fold.sample();
            want.push(timestamp_ms, value);
        }
        prop_assert_eq!(&out, &want);
        penalty(&replicas, false, &mut out);
        prop_assert_eq!(out.timestamps_ms, want.timestamps_ms);
    }
}
