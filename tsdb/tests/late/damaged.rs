//! Chunks, late or not, that go bad while the database is open.

use super::contents::{Contents, Samples};
use super::samples::Sample;
use super::{Mixed, NO_LIMITS, RANGE_MS, START_MS, numbered, options, push, read, rig};
use std::path::Path;
use std::sync::Arc;
use testkit::{Loss, SimFs};
use tsdb::db::Db;
use tsdb::fs::StdFs;
use tsdb::head::AppendScratch;

fn open(dir: &Path) -> Db {
    rig::open_on(Arc::new(StdFs), dir, options()).unwrap()
}

/// Appends samples of two series, the times of which are given as to `push`, and adds what was taken to `expected`.
fn append(db: &Db, times: impl Iterator<Item = i64> + Clone, expected: &mut Samples) {
    let mut series = vec![numbered(1), numbered(2)];
    for (one, kind) in series.iter_mut().zip([0, 2]) {
        times.clone().for_each(|at_ms| push(one, at_ms, (kind, 5)));
    }
    let batch = Mixed { series, ..Mixed::default() };
    let (appended, commit) = db.append(&batch, NO_LIMITS, &mut AppendScratch::default()).unwrap();
    let _durable = commit.wait().unwrap();
    assert_eq!(appended.refused_total, 0);
    for one in &batch.series {
        let held = expected.entry(one.labels.clone()).or_default();
        one.samples().for_each(|(at_ms, sample)| {
            held.entry(at_ms).or_default().insert(sample);
        });
    }
}

/// A database with late chunks of both kinds on disk, in two ranges, nothing else in its chunk files.
fn prepare(db: &Db) -> Samples {
    let mut expected = Samples::new();
    append(db, [START_MS + RANGE_MS / 2].into_iter(), &mut expected);
    append(db, (0..24).map(|at| START_MS - 12_000 + at * 1_000), &mut expected);
    // Nothing is due, but what waits is written.
    assert!(db.maintain().unwrap().is_empty());
    expected
}

/// A database with chunks of both kinds of samples that came in order, in two ranges.
fn prepare_in_order(db: &Db) -> Samples {
    let mut expected = Samples::new();
    append(db, (0..520).map(|at| START_MS + at * 250), &mut expected);
    assert!(db.maintain().unwrap().is_empty());
    expected
}

/// Changes a bit in the data of the chunks that `which` accepts, by their number in the file. Says how many there are.
fn damage(bytes: &mut [u8], which: impl Fn(usize) -> bool) -> usize {
    const HEADER_BYTES: usize = 8;
    const BEFORE_DATA: usize = 26;
    let (mut at, mut number) = (HEADER_BYTES, 0);
    while at < bytes.len() {
        let (low, high) = (usize::from(bytes[at + 25]), usize::from(bytes[at + 26]));
        let (size, front) = if low < 0x80 { (low, BEFORE_DATA) } else { (low & 0x7f | high << 7, BEFORE_DATA + 1) };
        if which(number) {
            bytes[at + front + 3] ^= 0x10;
        }
        at += front + size + 4;
        number += 1;
    }
    number
}

fn damage_file(dir: &Path, which: impl Fn(usize) -> bool) -> usize {
    let path = dir.join("chunks_head/000001");
    let mut bytes = std::fs::read(&path).unwrap();
    let number = damage(&mut bytes, which);
    std::fs::write(&path, bytes).unwrap();
    number
}

/// Whatever chunk is bad, all become blocks: what the log has of it takes its place.
#[test]
fn what_the_log_has_takes_the_place_of_late_chunks_that_cannot_be_read() {
    for bad in [vec![0], vec![3], (1..6).collect(), (0..100).collect::<Vec<_>>()] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path());
        let mut expected = prepare(&db);
        let count = damage_file(dir.path(), |number| bad.contains(&number));
        assert!((8..20).contains(&count), "{count} chunks");
        // Samples that come after the damage, and before it is noticed.
        append(&db, (0..3).map(|at| START_MS - 12_500 + at * 1_000), &mut expected);

        let blocks = db.flush().unwrap();
        assert!(blocks.iter().filter_map(|cut| cut.meta.as_ref()).any(|meta| meta.compaction.is_partial()));
        assert!(db.head().late_range().is_none(), "{:?}", db.head().late_range());
        read::check(&db, &expected);
        let set_aside = db.chunks_set_aside();
        assert_eq!(set_aside.len(), bad.len().min(count));
        assert_eq!(db.stats().chunks_set_aside, set_aside.len() as u64);
        for one in &set_aside {
            assert_eq!(std::fs::metadata(&one.to).unwrap().len(), one.bytes, "{one:?}");
            assert!(one.bytes > 26 && !one.fault.contains("the log had 0 "), "{one:?}");
        }
        db.close().unwrap();
        drop(db);
        // The file may still be there, and then the opening finds the damage by itself.
        read::check(&open(dir.path()), &expected);
    }
}

