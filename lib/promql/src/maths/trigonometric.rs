//! Angles (Cephes).

use super::polynomial;
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// Tails of the series of sine and cosine in the square of an angle of at most π/4.
const SINE: [f64; 6] = [
    1.589_623_015_765_465_680_60e-10,
    -2.505_074_776_285_780_728_66e-8,
    2.755_731_362_138_572_452_13e-6,
    -1.984_126_982_958_953_859_96e-4,
    8.333_333_333_322_118_588_78e-3,
    -1.666_666_666_666_663_072_95e-1,
];
const COSINE: [f64; 6] = [
    -1.135_853_652_138_768_173_00e-11,
    2.087_570_084_197_473_167_78e-9,
    -2.755_731_417_929_673_881_12e-7,
    2.480_158_728_885_170_453_48e-5,
    -1.388_888_888_887_305_641_16e-3,
    4.166_666_666_666_659_292_18e-2,
];

/// The sine of `x`.
pub(super) fn sin(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::NAN;
    }
    let (eighth, rest) = reduce(x.abs());
    let value = if matches!(eighth & 3, 1 | 2) { near_cos(rest) } else { near_sin(rest) };
    if (x < 0.0) != (eighth > 3) { -value } else { value }
}

/// The cosine of `x`.
pub(super) fn cos(x: f64) -> f64 {
    if !x.is_finite() {
        return f64::NAN;
    }
    let (eighth, rest) = reduce(x.abs());
    let value = if matches!(eighth & 3, 1 | 2) { near_sin(rest) } else { near_cos(rest) };
    if (eighth > 3) != (eighth & 3 > 1) { -value } else { value }
}

/// The tangent of `x`.
pub(super) fn tan(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() {
        return x;
    }
    if x.is_infinite() {
        return f64::NAN;
    }
    let (eighth, rest) = reduce(x.abs());
    let square = rest * rest;
    let above = [-1.309_369_391_813_837_342_05e4, 1.153_516_648_385_874_161_40e6, -1.795_652_519_764_848_779_88e7];
    let below = [
        1.0,
        1.368_129_634_706_929_546_78e4,
        -1.320_892_344_402_109_674_47e6,
        2.500_838_018_233_579_158_39e7,
        -5.386_957_559_294_546_298_81e7,
    ];
    let mut value = rest;
    if square > 1e-14 {
        value = rest + rest * (square * polynomial(square, above) / polynomial(square, below));
    }
    if eighth & 2 == 2 {
        value = -1.0 / value;
    }
    if x < 0.0 { -value } else { value }
}

fn near_sin(rest: f64) -> f64 {
    let square = rest * rest;
    rest + rest * square * polynomial(square, SINE)
}

fn near_cos(rest: f64) -> f64 {
    let square = rest * rest;
    1.0 - 0.5 * square + square * square * polynomial(square, COSINE)
}

/// From here on angles are reduced with more digits of π.
const LARGE: f64 = (1 << 29) as f64;

/// In which eighth of a turn `x` is, counted so that it is even, and what is left of it, between −π/4 and π/4.
fn reduce(x: f64) -> (u64, f64) {
    if x >= LARGE {
        return reduce_large(x);
    }
    let mut eighth = (x * (4.0 / PI)) as u64;
    eighth += eighth & 1;
    let turns = eighth as f64;
    // π/4 in three parts, of which multiples of the first two are exact.
    const PARTS: [f64; 3] =
        [7.853_981_256_484_985_351_56e-1, 3.774_894_707_930_798_176_68e-8, 2.695_151_429_079_059_526_45e-15];
    (eighth & 7, ((x - turns * PARTS[0]) - turns * PARTS[1]) - turns * PARTS[2])
}

/// 4/π in digits of 64 bits, the point behind the first.
const FOUR_OVER_PI: [u64; 20] = [
    0x0000_0000_0000_0001,
    0x45f3_06dc_9c88_2a53,
    0xf84e_afa3_ea69_bb81,
    0xb6c5_2b32_7887_2083,
    0xfca2_c757_bd77_8ac3,
    0x6e48_dc74_849b_a5c0,
    0x0c92_5dd4_13a3_2439,
    0xfc3b_d639_6253_4e7d,
    0xd104_6bea_5d76_8909,
    0xd338_e04d_68be_fc82,
    0x7323_ac73_06a6_73e9,
    0x3908_bf17_7bf2_5076,
    0x3ff1_2fff_bc0b_301f,
    0xde5e_2316_b414_da3e,
    0xda6c_fd9e_4f96_136e,
    0x9e8c_7ecd_3cbf_d45a,
    0xea4f_758f_d7cb_e2f6,
    0x7a0e_73ef_14a5_25d4,
    0xd7f6_bf62_3f1a_ba10,
    0xac06_608d_f8f6_d757,
];

