//! When snapshots are written while samples go on coming.

use crate::rig::{Contents, append, check, open_at, options};
use model::ManualClock;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use testkit::{Fault, SimFs, Step};
use tsdb::db::{DbOptions, Snapshots};

const OPENED_MS: i64 = 1_700_000_000_000;
const EVERY_MS: i64 = 60_000;

/// (since the opening, whether something is logged, whether writing fails, how many snapshots there are then)
const STORY: &[(i64, bool, bool, u64)] = &[
    (0, true, false, 0),
    (EVERY_MS - 1, true, false, 0),
    (EVERY_MS, true, false, 1),
    (EVERY_MS + 1, true, false, 1),
    (2 * EVERY_MS - 1, true, false, 1),
    (2 * EVERY_MS, true, false, 2),
    // Nothing is new; and then the interval is over long since.
    (3 * EVERY_MS, false, false, 2),
    (3 * EVERY_MS + 500, true, false, 3),
    (4 * EVERY_MS + 499, true, false, 3),
    (4 * EVERY_MS + 500, true, false, 4),
    // One that fails is tried again when the interval is over, whether something is new or not.
    (5 * EVERY_MS + 500, true, true, 4),
    (5 * EVERY_MS + 501, true, false, 4),
    (6 * EVERY_MS + 499, false, false, 4),
    (6 * EVERY_MS + 500, false, false, 5),
];

#[test]
fn the_next_snapshot_is_due_an_interval_after_the_last() {
    let (fs, clock) = (SimFs::new(), Arc::new(ManualClock::at(OPENED_MS)));
    let snapshots = Snapshots { at_end: false, every_ms: Some(EVERY_MS) };
    let options = DbOptions { snapshots, ..options() };
    let db = open_at(Arc::new(fs.clone()), Path::new("/data"), options, Arc::clone(&clock) as _).unwrap();
    let (mut expected, mut last_ms) = (Contents::new(), None);
    let mut before = 0;
    for (step, &(since_ms, logs, fails, written)) in (0..).zip(STORY) {
        clock.set(OPENED_MS + since_ms);
        if logs {
            append(&db, 5, step * 1000, &mut expected);
        }
        if fails {
            let (path_part, error) = ("chunk_snapshot".to_owned(), ErrorKind::Other);
            fs.fail(Fault { step: Step::Create, path_part, skip: 0, times: 1, error, written_bytes: 0 });
        }
        assert_eq!(db.maintain().is_err(), fails, "after {since_ms} ms");
        fs.heal();
        if written > before {
            last_ms = Some(OPENED_MS + since_ms);
        }
        let stats = db.stats();
        assert_eq!((stats.snapshots, stats.last_snapshot_ms), (written, last_ms), "after {since_ms} ms");
        before = written;
    }
    drop(db);
    check(&crate::rig::open_on(Arc::new(fs), Path::new("/data"), crate::rig::options()).unwrap(), &expected);
}
