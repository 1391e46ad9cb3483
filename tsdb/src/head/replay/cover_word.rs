//! Which times of a reference a chunk is known to have, in one word.

use crate::head::chunk_list::FullChunk;
use std::sync::atomic::{AtomicU64, Ordering};

/// The range of the chunk that the last sample of a reference was found in, where the next one likely lies, too; and whether
/// that is the newest full chunk of its series. Threads may write over what others wrote: all of it holds, for chunks
/// do not go away during a replay.
///
/// | bits | holds |
/// |---|---|
/// | 0 | no full chunk is newer |
/// | 1–31 | milliseconds that the chunk spans, both ends counted; 0: none is known |
/// | 32–63 | its last millisecond, from the base |
#[derive(Debug)]
pub(super) struct CoverWord(AtomicU64);

/// What is known of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// A chunk has it.
    Covered,
    /// It is newer than all chunks that were found, or the word has no room for what was.
    Newer,
    /// The chunks of the series are to be looked at.
    Nothing,
}

const NEWEST: u64 = 1;
const MAX_SPAN_MS: u64 = (1 << 31) - 1;

impl CoverWord {
    /// Of a reference without chunks.
    pub(super) fn nothing() -> Self {
        Self(AtomicU64::new(NEWEST))
    }

    /// What is known of the sample `since_base_ms` after the base.
    #[inline(always)]
    pub(super) fn of(&self, since_base_ms: u64) -> Known {
        let word = self.0.load(Ordering::Relaxed);
        let (last_ms, span_ms) = (word >> 32, word >> 1 & MAX_SPAN_MS);
        if last_ms.wrapping_sub(since_base_ms) < span_ms {
            Known::Covered
        } else if word & NEWEST != 0 && since_base_ms > last_ms {
            Known::Newer
        } else {
            Known::Nothing
        }
    }

    /// Remembers a chunk, and whether it is the newest.
    pub(super) fn set(&self, chunk: FullChunk, is_newest: bool, base_ms: i64) {
        let last_ms = u32::try_from(chunk.max_ms.wrapping_sub(base_ms)).ok().filter(|_| chunk.min_ms >= base_ms);
        let span_ms = chunk.max_ms.wrapping_sub(chunk.min_ms).cast_unsigned().wrapping_add(1);
        let Some(last_ms) = last_ms.filter(|_| span_ms <= MAX_SPAN_MS) else {
            return self.end();
        };
        self.0.store(u64::from(last_ms) << 32 | span_ms << 1 | u64::from(is_newest), Ordering::Relaxed);
    }

    /// Remembers that no chunk is as new as the samples that come.
    pub(super) fn end(&self) {
        self.0.store(NEWEST, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
