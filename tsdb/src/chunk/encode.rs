//! From columns to chunks.

use super::histogram::{OpenHistograms, header_of_first};
use super::xor::XorState;
use super::{ChunkError, decode, reset_hint};
use crate::series::{Chunk, Encoding};
use model::{ResetHint, SampleColumns};
use std::ops::Range;

/// Samples of a chunk that is made of columns, as many as a head puts into one.
const CUT_SAMPLES: usize = 120;
/// The most that a chunk can hold.
const UNCUT_SAMPLES: usize = u16::MAX as usize;

/// Encodes all samples: floats as XOR, histograms as whole counts or floats, each kind in chunks of its own, and no more
/// than 120 samples in one. Histograms are cut where their scale changes or counts fall; a chunk that only ends because it is
/// full says nothing of a reset to the next, nor does the first.
///
/// Start timestamps are left out, for no encoding that all peers read has them.
pub fn encode(columns: &SampleColumns) -> Vec<Chunk> {
    encode_within(columns, CUT_SAMPLES, ResetHint::Unknown)
}

/// The same without a limit of samples: for what is left of a chunk, whose samples one chunk can hold.
pub(crate) fn encode_uncut(columns: &SampleColumns) -> Vec<Chunk> {
    encode_within(columns, UNCUT_SAMPLES, ResetHint::Unknown)
}

/// The samples of a chunk in an encoding that every peer reads (1 to 3), in most cases as one chunk; one that has such an
/// encoding stays as it is.
///
/// # Errors
/// As [`decode`].
pub fn to_common(chunk: &Chunk) -> Result<Vec<Chunk>, ChunkError> {
    if matches!(chunk.encoding, Encoding::Xor | Encoding::Histogram | Encoding::FloatHistogram) {
        return Ok(vec![chunk.clone()]);
    }
    let mut columns = SampleColumns::default();
    decode(chunk.encoding, &chunk.data, &mut columns)?;
    let first = reset_hint(chunk.encoding, &chunk.data).unwrap_or_default();
    let mut chunks = encode_within(&columns, UNCUT_SAMPLES, first);
    chunks.iter_mut().for_each(|encoded| encoded.aggregate = chunk.aggregate);
    Ok(chunks)
}

/// The same with a limit of samples, and with what is known of the very first histogram.
fn encode_within(columns: &SampleColumns, most: usize, first: ResetHint) -> Vec<Chunk> {
    let mut chunks = Vec::with_capacity(columns.len().div_ceil(most));
    let (mut at, mut row) = (0, 0);
    while at < columns.len() {
        let next_histogram = columns.histogram_at.get(row).map_or(columns.len(), |&at| at as usize);
        if at < next_histogram {
            encode_floats(columns, at..next_histogram, most, &mut chunks);
            at = next_histogram;
            continue;
        }
        let rest = columns.histogram_at.get(row..).unwrap_or_default();
        let run = rest.iter().zip(at..).take_while(|(position, at)| **position as usize == *at).count();
        let header = if at == 0 { first } else { ResetHint::Unknown };
        encode_histograms(columns, at..at + run, row, (most, header), &mut chunks);
        (at, row) = (at + run, row + run);
    }
    chunks
}

fn encode_floats(columns: &SampleColumns, range: Range<usize>, most: usize, chunks: &mut Vec<Chunk>) {
    let times = columns.timestamps_ms.get(range.clone()).unwrap_or_default();
    let values = columns.values.get(range).unwrap_or_default();
    let mut words = Vec::new();
    for (times, values) in times.chunks(most).zip(values.chunks(most)) {
        let mut state = XorState::default();
        words.clear();
        times.iter().zip(values).for_each(|(&time_ms, &value)| state.append(time_ms, value, &mut words));
        if let (Some(&min_ms), Some(&max_ms)) = (times.first(), times.last()) {
            chunks.push(Chunk::raw(min_ms, max_ms, Encoding::Xor, state.finish(&words)));
        }
    }
}

/// Encodes samples that are all histograms, the first of which is `row`.
fn encode_histograms(
    columns: &SampleColumns,
    range: Range<usize>,
    row: usize,
    (most, first): (usize, ResetHint),
    chunks: &mut Vec<Chunk>,
) {
    let mut open: Option<(i64, OpenHistograms)> = None;
    let times = columns.timestamps_ms.get(range).unwrap_or_default();
    let mut finish = |min_ms, open: &OpenHistograms| {
        chunks.push(Chunk::raw(min_ms, open.state().last_ms, open.state().encoding(), open.finish()));
    };
    for (&time_ms, row) in times.iter().zip(row..) {
        let Some(histogram) = columns.histograms.get(row) else { return };
        let header = match &mut open {
            None if first != ResetHint::Unknown => first,
            None => header_of_first(histogram),
            Some((_, open)) if open.state().numbers != histogram.numbers => header_of_first(histogram),
            Some((_, open)) if usize::from(open.state().count) >= most => header_of_first(histogram),
            Some((_, open)) => match open.push(time_ms, histogram) {
                Ok(_) => continue,
                Err(header) => header,
            },
        };
        if let Some((min_ms, full)) = open.replace((time_ms, OpenHistograms::begin(header, time_ms, histogram))) {
            finish(min_ms, &full);
        }
    }
    if let Some((min_ms, last)) = open {
        finish(min_ms, &last);
    }
}

#[cfg(test)]
mod tests;
