//! Powers and logarithms.

use super::polynomial;
use std::f64::consts::{FRAC_1_SQRT_2, LOG2_E, LOG10_E};

/// ln 2 in two parts, of which multiples of the first are exact.
const LN2_UPPER: f64 = 0.693_147_180_559_662_956_511_601_805_686_950_683_593_75;
const LN2_LOWER: f64 = 0.282_352_905_630_315_771_225_884_481_750_134_360_255_254_120_68e-12;

/// Above this `exp` is infinite.
const EXP_LARGEST: f64 = 7.097_827_128_933_84e+02;

/// e to the power of `x`: a Taylor series on a sixteenth of what is left of `x` without multiples of ln 2, squared four times.
pub(super) fn exp(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x > EXP_LARGEST {
        return f64::INFINITY;
    }
    // Smaller than any number there is.
    if x < -1000.0 {
        return 0.0;
    }
    let twos = (x * LOG2_E).round_ties_even();
    let rest = (-twos).mul_add(LN2_LOWER, (-twos).mul_add(LN2_UPPER, x)) * 0.0625;
    let coefficients = [
        1.984_126_984_126_984_127_0e-4,
        1.388_888_888_888_888_888_9e-3,
        8.333_333_333_333_333_333_3e-3,
        4.166_666_666_666_666_666_7e-2,
        1.666_666_666_666_666_666_7e-1,
        0.5,
        1.0,
    ];
    let series =
        coefficients.into_iter().fold(2.480_158_730_158_730_158_7e-5, |sum: f64, next| sum.mul_add(rest, next));
    // Of (1 + y)² − 1 = y(y + 2) no digits are lost however small y is.
    let mut less_one = rest * series;
    for _ in 0..3 {
        less_one *= less_one + 2.0;
    }
    let value = less_one.mul_add(less_one + 2.0, 1.0);
    // As in Go, which counts the exponent alone, although `value` may be below 1.
    if twos >= 1024.0 { f64::INFINITY } else { libm::ldexp(value, twos as i32) }
}

/// Two to the power of `x`: e to the power of what is left of it without whole numbers, by a rational function.
pub(crate) fn exp2(x: f64) -> f64 {
    const LARGEST: f64 = 1.023_999_999_999_999_9e+03;
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x > LARGEST {
        return f64::INFINITY;
    }
    // Smaller than any number there is.
    if x < -1074.0 {
        return 0.0;
    }
    let twos = (x + 0.5_f64.copysign(x)).trunc();
    let rest = x - twos;
    const UPPER: f64 = 6.931_471_803_691_238_164_90e-1;
    const LOWER: f64 = 1.908_214_929_270_587_700_02e-10;
    let (upper, lower) = (rest * UPPER, -rest * LOWER);
    let (reduced, square) = (upper - lower, (upper - lower) * (upper - lower));
    let coefficients = [
        4.138_136_797_057_238_460_39e-08,
        -1.653_390_220_546_525_153_90e-06,
        6.613_756_321_437_934_361_17e-05,
        -2.777_777_777_701_559_338_42e-03,
        1.666_666_666_666_666_574_15e-01,
    ];
    let correction = reduced - square * polynomial(square, coefficients);
    let value = 1.0 - ((lower - (reduced * correction) / (2.0 - correction)) - upper);
    libm::ldexp(value, twos as i32)
}

/// The natural logarithm. That of a denormal is wrong, as it is in Go: its exponent is taken for that of the smallest normal
/// number.
pub(super) fn ln(x: f64) -> f64 {
    if x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    let bits = x.to_bits();
    let mut fraction = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 0.5f64.to_bits());
    let mut twos = (bits >> 52) as f64 - 1022.0;
    if fraction < FRAC_1_SQRT_2 {
        fraction *= 2.0;
        twos -= 1.0;
    }
    let f = fraction - 1.0;
    let s = f / (2.0 + f);
    let (s2, s4) = (s * s, s * s * (s * s));
    let odd = [
        1.479_819_860_511_658_591e-1,
        1.818_357_216_161_805_012e-1,
        2.857_142_874_366_239_149e-1,
        6.666_666_666_666_735_130e-1,
    ];
    let even = [1.531_383_769_920_937_332e-1, 2.222_219_843_214_978_396e-1, 3.999_999_999_940_941_908e-1];
    let rest = s2 * polynomial(s4, odd) + s4 * polynomial(s4, even);
    let half_square = 0.5 * f * f;
    const UPPER: f64 = 6.931_471_803_691_238_164_90e-1;
    const LOWER: f64 = 1.908_214_929_270_587_700_02e-10;
    twos * UPPER - ((half_square - (s * (half_square + rest) + twos * LOWER)) - f)
}

