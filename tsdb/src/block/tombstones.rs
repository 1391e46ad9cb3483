//! `tombstones`: ranges of series that were deleted but not rewritten yet.
//!
//! Format: `tsdb/docs/format/meta.md`.

use crate::cursor::{Corruption, Cursor, Fault};
use std::collections::BTreeMap;

const MAGIC: u32 = 0x0130_BA30;
const VERSION: u8 = 1;
const CRC_BYTES: usize = 4;

/// The file of a block without any.
pub(super) const EMPTY_FILE: [u8; 9] = [0x01, 0x30, 0xBA, 0x30, VERSION, 0, 0, 0, 0];

/// A deleted range, both ends inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deleted {
    pub min_ms: i64,
    pub max_ms: i64,
}

/// The deleted ranges of each series, by its id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tombstones {
    /// Ranges in order, none touching the next.
    by_series: BTreeMap<u64, Vec<Deleted>>,
}

impl Tombstones {
    /// Reads a file.
    ///
    /// # Errors
    /// Another file, a wrong checksum, a stone cut short or running backwards.
    pub fn decode(file: &[u8]) -> Result<Self, Corruption> {
        let mut cursor = Cursor::new(file);
        let magic = cursor.be_u32()?;
        if magic != MAGIC {
            return Err(Corruption { offset: 0, fault: Fault::Magic(magic) });
        }
        let version = cursor.u8()?;
        if version != VERSION {
            return Err(Corruption { offset: 4, fault: Fault::Version(version) });
        }
        let base = cursor.offset() as u64;
        let (stones, sum) = cursor.rest().split_last_chunk::<CRC_BYTES>().ok_or_else(|| {
            cursor.fault(Fault::Truncated { want: CRC_BYTES as u64, left: cursor.rest().len() as u64 })
        })?;
        let (stored, computed) = (u32::from_be_bytes(*sum), crc32c::crc32c(stones));
        if stored != computed {
            return Err(Corruption { offset: base + stones.len() as u64, fault: Fault::Checksum { stored, computed } });
        }
        Self::decode_stones(stones).map_err(|fault| Corruption { offset: base + fault.offset, ..fault })
    }

    fn decode_stones(stones: &[u8]) -> Result<Self, Corruption> {
        let mut cursor = Cursor::new(stones);
        let mut by_series = BTreeMap::<u64, Vec<Deleted>>::new();
        while !cursor.is_empty() {
            let at = cursor.clone();
            let series = cursor.uvarint()?;
            let (min_ms, max_ms) = (cursor.varint()?, cursor.varint()?);
            if min_ms > max_ms {
                return Err(at.fault(Fault::Malformed("a deleted range runs backwards")));
            }
            by_series.entry(series).or_default().push(Deleted { min_ms, max_ms });
        }
        by_series.values_mut().for_each(join);
        Ok(Self { by_series })
    }

    /// Whether nothing is deleted.
    pub fn is_empty(&self) -> bool {
        self.by_series.is_empty()
    }

    /// The deleted ranges of a series, in order, none touching the next.
    pub fn of_series(&self, id: u32) -> &[Deleted] {
        self.by_series.get(&u64::from(id)).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Deleted {
    /// Whether the millisecond lies inside.
    pub fn contains(self, timestamp_ms: i64) -> bool {
        self.min_ms <= timestamp_ms && timestamp_ms <= self.max_ms
    }

    /// Whether a range, both ends inside, shares a millisecond with this one.
    pub fn overlaps(self, min_ms: i64, max_ms: i64) -> bool {
        self.min_ms <= max_ms && min_ms <= self.max_ms
    }

    /// Whether a range, both ends inside, lies wholly in this one.
    pub fn covers(self, min_ms: i64, max_ms: i64) -> bool {
        self.min_ms <= min_ms && max_ms <= self.max_ms
    }
}

/// Sorts ranges and joins those that overlap or touch.
fn join(ranges: &mut Vec<Deleted>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let touches = next.min_ms <= kept.max_ms.saturating_add(1);
        if touches {
            kept.max_ms = kept.max_ms.max(next.max_ms);
        }
        touches
    });
}

#[cfg(test)]
mod tests;
