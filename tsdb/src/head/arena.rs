//! Arrays that grow without moving what they hold.

use std::ops::{Index, IndexMut};

/// An array in segments. The first holds about 4 KiB, each later one as much as all before it, so that growth neither
/// copies nor leaves more than the untouched end of one segment, which costs address space and no memory.
///
/// Elements are numbered from 0 and never removed; who reuses numbers keeps a list of free ones.
#[derive(Debug)]
pub(super) struct Arena<T> {
    segments: Vec<Vec<T>>,
    len: u32,
}

/// What the first segment holds, in bytes, at most.
const FIRST_BYTES: usize = 4096;

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { segments: Vec::new(), len: 0 }
    }
}

impl<T> Arena<T> {
    /// The binary logarithm of how many elements the first segment holds.
    const FIRST_LOG2: u32 = (FIRST_BYTES / size_of::<T>()).ilog2();

    /// How many elements there are.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Adds an element and says its number.
    pub(super) fn push(&mut self, element: T) -> u32 {
        let number = self.len;
        let (segment, _) = place(number, Self::FIRST_LOG2);
        if segment == self.segments.len() {
            self.segments.push(Vec::with_capacity(1 << (Self::FIRST_LOG2 as usize + segment.saturating_sub(1))));
        }
        self.segments[segment].push(element);
        self.len += 1;
        number
    }

    /// The elements in order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().flatten()
    }

    /// Bytes held, unused room at the end included.
    pub(super) fn capacity_bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.capacity() * size_of::<T>()).sum()
    }
}

/// Segment and offset of element `number`: segments hold `n, n, 2n, 4n …` elements, `n = 1 << first_log2`.
#[inline(always)]
fn place(number: u32, first_log2: u32) -> (usize, usize) {
    let octave = (number >> first_log2).checked_ilog2();
    match octave {
        None => (0, number as usize),
        Some(octave) => (octave as usize + 1, (number - (1 << (octave + first_log2))) as usize),
    }
}

impl<T> Index<u32> for Arena<T> {
    type Output = T;

    #[inline(always)]
    fn index(&self, number: u32) -> &T {
        let (segment, offset) = place(number, Self::FIRST_LOG2);
        &self.segments[segment][offset]
    }
}

impl<T> IndexMut<u32> for Arena<T> {
    #[inline(always)]
    fn index_mut(&mut self, number: u32) -> &mut T {
        let (segment, offset) = place(number, Self::FIRST_LOG2);
        &mut self.segments[segment][offset]
    }
}

#[cfg(test)]
mod tests;
