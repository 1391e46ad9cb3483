use super::less;

#[track_caller]
fn check(a: &str, b: &str, want: (bool, bool)) {
    let [a, b] = [a, b].map(str::as_bytes);
    assert_eq!((less(a, b), less(b, a)), want);
}

#[test]
fn numbers_compare_as_numbers() {
    check("pod-2", "pod-10", (true, false));
    check("1.20.3", "1.3.0", (false, true));
    check("v9", "v9a", (true, false));
    check("", "a", (false, false));
    check("a", "b", (true, false));
}

#[test]
fn leading_zeros_do_not_tell() {
    check("7", "007", (true, true));
    check("x7y", "x007z", (true, false));
}

#[test]
fn what_is_no_64_bit_number_compares_as_text() {
    check("99999999999999999999", "1", (false, true));
    check("100000000000000000000", "99999999999999999999", (true, false));
}
