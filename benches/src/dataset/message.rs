//! `TimeSeries` messages of remote write 1.0 with many samples, or with native histograms.

use super::Values;
use crate::workload::push_uvarint;

// WriteRequest
const SERIES_FIELD: u8 = 0x0a;
// TimeSeries
const SAMPLE_FIELD: u8 = 0x12;
const HISTOGRAM_FIELD: u8 = 0x22;
// Sample
const VALUE_FIELD: u8 = 0x09;
const TIMESTAMP_FIELD: u8 = 0x10;

/// What the zero bucket and each other of a native histogram have of all observations.
const ZERO_SHARE: f64 = 0.08;
const SHARES: [f64; 12] = [0.01, 0.02, 0.04, 0.07, 0.1, 0.14, 0.17, 0.14, 0.1, 0.07, 0.04, 0.02];
/// The buckets, as runs: how many are left out before each, and its length.
const SPANS: [(u8, u8); 2] = [(0, 8), (3, 4)];

/// Appends the `timeseries` field of a series with a sample at each of `times`, which are places and milliseconds.
pub(super) fn push_series(region: &[u8], values: Values, times: impl Iterator<Item = (u64, i64)>, body: &mut Vec<u8>) {
    let mut message = region.to_vec();
    for (place, at_ms) in times {
        let value = values.at(place);
        match values {
            Values::Native { .. } => push_message(HISTOGRAM_FIELD, &histogram(value, at_ms), &mut message),
            _ => push_message(SAMPLE_FIELD, &sample(value, at_ms), &mut message),
        }
    }
    push_message(SERIES_FIELD, &message, body);
}

fn sample(value: f64, at_ms: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(20);
    out.push(VALUE_FIELD);
    out.extend_from_slice(&value.to_le_bytes());
    out.push(TIMESTAMP_FIELD);
    push_uvarint(&mut out, at_ms.cast_unsigned());
    out
}

/// An integer histogram of schema 1 with about `observations`, none of whose buckets falls while they grow.
fn histogram(observations: f64, at_ms: i64) -> Vec<u8> {
    const COUNT_FIELD: u8 = 0x08;
    const SUM_FIELD: u8 = 0x19;
    const SCHEMA_FIELD: u8 = 0x20;
    const ZERO_THRESHOLD_FIELD: u8 = 0x29;
    const ZERO_COUNT_FIELD: u8 = 0x30;
    const POSITIVE_SPAN_FIELD: u8 = 0x5a;
    const POSITIVE_DELTAS_FIELD: u8 = 0x62;
    const TIMESTAMP_FIELD: u8 = 0x78;
    const SCHEMA: i64 = 1;

    let buckets = SHARES.map(|share| (observations * share).floor() as i64);
    let zero = (observations * ZERO_SHARE).floor() as i64;
    let count = zero + buckets.iter().sum::<i64>();
    let mut out = Vec::with_capacity(100);
    let push_number = |field: u8, number: u64, out: &mut Vec<u8>| {
        out.push(field);
        push_uvarint(out, number);
    };
    push_number(COUNT_FIELD, count.cast_unsigned(), &mut out);
    out.push(SUM_FIELD);
    out.extend_from_slice(&(observations * 2.5).to_le_bytes());
    push_number(SCHEMA_FIELD, zigzag(SCHEMA), &mut out);
    out.push(ZERO_THRESHOLD_FIELD);
    out.extend_from_slice(&0.001_f64.to_le_bytes());
    push_number(ZERO_COUNT_FIELD, zero.cast_unsigned(), &mut out);
    for (offset, length) in SPANS {
        let (mut span, offset) = (Vec::with_capacity(4), zigzag(i64::from(offset)));
        push_number(0x08, offset, &mut span);
        push_number(0x10, u64::from(length), &mut span);
        push_message(POSITIVE_SPAN_FIELD, &span, &mut out);
    }
    let (mut deltas, mut last) = (Vec::with_capacity(40), 0);
    for bucket in buckets {
        push_uvarint(&mut deltas, zigzag(bucket - last));
        last = bucket;
    }
    push_message(POSITIVE_DELTAS_FIELD, &deltas, &mut out);
    push_number(TIMESTAMP_FIELD, at_ms.cast_unsigned(), &mut out);
    out
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn push_message(field: u8, message: &[u8], out: &mut Vec<u8>) {
    out.push(field);
    push_uvarint(out, message.len() as u64);
    out.extend_from_slice(message);
}
