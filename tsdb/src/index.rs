//! The index of a block: which series there are, by which labels they are found, where their chunks lie.
//!
//! Decoders ([`toc`], [`symbols`], [`series`], [`postings`]) are functions over byte sections. [`IndexReader`] applies
//! them to a mapped file, [`select`] turns matchers into series, [`IndexWriter`] writes the file in one pass.
//!
//! Format: `tsdb/docs/format/index.md`.

mod ids;
mod places;
pub mod postings;
mod reader;
pub mod select;
pub mod series;
pub mod symbols;
pub mod toc;
mod writer;

pub use ids::IdList;
pub use places::Places;
pub use reader::IndexReader;
pub use series::{ChunkMeta, SeriesEntry};
pub use writer::{IndexWriteError, IndexWriter};

use crate::cursor::{Corruption, Cursor, Fault};

const MAGIC: u32 = 0xBAAA_D700;
const VERSION: u8 = 2;
/// Read as version 2: Prometheus reserves the number and gives it no other meaning yet.
const VERSION_3: u8 = 3;
/// Magic number and version.
const HEADER_BYTES: usize = 5;
const CRC_BYTES: usize = 4;
/// A series is named by where its entry stands, in units of this.
const SERIES_ALIGNMENT: u64 = 16;

/// Checks the header of an index.
///
/// # Errors
/// Another file, a version that is not known (version 1 among them), or too short.
pub fn decode_header(file: &[u8]) -> Result<(), Corruption> {
    Cursor::new(file).header(MAGIC, &[VERSION, VERSION_3]).map(drop)
}

/// The content of the section that `bytes` begins with: four bytes of size, the content, its checksum, which is checked.
///
/// # Errors
/// A section cut short ([`Fault::Truncated`] says how much is needed), a wrong checksum.
pub fn decode_section(bytes: &[u8]) -> Result<&[u8], Corruption> {
    let mut cursor = Cursor::new(bytes);
    let size = cursor.be_u32()?;
    let (wanted, left) = (u64::from(size) + CRC_BYTES as u64, cursor.rest().len() as u64);
    if left < wanted {
        return Err(cursor.fault(Fault::Truncated { want: wanted, left }));
    }
    let content = cursor.bytes(size as usize)?;
    let at_crc = cursor.clone();
    let (stored, computed) = (cursor.be_u32()?, crc32c::crc32c(content));
    if stored == computed { Ok(content) } else { Err(at_crc.fault(Fault::Checksum { stored, computed })) }
}
