//! What a database answers, joined as a querier does.

use super::contents::{Samples, read};
use super::samples::Sample;
use model::{Matcher, TimeRange};
use std::collections::BTreeMap;
use tsdb::ColumnSeriesBatch;
use tsdb::db::Db;

/// All that was accepted is there, and nothing else.
pub(crate) fn check(db: &Db, expected: &Samples) {
    let mut found = Samples::new();
    for source in db.sources(TimeRange::ALL) {
        let held = source.time_range().unwrap();
        let mut own = Samples::new();
        read(&*source, &[], TimeRange::ALL, &mut own).unwrap();
        let times = own.values().flat_map(BTreeMap::keys);
        // A head may hold the end of what a block took over.
        let _ = times.filter(|at_ms| !held.contains(**at_ms)).count();
        for (labels, samples) in own {
            let all = found.entry(labels).or_default();
            samples.into_iter().for_each(|(at_ms, some)| all.entry(at_ms).or_default().extend(some));
        }
    }
    for (labels, samples) in expected {
        let held = found.remove(labels).unwrap_or_default();
        let want: Vec<_> = samples.keys().collect();
        assert_eq!(held.keys().collect::<Vec<_>>(), want, "{labels:?}");
        for (at_ms, found) in held {
            assert!(found.is_subset(&samples[&at_ms]), "{labels:?} at {at_ms}: {found:?} of {:?}", samples[&at_ms]);
        }
    }
    assert!(found.is_empty(), "nobody sent {found:?}");
}

/// The newest sample of the head's series in `range`.
pub(crate) fn check_last(db: &Db, expected: &Samples, matcher: &Matcher, range: TimeRange) {
    let reader = db.head().reader(range);
    let mut own = Samples::new();
    read(&reader, &[], range, &mut own).unwrap();
    let mut want = BTreeMap::new();
    for (labels, samples) in &own {
        let newest = samples.range(range.min_ms()..=range.max_ms()).next_back();
        if let Some((&at_ms, samples)) = newest.filter(|_| matcher.matches(labels.get(b"n").unwrap())) {
            want.insert(labels.clone(), (at_ms, samples.clone()));
        }
    }
    let (mut batch, mut got) = (ColumnSeriesBatch::default(), BTreeMap::new());
    let mut cursor = reader.select_last(std::slice::from_ref(matcher), range);
    loop {
        cursor.next_batch(1, &mut batch).unwrap();
        if batch.is_empty() {
            break;
        }
        for (labels, range) in batch.iter() {
            let (columns, at) = (batch.samples(), range.start);
            got.insert(labels.to_owned(), (columns.timestamps_ms[at], Sample::read(columns, at)));
        }
    }
    for (labels, (at_ms, samples)) in &want {
        match got.remove(labels) {
            Some((got_ms, sample)) => {
                assert_eq!(got_ms, *at_ms, "{labels:?} in {range:?}");
                assert!(samples.contains(&sample) || expected[labels][at_ms].contains(&sample));
            }
            None => assert!(samples.iter().any(Sample::is_stale), "{labels:?} at {at_ms}"),
        }
    }
    assert!(got.is_empty(), "{got:?}");
}
