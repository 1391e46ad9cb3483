//! The body of a histogram in a record: checked and passed over.

use crate::cursor::{Corruption, Cursor};

/// How counts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Buckets {
    /// Varints; buckets as deltas.
    Integer,
    /// Eight bytes each.
    Float,
}

/// The schema whose bounds are listed.
const CUSTOM_BUCKETS_SCHEMA: i64 = -53;

const FLOAT_BYTES: usize = 8;

/// Reads past one histogram.
pub(super) fn pass_over(cursor: &mut Cursor<'_>, buckets: Buckets) -> Result<(), Corruption> {
    let _reset_hint = cursor.u8()?;
    let schema = cursor.varint()?;
    let _zero_threshold = cursor.be_u64()?;
    for _zero_count_then_count in 0..2 {
        match buckets {
            Buckets::Integer => cursor.uvarint()?,
            Buckets::Float => cursor.be_u64()?,
        };
    }
    let _sum = cursor.be_u64()?;
    for _positive_then_negative in 0..2 {
        for _ in 0..cursor.uvarint()? {
            let (_offset, _length) = (cursor.varint()?, cursor.uvarint()?);
        }
    }
    for _positive_then_negative in 0..2 {
        let count = cursor.uvarint()?;
        match buckets {
            Buckets::Float => pass_over_floats(cursor, count)?,
            Buckets::Integer => {
                for _ in 0..count {
                    cursor.varint()?;
                }
            }
        }
    }
    if schema == CUSTOM_BUCKETS_SCHEMA {
        let bounds = cursor.uvarint()?;
        pass_over_floats(cursor, bounds)?;
    }
    Ok(())
}

fn pass_over_floats(cursor: &mut Cursor<'_>, count: u64) -> Result<(), Corruption> {
    let size = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(FLOAT_BYTES);
    cursor.bytes(size).map(|_| ())
}
