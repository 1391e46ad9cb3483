use super::*;

#[test]
fn one_line_in_ten_seconds_tells_of_the_others() {
    let limit = LogLimit::new();
    let passed: Vec<_> = [0, 1, 9_999, 10_000, 10_001, 30_000].iter().map(|now_ms| limit.pass(*now_ms)).collect();
    assert_eq!(passed, [Some(0), None, None, Some(2), None, Some(1)]);
}

#[test]
fn a_clock_set_back_does_not_silence_it() {
    let limit = LogLimit::new();
    assert_eq!(limit.pass(1_000_000), Some(0));
    assert_eq!(limit.pass(5_000), Some(0));
    assert_eq!(limit.pass(5_001), None);
}
