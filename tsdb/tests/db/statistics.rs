//! What heads hold, counted.

use crate::rig::{Contents, RANGE_MS, append, open_on, options};
use model::TimeRange;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::head::{Counted, LabelSize};

/// Labels that no series has any longer are kept while somebody reads, and count no more.
#[test]
fn what_is_only_kept_for_a_reader_is_not_counted() {
    let db = open_on(Arc::new(SimFs::new()), Path::new("/data"), options()).unwrap();
    append(&db, 5, 0, &mut Contents::new());
    append(&db, 2, 3 * RANGE_MS, &mut Contents::new());
    let count = || {
        let counted = db.head().statistics(9, LabelSize::Packed);
        let values = |one: &Counted| format!("{} {}", String::from_utf8_lossy(&one.name), one.count);
        (counted.series, counted.label_pairs, counted.values_by_name.iter().map(values).collect::<Vec<_>>().join(", "))
    };
    assert_eq!(count(), (5, 6, "n 5, __name__ 1".to_owned()));
    // Of what stays: nothing goes that is looked at.
    let reader = db.head().reader(TimeRange::new(3 * RANGE_MS, i64::MAX).unwrap());
    db.maintain().unwrap();
    assert_eq!(count(), (2, 3, "n 2, __name__ 1".to_owned()));
    drop(reader);
}
