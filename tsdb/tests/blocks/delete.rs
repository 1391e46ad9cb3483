//! Deleting from a block: what is left, what a crash leaves, and what is refused.

use crate::sample::{Selected, Series, labels, open, select, spec, write};
use model::{MatchOp, Matcher, TimeRange};
use proptest::prelude::*;
use std::path::Path;
use testkit::{Loss, SimFs};
use tsdb::SeriesSource;
use tsdb::block::Block;
use tsdb::fs::Fs;

const DIR: &str = "/data";

fn series() -> Series {
    let samples = |number: u64| (0..20_i64).map(|at| (at * 10, at as u64 * 100 + number)).collect();
    (0..3).map(|number| (labels(&[("__name__", "up"), ("n", &number.to_string())]), samples(number))).collect()
}

fn block() -> (SimFs, Block) {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new(DIR)).unwrap();
    fs.sync_dir(Path::new("/")).unwrap();
    write(&fs, Path::new(DIR), spec(&series()), &series());
    let block = open(&fs, Path::new(DIR)).unwrap();
    (fs, block)
}

fn of(numbers: &str) -> [Matcher; 1] {
    [Matcher::new(MatchOp::Regex, "n", numbers).unwrap()]
}

fn range(min_ms: i64, max_ms: i64) -> TimeRange {
    TimeRange::new(min_ms, max_ms).unwrap()
}

fn all(block: &Block) -> Vec<Selected> {
    select(block, &[], TimeRange::ALL).unwrap()
}

/// What stays of `kept` without what was deleted; series without a sample are no answer.
fn without(mut kept: Series, numbers: &[&str], deleted: TimeRange) -> Series {
    for (labels, samples) in &mut kept {
        let is_meant = numbers.iter().any(|number| labels.get(b"n") == Some(number.as_bytes()));
        samples.retain(|(at_ms, _)| !(is_meant && deleted.contains(*at_ms)));
    }
    kept.retain(|_, samples| !samples.is_empty());
    kept
}

fn list(series: Series) -> Vec<Selected> {
    series.into_iter().collect()
}

#[test]
fn what_was_deleted_is_gone_now_and_later_and_for_nobody_who_reads_already() {
    let (fs, before) = block();
    let mut cursor = before.select(&[], TimeRange::ALL).unwrap();
    let first = before.delete(&fs, &of("0|1"), range(35, 120)).unwrap().unwrap();
    let kept = without(series(), &["0", "1"], range(35, 120));
    assert_eq!(all(&first), list(kept.clone()));
    let second = first.delete(&fs, &of("1"), TimeRange::ALL).unwrap().unwrap();
    let kept = without(kept, &["1"], TimeRange::ALL);
    assert_eq!(all(&second), list(kept.clone()));
    // Those who came earlier.
    assert_eq!(all(&before), list(series()));
    let mut batch = tsdb::ChunkSeriesBatch::default();
    cursor.next_batch(9, false, &mut batch).unwrap();
    assert_eq!(batch.len(), 3);
    // Another process.
    let reopened = open(&fs, Path::new(DIR)).unwrap();
    assert_eq!(all(&reopened), list(kept));
    assert_eq!(reopened.tombstones(), second.tombstones());
    assert_eq!((reopened.meta().stats.num_tombstones, reopened.meta()), (2, second.meta()));
    // What all of a series is, is what its chunks hold: readers in Go add to a range's end.
    let [_, last] = reopened.index().all_postings().unwrap().iter().take(2).collect::<Vec<_>>()[..] else { panic!() };
    let whole = reopened.tombstones().of_series(last);
    assert_eq!(whole, [tsdb::block::Deleted { min_ms: 0, max_ms: 190 }]);
    // The index knows no tombstones, as in Prometheus.
    assert_eq!(reopened.label_values(b"n", &[]).unwrap().len(), 3);
}

#[test]
fn nothing_to_delete_is_nothing_done() {
    let (fs, block) = block();
    let steps = fs.steps();
    // The last lies between two chunks.
    for (numbers, range) in
        [("7", TimeRange::ALL), ("0", range(191, i64::MAX)), ("0", range(i64::MIN, -1)), ("0", range(41, 49))]
    {
        assert!(block.delete(&fs, &of(numbers), range).unwrap().is_none());
    }
    assert_eq!(fs.steps(), steps);
    let deleted = block.delete(&fs, &of("0"), range(0, 50)).unwrap().unwrap();
    assert!(deleted.delete(&fs, &of("0"), range(10, 20)).unwrap().is_none());
}

#[test]
fn tombstones_that_cannot_be_read_are_not_written_over() {
    let (fs, block) = block();
    let path = block.dir().join("tombstones");
    block.delete(&fs, &of("0"), TimeRange::ALL).unwrap().unwrap();
    let mut bytes = fs.read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs.plant(&path, &bytes).unwrap();
    let error = open(&fs, Path::new(DIR)).unwrap().delete(&fs, &of("1"), TimeRange::ALL).unwrap_err().to_string();
    assert!(error.contains("tombstones") && error.contains("checksum"), "{error}");
    assert_eq!(fs.read(&path).unwrap(), bytes);
}

#[test]
fn a_crash_while_deleting_leaves_all_of_it_or_nothing() {
    let (whole, sound) = block();
    let before = whole.steps();
    sound.delete(&whole, &of("0"), range(0, 100)).unwrap().unwrap();
    let steps = whole.steps() - before;
    assert!(steps > 8, "{steps} steps");
    let kept = list(without(series(), &["0"], range(0, 100)));
    let mut seen = [0, 0];
    for step in 0..=steps {
        for loss in [Loss::All, Loss::Torn(step), Loss::Reordered(step), Loss::Reordered(step + 1000)] {
            let (fs, block) = block();
            fs.stop_after(before + step);
            let done = block.delete(&fs, &of("0"), range(0, 100)).is_ok();
            let disk = fs.crash(loss);
            let block = open(&disk, Path::new(DIR)).unwrap_or_else(|error| panic!("step {step}, {loss:?}: {error}"));
            assert!(block.tombstones_fault().is_none(), "step {step}, {loss:?}: {:?}", block.tombstones_fault());
            let is_deleted = all(&block) == kept;
            assert!(is_deleted || (!done && all(&block) == list(series())), "step {step}, {loss:?}, {done}");
            seen[usize::from(is_deleted)] += 1;
            // And once more makes it whole, number and all.
            let again = block.delete(&disk, &of("0"), range(0, 100)).unwrap().unwrap_or(block);
            let again = (all(&again), again.meta().stats.num_tombstones);
            assert_eq!(again, (kept.clone(), 1), "step {step}, {loss:?}");
        }
    }
    assert!(seen.iter().all(|&count| count > 5), "{seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn deletions_leave_what_a_list_would(
        deletions in prop::collection::vec(("[012]", -20_i64..220, 0_i64..150), 0..8),
    ) {
        let (fs, mut block) = block();
        let mut kept = series();
        for (number, min_ms, length) in deletions {
            let range = range(min_ms, min_ms + length);
            kept = without(kept, &[&number], range);
            block = block.delete(&fs, &of(&number), range).unwrap().unwrap_or(block);
            prop_assert_eq!(all(&block), list(kept.clone()));
        }
        prop_assert_eq!(all(&open(&fs, Path::new(DIR)).unwrap()), list(kept));
    }
}
