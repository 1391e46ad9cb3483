use super::Grid;

#[track_caller]
fn check(start: i64, end: i64, step: i64, want: &[i64]) {
    assert_eq!(Grid::range(start, end, step).times_ms().collect::<Vec<_>>(), want);
}

#[test]
fn the_end_is_inside_if_a_step_falls_on_it() {
    check(0, 30, 10, &[0, 10, 20, 30]);
    check(0, 29, 10, &[0, 10, 20]);
    check(-15, 5, 10, &[-15, -5, 5]);
    check(7, 7, 10, &[7]);
}

#[test]
fn what_runs_backwards_has_no_steps() {
    check(10, 9, 10, &[]);
    check(0, 10, 0, &[]);
    check(i64::MIN, i64::MAX, 1, &[]);
}

#[test]
fn an_instant_is_known_by_its_ends_and_not_by_its_one_step() {
    assert!(Grid::instant(5).is_instant());
    assert!(!Grid::range(0, 9, 10).is_instant());
    assert!(Grid::range(0, 9, 10).first().is_instant());
}
