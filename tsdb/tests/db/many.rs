//! More series than a container of a bitmap has numbers, in every shard.

use crate::rig::{Batch, NO_LIMITS, names, open_on, options};
use model::{Labels, MatchOp, Matcher, TimeRange};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::ChunkSeriesBatch;
use tsdb::db::{Db, DbOptions};
use tsdb::head::AppendScratch;

/// Over two shards.
const SERIES: i64 = 2 * (1 << 16) + 5000;
const ODD: i64 = SERIES / 2;

fn series(number: i64) -> Labels {
    let parity = if number % 2 == 1 { "odd" } else { "even" };
    Labels::from_pairs([("__name__", "m"), ("cluster", "one"), ("n", &number.to_string()), ("parity", parity)]).unwrap()
}

fn count(db: &Db, op: MatchOp, name: &str, value: &str) -> usize {
    let matchers = [Matcher::new(op, name, value).unwrap()];
    let (mut found, mut batch) = (0, ChunkSeriesBatch::default());
    for source in db.sources(TimeRange::ALL) {
        let mut cursor = source.select(&matchers, TimeRange::ALL).unwrap();
        loop {
            cursor.next_batch(4096, false, &mut batch).unwrap();
            if batch.is_empty() {
                break;
            }
            found += batch.iter().count();
        }
    }
    found
}

#[test]
fn a_label_that_all_series_have_finds_them_all() {
    let options = DbOptions { cores: NonZeroUsize::MIN, ..options() };
    let db = open_on(Arc::new(SimFs::new()), Path::new("/data"), options).unwrap();
    let mut scratch = AppendScratch::default();
    for first in (0..SERIES).step_by(5000) {
        let some = (first..SERIES.min(first + 5000)).map(|number| (series(number), vec![(1000, 1.0)])).collect();
        let (appended, _) = db.append(&Batch { names: names(), series: some }, NO_LIMITS, &mut scratch).unwrap();
        assert_eq!(appended.refused_total, 0);
    }
    for (op, name, value, expected) in [
        (MatchOp::Equal, "cluster", "one", SERIES),
        (MatchOp::Regex, "cluster", "o.*", SERIES),
        (MatchOp::NotEqual, "cluster", "two", SERIES),
        (MatchOp::NotEqual, "cluster", "one", 0),
        (MatchOp::Equal, "parity", "odd", ODD),
        (MatchOp::NotEqual, "parity", "odd", SERIES - ODD),
        (MatchOp::NotEqual, "n", "77", SERIES - 1),
        (MatchOp::Regex, "parity", "odd|even", SERIES),
    ] {
        assert_eq!(count(&db, op, name, value), expected as usize, "{name} {op:?} {value}");
    }
}
