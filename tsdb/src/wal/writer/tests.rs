use super::{Durability, Effect, Group, Repair, Writer};
use crate::wal::codec::Coding;

const SEGMENT_BYTES: u64 = 100;

/// A record of 40 bytes framed: two fit into a segment.
const RECORD: [u8; 33] = [7; 33];

struct Bench {
    writer: Writer,
    group: Group,
}

impl Bench {
    fn new(durability: Durability) -> Self {
        Self { writer: Writer::new(3, SEGMENT_BYTES, durability), group: Group::default() }
    }

    /// Plans a group of so many records; returns its steps in short.
    fn plan(&mut self, records: usize, close: bool) -> Vec<String> {
        self.writer.begin(&mut self.group);
        for _ in 0..records {
            self.writer.add(&RECORD, Coding::Plain, &mut self.group);
        }
        self.writer.finish(close, &mut self.group);
        let short = |effect: &Effect| match effect {
            Effect::Append(range) => format!("append {}", range.len()),
            other => format!("{other:?}").to_lowercase(),
        };
        self.group.effects().iter().map(short).collect()
    }

    /// Takes the first `steps` steps; then fails if there are more.
    fn run(&mut self, steps: usize) -> Option<Repair> {
        let effects = self.group.effects().to_vec();
        for effect in effects.iter().take(steps) {
            self.writer.done(effect);
        }
        if effects.len() > steps { self.writer.failed() } else { None }
    }
}

#[test]
fn the_first_record_creates_the_next_segment() {
    let mut bench = Bench::new(Durability::Synced);
    assert_eq!(bench.plan(1, false), ["create(3)", "syncnames", "append 40", "syncdata"]);
    assert_eq!(bench.run(9), None);
    assert_eq!(bench.plan(1, false), ["append 40", "syncdata"]);
    assert_eq!(bench.plan(0, false), Vec::<String>::new());
}

#[test]
fn a_full_segment_is_left() {
    let mut bench = Bench::new(Durability::Synced);
    let (first, second) = (["create(3)", "syncnames", "append 80", "syncdata"], ["close", "create(4)"]);
    assert_eq!(bench.plan(3, false), [&first[..], &second, &["syncnames", "append 40", "syncdata"]].concat());
    bench.run(99);
    assert_eq!(bench.writer.segment(), 4);
}

#[test]
fn a_record_larger_than_a_segment_gets_one_of_its_own() {
    let mut bench = Bench::new(Durability::Synced);
    bench.writer.begin(&mut bench.group);
    for size in [10, 300, 10] {
        bench.writer.add(&vec![1; size], Coding::Plain, &mut bench.group);
    }
    bench.writer.finish(false, &mut bench.group);
    let creates = bench.group.effects().iter().filter(|effect| matches!(effect, Effect::Create(_))).count();
    assert_eq!(creates, 3);
}

#[test]
fn only_the_default_level_syncs_every_group() {
    for durability in [Durability::Written, Durability::Buffered] {
        let mut bench = Bench::new(durability);
        assert_eq!(bench.plan(1, false), ["create(3)", "syncnames", "append 40"]);
        bench.run(9);
        assert_eq!(bench.plan(2, false), ["append 40", "syncdata", "close", "create(4)", "syncnames", "append 40"]);
    }
}

#[test]
fn a_turn_completes_the_segment() {
    let mut bench = Bench::new(Durability::Synced);
    assert_eq!(bench.plan(0, true), Vec::<String>::new(), "there is none");
    assert_eq!(bench.plan(1, true), ["create(3)", "syncnames", "append 40", "syncdata", "close"]);
    bench.run(9);
    assert_eq!(bench.writer.segment(), 4);
    assert_eq!(bench.plan(1, false)[0], "create(4)");
    let mut written = Bench::new(Durability::Written);
    written.plan(1, false);
    written.run(9);
    assert_eq!(written.plan(0, true), ["syncdata", "close"]);
}

#[test]
fn a_failure_gives_the_segment_up() {
    // Nothing was confirmed: the segment goes, its number is used again.
    for steps in 1..4 {
        let mut bench = Bench::new(Durability::Synced);
        bench.plan(1, false);
        assert_eq!(bench.run(steps), Some(Repair::Remove(3)));
        bench.writer.removed(3);
        assert_eq!(bench.plan(1, false)[0], "create(3)");
    }
    // It could not be removed.
    let mut bench = Bench::new(Durability::Synced);
    bench.plan(1, false);
    bench.run(2);
    assert_eq!(bench.plan(1, false)[0], "create(4)");
    // Something was confirmed.
    for steps in 0..2 {
        let mut bench = Bench::new(Durability::Synced);
        bench.plan(1, false);
        bench.run(9);
        bench.plan(1, false);
        assert_eq!(bench.run(steps), Some(Repair::Cut { segment: 3, size_bytes: 40 }), "failed at {steps}");
        assert_eq!(bench.plan(1, false)[0], "create(4)");
    }
}

#[test]
fn a_segment_that_could_not_be_created_is_tried_again() {
    let mut bench = Bench::new(Durability::Synced);
    bench.plan(1, false);
    assert_eq!(bench.run(0), None.or(bench.writer.failed()));
    assert_eq!(bench.plan(1, false)[0], "create(3)");
    bench.writer.name_is_taken();
    assert_eq!(bench.plan(1, false)[0], "create(4)");
}
