//! Making an index-header out of an index that lies elsewhere.

use super::{HEAD_BYTES, IndexHeader, MAGIC, VERSION};
use bytes::Bytes;
use futures::future::BoxFuture;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use tsdb::cursor::{Corruption, Fault};
use tsdb::fs::{Fs, replace_file};
use tsdb::index::decode_header;
use tsdb::index::toc::{TOC_BYTES, Toc};
use tsdb::{FileError, SourceError};

/// A larger index is refused: Thanos' compactor writes none.
const MAX_INDEX_BYTES: u64 = 64 << 30;
/// Symbols and tables have sizes of 32 bits; a part of the index that is larger is none.
const MAX_PART_BYTES: u64 = 1 << 32;
/// The magic number of an index and its version.
const INDEX_HEAD_BYTES: u64 = 5;

/// Reads ranges of one index.
pub trait ReadIndex: Sync {
    type Error: From<SourceError>;

    /// The bytes of `range`, all of them.
    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, Self::Error>>;

    /// How large the index is.
    fn size_bytes(&self) -> u64;

    /// What it is called, for messages.
    fn name(&self) -> String;
}

/// Opens the index-header of `index` at `path`, and builds it first if there is none. One that is damaged, or of an index of
/// another size, is removed and built again, once.
///
/// # Errors
/// As [`build`]; what was just built does not open.
pub async fn open_or_build<I: ReadIndex>(index: &I, fs: &dyn Fs, path: &Path) -> Result<IndexHeader, I::Error> {
    let found = match IndexHeader::open(fs, path) {
        Ok(header) if header.index_bytes() == index.size_bytes() => return Ok(header),
        Ok(_) => Some("it is of another index".to_owned()),
        Err(SourceError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => None,
        Err(error @ SourceError::Io { .. }) => return Err(error.into()),
        Err(error @ SourceError::Corrupt { .. }) => Some(error.to_string()),
    };
    if let Some(why) = found {
        tracing::warn!(file = %path.display(), error = why, "index-header is built again");
        fs.remove_file(path).map_err(FileError::at(path)).map_err(SourceError::from)?;
    }
    build(index, fs, path).await?;
    Ok(IndexHeader::open(fs, path)?)
}

/// Writes the index-header of `index` to `path`, whose directory is there, so that it is there whole or not at all. Reads the
/// table of contents first, then the two parts it needs, and nothing else.
///
/// # Errors
/// An index that cannot be read or is none, a file that cannot be written.
pub async fn build<I: ReadIndex>(index: &I, fs: &dyn Fs, path: &Path) -> Result<(), I::Error> {
    let size_bytes = index.size_bytes();
    let name = index.name();
    let in_index = |base: u64| Corruption::in_file(Path::new(&name), base);
    let wrong = |offset: u64, fault: Fault| in_index(0)(Corruption { offset, fault });
    if size_bytes > MAX_INDEX_BYTES {
        let (got, limit) = (size_bytes, MAX_INDEX_BYTES);
        return Err(wrong(0, Fault::TooLarge { what: "the index' size", got, limit }).into());
    }
    let toc_bytes = TOC_BYTES as u64;
    let Some(toc_at) = size_bytes.checked_sub(toc_bytes).filter(|at| *at >= INDEX_HEAD_BYTES) else {
        return Err(wrong(0, Fault::Truncated { want: INDEX_HEAD_BYTES + toc_bytes, left: size_bytes }).into());
    };
    let head = index.read(0..INDEX_HEAD_BYTES).await?;
    decode_header(&head).map_err(in_index(0))?;
    let toc = Toc::decode(&index.read(toc_at..size_bytes).await?).map_err(in_index(toc_at))?;
    let symbols = part(toc.symbols, toc.series, toc_at).map_err(|fault| wrong(toc_at, fault))?;
    let tables = part(toc.postings_table, size_bytes, size_bytes).map_err(|fault| wrong(toc_at, fault))?;
    let (symbols, tables) = futures::try_join!(index.read(symbols), index.read(tables))?;
    let parts = Parts { index_version: head.last().copied().unwrap_or_default(), lists_end: toc.postings_table };
    let content = parts.encode(&symbols, &tables);
    let written = replace_file(fs, path, |file| file.append(&content)).map_err(FileError::at(path));
    written.map_err(|error| SourceError::from(error).into())
}

/// The range from `start` to `end`, if it is one of an index whose last part that can be meant ends at `limit`.
fn part(start: u64, end: u64, limit: u64) -> Result<Range<u64>, Fault> {
    match () {
        () if start < INDEX_HEAD_BYTES || end < start || end > limit => {
            Err(Fault::Malformed("the table of contents names a part outside of the index"))
        }
        () if end - start > MAX_PART_BYTES => {
            Err(Fault::TooLarge { what: "a part of the index", got: end - start, limit: MAX_PART_BYTES })
        }
        () => Ok(start..end),
    }
}

/// What is told of the index besides its parts.
struct Parts {
    index_version: u8,
    lists_end: u64,
}

impl Parts {
    fn encode(&self, symbols: &[u8], tables: &[u8]) -> Vec<u8> {
        let mut file = Vec::with_capacity(HEAD_BYTES + symbols.len() + tables.len() + super::OWN_TOC_BYTES);
        file.extend_from_slice(&MAGIC.to_be_bytes());
        file.extend_from_slice(&[VERSION, self.index_version]);
        file.extend_from_slice(&self.lists_end.to_be_bytes());
        let symbols_at = file.len() as u64;
        file.extend_from_slice(symbols);
        let table_at = file.len() as u64;
        file.extend_from_slice(tables);
        let toc: Vec<u8> = [symbols_at, table_at].iter().flat_map(|word| word.to_be_bytes()).collect();
        file.extend_from_slice(&toc);
        file.extend_from_slice(&crc32c::crc32c(&toc).to_be_bytes());
        file
    }
}

#[cfg(test)]
pub(super) mod tests;
