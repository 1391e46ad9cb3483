//! What a database answers, joined as a querier does.

use model::{Labels, Matcher, SampleColumns, TimeRange, is_stale};
use std::collections::{BTreeMap, BTreeSet};
use tsdb::db::Db;
use tsdb::head::LastSamples;
use tsdb::{ChunkSeriesBatch, SeriesSource, chunk};

type Samples = BTreeMap<Labels, BTreeMap<i64, BTreeSet<u64>>>;

/// Adds what a source holds. Its chunks must come in order and not overlap.
fn read(source: &dyn SeriesSource, range: TimeRange, found: &mut Samples) {
    let (mut batch, mut columns) = (ChunkSeriesBatch::default(), SampleColumns::default());
    let mut cursor = source.select(&[], range).unwrap();
    loop {
        cursor.next_batch(2, false, &mut batch).unwrap();
        if batch.is_empty() {
            return;
        }
        for (labels, chunks) in batch.iter() {
            columns.clear();
            for chunk in chunks {
                let before = columns.len();
                chunk::decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
                let times = &columns.timestamps_ms[before..];
                assert_eq!((times.first(), times.last()), (Some(&chunk.min_ms), Some(&chunk.max_ms)));
            }
            let times = &columns.timestamps_ms;
            assert!(times.is_sorted_by(|one, other| one < other), "{labels:?}: {times:?}");
            let held = found.entry(labels.to_owned()).or_default();
            for (&at_ms, value) in times.iter().zip(&columns.values) {
                held.entry(at_ms).or_default().insert(value.to_bits());
            }
        }
    }
}

/// All that was accepted is there, and nothing else.
pub(crate) fn check(db: &Db, expected: &Samples) {
    let mut found = Samples::new();
    for source in db.sources(TimeRange::ALL) {
        let held = source.time_range().unwrap();
        let mut own = Samples::new();
        read(&*source, TimeRange::ALL, &mut own);
        let times = own.values().flat_map(BTreeMap::keys);
        // A head may hold the end of what a block took over.
        let _ = times.filter(|at_ms| !held.contains(**at_ms)).count();
        for (labels, samples) in own {
            let all = found.entry(labels).or_default();
            samples.into_iter().for_each(|(at_ms, bits)| all.entry(at_ms).or_default().extend(bits));
        }
    }
    for (labels, samples) in expected {
        let held = found.remove(labels).unwrap_or_default();
        let want: Vec<_> = samples.keys().collect();
        assert_eq!(held.keys().collect::<Vec<_>>(), want, "{labels:?}");
        for (at_ms, bits) in held {
            assert!(bits.is_subset(&samples[&at_ms]), "{labels:?} at {at_ms}: {bits:?} of {:?}", samples[&at_ms]);
        }
    }
    assert!(found.is_empty(), "nobody sent {found:?}");
}

/// The newest sample of the head's series in `range`.
pub(crate) fn check_last(db: &Db, expected: &Samples, matcher: &Matcher, range: TimeRange) {
    let reader = db.head().reader(range);
    let mut own = Samples::new();
    read(&reader, range, &mut own);
    let mut want = BTreeMap::new();
    for (labels, samples) in &own {
        let newest = samples.range(range.min_ms()..=range.max_ms()).next_back();
        if let Some((&at_ms, bits)) = newest.filter(|_| matcher.matches(labels.get(b"n").unwrap())) {
            want.insert(labels.clone(), (at_ms, bits.clone()));
        }
    }
    let (mut batch, mut got) = (LastSamples::default(), BTreeMap::new());
    let mut cursor = reader.select_last(std::slice::from_ref(matcher), range);
    loop {
        cursor.next_batch(1, &mut batch).unwrap();
        if batch.is_empty() {
            break;
        }
        got.extend(batch.iter().map(|(labels, at_ms, value)| (labels.to_owned(), (at_ms, value))));
    }
    for (labels, (at_ms, bits)) in &want {
        match got.remove(labels) {
            Some((got_ms, value)) => {
                assert_eq!(got_ms, *at_ms, "{labels:?} in {range:?}");
                assert!(bits.contains(&value.to_bits()) || expected[labels][at_ms].contains(&value.to_bits()));
            }
            None => assert!(bits.iter().any(|&bits| is_stale(f64::from_bits(bits))), "{labels:?} at {at_ms}"),
        }
    }
    assert!(got.is_empty(), "{got:?}");
}
