//! Float samples as records have them, read where they are looked at.
//!
//! A replay looks at each sample once, and most it only passes over: writing them out before would take longer than that look.

use super::{LoggedSample, Prefixes, RecordKind};
use crate::cursor::{Corruption, Cursor};
use model::SeriesRef;

/// What becomes of the float samples in records of the first version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wal) enum Floats {
    /// They are read like all else.
    Read,
    /// Their records are kept: whoever takes them reads them.
    Packed,
}

/// Which sample is wanted after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The one behind it.
    Any,
    /// The first behind it that cannot be passed over.
    WhatDoesNotPass,
}

/// A record of float samples of the first version, not read yet.
#[derive(Debug, Default)]
pub struct PackedSamples {
    room: Vec<u8>,
    /// How much of the room the record takes.
    size: usize,
    offset: u64,
}

/// Rooms larger than this are not kept for the next records.
const KEPT_BYTES: usize = 1 << 20;
/// As many bytes as a sample has whose varints are short.
pub(super) const SHORT_SAMPLE_BYTES: usize = 16;
/// As many as a record of samples has at least: its type, what references and times count from.
const LEAST_BYTES: usize = 17;

impl PackedSamples {
    /// Whether `record`, which is stored as `stored`, is such a record, whatever bits were flipped that say how it is
    /// compressed: something compressed that passes for a record of this type as it is has fewer bytes.
    pub(in crate::wal) fn is_one(record: &[u8], stored: &[u8]) -> bool {
        record.first() == Some(&(RecordKind::Samples as u8)) && stored.len().min(record.len()) >= LEAST_BYTES
    }

    /// The record that fills the first `size` bytes of `room`, and begins at `offset` of its segment.
    pub(super) fn new(room: Vec<u8>, size: usize, offset: u64) -> Self {
        Self { room, size, offset }
    }

    /// Room for another record.
    pub(super) fn take_room(&mut self) -> Vec<u8> {
        let room = std::mem::take(&mut self.room);
        if room.capacity() > KEPT_BYTES { Vec::new() } else { room }
    }

    /// Where in the segment the record begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Hands samples to `take`, which says what comes next. Of those that are passed over, `passes` is told series and time.
    /// Says how many these were.
    ///
    /// # Errors
    /// Says where in the record and why; the samples before have been handed out then.
    #[inline(always)]
    pub fn read(
        &self,
        passes: impl Fn(SeriesRef, i64) -> bool,
        take: impl FnMut(LoggedSample) -> Next,
    ) -> Result<u64, Corruption> {
        let mut cursor = Cursor::new(self.room.get(..self.size).unwrap_or_default());
        cursor.u8()?;
        read_samples(&mut cursor, passes, take)
    }
}

/// Reads the samples of a record from behind its type, as [`PackedSamples::read`] does.
#[inline(always)]
pub(super) fn read_samples(
    cursor: &mut Cursor<'_>,
    passes: impl Fn(SeriesRef, i64) -> bool,
    mut take: impl FnMut(LoggedSample) -> Next,
) -> Result<u64, Corruption> {
    let prefixes = Prefixes::new(cursor)?;
    let (rest, mut at, mut passed) = (cursor.rest(), 0, 0);
    while let Some(bytes) = rest.get(at..).filter(|bytes| !bytes.is_empty()) {
        let short = bytes.first_chunk().and_then(|bytes| prefixes.short_sample(bytes));
        let (sample, size) = match short {
            Some(short) => short,
            None => prefixes.long_sample(cursor, at)?,
        };
        at += size;
        if take(sample) == Next::WhatDoesNotPass {
            let (count, size) = prefixes.pass_over(rest.get(at..).unwrap_or_default(), &passes);
            (at, passed) = (at + size, passed + count);
        }
    }
    cursor.skip(at);
    Ok(passed)
}

#[cfg(test)]
mod tests;
