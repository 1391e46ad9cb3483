//! Functions of a number, to the bit as Go has them on amd64.
//!
//! Go does not call the C library: most of its functions are those of Cephes, a few have formulas of their own, and `exp` uses
//! fused multiply-add where the processor has it, as all do that Prometheus is likely to run on. What is written here follows
//! the same algorithms (coefficients and order of operations), so that answers are the same.

#![allow(clippy::excessive_precision, reason = "coefficients stand as they were published")]

mod exponential;
mod hyperbolic;
#[cfg(test)]
mod tests;
mod trigonometric;

pub(crate) use exponential::{exp2, log2, pow};
pub(crate) use trigonometric::atan2;

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
        "exp" => exponential::exp,
        "ln" => exponential::ln,
        "log2" => exponential::log2,
        "log10" => exponential::log10,
        "sin" => trigonometric::sin,
        "cos" => trigonometric::cos,
        "tan" => trigonometric::tan,
        "asin" => trigonometric::asin,
        "acos" => trigonometric::acos,
        "atan" => trigonometric::atan,
        "sinh" => hyperbolic::sinh,
        "cosh" => hyperbolic::cosh,
        "tanh" => hyperbolic::tanh,
        "asinh" => hyperbolic::asinh,
        "acosh" => hyperbolic::acosh,
        "atanh" => hyperbolic::atanh,
        _ => return None,
    })
}

/// The value at `x` of the polynomial with these coefficients, the highest first, without fusing.
fn polynomial<const N: usize>(x: f64, coefficients: [f64; N]) -> f64 {
    coefficients.into_iter().reduce(|value, next| value * x + next).unwrap_or(0.0)
}
