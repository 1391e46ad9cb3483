use super::WithoutBuckets;
use crate::Grid;
use crate::histogram::fixture::histogram;
use crate::plan::{Leaf, Reading, Shift};
use crate::statistics::Counted;
use model::{HistogramRef, ResetHint, STALE_NAN, SampleColumns};
use std::sync::Arc;

/// What is left of histograms, one every ten seconds from 10 s on, for a selector that looks `lookback_s` back from each of the
/// steps: count, sum and hint of each.
#[track_caller]
fn check(steps: (i64, i64, i64), lookback_s: i64, texts: &[&str], want: &str) {
    let mut columns = SampleColumns::default();
    for (at, text) in texts.iter().enumerate() {
        let histogram = histogram(text.trim_start_matches(['!', '=', '~']));
        let hint = match text.as_bytes()[0] {
            b'!' => ResetHint::Reset,
            b'=' => ResetHint::NotReset,
            b'~' => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        };
        columns.push_histogram((at as i64 + 1) * 10_000, HistogramRef { hint, ..histogram.as_ref() });
    }
    let (start, end, step) = steps;
    let grid = Arc::new(Grid::range(start * 1000, end * 1000, step * 1000));
    let lookback_ms = lookback_s * 1000;
    let leaf =
        Leaf::Instant { grid, shift: Shift::Back(0), lookback_ms, reading: Reading::Sample, counted: Counted::Steps };
    let mut without = WithoutBuckets::default();
    without.fill(&columns, &leaf);
    let write = |histogram: HistogramRef<'_>| {
        assert_eq!(histogram.layout.cells(), 2, "there are buckets");
        let count = f64::from_bits(histogram.count());
        format!("{} {count} {} {:?}", histogram.layout.schema(), histogram.sum, histogram.hint)
    };
    let got: Vec<String> = without.histograms().iter().map(write).collect();
    assert_eq!(got.join(", "), want);
}

#[test]
fn what_buckets_tell_of_the_counter_is_kept() {
    let texts = ["s1 c4 x9 p1:1,3", "s1 c5 x9 p1:2,3", "s1 c6 x9 p1:4,2", "b1 c6 x9 p0:6"];
    let want = "1 4 9 Unknown, 1 5 9 NotReset, 1 6 9 Reset, -53 6 9 Reset";
    check((10, 40, 10), 300, &texts, want);
}

#[test]
fn hints_that_are_there_stay() {
    check(
        (10, 30, 10),
        300,
        &["=s1 c4 x9 p1:4", "!s1 c5 x9 p1:5", "s1 c5 x9 p1:5"],
        "1 4 9 NotReset, 1 5 9 Reset, 1 5 9 NotReset",
    );
    check((10, 20, 10), 300, &["s1 c4 x9 p1:4", "~s1 c5 x9 p1:5"], "1 4 9 Unknown, 1 5 9 Gauge");
}

#[test]
fn what_no_step_sees_is_not_compared_with() {
    let texts = ["s1 c4 x9 p1:4", "s1 c5 x9 p1:5", "s1 c6 x9 p1:6", "s1 c7 x9 p1:7", "s1 c8 x9 p1:8"];
    // The second step sees the last two only.
    let want = "1 4 9 Unknown, 1 5 9 NotReset, 1 6 9 NotReset, 1 7 9 Unknown, 1 8 9 NotReset";
    check((10, 50, 40), 15, &texts, want);
    // One that is just as old as the lookback is long is not seen either.
    check((10, 50, 40), 20, &texts, want);
}

#[test]
fn the_end_of_a_series_is_nothing_to_compare_with() {
    let stale = format!("s1 c0 x{}", f64::NAN);
    let mut columns = SampleColumns::default();
    columns.push_histogram(10_000, histogram("s1 c4 x9 p1:4").as_ref());
    columns.push_histogram(20_000, HistogramRef { sum: STALE_NAN, ..histogram(&stale).as_ref() });
    columns.push_histogram(30_000, histogram("s1 c5 x9 p1:5").as_ref());
    let grid = Arc::new(Grid::range(10_000, 30_000, 10_000));
    let leaf = Leaf::Instant {
        grid,
        shift: Shift::Back(0),
        lookback_ms: 300_000,
        reading: Reading::Sample,
        counted: Counted::Steps,
    };
    let mut without = WithoutBuckets::default();
    without.fill(&columns, &leaf);
    let hints: Vec<_> = without.histograms().iter().map(|histogram| histogram.hint).collect();
    assert_eq!(hints, [ResetHint::Unknown, ResetHint::Unknown, ResetHint::NotReset]);
    assert!(without.histograms().get(1).unwrap().is_stale());
}
