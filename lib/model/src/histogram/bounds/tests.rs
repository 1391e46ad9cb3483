use crate::{CUSTOM_BUCKETS_SCHEMA, HistogramLayout};

#[track_caller]
fn check(schema: i32, index: i32, want: f64) {
    let bounds = if schema == CUSTOM_BUCKETS_SCHEMA { vec![0.5, 2.0] } else { Vec::new() };
    let layout = HistogramLayout::new(schema, 0.0, Vec::new(), Vec::new(), bounds).expect("few buckets");
    let got = layout.bound(index);
    assert!(got.to_bits() == want.to_bits(), "schema {schema}, bucket {index}: {got:e}, not {want:e}");
}

#[test]
fn powers_of_two() {
    check(0, 0, 1.0);
    check(0, 1, 2.0);
    check(0, -3, 0.125);
    check(-2, 1, 16.0);
    check(-4, -1, 1.0 / 65536.0);
}

/// Bounds as Prometheus prints them; several are not the nearest numbers to the true roots.
#[test]
#[allow(clippy::approx_constant, reason = "the last digit differs from that of the constant")]
fn roots_of_two_are_those_of_prometheus() {
    check(1, 1, 1.414_213_562_373_095);
    check(1, -1, 0.707_106_781_186_547_5);
    check(2, 3, 1.681_792_830_507_428_8);
    check(2, -1, 0.840_896_415_253_714_4);
    check(3, 1, 1.090_507_732_665_257_7);
    check(8, 1, 1.002_711_275_050_202_5);
    check(8, -1, 0.997_296_056_085_469_8);
    check(5, 3, 2.0 * 0.533_570_200_338_411_7);
}

#[test]
fn the_last_finite_bucket_ends_at_the_largest_number() {
    check(0, 1024, f64::MAX);
    check(0, 1025, f64::INFINITY);
    check(3, 1024 * 8, f64::MAX);
    check(3, 1024 * 8 + 1, f64::INFINITY);
    check(-4, 64, f64::MAX);
    check(-4, 65, f64::INFINITY);
}

#[test]
fn the_smallest_bounds_are_rounded_once() {
    check(0, -1074, 5e-324);
    check(0, -1075, 0.0);
    check(0, i32::MIN, 0.0);
    check(-4, i32::MIN, 0.0);
    check(-4, i32::MAX, f64::INFINITY);
}

#[test]
fn listed_bounds() {
    check(CUSTOM_BUCKETS_SCHEMA, -1, f64::NEG_INFINITY);
    check(CUSTOM_BUCKETS_SCHEMA, 0, 0.5);
    check(CUSTOM_BUCKETS_SCHEMA, 1, 2.0);
    check(CUSTOM_BUCKETS_SCHEMA, 2, f64::INFINITY);
    check(CUSTOM_BUCKETS_SCHEMA, 9, f64::INFINITY);
}
