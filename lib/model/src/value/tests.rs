use super::{NORMAL_NAN, STALE_NAN, is_stale};

#[test]
fn only_the_marker_itself_is_stale() {
    assert!(STALE_NAN.is_nan() && is_stale(STALE_NAN));
    let others = [
        NORMAL_NAN,
        f64::NAN,
        f64::INFINITY,
        0.0,
        -STALE_NAN,
        f64::from_bits(STALE_NAN.to_bits() | 1 << 51),
        f64::from_bits(STALE_NAN.to_bits() + 1),
    ];
    for other in others {
        assert!(!is_stale(other), "{:016x}", other.to_bits());
    }
}
