//! A database against a model: everything that can come to it, in any order, and what it must answer.
//!
//! [`World`] holds both, and tells of each sample beforehand whether it is taken; [`Oracle`] knows what must be there.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "mixed/batch.rs"]
mod batch;
#[path = "mixed/contents.rs"]
mod contents;
#[path = "mixed/oracle.rs"]
mod oracle;
#[path = "db/rig.rs"]
mod rig;
#[path = "mixed/samples.rs"]
mod samples;
#[path = "model/threads.rs"]
mod threads;
#[path = "model/world.rs"]
mod world;

use model::{MatchOp, Matcher, TimeRange};
use proptest::prelude::*;
use rig::RANGE_MS;
use tsdb::db::Snapshots;
use world::{Move, World};

#[derive(Debug, Clone)]
enum Step {
    /// Series by number, each with samples: how far from the newest of the series, and which value.
    Append(Vec<(u8, Vec<(Move, u8)>)>),
    /// Many samples of a few series, so that chunks become full.
    Long(u8, u8),
    /// Of the series that a matcher accepts, from so long before the newest sample on, so long.
    Delete((u8, u8, u8), i64, i64),
    Compare(Vec<(u8, u8, u8)>),
    Maintain,
    Flush,
    Clean,
    /// With so many cores; closed before, or not.
    Restart(usize, bool),
}

fn matcher((name, op, value): (u8, u8, u8)) -> Matcher {
    let name = ["__name__", "id", "job", "a", "zone", "absent"][usize::from(name) % 6];
    let op = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex][usize::from(op) % 4];
    let is_regex = matches!(op, MatchOp::Regex | MatchOp::NotRegex);
    let values: &[&str] = if is_regex {
        &["", ".*", ".+", "metric_[01]", "job-1|job-2", "(x|)", "1.?", "job-.*", "|one", "m.*_2"]
    } else {
        &["", "metric_0", "job-1", "one", "3", "xxxxxxxxxxxxxxxxxxxxxx"]
    };
    Matcher::new(op, name, values[usize::from(value) % values.len()]).unwrap()
}

fn one_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        12 => Just(Move::Step),
        3 => (-RANGE_MS / 2..RANGE_MS / 3).prop_map(Move::By),
        1 => (-3 * RANGE_MS..2 * RANGE_MS).prop_map(Move::By),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let samples = proptest::collection::vec((one_move(), any::<u8>()), 0..12);
    let append = proptest::collection::vec((any::<u8>(), samples), 1..30).prop_map(Step::Append);
    let one_matcher = any::<(u8, u8, u8)>;
    let matchers = proptest::collection::vec(one_matcher(), 0..4);
    prop_oneof![
        12 => append,
        3 => any::<(u8, u8)>().prop_map(|(first, count)| Step::Long(first, count)),
        2 => (one_matcher(), -5_000..3 * RANGE_MS, 0..2 * RANGE_MS).prop_map(|(m, back, long)| Step::Delete(m, back, long)),
        3 => matchers.prop_map(Step::Compare),
        4 => Just(Step::Maintain),
        1 => Just(Step::Flush),
        1 => Just(Step::Clean),
        3 => (1_usize..4, any::<bool>()).prop_map(|(cores, closed)| Step::Restart(cores, closed)),
    ]
}

/// Of the head: none, when it is closed, with every maintenance, so that it is killed with some of the log behind, or both.
fn snapshots() -> impl Strategy<Value = Snapshots> {
    any::<(bool, bool)>().prop_map(|(at_end, with_maintenance)| Snapshots {
        at_end,
        every_ms: with_maintenance.then_some(0),
        ..Snapshots::NEVER
    })
}

fn run(window_ms: i64, snapshots: Snapshots, steps: Vec<Step>) {
    let mut world = World::new(window_ms, snapshots);
    for step in steps {
        match step {
            Step::Append(series) => world.append(&series),
            Step::Long(first, count) => {
                let moves: Vec<_> = (0..count).map(|value| (Move::Step, value)).collect();
                let series: Vec<_> = (0..3).map(|next| (first.wrapping_add(next), moves.clone())).collect();
                world.append(&series);
            }
            Step::Delete(of, back_ms, length_ms) => world.delete(&matcher(of), back_ms, length_ms),
            Step::Compare(matchers) => {
                let matchers: Vec<_> = matchers.into_iter().map(matcher).collect();
                world.compare(&matchers, TimeRange::ALL);
                world.compare(&matchers, world.recent(RANGE_MS, RANGE_MS / 3));
                world.compare(&matchers, world.recent(RANGE_MS / 3, 0));
            }
            Step::Maintain => world.upkeep(|db| drop(db.maintain().unwrap())),
            Step::Flush => world.upkeep(|db| drop(db.flush().unwrap())),
            Step::Clean => world.upkeep(|db| drop(db.clean_tombstones().unwrap())),
            Step::Restart(cores, closed) => world.restart(cores, closed),
        }
    }
    world.check();
    world.restart(1, false);
}

