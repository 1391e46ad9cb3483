//! Numbers and times as Prometheus' API prints them.

use std::io::Write;

/// Appends a sample's value: shortest digits that read back as the same number; plain, but scientific below 1e-6 and from
/// 1e21 on.
pub(crate) fn push_value(value: f64, out: &mut Vec<u8>) {
    let size = value.abs();
    if size != 0.0 && value.is_finite() && !(1e-6..1e21).contains(&size) {
        // As `1e-07` and `1e+21`: a sign, and at least two digits.
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let sign = if size < 1.0 { '-' } else { '+' };
        // Writing to a vector cannot fail.
        let _ = write!(out, "{mantissa}e{sign}{:0>2}", exponent.trim_start_matches('-'));
    } else {
        push_plain(value, out);
    }
}

/// Appends a scalar: as [`push_value`], never scientific.
pub(crate) fn push_plain(value: f64, out: &mut Vec<u8>) {
    match value {
        _ if value.is_nan() => out.extend_from_slice(b"NaN"),
        f64::INFINITY => out.extend_from_slice(b"+Inf"),
        f64::NEG_INFINITY => out.extend_from_slice(b"-Inf"),
        _ => {
            let _ = write!(out, "{value}");
        }
    }
}

/// Appends milliseconds as seconds, with three decimals unless they are all zero.
pub(crate) fn push_time(time_ms: i64, out: &mut Vec<u8>) {
    if time_ms < 0 {
        out.push(b'-');
    }
    let time_ms = time_ms.unsigned_abs();
    let (seconds, milliseconds) = (time_ms / 1000, time_ms % 1000);
    let _ = match milliseconds {
        0 => write!(out, "{seconds}"),
        _ => write!(out, "{seconds}.{milliseconds:03}"),
    };
}

#[cfg(test)]
mod tests;
