//! gRPC's message frames: a flag, a length of four bytes, the message. They may lie across the frames of HTTP as they like.

use bytes::{Buf, Bytes, BytesMut};
use tonic::Status;

/// Flag and length.
pub const PREFIX_BYTES: usize = 5;

/// One message as it travels.
#[derive(Debug, Clone)]
pub struct Message {
    pub compressed: bool,
    pub payload: Bytes,
}

/// Puts messages together again.
#[derive(Debug)]
pub struct Messages {
    /// The beginning of a message.
    partial: BytesMut,
    /// What came last and was not looked at yet.
    rest: Bytes,
    limit_bytes: usize,
}

impl Messages {
    /// Messages of at most `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Self {
        Self { partial: BytesMut::new(), rest: Bytes::new(), limit_bytes }
    }

    /// Adds what came. All messages before must have been taken.
    pub fn push(&mut self, data: Bytes) {
        if self.rest.is_empty() {
            self.rest = data;
        } else {
            self.partial.extend_from_slice(&std::mem::replace(&mut self.rest, data));
        }
    }

    /// Whether nothing is left over.
    pub fn is_empty(&self) -> bool {
        self.partial.is_empty() && self.rest.is_empty()
    }

    /// The next message that is complete. Costs no copy if it lies in one piece.
    ///
    /// # Errors
    /// A flag that is none, or a length above the limit.
    pub fn next_message(&mut self) -> Result<Option<Message>, Status> {
        if self.partial.is_empty() {
            let Some(prefix) = self.rest.first_chunk::<PREFIX_BYTES>() else {
                self.keep(usize::MAX);
                return Ok(None);
            };
            let (compressed, len) = self.parse(*prefix)?;
            if self.rest.len() >= PREFIX_BYTES + len {
                self.rest.advance(PREFIX_BYTES);
                return Ok(Some(Message { compressed, payload: self.rest.split_to(len) }));
            }
        }
        self.keep(PREFIX_BYTES.saturating_sub(self.partial.len()));
        let Some(prefix) = self.partial.first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let (compressed, len) = self.parse(*prefix)?;
        self.keep((PREFIX_BYTES + len).saturating_sub(self.partial.len()));
        if self.partial.len() < PREFIX_BYTES + len {
            return Ok(None);
        }
        let mut payload = std::mem::take(&mut self.partial).freeze();
        payload.advance(PREFIX_BYTES);
        Ok(Some(Message { compressed, payload }))
    }

    /// Moves at most `len` bytes of what came into the message that has begun.
    fn keep(&mut self, len: usize) {
        let taken = self.rest.split_to(len.min(self.rest.len()));
        self.partial.extend_from_slice(&taken);
    }

    fn parse(&self, prefix: [u8; PREFIX_BYTES]) -> Result<(bool, usize), Status> {
        let [flag, len @ ..] = prefix;
        let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
        check(flag, len, self.limit_bytes)?;
        Ok((flag == 1, len))
    }
}

fn check(flag: u8, len: usize, limit_bytes: usize) -> Result<(), Status> {
    if flag > 1 {
        return Err(Status::internal(format!("a message has the compression flag {flag}, which is none")));
    }
    if len > limit_bytes {
        return Err(Status::resource_exhausted(format!(
            "a message of {len} bytes is larger than the limit of {limit_bytes} bytes"
        )));
    }
    Ok(())
}

/// Messages that began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Begun {
    pub messages: u64,
    /// How many bytes they will have in all.
    pub bytes: usize,
}

/// Counts messages as their bytes pass by.
#[derive(Debug)]
pub struct Counted {
    prefix: [u8; PREFIX_BYTES],
    have: usize,
    /// Bytes of the current message that are still to come.
    left: usize,
    limit_bytes: usize,
}

impl Counted {
    /// Messages of at most `limit_bytes`.
    pub fn new(limit_bytes: usize) -> Self {
        Self { prefix: [0; PREFIX_BYTES], have: 0, left: 0, limit_bytes }
    }

    /// What begins in `data`.
    ///
    /// # Errors
    /// As [`Messages::next_message`].
    pub fn pass(&mut self, mut data: &[u8]) -> Result<Begun, Status> {
        let mut begun = Begun::default();
        while !data.is_empty() {
            let skipped = self.left.min(data.len());
            self.left -= skipped;
            data = data.get(skipped..).unwrap_or_default();
            while let Some((byte, rest)) = data.split_first().filter(|_| self.left == 0) {
                if let Some(place) = self.prefix.get_mut(self.have) {
                    *place = *byte;
                }
                data = rest;
                self.have += 1;
                if self.have == PREFIX_BYTES {
                    let [flag, len @ ..] = self.prefix;
                    self.left = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX);
                    self.have = 0;
                    check(flag, self.left, self.limit_bytes)?;
                    begun.messages += 1;
                    begun.bytes = begun.bytes.saturating_add(self.left);
                }
            }
        }
        Ok(begun)
    }
}

#[cfg(test)]
mod tests;