/// A few lives, or as many as `$PROPTEST_CASES` says.
fn lives() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(64),
    }
}

proptest! {
    #![proptest_config(lives())]
    #[test]
    fn a_database_is_a_map(
        late in any::<bool>(),
        snapshots in snapshots(),
        steps in proptest::collection::vec(step(), 1..50),
    ) {
        run(if late { 3 * RANGE_MS } else { 0 }, snapshots, steps);
    }
}

/// Timestamps at both ends of time, and jumps between them.
#[test]
fn any_two_timestamps_can_follow_each_other() {
    let series = |to_ms: i64, number: u8| Step::Append(vec![(1, vec![(Move::To(to_ms), number)])]);
    let times = [i64::MIN, i64::MIN + 1, -5, -1, 0, 1, 7_200_000, 1 << 40, 1 << 62, i64::MAX - 11, i64::MAX - 10];
    let mut steps: Vec<_> = times.iter().zip(5..).map(|(&to_ms, number)| series(to_ms, number)).collect();
    steps.push(Step::Compare(Vec::new()));
    run(0, Snapshots::default(), steps);
}

/// The newest sample of a block that ends with it is deleted, and the block rewritten: where it ended is known all the same.
#[test]
fn what_a_rewritten_block_ended_with_stays_deleted() {
    let mut world = World::new(0, Snapshots::default());
    world.append(&[(1, vec![(Move::Step, 7); 5]), (2, vec![(Move::Step, 7)])]);
    world.upkeep(|db| drop(db.flush().unwrap()));
    world.delete(&Matcher::new(MatchOp::Equal, "zone", "one").unwrap(), 2_000, 5_000);
    world.upkeep(|db| drop(db.clean_tombstones().unwrap()));
    world.restart(1, false);
}

/// What is newest was deleted, so the last block ends long before the head was cut. Late samples keep the series, and its chunks
/// are still in a file: a restart, which takes the end of the block for that of all blocks, finds them.
#[test]
fn what_was_deleted_behind_the_last_block_stays_deleted() {
    let mut world = World::new(3 * RANGE_MS, Snapshots::default());
    world.append(&[(0, vec![])]);
    world.append(&[(90, vec![(Move::By(7_000), 0), (Move::Step, 0), (Move::Step, 249), (Move::Step, 2)])]);
    world.delete(&Matcher::new(MatchOp::NotEqual, "__name__", "").unwrap(), 1_500, 1_500);
    world.append(&[(0, [0, 0, 0, 124, 198, 252, 186, 250, 38].map(|value| (Move::Step, value)).to_vec())]);
    world.upkeep(|db| drop(db.maintain().unwrap()));
    world.upkeep(|db| drop(db.flush().unwrap()));
    world.restart(1, false);
}

/// The same, and a chunk that began before the end of the block is found again. What is deleted before that end is deleted from
/// the block, and must not be seen in that chunk.
#[test]
fn what_blocks_have_of_a_chunk_is_deleted_there() {
    let mut world = World::new(3 * RANGE_MS, Snapshots::default());
    let at = |after_ms: i64, value| (Move::To(world::START_MS + after_ms), value);
    world.append(&[(10, [0, 1_500, 3_000, 4_500].map(|after_ms| at(after_ms, 70)).to_vec())]);
    // A chunk ends where a series goes on with floats.
    world.append(&[(10, vec![at(6_000, 249)]), (0, vec![at(6_000, 70), at(100, 70)])]);
    world.delete(&Matcher::new(MatchOp::Equal, "id", "5").unwrap(), 3_000, 3_000);
    world.delete(&Matcher::new(MatchOp::Equal, "id", "0").unwrap(), 0, 0);
    world.upkeep(|db| drop(db.flush().unwrap()));
    world.restart(1, true);
    world.delete(&Matcher::new(MatchOp::Equal, "id", "5").unwrap(), 6_000, 1_500);
    world.restart(1, false);
}

/// What a snapshot has was cut as a block since, and the series goes on behind it. What is deleted from the block is not found
/// in the snapshot; nor is what the block has the head's newest, before which samples are refused.
#[test]
fn what_blocks_have_of_a_snapshot_is_left_to_them() {
    let mut world = World::new(0, Snapshots { every_ms: Some(0), ..Snapshots::NEVER });
    let at = |after_ms: i64| (Move::To(world::START_MS + after_ms), 70);
    world.append(&[(35, vec![at(0)])]);
    world.upkeep(|db| drop(db.maintain().unwrap()));
    world.upkeep(|db| drop(db.flush().unwrap()));
    world.restart(1, false);
    assert!(world.has_snapshot());
    world.append(&[(35, vec![at(51_501)]), (35, vec![at(1_500)])]);
    world.delete(&Matcher::new(MatchOp::Equal, "zone", "one").unwrap(), 51_501, 0);
    world.restart(1, false);
}

