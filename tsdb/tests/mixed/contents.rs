//! All that a database holds, read as a querier reads it.

#![allow(dead_code, reason = "several test programs share this, each uses a part")]

use super::samples::Sample;
use model::{Labels, Matcher, ResetHint, SampleColumns, TimeRange};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tsdb::db::Db;
use tsdb::{ChunkSeriesBatch, SeriesSource, SourceError, chunk};

/// Of each series its samples by time. Head and blocks may each have one of a time.
pub(crate) type Samples = BTreeMap<Labels, BTreeMap<i64, HashSet<Sample>>>;

/// Times and values, these by their bits, of each series.
pub(crate) type Exemplars = BTreeMap<Labels, BTreeSet<(i64, u64)>>;

/// What a database holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) samples: Samples,
    pub(crate) exemplars: Exemplars,
    /// The help of each series of the head that has one.
    pub(crate) help: BTreeMap<Labels, String>,
    /// The series that the head has, and that have something to be seen in it.
    pub(crate) in_head: BTreeSet<Labels>,
    /// What lies before it is blocks' business, which hold no exemplars.
    pub(crate) floor_ms: i64,
}

impl Contents {
    /// Reads everything.
    pub(crate) fn of(db: &Db) -> Result<Self, SourceError> {
        let mut found = Self { floor_ms: db.head().floor_ms(), ..Self::default() };
        for source in db.sources(TimeRange::ALL) {
            read(&*source, &[], TimeRange::ALL, &mut found.samples)?;
        }
        let (head, mut batch) = (db.head().reader(TimeRange::ALL), ChunkSeriesBatch::default());
        let mut cursor = head.select(&[], TimeRange::ALL)?;
        loop {
            cursor.next_batch(64, true, &mut batch)?;
            if batch.is_empty() {
                break;
            }
            found.in_head.extend(batch.iter().map(|(labels, _)| labels.to_owned()));
        }
        for series in db.head().exemplars(&[Vec::new()], TimeRange::ALL) {
            let exemplars = series.exemplars.iter().map(|one| (one.timestamp_ms, one.value.to_bits())).collect();
            found.exemplars.insert(series.labels, exemplars);
        }
        db.head().for_each_metadata(|_, labels, said| {
            found.help.insert(labels.to_owned(), String::from_utf8(said.help.to_vec()).unwrap());
        });
        Ok(found)
    }
}

/// Adds what a source has in `range` of the series that all matchers accept. Its series must come in order, the chunks of a
/// series, too, without overlap, and say when they begin and end.
pub(crate) fn read(
    source: &dyn SeriesSource,
    matchers: &[Matcher],
    range: TimeRange,
    found: &mut Samples,
) -> Result<(), SourceError> {
    let (mut batch, mut columns, mut before) = (ChunkSeriesBatch::default(), SampleColumns::default(), None::<Labels>);
    let mut cursor = source.select(matchers, range)?;
    loop {
        cursor.next_batch(3, false, &mut batch)?;
        if batch.is_empty() {
            return Ok(());
        }
        assert!(batch.len() <= 3);
        for (labels, chunks) in batch.iter() {
            assert!(before.as_ref().is_none_or(|before| before.as_ref() < labels), "{labels:?} is out of order");
            before = Some(labels.to_owned());
            columns.clear();
            for chunk in chunks {
                let start = columns.len();
                chunk::decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
                let times = &columns.timestamps_ms[start..];
                assert_eq!((times.first(), times.last()), (Some(&chunk.min_ms), Some(&chunk.max_ms)));
            }
            let times = &columns.timestamps_ms;
            assert!(times.is_sorted_by(|one, other| one < other), "{labels:?}: {times:?}");
            (0..columns.len()).for_each(|at| check_hint(&columns, at));
            let inside = (0..columns.len()).filter(|&at| range.contains(times[at]));
            for at in inside {
                // A chunk may reach into the range without having a sample there, so not before this.
                let held = found.entry(labels.to_owned()).or_default();
                held.entry(times[at]).or_default().insert(Sample::read(&columns, at));
            }
        }
    }
}

/// A histogram says that no counter began anew since the sample before it only where that is one of its kind that counts no
/// more.
fn check_hint(columns: &SampleColumns, at: usize) {
    let Some(histogram) = columns.histogram(at).filter(|histogram| histogram.hint == ResetHint::NotReset) else {
        return;
    };
    let before = at.checked_sub(1).and_then(|before| columns.histogram(before));
    let follows = before.is_some_and(|before| {
        let value = |cell: u64| histogram.numbers.value(cell);
        let grows = !before.is_stale() && value(before.count()) <= value(histogram.count());
        before.numbers == histogram.numbers && (grows || histogram.is_stale())
    });
    assert!(follows, "at {}: {histogram:?} after {before:?}", columns.timestamps_ms[at]);
}
