//! Compression of records.

use crate::cursor::Fault;
use std::io::Read;

/// What a log compresses its records with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    None,
    #[default]
    Snappy,
    Zstd,
}

/// How a record is stored: bits 3 and 4 of a fragment's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Snappy,
    Zstd,
}

/// The largest record that is unpacked, in bytes. Ours have 64 KiB; Prometheus writes a whole request as one.
const RECORD_LIMIT_BYTES: usize = 512 << 20;

/// The most bytes that one byte of a snappy block can stand for: a copy of 64 bytes takes three.
const SNAPPY_MAX_RATIO: usize = 22;

impl Coding {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::Snappy, Self::Zstd];

    pub(super) fn bits(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Snappy => 1 << 3,
            Self::Zstd => 1 << 4,
        }
    }

    /// Of a fragment's first byte; snappy wins if both bits are set, as in Prometheus.
    pub(super) fn from_bits(byte: u8) -> Self {
        if byte & Self::Snappy.bits() != 0 {
            Self::Snappy
        } else if byte & Self::Zstd.bits() != 0 {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

/// Compresses records, one after the other, without allocating once it is warm.
pub(super) struct Packer {
    snappy: snap::raw::Encoder,
    /// Made when the first log asks for it: it is large.
    zstd: Option<zstd::bulk::Compressor<'static>>,
    packed: Vec<u8>,
}

impl Packer {
    /// The form in which `record` is to be stored: packed, or as it is where packing does not make it smaller.
    pub(super) fn pack<'a>(&'a mut self, record: &'a [u8], compression: Compression) -> (&'a [u8], Coding) {
        let packed = match compression {
            Compression::None => None,
            Compression::Snappy => self.pack_snappy(record).map(|size| (size, Coding::Snappy)),
            Compression::Zstd => self.pack_zstd(record).map(|size| (size, Coding::Zstd)),
        };
        match packed.and_then(|(size, coding)| Some((self.packed.get(..size)?, coding))) {
            Some((packed, coding)) if packed.len() < record.len() => (packed, coding),
            _ => (record, Coding::Plain),
        }
    }

    /// Gives back memory beyond `keep_bytes`.
    pub(super) fn shrink_to(&mut self, keep_bytes: usize) {
        self.packed.truncate(keep_bytes);
        self.packed.shrink_to(keep_bytes);
    }

    fn pack_snappy(&mut self, record: &[u8]) -> Option<usize> {
        let room = snap::raw::max_compress_len(record.len());
        if room == 0 {
            return None; // Larger than snappy takes.
        }
        self.make_room(room);
        self.snappy.compress(record, &mut self.packed).ok()
    }

    fn pack_zstd(&mut self, record: &[u8]) -> Option<usize> {
        if self.zstd.is_none() {
            self.zstd = zstd::bulk::Compressor::new(1).ok();
        }
        self.make_room(zstd::zstd_safe::compress_bound(record.len()));
        self.zstd.as_mut()?.compress_to_buffer(record, &mut self.packed[..]).ok()
    }

    fn make_room(&mut self, size: usize) {
        if self.packed.len() < size {
            self.packed.resize(size, 0);
        }
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self { snappy: snap::raw::Encoder::new(), zstd: None, packed: Vec::new() }
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Packer")
    }
}

/// Unpacks records, one after the other.
#[derive(Default)]
pub(crate) struct Unpacker {
    zstd: zstd::bulk::Decompressor<'static>,
    unpacked: Vec<u8>,
}

/// A zstd frame says how much it unpacks to; so much is believed.
const ZSTD_BELIEVED_BYTES: usize = 16 << 20;

impl Unpacker {
    /// The record that `stored` holds. Nothing is allocated that `stored` could not fill.
    pub(super) fn unpack<'a>(&'a mut self, stored: &'a [u8], coding: Coding) -> Result<&'a [u8], Fault> {
        let size = match coding {
            Coding::Plain => return Ok(stored),
            Coding::Snappy => self.unpack_snappy(stored)?,
            Coding::Zstd => self.unpack_zstd(stored)?,
        };
        Ok(self.unpacked.get(..size).unwrap_or_default())
    }

    /// Where the record lies that was unpacked last, from the front on; a plain one is put there.
    pub(super) fn room(&mut self, stored: &[u8], coding: Coding) -> &mut Vec<u8> {
        if coding == Coding::Plain {
            self.unpacked.clear();
            self.unpacked.extend_from_slice(stored);
        }
        &mut self.unpacked
    }

    fn unpack_snappy(&mut self, stored: &[u8]) -> Result<usize, Fault> {
        let size = snap::raw::decompress_len(stored).map_err(|_| Fault::Malformed("snappy block has no size"))?;
        check_size(size, stored.len().saturating_mul(SNAPPY_MAX_RATIO))?;
        self.make_room(size);
        let unpacked = snap::raw::Decoder::new().decompress(stored, &mut self.unpacked);
        unpacked.map_err(|_| Fault::Malformed("snappy block is damaged"))
    }

    fn unpack_zstd(&mut self, stored: &[u8]) -> Result<usize, Fault> {
        const DAMAGED: Fault = Fault::Malformed("zstd frame is damaged");
        let said = zstd::zstd_safe::get_frame_content_size(stored).map_err(|_| DAMAGED)?;
        if let Some(size) = said.and_then(|size| usize::try_from(size).ok()).filter(|&size| size <= ZSTD_BELIEVED_BYTES)
        {
            self.make_room(size);
            return self.zstd.decompress_to_buffer(stored, &mut self.unpacked[..]).map_err(|_| DAMAGED);
        }
        self.unpacked.clear();
        let frames = zstd::stream::read::Decoder::new(stored).map_err(|_| DAMAGED)?;
        frames.take(RECORD_LIMIT_BYTES as u64 + 1).read_to_end(&mut self.unpacked).map_err(|_| DAMAGED)?;
        check_size(self.unpacked.len(), RECORD_LIMIT_BYTES)?;
        Ok(self.unpacked.len())
    }

    fn make_room(&mut self, size: usize) {
        if self.unpacked.len() < size {
            self.unpacked.resize(size, 0);
        }
    }
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Unpacker")
    }
}

fn check_size(size: usize, limit: usize) -> Result<(), Fault> {
    let limit = limit.min(RECORD_LIMIT_BYTES);
    if size > limit {
        return Err(Fault::TooLarge { what: "unpacked record", got: size as u64, limit: limit as u64 });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