/// All that a snapshot has was deleted since, and no block says that its time was cut: the log does not say either what was
/// deleted once it is cut.
#[test]
fn what_was_deleted_since_a_snapshot_stays_deleted() {
    let mut world = World::new(0, Snapshots { at_end: true, ..Snapshots::NEVER });
    world.append(&[(0, vec![(Move::Step, 70)])]);
    world.restart(1, true);
    world.delete(&Matcher::new(MatchOp::Equal, "id", "0").unwrap(), 0, 0);
    world.upkeep(|db| drop(db.maintain().unwrap()));
    world.upkeep(|db| drop(db.flush().unwrap()));
    world.restart(1, false);
}

/// What was deleted left nothing for a block, so a restart takes its time once more. The log has the deletion still, which was
/// made before.
#[test]
fn a_deletion_hides_nothing_that_comes_after_it() {
    let mut world = World::new(3 * RANGE_MS, Snapshots::default());
    let at = |after_ms: i64, value| (Move::To(world::START_MS + after_ms), value);
    world.append(&[(0, vec![at(1_500, 70), at(0, 70)])]);
    world.upkeep(|db| drop(db.maintain().unwrap()));
    world.delete(&Matcher::new(MatchOp::Equal, "id", "0").unwrap(), 0, 0);
    world.upkeep(|db| drop(db.flush().unwrap()));
    world.restart(1, false);
    world.append(&[(0, vec![at(1_500, 70)])]);
    world.restart(1, false);
}

/// The newest samples of a flush were deleted, so its block says a later end than its chunks have, and a restart takes that time
/// once more. A block rewritten of it must not end there all the same.
#[test]
fn a_rewritten_block_takes_no_time_that_its_parent_had_not() {
    let mut world = World::new(0, Snapshots::default());
    let at = |after_ms: i64, value| (Move::To(world::START_MS + after_ms), value);
    world.append(&[(0, vec![at(0, 70), at(1_500, 70), at(54_000, 70)])]);
    world.delete(&Matcher::new(MatchOp::Equal, "id", "0").unwrap(), 0, 0);
    world.upkeep(|db| drop(db.flush().unwrap()));
    world.delete(&Matcher::new(MatchOp::Equal, "id", "0").unwrap(), 52_500, 0);
    world.restart(1, false);
    world.append(&[(1, vec![at(30_000, 70)])]);
    world.upkeep(|db| drop(db.clean_tombstones().unwrap()));
    world.restart(1, false);
}

/// A series of a snapshot was gone when the log was cut, and came again under another reference. What is logged under its old
/// one, which the head has from the snapshot, is found without the snapshot.
#[test]
fn a_series_that_came_again_is_found_without_its_snapshot() {
    let mut world = World::new(0, Snapshots { at_end: true, ..Snapshots::NEVER });
    world.append(&[(0, vec![(Move::Step, 70)])]);
    world.restart(1, true);
    world.upkeep(|db| drop(db.maintain().unwrap()));
    world.upkeep(|db| drop(db.flush().unwrap()));
    world.append(&[(0, vec![(Move::Step, 71)])]);
    world.restart(1, false);
    assert!(world.has_snapshot());
    world.append(&[(0, vec![(Move::Step, 72)])]);
    world.lose_snapshots();
    world.restart(1, false);
    assert!(!world.has_snapshot());
}

