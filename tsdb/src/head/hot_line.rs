//! What an append must know of a series, in one cache line.
//!
//! | bytes | field | holds |
//! |---|---|---|
//! | 0–7 | `fingerprint_low` | bits 0–63 of the fingerprint; the hash in the shard's table |
//! | 8–15 | `last_ms` | timestamp of the newest sample |
//! | 16–23 | `value_bits` | its value, bit for bit; of a histogram the number of its state in the shard |
//! | 24–31 | `pending` | bits of the open chunk that do not fill a word yet |
//! | 32–35 | `fingerprint_high` | bits 64–95; the shard stands for some of the rest |
//! | 36–39 | `successor` | the line of the series that followed this one last time, [`NO_LINE`] if none did |
//! | 40–43 | `delta_ms` | `last_ms` less the timestamp before it in the open chunk |
//! | 44–47 | `left_ms` | the end of the open chunk less `last_ms`; a sample as far away, or farther, opens the next |
//! | 48–51 | `slot` | slab slot with the whole words of the open chunk |
//! | 52–55 | `reference_low` | bits 0–31 of the series reference |
//! | 56 | `reference_high` | bits 32–39 |
//! | 57 | `words` | how many words (of 8 bytes) the slot holds |
//! | 58 | `count` | samples in the open chunk, 0 if there is none |
//! | 59 | `leading` | window of significant bits, [`chunk::xor::NO_WINDOW`](crate::chunk::xor::NO_WINDOW) before the first |
//! | 60 | `trailing` | |
//! | 61 | `pending_bits` | how many bits of `pending` count, 0–63 |
//! | 62 | `flags` | bit 0 live, bit 1 has a newest sample, bit 2 samples may be missing in the log, bit 3 that is a histogram |
//! | 63 | | |
//!
//! Of a series whose newest sample is a histogram `count` and `words` are 0: its open chunk is with its state.
//!
//! There is no time relative to a base: the newest timestamp is whole, the others are distances from it within one chunk,
//! and a chunk never spans more than twice [`MAX_CHUNK_RANGE_MS`]. A sample that is farther away than that opens a new chunk, so
//! any two timestamps can follow each other.
//!
//! The reference doubles as the generation of the line: references are never used again, so a line that another series has
//! taken over shows another reference.

use super::slab::Slot;
use crate::chunk::xor::XorState;
use model::{Fingerprint, SeriesRef};

/// The longest range of chunks: distances within one, even where it reaches across time 0, fit 32 bits.
pub(super) const MAX_CHUNK_RANGE_MS: i64 = 1 << 30;

/// The number of no line.
pub(super) const NO_LINE: u32 = u32::MAX;

/// See the table above.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(super) struct HotLine {
    fingerprint_low: u64,
    pub(super) last_ms: i64,
    pub(super) value_bits: u64,
    pending: u64,
    fingerprint_high: u32,
    pub(super) successor: u32,
    delta_ms: u32,
    pub(super) left_ms: u32,
    pub(super) slot: Slot,
    reference_low: u32,
    reference_high: u8,
    pub(super) words: u8,
    pub(super) count: u8,
    leading: u8,
    trailing: u8,
    pending_bits: u8,
    flags: u8,
}

const _: () = assert!(size_of::<HotLine>() == 64 && align_of::<HotLine>() == 64);

/// The series is part of the head. Other lines are free or about to be.
const LIVE: u8 = 1 << 0;
/// `last_ms` and `value_bits` are those of a sample.
const SAMPLED: u8 = 1 << 1;
/// The log refused samples of this series that the head has.
const UNLOGGED: u8 = 1 << 2;
/// The newest sample is a histogram.
const HISTOGRAM: u8 = 1 << 3;

impl HotLine {
    /// The line of a new series.
    pub(super) fn new(fingerprint: Fingerprint, reference: SeriesRef) -> Self {
        let mut line = Self {
            fingerprint_low: fingerprint.0 as u64,
            last_ms: i64::MIN,
            value_bits: 0,
            pending: 0,
            fingerprint_high: (fingerprint.0 >> 64) as u32,
            successor: NO_LINE,
            delta_ms: 0,
            left_ms: 0,
            slot: Slot::NONE,
            reference_low: reference.0 as u32,
            reference_high: (reference.0 >> 32) as u8,
            words: 0,
            count: 0,
            leading: 0,
            trailing: 0,
            pending_bits: 0,
            flags: LIVE,
        };
        line.close_chunk();
        line
    }

