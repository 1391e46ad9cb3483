//! `tombstones`: ranges of series that were deleted but not rewritten yet.
//!
//! Format: `tsdb/docs/format/meta.md`.

use crate::cursor::{Corruption, Cursor, Fault, push_uvarint, push_varint};
use crate::deleted::{self, Deleted};
use std::collections::BTreeMap;

const MAGIC: u32 = 0x0130_BA30;
const VERSION: u8 = 1;
const CRC_BYTES: usize = 4;

/// The file of a block without any.
pub(super) const EMPTY_FILE: [u8; 9] = [0x01, 0x30, 0xBA, 0x30, VERSION, 0, 0, 0, 0];

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
        cursor.header(MAGIC, &[VERSION])?;
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
        by_series.values_mut().for_each(deleted::join);
        Ok(Self { by_series })
    }

    /// The file, for any reader of the format. Stones are in order of series and time, so that equal deletions are equal
    /// files.
    pub fn encode(&self) -> Vec<u8> {
        let mut file = EMPTY_FILE[..EMPTY_FILE.len() - CRC_BYTES].to_vec();
        let base = file.len();
        for (&series, ranges) in &self.by_series {
            for range in ranges {
                push_uvarint(&mut file, series);
                push_varint(&mut file, range.min_ms);
                push_varint(&mut file, range.max_ms);
            }
        }
        let sum = crc32c::crc32c(file.get(base..).unwrap_or_default());
        file.extend_from_slice(&sum.to_be_bytes());
        file
    }

    /// Deletes a range, which does not run backwards, of a series.
    pub fn add(&mut self, id: u32, range: Deleted) {
        deleted::add(self.by_series.entry(u64::from(id)).or_default(), range);
    }

    /// How many ranges there are, of all series together.
    pub fn ranges(&self) -> u64 {
        self.by_series.values().map(|ranges| ranges.len() as u64).sum()
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

#[cfg(test)]
mod tests;
