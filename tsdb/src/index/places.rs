//! Where things begin in a section, so that one of many is found without a walk over all before it.

use bytes::Bytes;
use std::ops::Range;

/// Rising places, counted from the start of a section's content.
#[derive(Debug)]
pub enum Places {
    /// In memory of their own.
    Kept(Vec<u32>),
    /// Four bytes each, big-endian, mostly a part of a mapped file: they cost no memory that cannot be taken back.
    Stored(Bytes),
}

impl Default for Places {
    fn default() -> Self {
        Self::Kept(Vec::new())
    }
}

impl Places {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Kept(places) => places.len(),
            Self::Stored(words) => words.len() / size_of::<u32>(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place with that number.
    pub fn get(&self, number: usize) -> Option<u32> {
        match self {
            Self::Kept(places) => places.get(number).copied(),
            Self::Stored(words) => words.as_chunks().0.get(number).map(|word| u32::from_be_bytes(*word)),
        }
    }

    /// Appends them as they are stored.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Kept(places) => places.iter().for_each(|place| out.extend_from_slice(&place.to_be_bytes())),
            Self::Stored(words) => out.extend_from_slice(words),
        }
    }

    /// How many of the places numbered `range` come before the first one that is not `before`; `None` if there are not so
    /// many places.
    pub(super) fn partition_point(&self, range: Range<usize>, before: impl Fn(u32) -> bool) -> Option<usize> {
        match self {
            Self::Kept(places) => Some(places.get(range)?.partition_point(|place| before(*place))),
            Self::Stored(words) => {
                let words: &[[u8; 4]] = words.as_chunks().0.get(range)?;
                Some(words.partition_point(|word| before(u32::from_be_bytes(*word))))
            }
        }
    }
}
