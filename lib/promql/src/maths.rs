//! Functions of a number.

#[cfg(test)]
mod tests;

use std::f64::consts::PI;

/// The functions of the language that take each value by itself, by name.
pub(crate) fn function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "sqrt" => f64::sqrt,
        "sgn" => |v| {
            if v < 0.0 {
                -1.0
            } else if v > 0.0 {
                1.0
            } else {
                v
            }
        },
        "rad" => |v| v * PI / 180.0,
        "deg" => |v| v * 180.0 / PI,
        "exp" => libm::exp,
        "ln" => libm::log,
        "log2" => libm::log2,
        "log10" => libm::log10,
        "sin" => libm::sin,
        "cos" => libm::cos,
        "tan" => libm::tan,
        "asin" => libm::asin,
        "acos" => libm::acos,
        "atan" => libm::atan,
        "sinh" => libm::sinh,
        "cosh" => libm::cosh,
        "tanh" => libm::tanh,
        "asinh" => libm::asinh,
        "acosh" => libm::acosh,
        "atanh" => libm::atanh,
        _ => return None,
    })
}

/// `a` to the power of `b`.
pub(crate) fn pow(a: f64, b: f64) -> f64 {
    libm::pow(a, b)
}

/// The angle of the point `(x, y)`, called with `y` first.
pub(crate) fn atan2(y: f64, x: f64) -> f64 {
    libm::atan2(y, x)
}