/// The same for large `x` (Payne and Hanek): of the product with 4/π only the digits around the point are computed.
fn reduce_large(x: f64) -> (u64, f64) {
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1075;
    let mantissa = bits & 0x000f_ffff_ffff_ffff | 1 << 52;
    let place = (exponent + 61).unsigned_abs();
    let (digit, shift) = ((place / 64) as usize, place % 64);
    let window = |at: usize| {
        let pair = u128::from(FOUR_OVER_PI[at]) << 64 | u128::from(FOUR_OVER_PI[at + 1]);
        (pair << shift >> 64) as u64
    };
    let high = u128::from(window(digit).wrapping_mul(mantissa)) << 64;
    let middle = u128::from(window(digit + 1)) * u128::from(mantissa);
    let low = (u128::from(window(digit + 2)) * u128::from(mantissa)) >> 64;
    let product = high.wrapping_add(middle).wrapping_add(low);
    let mut eighth = (product >> 125) as u64;
    // What is behind the point, brought to the form of a float.
    let fraction = product << 3;
    let zeros = u64::from(((fraction >> 64) as u64).leading_zeros());
    let significant = (fraction << (zeros + 1) >> 64) as u64 >> 12;
    let mut rest = f64::from_bits(significant | (1023 - (zeros + 1)) << 52);
    if eighth & 1 == 1 {
        eighth = (eighth + 1) & 7;
        rest -= 1.0;
    }
    (eighth, rest * FRAC_PI_4)
}

/// The angle whose tangent is `x`.
pub(super) fn atan(x: f64) -> f64 {
    if x == 0.0 {
        x
    } else if x > 0.0 {
        atan_of_positive(x)
    } else {
        -atan_of_positive(-x)
    }
}

/// What π/2 lacks as a float.
const MORE_BITS: f64 = 6.123_233_995_736_765_886_130e-17;

fn atan_of_positive(x: f64) -> f64 {
    const TAN_3_PI_8: f64 = 2.414_213_562_373_095_048_80;
    if x <= 0.66 {
        atan_near_zero(x)
    } else if x > TAN_3_PI_8 {
        FRAC_PI_2 - atan_near_zero(1.0 / x) + MORE_BITS
    } else {
        FRAC_PI_4 + atan_near_zero((x - 1.0) / (x + 1.0)) + 0.5 * MORE_BITS
    }
}

fn atan_near_zero(x: f64) -> f64 {
    let square = x * x;
    let above = [
        -8.750_608_600_031_904_122_785e-1,
        -1.615_753_718_733_365_076_637e1,
        -7.500_855_792_314_704_667_340e1,
        -1.228_866_684_490_136_173_410e2,
        -6.485_021_904_942_025_371_773e1,
    ];
    let below = [
        1.0,
        2.485_846_490_142_306_297_962e1,
        1.650_270_098_316_988_542_046e2,
        4.328_810_604_912_902_668_951e2,
        4.853_903_996_359_136_964_868e2,
        1.945_506_571_482_613_964_425e2,
    ];
    let ratio = square * polynomial(square, above) / polynomial(square, below);
    x * ratio + x
}

/// The angle whose sine is `x`.
pub(super) fn asin(x: f64) -> f64 {
    if x == 0.0 {
        return x;
    }
    let size = x.abs();
    if size.is_nan() || size > 1.0 {
        return f64::NAN;
    }
    let other = (1.0 - size * size).sqrt();
    let angle = if size > 0.7 { FRAC_PI_2 - atan_of_positive(other / size) } else { atan_of_positive(size / other) };
    if x < 0.0 { -angle } else { angle }
}

/// The angle whose cosine is `x`.
pub(super) fn acos(x: f64) -> f64 {
    FRAC_PI_2 - asin(x)
}

/// The angle of the point `(x, y)`, called with `y` first.
pub(crate) fn atan2(y: f64, x: f64) -> f64 {
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    let size = if y == 0.0 {
        if x.is_sign_negative() { PI } else { 0.0 }
    } else if x == 0.0 {
        FRAC_PI_2
    } else if x.is_infinite() {
        match (x > 0.0, y.is_infinite()) {
            (true, true) => FRAC_PI_4,
            (true, false) => 0.0,
            (false, true) => 3.0 * PI / 4.0,
            (false, false) => PI,
        }
    } else if y.is_infinite() {
        FRAC_PI_2
    } else {
        let angle = atan(y / x);
        return match (x < 0.0, angle <= 0.0) {
            (true, true) => angle + PI,
            (true, false) => angle - PI,
            (false, _) => angle,
        };
    };
    size.copysign(y)
}
