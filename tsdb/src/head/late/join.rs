//! The chunks of a series, in order and late ones, as a reader wants them: in order of time, without an overlap.

use crate::chunk::{self, ChunkError};
use crate::series::Chunk;
use model::{ResetHint, SampleColumns};

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

/// Joins samples. A histogram follows another in a chunk, which says that no counter began anew between the two, only where
/// their counts say so as well and no chunk said otherwise.
fn join_samples(chunks: &[(usize, &Chunk)], out: &mut Vec<Chunk>) -> Result<(), ChunkError> {
    let (mut columns, mut resets) = (SampleColumns::default(), Vec::new());
    for (_, chunk) in chunks {
        if chunk::reset_hint(chunk.encoding, &chunk.data) == Some(ResetHint::Reset) {
            resets.push(columns.len());
        }
        chunk::decode(chunk.encoding, &chunk.data, &mut columns)?;
    }
    let mut order: Vec<usize> = (0..columns.len()).collect();
    let time = |at: usize| columns.timestamps_ms.get(at).copied();
    // Stable: what stood first stays first.
    order.sort_by_key(|&at| time(at));
    order.dedup_by_key(|at| time(*at));
    let mut joined = SampleColumns::default();
    for at in order {
        // Between which two samples it began anew is not known any more, only that it did before this one.
        if resets.contains(&at) {
            out.append(&mut chunk::encode(&joined));
            joined.clear();
        }
        joined.push_from(&columns, at);
    }
    out.append(&mut chunk::encode(&joined));
    Ok(())
}

#[cfg(test)]
mod tests;
