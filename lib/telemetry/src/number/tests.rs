use super::write_float;

#[track_caller]
fn check(value: f64, want: &str) {
    let mut got = String::from("x ");
    write_float(value, &mut got);
    assert_eq!(got, format!("x {want}"));
}

#[test]
fn plain_up_to_six_digits_before_the_point() {
    check(0.0, "0");
    check(-0.0, "-0");
    check(1.0, "1");
    check(0.0001, "0.0001");
    check(100_000.0, "100000");
    check(999_999.999_999_999_9, "999999.9999999999");
}

#[test]
fn scientific_beyond() {
    check(1e6, "1e+06");
    check(0.000_05, "5e-05");
    check(1.048_576e6, "1.048576e+06");
    check(-1.5e-300, "-1.5e-300");
}

#[test]
fn what_is_no_number() {
    check(f64::NAN, "NaN");
    check(f64::INFINITY, "+Inf");
    check(f64::NEG_INFINITY, "-Inf");
}