    /// Whether this is the line of that fingerprint. Lines that are not live are nobody's.
    #[inline(always)]
    pub(super) fn is(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprint_low == fingerprint.0 as u64
            && self.fingerprint_high == (fingerprint.0 >> 64) as u32
            && self.is_live()
    }

    /// The hash under which the shard's table holds the line; see [`table_hash`].
    #[inline(always)]
    pub(super) fn table_hash(&self) -> u64 {
        self.fingerprint_low
    }

    #[inline(always)]
    pub(super) fn reference(&self) -> SeriesRef {
        SeriesRef(u64::from(self.reference_high) << 32 | u64::from(self.reference_low))
    }

    #[inline(always)]
    pub(super) fn is_live(&self) -> bool {
        self.flags & LIVE != 0
    }

    /// Takes the series out of the head.
    pub(super) fn kill(&mut self) {
        self.flags &= !LIVE;
    }

    /// Whether there is a newest sample; it may lie in a full chunk, or have been dropped with one.
    #[inline(always)]
    pub(super) fn has_sample(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    #[inline(always)]
    pub(super) fn is_unlogged(&self) -> bool {
        self.flags & UNLOGGED != 0
    }

    /// Says whether the log lacks samples of the series.
    pub(super) fn set_unlogged(&mut self, unlogged: bool) {
        self.flags = if unlogged { self.flags | UNLOGGED } else { self.flags & !UNLOGGED };
    }

    #[inline(always)]
    pub(super) fn is_histogram(&self) -> bool {
        self.flags & HISTOGRAM != 0
    }

    /// Says whether `value_bits` is the number of a histogram's state. There is no open chunk.
    pub(super) fn set_histogram(&mut self, is_histogram: bool) {
        self.flags = if is_histogram { self.flags | HISTOGRAM } else { self.flags & !HISTOGRAM };
    }

    /// How many bits of the open chunk do not fill a word yet.
    #[inline(always)]
    pub(super) fn pending_bits(&self) -> u8 {
        self.pending_bits
    }

    /// The encoder's state.
    #[inline(always)]
    pub(super) fn state(&self) -> XorState {
        XorState {
            last_ms: self.last_ms,
            value_bits: self.value_bits,
            delta_ms: i64::from(self.delta_ms),
            pending: self.pending,
            pending_bits: self.pending_bits,
            leading: self.leading,
            trailing: self.trailing,
            count: u16::from(self.count),
        }
    }

    /// Takes the encoder's state over. The distance of the last two samples is below 2^32 ms and the count
    /// below 256: the rules for cutting chunks see to it.
    #[inline(always)]
    pub(super) fn set_state(&mut self, state: &XorState) {
        self.last_ms = state.last_ms;
        self.value_bits = state.value_bits;
        self.delta_ms = state.delta_ms as u32;
        self.pending = state.pending;
        self.pending_bits = state.pending_bits;
        self.leading = state.leading;
        self.trailing = state.trailing;
        self.count = state.count as u8;
        self.flags |= SAMPLED;
    }

    /// Leaves the line without an open chunk. Newest timestamp and value stay.
    pub(super) fn close_chunk(&mut self) {
        let empty = XorState::default();
        self.delta_ms = 0;
        self.pending = empty.pending;
        self.pending_bits = empty.pending_bits;
        self.leading = empty.leading;
        self.trailing = empty.trailing;
        self.count = 0;
        self.words = 0;
        self.slot = Slot::NONE;
        self.left_ms = 0;
    }

    /// Remembers a newest sample that lies in no open chunk.
    pub(super) fn set_newest(&mut self, timestamp_ms: i64, value_bits: u64) {
        self.last_ms = timestamp_ms;
        self.value_bits = value_bits;
        self.flags |= SAMPLED;
    }
}

/// The hash of a fingerprint in a shard's table.
#[inline(always)]
pub(super) fn table_hash(fingerprint: Fingerprint) -> u64 {
    fingerprint.0 as u64
}

#[cfg(test)]
mod tests;
