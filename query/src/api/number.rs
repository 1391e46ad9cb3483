//! Numbers and times as Prometheus' API prints them.

use model::{PlainFloat, SampleFloat};

/// Appends a sample's value.
pub(crate) fn push_value(value: f64, out: &mut Vec<u8>) {
    SampleFloat(value).append_to(out);
}

/// Appends a scalar: never with an exponent.
pub(crate) fn push_plain(value: f64, out: &mut Vec<u8>) {
    PlainFloat(value).append_to(out);
}

/// Appends milliseconds as seconds, as the time of a scalar or a string: a number like others.
pub(crate) fn push_plain_time(time_ms: i64, out: &mut Vec<u8>) {
    push_plain(time_ms as f64 / 1000.0, out);
}

/// Appends milliseconds as seconds, with three decimals unless they are all zero.
pub(crate) fn push_time(time_ms: i64, out: &mut Vec<u8>) {
    if time_ms < 0 {
        out.push(b'-');
    }
    let time_ms = time_ms.unsigned_abs();
    let (seconds, milliseconds) = (time_ms / 1000, time_ms % 1000);
    out.extend_from_slice(itoa::Buffer::new().format(seconds).as_bytes());
    if milliseconds > 0 {
        let digit = |unit: u64| b'0' + (milliseconds / unit % 10) as u8;
        out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
    }
}

#[cfg(test)]
mod tests;
