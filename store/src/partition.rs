//! Which ranges of an object are read in one piece.

use std::ops::Range;

/// Ranges with at most so much between them are read together: reading the gap costs less than another round trip.
pub const MAX_GAP_BYTES: u64 = 512 << 10;

/// A piece to be read, and which of the ranges lie in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub range: Range<u64>,
    pub members: Range<usize>,
}

/// Joins `ranges`, which are sorted by their start and may overlap, where the gap is at most `max_gap_bytes`.
pub fn partition(ranges: &[Range<u64>], max_gap_bytes: u64) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (index, range) in ranges.iter().enumerate() {
        match parts.last_mut() {
            Some(last) if range.start <= last.range.end.saturating_add(max_gap_bytes) => {
                last.range.end = last.range.end.max(range.end);
                last.members.end = index + 1;
            }
            _ => parts.push(Part { range: range.clone(), members: index..index + 1 }),
        }
    }
    parts
}
