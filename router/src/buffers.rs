//! Buffers that one request leaves to the next.
//!
//! Small ones are kept for that. A large one, which is rare, is a mapping of its own and goes back to the system with the
//! request: an allocator would keep it for a while and take another meanwhile, and the budget would be passed.

use memmap2::MmapMut;
use parking_lot::Mutex;
use service::{NoMemory, Reserved};
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
    bytes: Storage,
    used: usize,
    reserved: Reserved,
    pool: Arc<BufferPool>,
}

/// Where the bytes of a buffer are.
#[derive(Debug)]
enum Storage {
    Heap(Vec<u8>),
    Mapped(MmapMut),
}

impl BufferPool {
    /// An empty buffer, the one last given back if there is any.
    pub(crate) fn buffer(self: &Arc<Self>, reserved: Reserved) -> Buffer {
        let bytes = self.idle.lock().pop().unwrap_or_default();
        Buffer { bytes: Storage::Heap(bytes), used: 0, reserved, pool: Arc::clone(self) }
    }
}

impl Buffer {
    /// Has memory reserved for `size_bytes` in all, and room for so much content.
    pub(crate) fn grow_to(&mut self, size_bytes: usize) -> Result<(), NoMemory> {
        self.reserved.grow_to(size_bytes)?;
        self.make_room(size_bytes);
        Ok(())
    }

    /// Keeps memory reserved for what its owner holds beside the content, until both are given back.
    pub(crate) fn keep_beside(&mut self, reserved: Reserved) {
        self.reserved.join(reserved);
    }

    /// Makes the content `size_bytes` long, its bytes whatever they were before.
    pub(crate) fn set_len(&mut self, size_bytes: usize) -> &mut [u8] {
        self.make_room(size_bytes);
        self.used = size_bytes;
        self.bytes.as_mut().get_mut(..size_bytes).unwrap_or_default()
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
        self.bytes.as_ref().len()
    }

    fn make_room(&mut self, size_bytes: usize) {
        if self.room() >= size_bytes {
            return;
        }
        // Zeroed pages come untouched from the system, where growing would write to each.
        let mut larger = Storage::zeroed(size_bytes);
        let content = self.as_ref();
        if let Some(room) = larger.as_mut().get_mut(..content.len()) {
            room.copy_from_slice(content);
        }
        self.bytes = larger;
    }
}

impl Storage {
    fn zeroed(size_bytes: usize) -> Self {
        if size_bytes > KEPT_BYTES
            && let Ok(mapped) = MmapMut::map_anon(size_bytes)
        {
            return Self::Mapped(mapped);
        }
        Self::Heap(vec![0; size_bytes])
    }

    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }

    fn as_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref().get(..self.used).unwrap_or_default()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // The memory is given back before its reservation is.
        match std::mem::replace(&mut self.bytes, Storage::Heap(Vec::new())) {
            Storage::Heap(bytes) if bytes.capacity() <= KEPT_BYTES => {
                let mut idle = self.pool.idle.lock();
                if idle.len() < KEPT_BUFFERS {
                    idle.push(bytes);
                }
            }
            Storage::Heap(_) | Storage::Mapped(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
