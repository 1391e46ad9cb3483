//! The chunks of a series, in order and late ones, as a reader wants them: in order of time, without an overlap.

use crate::chunk::{self, ChunkError, xor::XorState};
use crate::series::{Chunk, Encoding};
use bytes::Bytes;
use model::SampleColumns;
use std::ops::Range;

/// A joined chunk holds so many samples at most.
const MAX_SAMPLES: usize = 120;
/// And lasts so long at most, which is what lists of full chunks have room for.
const MAX_SPAN_MS: i64 = 1 << 31;

/// Appends `chunks` to `out` in order of time. One that overlaps no other is handed on as it is; those that overlap are
/// joined sample by sample, and of several samples of one time that stays whose chunk stands first in `chunks`: those
/// taken in order before late ones, earlier ones before later ones.
///
/// # Errors
/// Data that cannot be decoded.
pub(in crate::head) fn join(chunks: &[Chunk], out: &mut Vec<Chunk>) -> Result<(), ChunkError> {
    let mut by_time: Vec<(usize, &Chunk)> = chunks.iter().enumerate().collect();
    by_time.sort_by_key(|(_, chunk)| chunk.min_ms);
    let mut rest = by_time.as_mut_slice();
    while let Some((_, first)) = rest.first() {
        let mut end_ms = first.max_ms;
        let mut len = 0;
        while let Some((_, next)) = rest.get(len).filter(|(_, next)| next.min_ms <= end_ms) {
            end_ms = end_ms.max(next.max_ms);
            len += 1;
        }
        let (run, later) = rest.split_at_mut(len);
        match run {
            [(_, only)] => out.push((*only).clone()),
            run => {
                run.sort_by_key(|(place, _)| *place);
                join_samples(run, out)?;
            }
        }
        rest = later;
    }
    Ok(())
}

fn join_samples(chunks: &[(usize, &Chunk)], out: &mut Vec<Chunk>) -> Result<(), ChunkError> {
    let mut columns = SampleColumns::default();
    for (_, chunk) in chunks {
        chunk::decode(chunk.encoding, &chunk.data, &mut columns)?;
    }
    let mut order: Vec<usize> = (0..columns.len()).collect();
    let time = |at: usize| columns.timestamps_ms.get(at).copied();
    // Stable: what stood first stays first.
    order.sort_by_key(|&at| time(at));
    order.dedup_by_key(|at| time(*at));
    let mut joined = SampleColumns::default();
    order.into_iter().for_each(|at| joined.push_from(&columns, at));
    encode(&joined, out);
    Ok(())
}

/// Appends rising samples to `out` as chunks.
fn encode(samples: &SampleColumns, out: &mut Vec<Chunk>) {
    let mut start = 0;
    while let Some(&first_ms) = samples.timestamps_ms.get(start) {
        let times = samples.timestamps_ms.get(start..).unwrap_or_default();
        let near = |&&timestamp_ms: &&i64| timestamp_ms.saturating_sub(first_ms) < MAX_SPAN_MS;
        let end = start + times.iter().take(MAX_SAMPLES).take_while(near).count();
        let (range, data) = encode_one(samples, start..end);
        out.push(Chunk::raw(range.0, range.1, Encoding::Xor, data));
        start = end;
    }
}

fn encode_one(samples: &SampleColumns, range: Range<usize>) -> ((i64, i64), Bytes) {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    let times = samples.timestamps_ms.get(range.clone()).unwrap_or_default();
    for (&timestamp_ms, &value) in times.iter().zip(samples.values.get(range).unwrap_or_default()) {
        state.append(timestamp_ms, value, &mut words);
    }
    let ends = (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0));
    (ends, state.finish(&words))
}

#[cfg(test)]
mod tests;
