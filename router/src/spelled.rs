//! The body that a request of remote write 2.0 is rewritten into: it grows as it is written, out of the budget.

use crate::budget::{NoMemory, Reserved};
use crate::buffers::{Buffer, BufferPool};
use crate::status::Refusal;
use bytes::Bytes;
use proto::BodySink;
use std::sync::Arc;

/// A body that grows, at most to a limit.
#[derive(Debug)]
pub(crate) struct Spelled {
    buffer: Buffer,
    limit_bytes: usize,
}

impl Spelled {
    /// An empty one with room for what is reserved.
    pub(crate) fn new(reserved: Reserved, buffers: &Arc<BufferPool>, limit_bytes: u32) -> Self {
        Self { buffer: buffers.buffer(reserved), limit_bytes: limit_bytes as usize }
    }

    /// Keeps memory reserved for `more_bytes` that belong to the body and lie elsewhere.
    pub(crate) fn reserve_beside(&mut self, more_bytes: usize) -> Result<(), NoMemory> {
        self.buffer.reserve_beside(more_bytes)
    }

    /// The body, which gives its memory back when nobody has it any more.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self.buffer)
    }

    fn size_bytes(&self) -> usize {
        self.buffer.as_ref().len()
    }
}

impl BodySink for Spelled {
    type Full = Refusal;

    fn room(&self) -> usize {
        self.limit_bytes.saturating_sub(self.size_bytes())
    }

    fn full(&self, wanted: usize) -> Refusal {
        let claim_bytes = self.size_bytes().saturating_add(wanted);
        Refusal::SpelledTooLarge { claim_bytes, limit_bytes: self.limit_bytes }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let wanted = self.size_bytes() + bytes.len();
        if wanted > self.limit_bytes {
            return Err(self.full(bytes.len()));
        }
        if wanted > self.buffer.room() {
            // Twice what is needed, lest a long body is moved for each of its series.
            self.buffer.grow_to((2 * wanted).min(self.limit_bytes)).map_err(|no_memory| match no_memory {
                NoMemory::Now => Refusal::Busy,
                NoMemory::Ever => self.full(bytes.len()),
            })?;
        }
        self.buffer.push(bytes);
        Ok(())
    }
}
