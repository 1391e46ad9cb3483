use crate::histogram::fixture::text;
use crate::{ClassicHistogram, HistogramLayout, InvalidClassicHistogram, Numbers};

/// Buckets and count to a histogram, or the error's text.
#[track_caller]
fn check(buckets: &[(f64, f64)], count: Option<f64>, want: &str) {
    let mut classic = ClassicHistogram::default();
    let faults = buckets.iter().filter_map(|(bound, count)| classic.set_bucket(*bound, *count).err()).count();
    let refused = count.is_some_and(|count| classic.set_count(count).is_err());
    classic.set_sum(1.5);
    let got = match classic.convert() {
        Ok((histogram, Numbers::Integer)) => format!("integer {}", text(&histogram)),
        Ok((histogram, Numbers::Float)) => format!("float {}", text(&histogram)),
        Err(fault) => fault.to_string(),
    };
    assert_eq!(got, want);
    assert_eq!(faults == 0 && !refused, classic.fault.is_none());
}

#[test]
fn cumulative_counts_become_those_of_buckets() {
    let inf = f64::INFINITY;
    check(&[(1.0, 2.0), (2.0, 5.0), (inf, 9.0)], Some(9.0), "integer b1,2 c9 x1.5 p0:2,3,4");
    check(&[(inf, 9.0), (2.0, 5.0), (1.0, 2.0), (2.0, 4.0)], None, "integer b1,2 c9 x1.5 p0:2,3,4");
    check(&[(1.0, 2.0), (2.0, 5.0)], None, "integer b1,2 c5 x1.5 p0:2,3");
    check(&[(1.0, 2.0), (2.0, 5.0)], Some(6.0), "integer b1,2 c6 x1.5 p0:2,3,1");
    check(&[(1.0, 2.0), (2.0, 2.0), (3.0, 4.0)], None, "integer b1,2,3 c4 x1.5 p0:2,0,2");
    check(&[(1.0, 0.5), (2.0, 0.5), (3.0, 4.0)], None, "float b1,2,3 c4 x1.5 p0:0.5 2:3.5");
    check(&[(1.0, 1e19), (inf, 1e19)], None, "float b1 c10000000000000000000 x1.5 p0:10000000000000000000");
    check(&[], Some(3.0), "integer b c3 x1.5 p0:3");
    check(&[], None, "integer b c0 x1.5");
}

#[test]
fn what_is_no_histogram() {
    let inf = f64::INFINITY;
    check(&[(1.0, 2.0), (inf, 9.0)], Some(8.0), "count mismatch: count=8 != le=+Inf count=9");
    check(&[(1.0, 0.5), (inf, 9.0)], Some(8.5), "count mismatch: count=8.5 != le=+Inf count=9");
    check(&[(1.0, 2.0), (2.0, 1.0)], None, "count is not cumulative: 1 < 2");
    check(&[(1.0, 2.0), (0.5, 3.0)], None, "count is not cumulative: 3 > 2");
    check(&[(1.0, -2.0)], None, "bucket count must be non-negative: le=1, count=-2");
    check(&[(f64::NAN, 2.0), (1.0, 1.0)], Some(1.0), "bucket boundary must not be NaN");
    check(&[(1.0, 1.0)], Some(-1.0), "count must be non-negative: count=-1");
    let many: Vec<_> = (0..=HistogramLayout::MAX_BUCKETS).map(|bound| (bound as f64, 1.0)).collect();
    check(&many, None, "histogram has 65538 buckets, at most 65536 are possible");
}

#[test]
fn what_was_wrong_stays_wrong() {
    let mut classic = ClassicHistogram::default();
    classic.set_bucket(1.0, -1.0).unwrap_err();
    let fault = InvalidClassicHistogram::NegativeBucket { bound: 1.0, count: -1.0 };
    assert_eq!((classic.set_bucket(1.0, 1.0), classic.set_count(1.0)), (Err(fault), Err(fault)));
}
