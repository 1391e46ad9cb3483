use super::*;

fn printed(push: impl Fn(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    push(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn values() {
    for (value, sample, scalar) in [
        (0.0, "0", "0"),
        (-0.0, "-0", "-0"),
        (1.0, "1", "1"),
        (3.7647486502847505, "3.7647486502847505", "3.7647486502847505"),
        (1e21, "1e+21", "1000000000000000000000"),
        (-1.5e300, "-1.5e+300", &format!("-15{}", "0".repeat(299))),
        (999999999999999900000.0, "999999999999999900000", "999999999999999900000"),
        (1e-6, "0.000001", "0.000001"),
        (1e-7, "1e-07", "0.0000001"),
        (2.5e-12, "2.5e-12", "0.0000000000025"),
        (f64::NAN, "NaN", "NaN"),
        (f64::INFINITY, "+Inf", "+Inf"),
        (f64::NEG_INFINITY, "-Inf", "-Inf"),
    ] {
        assert_eq!(printed(|out| push_value(value, out)), sample);
        assert_eq!(printed(|out| push_plain(value, out)), scalar);
    }
}

#[test]
fn times() {
    for (time_ms, of_sample, of_scalar) in [
        (0, "0", "0"),
        (1_700_001_200_000, "1700001200", "1700001200"),
        (1_700_001_200_120, "1700001200.120", "1700001200.12"),
        (1_500, "1.500", "1.5"),
        (1_005, "1.005", "1.005"),
        (-1_500, "-1.500", "-1.5"),
        (-7, "-0.007", "-0.007"),
    ] {
        assert_eq!(printed(|out| push_time(time_ms, out)), of_sample);
        assert_eq!(printed(|out| push_plain_time(time_ms, out)), of_scalar);
    }
}