/// Of twelve series, two have each `id`, four each name.
#[test]
fn how_many_series_there_are_at_most_is_known_by_their_values() {
    let mut world = World::new(0, Snapshots::default());
    let series: Vec<_> = (0..12).map(|number| (number, vec![(Move::Step, 7)])).collect();
    world.append(&series);
    type Row = (&'static [(&'static str, MatchOp, &'static str)], Option<u64>);
    let table: [Row; 9] = [
        (&[("id", MatchOp::Equal, "3")], Some(2)),
        (&[("id", MatchOp::Regex, "3|4|nobody's")], Some(4)),
        (&[("__name__", MatchOp::Equal, "metric_1"), ("id", MatchOp::Equal, "3")], Some(2)),
        (&[("id", MatchOp::Equal, "3"), ("__name__", MatchOp::Equal, "metric_1")], Some(2)),
        (&[("__name__", MatchOp::Equal, "metric_1"), ("id", MatchOp::Regex, ".*3")], Some(4)),
        (&[("__name__", MatchOp::Equal, "metric_1"), ("zone", MatchOp::NotEqual, "one")], Some(4)),
        (&[("absent", MatchOp::Equal, "x")], Some(0)),
        // These say what there is not, or leave it open.
        (&[("zone", MatchOp::NotEqual, "one")], None),
        (&[("zone", MatchOp::Equal, "")], None),
    ];
    for (matchers, want) in table {
        let matchers: Vec<_> =
            matchers.iter().map(|&(name, op, value)| Matcher::new(op, name, value).unwrap()).collect();
        assert_eq!(world.at_most(&matchers), want, "{matchers:?}");
        world.compare(&matchers, TimeRange::ALL);
    }
}

/// All that was flushed had been deleted, so no block says that its time was cut. A restart knows, and takes nothing of it.
#[test]
fn a_floor_that_no_block_says_is_known_after_a_restart() {
    for closed in [true, false] {
        let mut world = World::new(0, Snapshots::default());
        let at = |after_ms: i64| (Move::To(world::START_MS + after_ms), 70);
        world.append(&[(0, vec![at(0), at(1_500)])]);
        world.delete(&Matcher::new(MatchOp::Equal, "id", "0").unwrap(), 1_500, 1_500);
        world.upkeep(|db| drop(db.flush().unwrap()));
        world.restart(1, closed);
        world.append(&[(0, vec![at(0), at(1_500), at(1_501)])]);
        world.restart(1, closed);
    }
}

/// Samples are sent again to where the log still says that they were deleted, and become a full chunk, which a restart finds before it
/// reads the log. They must not be hidden: they come late, for the head knows that it was cut behind them.
#[test]
fn a_deletion_hides_no_chunk_that_came_after_it() {
    let mut world = World::new(3 * RANGE_MS, Snapshots::default());
    let every = |step_ms: i64, count: i64| {
        (0..count).map(|number| (Move::To(world::START_MS + step_ms * number), 70)).collect::<Vec<_>>()
    };
    let late = |back_ms: i64| (0, vec![(Move::To(world::START_MS - back_ms), 70)]);
    world.append(&[(0, every(100, 100)), late(1)]);
    world.upkeep(|db| drop(db.maintain().unwrap()));
    world.delete(&Matcher::new(MatchOp::Equal, "id", "0").unwrap(), 9_900, 9_900);
    world.upkeep(|db| drop(db.flush().unwrap()));
    // Late samples keep the series, and so its reference.
    world.append(&[late(2)]);
    world.restart(1, false);
    world.append(&[(0, every(60, 150))]);
    world.upkeep(|db| drop(db.maintain().unwrap()));
    world.restart(1, false);
}

/// When the head forgets a deletion, because blocks have what was deleted, it is in the log still. A late sample that comes to that
/// time is seen then, and a restart, which reads the log, must not hide it.
#[test]
fn a_deletion_hides_no_late_sample_that_comes_after_it() {
    let mut world = World::new(3 * RANGE_MS, Snapshots::default());
    let at = |back_ms: i64| (Move::To(world::START_MS - back_ms), 70);
    world.append(&[(1, vec![at(20), at(0)])]);
    world.delete(&Matcher::new(MatchOp::Equal, "zone", "one").unwrap(), 10, 0);
    world.upkeep(|db| drop(db.flush().unwrap()));
    world.append(&[(1, vec![at(10)])]);
    world.restart(1, false);
}

/// Late samples were deleted before the head was written as a snapshot: what hides them is only in the log of late samples.
#[test]
fn late_samples_that_were_deleted_before_a_snapshot_stay_deleted() {
    for closed in [true, false] {
        let snapshots = Snapshots { at_end: closed, every_ms: (!closed).then_some(0), ..Snapshots::NEVER };
        let mut world = World::new(3 * RANGE_MS, snapshots);
        let at = |back_ms: i64| (Move::To(world::START_MS - back_ms), 70);
        world.append(&[(1, vec![at(20), at(0)])]);
        world.append(&[(1, vec![at(15), at(10), at(5)])]);
        world.delete(&Matcher::new(MatchOp::Equal, "zone", "one").unwrap(), 15, 5);
        world.upkeep(|db| drop(db.maintain().unwrap()));
        world.append(&[(3, vec![at(0)])]);
        world.restart(1, closed);
        assert!(world.has_snapshot());
        world.restart(1, closed);
    }
}

/// Whether a counter began anew is not the sender's to say, so a histogram that says it in another way is the same sent again.
#[test]
fn a_histogram_with_another_hint_is_the_same() {
    let mut world = World::new(0, Snapshots::default());
    let (reset, gauge) = (202, 211);
    world.append(&[(12, [reset, gauge].map(|hint| (Move::To(world::START_MS), hint)).to_vec())]);
    world.restart(1, false);
}
