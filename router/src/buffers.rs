//! Buffers that one request leaves to the next.

use crate::budget::{NoMemory, Reserved};
use parking_lot::Mutex;
use std::sync::Arc;

/// At most so many idle buffers are kept,
const KEPT_BUFFERS: usize = 8;
/// none larger than this: a rare large body must not hold memory for ever.
const KEPT_BYTES: usize = 1 << 20;

/// The idle buffers.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    idle: Mutex<Vec<Vec<u8>>>,
}

/// A run of bytes together with the memory reserved for it. Dropped, both go back.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// Everything ever zeroed stays so: `used` says how much of it is content.
    bytes: Vec<u8>,
    used: usize,
    reserved: Reserved,
    pool: Arc<BufferPool>,
}

impl BufferPool {
    /// An empty buffer, the one last given back if there is any.
    pub(crate) fn buffer(self: &Arc<Self>, reserved: Reserved) -> Buffer {
        let bytes = self.idle.lock().pop().unwrap_or_default();
        Buffer { bytes, used: 0, reserved, pool: Arc::clone(self) }
    }
}

impl Buffer {
    /// Has memory reserved for `size_bytes` in all, and room for so much content.
    pub(crate) fn grow_to(&mut self, size_bytes: usize) -> Result<(), NoMemory> {
        self.reserved.grow_to(size_bytes)?;
        self.make_room(size_bytes);
        Ok(())
    }

    /// Has memory reserved for `more_bytes` that its owner holds beside the content.
    pub(crate) fn reserve_beside(&mut self, more_bytes: usize) -> Result<(), NoMemory> {
        self.reserved.grow_to(self.used.saturating_add(more_bytes))
    }

    /// Makes the content `size_bytes` long, its bytes whatever they were before.
    pub(crate) fn set_len(&mut self, size_bytes: usize) -> &mut [u8] {
        self.make_room(size_bytes);
        self.used = size_bytes;
        self.bytes.get_mut(..size_bytes).unwrap_or_default()
    }

    /// Adds `more` at the end of the content.
    pub(crate) fn push(&mut self, more: &[u8]) {
        let at = self.used;
        if let Some(room) = self.set_len(at + more.len()).get_mut(at..) {
            room.copy_from_slice(more);
        }
    }

    /// How much content there is room for.
    pub(crate) fn room(&self) -> usize {
        self.bytes.len()
    }

    fn make_room(&mut self, size_bytes: usize) {
        if self.bytes.is_empty() {
            // Zeroed pages come untouched from the system, where growing would write to each.
            self.bytes = vec![0; size_bytes];
        } else if self.bytes.len() < size_bytes {
            self.bytes.reserve_exact(size_bytes - self.bytes.len());
            self.bytes.resize(size_bytes, 0);
        }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() <= KEPT_BYTES {
            let mut idle = self.pool.idle.lock();
            if idle.len() < KEPT_BUFFERS {
                idle.push(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests;
