use super::*;

#[test]
fn each_form_of_the_same_number() {
    for (value, plain, short, sample) in [
        (0.0, "0", "0", "0"),
        (-0.0, "-0", "-0", "-0"),
        (1.5, "1.5", "1.5", "1.5"),
        (1e6, "1000000", "1e+06", "1000000"),
        (123_456_789.0, "123456789", "1.23456789e+08", "123456789"),
        (1e-4, "0.0001", "0.0001", "0.0001"),
        (2.5e-5, "0.000025", "2.5e-05", "0.000025"),
        (1e-7, "0.0000001", "1e-07", "1e-07"),
        (1e21, "1000000000000000000000", "1e+21", "1e+21"),
        (-1.5e22, "-15000000000000000000000", "-1.5e+22", "-1.5e+22"),
        // Halfway between two texts: Go takes the even one.
        (f64::from_bits(0x4314_0a2e_9c22_c04d), "1410173709627411.2", "1.4101737096274112e+15", "1410173709627411.2"),
        (f64::NAN, "NaN", "NaN", "NaN"),
        (f64::NEG_INFINITY, "-Inf", "-Inf", "-Inf"),
    ] {
        assert_eq!(PlainFloat(value).to_string(), plain);
        assert_eq!(ShortFloat(value).to_string(), short);
        assert_eq!(SampleFloat(value).to_string(), sample);
    }
}
