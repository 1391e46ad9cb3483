//! Hyperbolic functions.

use super::exponential::{exp, ln};
use super::polynomial;
use std::f64::consts::LN_2;

/// The hyperbolic sine of `x`.
pub(super) fn sinh(x: f64) -> f64 {
    let size = if x < 0.0 { -x } else { x };
    let value = if size > 21.0 {
        exp(size) * 0.5
    } else if size > 0.5 {
        let power = exp(size);
        (power - 1.0 / power) * 0.5
    } else {
        let square = size * size;
        let above = [
            -0.263_056_321_339_749_706_281_948_9e2,
            -0.289_421_135_598_956_380_728_466_036_6e4,
            -0.899_127_202_203_950_935_539_801_351_1e5,
            -0.630_767_364_049_771_699_118_478_725_1e6,
        ];
        let below = [
            1.0,
            -0.173_678_953_558_233_699_533_450_911e3,
            0.152_151_737_879_001_907_069_648_517_6e5,
            -0.630_767_364_049_771_699_121_207_727_7e6,
        ];
        polynomial(square, above) * size / polynomial(square, below)
    };
    if x < 0.0 { -value } else { value }
}

/// The hyperbolic cosine of `x`.
pub(super) fn cosh(x: f64) -> f64 {
    let size = x.abs();
    let power = exp(size);
    if size > 21.0 { power * 0.5 } else { (power + 1.0 / power) * 0.5 }
}

/// The hyperbolic tangent of `x` (Cephes).
pub(super) fn tanh(x: f64) -> f64 {
    /// ln 2^127
    const LARGE: f64 = 8.802_969_193_111_305_429_598_8e1;
    let size = x.abs();
    if size > 0.5 * LARGE {
        return if x < 0.0 { -1.0 } else { 1.0 };
    }
    if size >= 0.625 {
        let power = exp(2.0 * size);
        let value = 1.0 - 2.0 / (power + 1.0);
        return if x < 0.0 { -value } else { value };
    }
    if x == 0.0 {
        return x;
    }
    let square = x * x;
    let above = [-9.643_991_794_250_522_386_28e-1, -9.928_772_310_019_185_865_64e1, -1.614_687_684_417_084_479_52e3];
    let below = [1.0, 1.128_116_784_916_329_314_02e2, 2.235_488_390_601_004_485_83e3, 4.844_063_053_251_254_860_48e3];
    x + x * square * polynomial(square, above) / polynomial(square, below)
}

/// From here on a square and one more are the same.
const LARGE: f64 = (1 << 28) as f64;

/// The number whose hyperbolic sine is `x`.
pub(super) fn asinh(x: f64) -> f64 {
    if !x.is_finite() {
        return x;
    }
    let size = if x < 0.0 { -x } else { x };
    let value = if size > LARGE {
        ln(size) + LN_2
    } else if size > 2.0 {
        ln(2.0 * size + 1.0 / ((size * size + 1.0).sqrt() + size))
    } else if size < 1.0 / LARGE {
        size
    } else {
        libm::log1p(size + size * size / (1.0 + (1.0 + size * size).sqrt()))
    };
    if x < 0.0 { -value } else { value }
}

/// The number whose hyperbolic cosine is `x`.
pub(super) fn acosh(x: f64) -> f64 {
    if x < 1.0 || x.is_nan() {
        return f64::NAN;
    }
    if x == 1.0 {
        return 0.0;
    }
    if x >= LARGE {
        return ln(x) + LN_2;
    }
    if x > 2.0 {
        return ln(2.0 * x - 1.0 / (x + (x * x - 1.0).sqrt()));
    }
    let above = x - 1.0;
    libm::log1p(above + (2.0 * above + above * above).sqrt())
}

/// The number whose hyperbolic tangent is `x`.
pub(super) fn atanh(x: f64) -> f64 {
    let size = if x < 0.0 { -x } else { x };
    if size > 1.0 || size.is_nan() {
        return f64::NAN;
    }
    let value = if size == 1.0 {
        f64::INFINITY
    } else if size < 1.0 / LARGE {
        size
    } else if size < 0.5 {
        let twice = size + size;
        0.5 * libm::log1p(twice + twice * size / (1.0 - size))
    } else {
        0.5 * libm::log1p((size + size) / (1.0 - size))
    };
    if x < 0.0 { -value } else { value }
}