#[test]
fn what_the_log_has_takes_the_place_of_chunks_that_cannot_be_read() {
    for bad in [vec![0], vec![2], vec![1, 2], (0..100).collect::<Vec<_>>()] {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path());
        let mut expected = prepare_in_order(&db);
        let count = damage_file(dir.path(), |number| bad.contains(&number));
        assert!((4..12).contains(&count), "{count} chunks");
        // Block by block, as they are due, while samples go on coming.
        append(&db, (520..800).map(|at| START_MS + at * 250), &mut expected);
        let [one] = db.maintain().unwrap().try_into().unwrap();
        assert_eq!((one.min_ms, one.max_ms), (START_MS, START_MS + RANGE_MS));
        read::check(&db, &expected);
        db.flush().unwrap();
        assert!(db.head().time_range().is_none());
        read::check(&db, &expected);
        let set_aside = db.chunks_set_aside();
        assert_eq!(set_aside.len(), bad.len().min(count));
        assert_eq!(db.stats().chunks_set_aside, set_aside.len() as u64);
        for one in &set_aside {
            assert_eq!(std::fs::metadata(&one.to).unwrap().len(), one.bytes, "{one:?}");
            assert!(one.bytes > 26 && !one.fault.contains("the log had 0 "), "{one:?}");
        }
        db.close().unwrap();
        drop(db);
        read::check(&open(dir.path()), &expected);
    }
}

/// Where the log does not have it, only that chunk is missing, and the others become blocks.
#[test]
fn a_chunk_that_nobody_can_read_keeps_no_other_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut expected = prepare_in_order(&db);
    damage_file(dir.path(), |number| number == 0);
    for segment in std::fs::read_dir(dir.path().join("wal")).unwrap().map(Result::unwrap) {
        let bytes = std::fs::metadata(segment.path()).unwrap().len() as usize;
        std::fs::write(segment.path(), vec![0; bytes]).unwrap();
    }
    assert_eq!(db.flush().unwrap().iter().filter(|cut| cut.meta.is_some()).count(), 2);
    let [one] = db.chunks_set_aside().try_into().unwrap();
    assert!(one.fault.contains("the log had 0 of that time"), "{one:?}");
    let whole = expected.clone();
    let found = Contents::of(&db).unwrap().samples;
    // One chunk of one series.
    for (labels, held) in &mut expected {
        held.retain(|at_ms, _| found.get(labels).is_some_and(|found| found.contains_key(at_ms)));
    }
    let len = |samples: &Samples| samples.values().map(|held| held.len()).sum::<usize>();
    let lost = len(&whole) - len(&expected);
    assert!((100..=200).contains(&lost), "{lost}");
    assert_eq!(expected.iter().filter(|(labels, held)| held.len() < whole[*labels].len()).count(), 1);
    read::check(&db, &expected);
}

/// Where the log does not have it, only that chunk is missing, and the others become blocks.
#[test]
fn a_late_chunk_that_nobody_can_read_keeps_no_other_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = open(dir.path());
    let mut expected = prepare(&db);
    damage_file(dir.path(), |number| number == 0);
    for segment in std::fs::read_dir(dir.path().join("wbl")).unwrap().map(Result::unwrap) {
        let bytes = std::fs::metadata(segment.path()).unwrap().len() as usize;
        std::fs::write(segment.path(), vec![0; bytes]).unwrap();
    }
    let blocks = db.flush().unwrap();
    assert!(blocks.iter().filter_map(|cut| cut.meta.as_ref()).any(|meta| meta.compaction.is_partial()));
    assert!(db.head().late_range().is_none());
    let [one] = db.chunks_set_aside().try_into().unwrap();
    assert!(one.fault.contains("the log had 0 of that time"), "{one:?}");
    // The first chunk is of the series of floats, and of its first five.
    let floats = expected.get_mut(&numbered(1).labels).unwrap();
    let lost: Vec<i64> = floats.keys().copied().take(5).collect();
    lost.iter().for_each(|at_ms| {
        let gone = floats.remove(at_ms).unwrap();
        assert!(gone.iter().all(|sample| matches!(sample, Sample::Float(_))));
    });
    read::check(&db, &expected);
}

/// Whatever step on the disk is the last while bad chunks are replaced, what was acknowledged is there afterwards.
fn check_crashes(prepare: fn(&Db) -> Samples, bad: [usize; 2]) {
    let begin = || {
        let fs = SimFs::new();
        let db = super::open(&fs);
        let expected = prepare(&db);
        let bad = |number| bad.contains(&number);
        fs.damage(Path::new("/data/chunks_head/000001"), |bytes| _ = damage(bytes, bad)).unwrap();
        (fs, db, expected)
    };
    let (whole, db, _) = begin();
    let before = whole.steps();
    db.flush().unwrap();
    assert_eq!(db.chunks_set_aside().len(), bad.len());
    let steps = whole.steps() - before;
    assert!(steps > 60, "{steps} steps");
    for step in 0..steps {
        let (fs, db, expected) = begin();
        fs.stop_after(before + step);
        let _ends_early = db.flush();
        let fs = fs.crash([Loss::All, Loss::Torn(step), Loss::Reordered(step)][step as usize % 3]);
        read::check(&super::open(&fs), &expected);
    }
}

#[test]
fn a_crash_while_a_late_chunk_is_replaced_loses_nothing() {
    check_crashes(prepare, [1, 7]);
}

#[test]
fn a_crash_while_a_chunk_is_replaced_loses_nothing() {
    check_crashes(prepare_in_order, [0, 3]);
}
