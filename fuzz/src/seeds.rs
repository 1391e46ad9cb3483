//! What corpora begin with: small sound inputs of every kind, made here and not taken from anywhere.

mod bits;
mod servers;
mod structured;
mod texts;

pub(crate) use structured::{a_directory, a_log, an_index};

use crate::parts::push_sized;
use bits::{chunk_xor, histogram_chunks, xor2};
use tsdb::Encoding;

/// The seeds of every target.
pub fn all() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let mut all = chunks();
    all.extend(structured::all());
    all.extend(texts::all());
    all
}

fn chunks() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let xor = vec![chunk_xor(&[]), chunk_xor(&[(0, 1.0)]), chunk_xor(&regular(40)), chunk_xor(&odd(30))];
    // Five aggregates, of which two are missing.
    let mut aggregates = Vec::new();
    for part in [Some(&xor[2]), None, Some(&xor[1]), None, Some(&xor[3])] {
        tsdb::cursor::push_uvarint(&mut aggregates, part.map_or(0, Vec::len) as u64);
        if let Some(part) = part {
            aggregates.push(Encoding::Xor as u8);
            aggregates.extend_from_slice(part);
        }
    }
    let mut segment = Vec::new();
    for chunk in &xor {
        segment.push(Encoding::Xor as u8);
        // Only pieces of even size are framed.
        let even = [chunk.as_slice(), &[0][..chunk.len() % 2]].concat();
        push_sized(&mut segment, &even);
    }
    let [integer, float, integer_st, float_st] = histogram_chunks();
    vec![
        ("chunk_xor", xor),
        ("chunk_histogram", integer),
        ("chunk_float_histogram", float),
        ("chunk_xor2", xor2()),
        ("chunk_histogram_st", integer_st),
        ("chunk_float_histogram_st", float_st),
        ("chunk_aggregates", vec![aggregates]),
        ("chunk_segment", vec![segment]),
    ]
}

/// Samples every 15 s of a counter.
pub(crate) fn regular(samples: i64) -> Vec<(i64, f64)> {
    (0..samples).map(|at| (1_700_000_000_000 + at * 15_000, (at * 3) as f64)).collect()
}

/// Samples at odd times, of all kinds of values.
pub(crate) fn odd(samples: i64) -> Vec<(i64, f64)> {
    let values =
        [0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE / 2.0, 1e300, f64::from_bits(0x7ff0_0000_0000_0002)];
    let mut at_ms = -7;
    let sample = |at: i64| {
        at_ms += 1 + (at * at * 977) % 100_000_003;
        (at_ms, values[at as usize % values.len()] + at as f64)
    };
    (0..samples).map(sample).collect()
}
