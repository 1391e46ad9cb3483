//! The framed Snappy format, one stream a message, as gRPC peers written in Go register it under the name `snappy`.
//!
//! A stream is a magic chunk and then chunks of at most 64 KiB of data, compressed or not, each with a checksum of the data.
//! Format: `framing_format.txt` of google/snappy.

use bytes::{BufMut, BytesMut};
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

/// The first chunk of a stream.
const MAGIC: [u8; 10] = [0xff, 6, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y'];
/// What one chunk holds at most, uncompressed.
const CHUNK_BYTES: usize = 64 << 10;
/// Kind and length of a chunk.
const HEADER_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;
const COMPRESSED: u8 = 0;
const UNCOMPRESSED: u8 = 1;
const STREAM_IDENTIFIER: u8 = 0xff;
/// Kinds from here on may be skipped by who does not know them; those below may not.
const SKIPPABLE: u8 = 0x80;
/// No data is compressed better than this, so room for more need not be made before it is seen.
const BEST_RATIO: usize = 22;

/// Why a stream is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SnappyError {
    #[error("snappy: the message is cut short at byte {at}")]
    CutShort { at: usize },
    #[error("snappy: the message does not begin as a framed stream")]
    NoMagic,
    #[error("snappy: chunk of unknown kind {kind:#04x} at byte {at}")]
    UnknownChunk { kind: u8, at: usize },
    #[error("snappy: chunk of {size_bytes} bytes at byte {at} is larger than a chunk may be")]
    LargeChunk { size_bytes: usize, at: usize },
    #[error("snappy: chunk at byte {at}: {source}")]
    Corrupt { at: usize, source: snap::Error },
    #[error("snappy: the checksum of the chunk at byte {at} differs")]
    Checksum { at: usize },
    #[error("snappy: the message is larger than {limit_bytes} bytes when decompressed")]
    TooLarge { limit_bytes: usize },
}

/// How many bytes a stream of `decoded_bytes` bytes has at most; one with more is not worth waiting for.
pub(super) fn max_encoded_bytes(decoded_bytes: usize) -> usize {
    // Go's writer makes chunks of 64 KiB; a writer that flushes often makes smaller ones.
    decoded_bytes.saturating_add(decoded_bytes / 4).saturating_add(1 << 10)
}

/// Appends the stream of `message` to `out`.
pub fn encode(message: &[u8], encoder: &mut Encoder, out: &mut BytesMut) {
    out.put_slice(&MAGIC);
    for data in message.chunks(CHUNK_BYTES) {
        let start = out.len();
        let body = start + HEADER_BYTES + CHECKSUM_BYTES;
        out.resize(body + max_compress_len(data.len()), 0);
        // What shrinks by less than an eighth is not worth decompressing.
        let worth = data.len() - data.len() / 8;
        let packed = out.get_mut(body..).and_then(|room| encoder.compress(data, room).ok()).filter(|len| *len < worth);
        let (kind, len) = packed.map_or((UNCOMPRESSED, data.len()), |len| (COMPRESSED, len));
        out.truncate(if kind == COMPRESSED { body + len } else { body });
        if kind == UNCOMPRESSED {
            out.put_slice(data);
        }
        let size = u32::try_from(CHECKSUM_BYTES + len).unwrap_or(u32::MAX).to_le_bytes();
        let checksum = checksum(data).to_le_bytes();
        let header = [kind, size[0], size[1], size[2], checksum[0], checksum[1], checksum[2], checksum[3]];
        if let Some(place) = out.get_mut(start..body) {
            place.copy_from_slice(&header);
        }
    }
}

/// Appends what `stream` holds to `out`, at most `limit_bytes`.
///
/// # Errors
/// A stream that is damaged, or holds more than `limit_bytes`. `out` then holds the part before.
pub fn decode(stream: &[u8], limit_bytes: usize, out: &mut BytesMut) -> Result<(), SnappyError> {
    let before = out.len();
    out.reserve(decoded_bytes(stream, limit_bytes)?.min(stream.len().saturating_mul(BEST_RATIO)));
    for chunk in Chunks::of(stream) {
        let Chunk { at, kind, body } = chunk?;
        let Some((want, data)) = body.split_first_chunk::<CHECKSUM_BYTES>().filter(|_| kind < SKIPPABLE) else {
            continue;
        };
        let start = out.len();
        match kind {
            COMPRESSED => {
                let size = decompress_len(data).map_err(|source| SnappyError::Corrupt { at, source })?;
                out.resize(start + size, 0);
                let room = out.get_mut(start..).unwrap_or_default();
                Decoder::new().decompress(data, room).map_err(|source| SnappyError::Corrupt { at, source })?;
            }
            _ => out.put_slice(data),
        }
        debug_assert!(out.len() - before <= limit_bytes);
        if checksum(out.get(start..).unwrap_or_default()) != u32::from_le_bytes(*want) {
            return Err(SnappyError::Checksum { at });
        }
    }
    Ok(())
}

/// How many bytes the chunks of `stream` say they hold; checks all that can be checked without decompressing.
fn decoded_bytes(stream: &[u8], limit_bytes: usize) -> Result<usize, SnappyError> {
    let mut total = 0usize;
    for (number, chunk) in Chunks::of(stream).enumerate() {
        let Chunk { at, kind, body } = chunk?;
        if kind == STREAM_IDENTIFIER {
            if Some(body) != MAGIC.get(HEADER_BYTES..) {
                return Err(SnappyError::NoMagic);
            }
            continue;
        }
        if number == 0 {
            return Err(SnappyError::NoMagic);
        }
        let size_bytes = match kind {
            COMPRESSED => {
                let data = body.get(CHECKSUM_BYTES..).ok_or(SnappyError::CutShort { at })?;
                decompress_len(data).map_err(|source| SnappyError::Corrupt { at, source })?
            }
            UNCOMPRESSED => body.len().checked_sub(CHECKSUM_BYTES).ok_or(SnappyError::CutShort { at })?,
            SKIPPABLE.. => 0,
            kind => return Err(SnappyError::UnknownChunk { kind, at }),
        };
        if size_bytes > CHUNK_BYTES {
            return Err(SnappyError::LargeChunk { size_bytes, at });
        }
        total = total.saturating_add(size_bytes);
        if total > limit_bytes {
            return Err(SnappyError::TooLarge { limit_bytes });
        }
    }
    Ok(total)
}

/// CRC-32C, rotated and shifted as the format asks.
fn checksum(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

struct Chunk<'a> {
    /// Where it begins.
    at: usize,
    kind: u8,
    body: &'a [u8],
}

struct Chunks<'a> {
    at: usize,
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    fn of(stream: &'a [u8]) -> Self {
        Self { at: 0, rest: stream }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, SnappyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let at = self.at;
        let Some(([kind, size @ ..], rest)) = self.rest.split_first_chunk::<HEADER_BYTES>() else {
            self.rest = &[];
            return Some(Err(SnappyError::CutShort { at }));
        };
        let size = usize::from(size[0]) | usize::from(size[1]) << 8 | usize::from(size[2]) << 16;
        let Some((body, rest)) = rest.split_at_checked(size) else {
            self.rest = &[];
            return Some(Err(SnappyError::CutShort { at }));
        };
        self.rest = rest;
        self.at += HEADER_BYTES + size;
        Some(Ok(Chunk { at, kind: *kind, body }))
    }
}

#[cfg(test)]
mod tests;
