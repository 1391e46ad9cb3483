//! The table of contents, at the very end of an index.

use super::{Corruption, Cursor, Fault};

/// Its size in the file.
pub const TOC_BYTES: usize = 52;

/// Where the sections begin, in bytes from the start of the file; 0 for one that is not there.
///
/// Prometheus up to 3.6 wrote label indices and a table of them. Nobody reads those any more, and newer writers leave
/// them out but still fill their two words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Toc {
    pub symbols: u64,
    pub series: u64,
    pub label_indices: u64,
    pub label_indices_table: u64,
    pub postings: u64,
    pub postings_table: u64,
}

impl Toc {
    /// Reads the table from the last [`TOC_BYTES`] of an index.
    ///
    /// # Errors
    /// Too few bytes, a wrong checksum.
    pub fn decode(section: &[u8]) -> Result<Self, Corruption> {
        let mut cursor = Cursor::new(section);
        let words = cursor.clone().bytes(TOC_BYTES - super::CRC_BYTES)?;
        let toc = Self {
            symbols: cursor.be_u64()?,
            series: cursor.be_u64()?,
            label_indices: cursor.be_u64()?,
            label_indices_table: cursor.be_u64()?,
            postings: cursor.be_u64()?,
            postings_table: cursor.be_u64()?,
        };
        let at_crc = cursor.clone();
        let (stored, computed) = (cursor.be_u32()?, crc32c::crc32c(words));
        if stored == computed { Ok(toc) } else { Err(at_crc.fault(Fault::Checksum { stored, computed })) }
    }

    /// The table as it stands in a file.
    pub fn encode(&self) -> Vec<u8> {
        let words = [
            self.symbols,
            self.series,
            self.label_indices,
            self.label_indices_table,
            self.postings,
            self.postings_table,
        ];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_be_bytes());
        bytes
    }
}
