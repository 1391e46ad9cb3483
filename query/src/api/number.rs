//! Numbers and times as Prometheus' API prints them.

use model::{PlainFloat, SampleFloat};
use std::io::Write;

/// Appends a sample's value.
pub(crate) fn push_value(value: f64, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, "{}", SampleFloat(value));
}

/// Appends a scalar: never with an exponent.
pub(crate) fn push_plain(value: f64, out: &mut Vec<u8>) {
    let _ = write!(out, "{}", PlainFloat(value));
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
