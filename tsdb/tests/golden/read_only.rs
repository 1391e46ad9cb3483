//! `head/`, looked at where it lies: what a reader that changes nothing sees is what an owner of a copy sees.

use model::{Fingerprinter, SystemClock, TimeRange};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tsdb::SampleCursor;
use tsdb::db::{Db, DbOptions, DbParts, ReadOnly, ReadOnlyParts, Snapshots};
use tsdb::fs::StdFs;
use tsdb::wal::{Committers, LogOptions, ReplayProgress};

/// Series with their samples, as text.
type Read = BTreeMap<String, Vec<String>>;

fn read(sources: Vec<Arc<dyn tsdb::SeriesSource>>) -> Read {
    let cursors = sources.iter().map(|source| source.select(&[], TimeRange::ALL).unwrap());
    let mut cursor = SampleCursor::new(cursors.collect(), TimeRange::ALL);
    let (mut columns, mut read) = (model::SampleColumns::default(), Read::new());
    while let Some(labels) = cursor.next(&mut columns).unwrap() {
        let samples = columns.timestamps_ms.iter().zip(&columns.values).enumerate();
        let sample = |(at, (time, value)): (usize, (&i64, &f64))| match columns.histogram(at) {
            Some(histogram) => format!("{time} {histogram} {}", columns.start_ms(at)),
            None => format!("{time} {:016x} {}", value.to_bits(), columns.start_ms(at)),
        };
        assert!(read.insert(format!("{labels:?}"), samples.map(sample).collect()).is_none());
    }
    read
}

fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            all.extend(tree(&entry.path()));
        } else {
            all.insert(entry.path(), std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

fn copy_tree(from: &Path, to: &Path) {
    for (path, content) in tree(from) {
        let to = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, content).unwrap();
    }
}

fn open(dir: &Path, scratch: PathBuf) -> ReadOnly {
    let parts = ReadOnlyParts {
        fs: Arc::new(StdFs),
        clock: Arc::new(SystemClock),
        fingerprinter: names(),
        scratch,
        cores: NonZeroUsize::new(2).unwrap(),
    };
    ReadOnly::open(dir, parts, &ReplayProgress::default()).unwrap()
}

fn names() -> Fingerprinter {
    Fingerprinter::new([7; 192])
}

fn open_own(dir: &Path) -> Db {
    let options = DbOptions {
        block_range_ms: 2 * 3_600_000,
        retention_ms: None,
        external_labels: BTreeMap::new(),
        log: LogOptions::default(),
        out_of_order: tsdb::head::OutOfOrder::default(),
        max_exemplars: 0,
        snapshots: Snapshots::default(),
        cores: NonZeroUsize::new(2).unwrap(),
    };
    let committers = Arc::new(Committers::start(NonZeroUsize::MIN).unwrap());
    let parts = DbParts { fs: Arc::new(StdFs), clock: Arc::new(SystemClock), fingerprinter: names(), committers };
    Db::open(dir, options, parts, &ReplayProgress::default()).unwrap()
}

#[test]
fn nothing_is_changed_where_only_reading_is_allowed() {
    let Some(root) = testkit::golden("nothing_is_changed_where_only_reading_is_allowed", "tsdb/head") else { return };
    let places = tempfile::tempdir().unwrap();
    let plain = ["none-killed", "none-closed", "snappy-killed", "zstd-killed", "snapshot-closed", "snapshot-stale"];
    for name in plain.into_iter().chain(["st-killed", "st-closed"]) {
        let (copy, owned) = (places.path().join(name), places.path().join(format!("{name}-owned")));
        copy_tree(&root.join(name).join("data"), &copy);
        copy_tree(&copy, &owned);
        // A segment that is damaged, which an owner would mend.
        let damaged = copy.join("wal").join("00000005");
        if damaged.exists() {
            let mut bytes = std::fs::read(&damaged).unwrap();
            bytes[100] ^= 1;
            std::fs::write(&damaged, &bytes).unwrap();
            std::fs::write(owned.join("wal").join("00000005"), &bytes).unwrap();
        }
        let before = tree(&copy);
        let scratch = places.path().join("scratch");
        let (looked, damages) = {
            let held = open(&copy, scratch.clone());
            (read(held.sources(TimeRange::ALL)), held.opened().unwrap().set_aside.len())
        };
        assert!(before == tree(&copy), "{name} was changed");
        assert!(!scratch.exists(), "{name} left something in the scratch directory");
        let db = open_own(&owned);
        let owned = read(db.sources(TimeRange::ALL));
        assert!(looked.keys().eq(owned.keys()), "{name}");
        for (labels, samples) in &looked {
            assert!(owned[labels] == *samples, "{name}: {labels}: {} samples, {}", samples.len(), owned[labels].len());
        }
        assert_eq!(damages, db.opened().set_aside.len(), "{name}");
        assert!(looked.len() > 10, "{name}: {} series", looked.len());
    }
}

#[test]
fn one_block_and_nothing_at_all() {
    let Some(root) = testkit::golden("one_block_and_nothing_at_all", "tsdb/blocks") else { return };
    let scratch = tempfile::tempdir().unwrap();
    let case = root.join("floats");
    let block =
        std::fs::read_dir(&case).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    let alone = open(&block, scratch.path().join("s"));
    let folder = open(&case, scratch.path().join("s"));
    assert_eq!(alone.blocks().len(), 1);
    assert_eq!(read(alone.sources(TimeRange::ALL)), read(folder.sources(TimeRange::ALL)));
    let empty = tempfile::tempdir().unwrap();
    let parts = ReadOnlyParts {
        fs: Arc::new(StdFs),
        clock: Arc::new(SystemClock),
        fingerprinter: names(),
        scratch: scratch.path().join("s"),
        cores: NonZeroUsize::MIN,
    };
    let refused = ReadOnly::open(empty.path(), parts, &ReplayProgress::default()).unwrap_err().to_string();
    assert!(refused.contains("neither a block nor a log"), "{refused}");
}
