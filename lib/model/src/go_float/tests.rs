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
        (1.0 + 2_f64.powi(-17), "1.0000076293945312", "1.0000076293945312", "1.0000076293945312"),
        (-1.5 - 2_f64.powi(-17), "-1.5000076293945312", "-1.5000076293945312", "-1.5000076293945312"),
        (2_f64.powi(-25), "0.000000029802322387695312", "2.9802322387695312e-08", "2.9802322387695312e-08"),
        (2_f64.powi(-20), "0.00000095367431640625", "9.5367431640625e-07", "9.5367431640625e-07"),
        (f64::NAN, "NaN", "NaN", "NaN"),
        (f64::NEG_INFINITY, "-Inf", "-Inf", "-Inf"),
    ] {
        assert_eq!(PlainFloat(value).to_string(), plain);
        assert_eq!(ShortFloat(value).to_string(), short);
        assert_eq!(SampleFloat(value).to_string(), sample);
        assert_eq!(appended(value), (plain.to_owned(), sample.to_owned()));
    }
}

/// What is appended of a number, and of a sample.
fn appended(value: f64) -> (String, String) {
    let (mut plain, mut sample) = (Vec::new(), Vec::new());
    PlainFloat(value).append_to(&mut plain);
    SampleFloat(value).append_to(&mut sample);
    (String::from_utf8(plain).unwrap(), String::from_utf8(sample).unwrap())
}

/// Numbers of few places in base two, of all sizes: what is not taken for halfway between two texts must not be.
#[test]
fn halfway_is_never_missed() {
    let mut bits = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..400_000_u32 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (places, length) = (round % 40, bits >> 58);
        let whole = ((bits << 6 >> 11) >> (length % 52)) | 1;
        let value = whole as f64 / 2_f64.powi(places.cast_signed());
        let (digits, exponent) = shortest(value);
        let digits = digits.replace('.', "");
        let by_library = format!("{value:e}").split_once('e').map(|(digits, _)| digits.replace('.', ""));
        let is_tie = by_library != Some(digits);
        assert!(!is_tie || may_be_halfway(value), "{value:e}, exponent {exponent}");
    }
}

#[test]
fn the_short_way_prints_the_same() {
    let sizes = [1e-5, 0.0001, 0.00012, 0.3, 1.0, 7.25, 1e3, 123.456, 1e9, 1e14, 1e15, 5e16, 1e20, 1e21];
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..20_000_usize {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let fraction = (bits >> 11) as f64 / (1_u64 << 53) as f64;
        let size = sizes[round % sizes.len()];
        let whole = (fraction * size).trunc();
        for value in [fraction * size, -fraction * size, whole, -whole, (fraction * size * 100.0).trunc() / 100.0] {
            assert_eq!(appended(value), (PlainFloat(value).to_string(), SampleFloat(value).to_string()));
        }
    }
}
