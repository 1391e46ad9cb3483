use super::TimeRange;

fn range(min_ms: i64, max_ms: i64) -> TimeRange {
    TimeRange::new(min_ms, max_ms).unwrap()
}

#[test]
fn a_range_does_not_run_backwards() {
    assert_eq!(TimeRange::new(1, 0), None);
    assert_eq!(TimeRange::new(i64::MAX, i64::MIN), None);
    assert_eq!((range(5, 5).min_ms(), range(5, 7).max_ms()), (5, 7));
}

#[test]
fn both_ends_are_inside() {
    let got = [9, 10, 15, 20, 21].map(|at| range(10, 20).contains(at));
    assert_eq!(got, [false, true, true, true, false]);
    assert_eq!([9, 10, 11].map(|at| range(10, 10).contains(at)), [false, true, false]);
    assert!(TimeRange::ALL.contains(i64::MIN) && TimeRange::ALL.contains(i64::MAX));
}

#[test]
fn ranges_that_share_one_millisecond_overlap() {
    let with = |min_ms, max_ms| {
        let (this, other) = (range(10, 20), range(min_ms, max_ms));
        assert_eq!(this.overlaps(other), other.overlaps(this));
        this.overlaps(other)
    };
    let got = [with(0, 9), with(0, 10), with(12, 13), with(0, 30), with(20, 30), with(21, 30)];
    assert_eq!(got, [false, true, true, true, true, false]);
}