/// The logarithm to base 2, exact for powers of two.
pub(crate) fn log2(x: f64) -> f64 {
    let (fraction, twos) = libm::frexp(x);
    if fraction == 0.5 {
        return f64::from(twos - 1);
    }
    ln(fraction) * LOG2_E + f64::from(twos)
}

/// The logarithm to base 10.
pub(super) fn log10(x: f64) -> f64 {
    ln(x) * LOG10_E
}

/// `x` to the power of `y`: by repeated squaring for the whole part of `y`, by `exp` and `ln` for the rest.
pub(crate) fn pow(x: f64, y: f64) -> f64 {
    if let Some(value) = special_power(x, y) {
        return value;
    }
    let (mut whole, mut rest) = (y.abs().trunc(), y.abs().fract());
    if rest != 0.0 && x < 0.0 {
        return f64::NAN;
    }
    if whole >= 9.223_372_036_854_775_808e18 {
        // An even power that all but 1 and −1 cannot bear.
        return match x.abs() {
            1.0 => 1.0,
            size if (size < 1.0) == (y > 0.0) => 0.0,
            _ => f64::INFINITY,
        };
    }
    let (mut value, mut value_twos) = (1.0, 0_i64);
    if rest != 0.0 {
        if rest > 0.5 {
            rest -= 1.0;
            whole += 1.0;
        }
        value = exp(rest * ln(x));
    }
    let (mut square, twos) = libm::frexp(x);
    let mut square_twos = i64::from(twos);
    let mut bits = whole as u64;
    while bits != 0 {
        if square_twos.abs() > 1 << 12 {
            // Too large or too small by far.
            value_twos += square_twos;
            break;
        }
        if bits & 1 == 1 {
            value *= square;
            value_twos += square_twos;
        }
        square *= square;
        square_twos *= 2;
        if square < 0.5 {
            square += square;
            square_twos -= 1;
        }
        bits >>= 1;
    }
    // Turned round in parts, or a denormal would lose digits.
    if y < 0.0 {
        (value, value_twos) = (1.0 / value, -value_twos);
    }
    libm::ldexp(value, value_twos.clamp(-10_000, 10_000) as i32)
}

fn special_power(x: f64, y: f64) -> Option<f64> {
    let is_odd = y.abs() < 9.007_199_254_740_992e15 && y.trunc() == y && y.abs() % 2.0 == 1.0;
    Some(if y == 0.0 || x == 1.0 {
        1.0
    } else if y == 1.0 {
        x
    } else if x.is_nan() || y.is_nan() {
        f64::NAN
    } else if x == 0.0 {
        match (y < 0.0, is_odd) {
            (true, true) => f64::INFINITY.copysign(x),
            (true, false) => f64::INFINITY,
            (false, true) => x,
            (false, false) => 0.0,
        }
    } else if y.is_infinite() {
        match x.abs() {
            _ if x == -1.0 => 1.0,
            size if (size < 1.0) == (y > 0.0) => 0.0,
            _ => f64::INFINITY,
        }
    } else if x.is_infinite() {
        match (x > 0.0, y < 0.0) {
            // As of −0 to the power of −y.
            (false, _) => return special_power(1.0 / x, -y),
            (true, true) => 0.0,
            (true, false) => f64::INFINITY,
        }
    } else if y == 0.5 {
        x.sqrt()
    } else if y == -0.5 {
        1.0 / x.sqrt()
    } else {
        return None;
    })
}
