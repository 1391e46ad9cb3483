//! The index-header of a block: what of its index is needed to find lists and symbols, as a local file.
//!
//! Format: `store/docs/format/index-header.md`. The file is Thanos'; it is [built](build) from two ranges of the index and may be
//! lost at any time.

mod build;
mod offsets;

pub use build::{ReadIndex, build, open_or_build};

use bytes::Bytes;
use model::{InvalidLabels, LabelsRef, PackedBuilder};
use offsets::{Contents, Finders, Identity};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tsdb::cursor::{Corruption, Cursor, Fault};
use tsdb::fs::Fs;
use tsdb::index::decode_section;
use tsdb::index::postings::{PostingsRow, PostingsTable};
use tsdb::index::select::Table;
use tsdb::index::symbols::Symbols;
use tsdb::index::toc::{TOC_BYTES, Toc};
use tsdb::{FileError, SourceError};

/// What the file is called in a block's directory.
pub const FILE_NAME: &str = "index-header";

const MAGIC: u32 = 0xBAAA_D792;
const VERSION: u8 = 1;
/// Magic number, version, version of the index, end of the index' lists.
const HEAD_BYTES: usize = 4 + 1 + 1 + 8;
/// Places of symbols and postings table, checksum.
const OWN_TOC_BYTES: usize = 8 + 8 + 4;

/// An open index-header: mapped, all of it checked.
///
/// Memory: the label names, besides two mappings.
#[derive(Debug)]
pub struct IndexHeader {
    path: PathBuf,
    bytes: Bytes,
    /// Where the lists of the index end.
    lists_end: u64,
    index_bytes: u64,
    symbols: Symbols,
    symbols_content: Range<usize>,
    table: PostingsTable,
    table_content: Range<usize>,
}

impl IndexHeader {
    /// Maps and checks the file at `path`, and beside it that of the offsets, which is made if there is none that fits.
    ///
    /// # Errors
    /// A file that is not there, or damaged: remove it and build another.
    pub fn open(fs: &dyn Fs, path: &Path) -> Result<Self, SourceError> {
        let bytes = fs.map(path).map_err(FileError::at(path))?;
        Self::new(fs, bytes, path).map_err(Corruption::in_file(path, 0))
    }

    fn new(fs: &dyn Fs, bytes: Bytes, path: &Path) -> Result<Self, Corruption> {
        let mut head = Cursor::new(&bytes);
        let magic = head.be_u32()?;
        if magic != MAGIC {
            return Err(Corruption { offset: 0, fault: Fault::Magic(magic) });
        }
        match head.u8()? {
            VERSION => {}
            version => return Err(Corruption { offset: 4, fault: Fault::Version(version) }),
        }
        let _index_version = head.u8()?;
        let lists_end = head.be_u64()?;
        let own = own_toc(&bytes)?;
        let symbols_content = section(&bytes, own.symbols)?;
        let table_content = section(&bytes, own.table)?;
        // It is not used, but a copy that is damaged is no copy.
        let copied = bytes.len().saturating_sub(OWN_TOC_BYTES + TOC_BYTES);
        Toc::decode(bytes.get(copied..).unwrap_or_default()).map_err(at(copied as u64))?;
        let Finders { symbols, table } = {
            let content = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
            let sum = |range: &Range<usize>| Cursor::new(bytes.get(range.end..).unwrap_or_default()).be_u32();
            let identity = Identity {
                size_bytes: bytes.len() as u64,
                symbols_sum: sum(&symbols_content)?,
                table_sum: sum(&table_content)?,
            };
            let contents = Contents {
                symbols: content(&symbols_content),
                symbols_at: symbols_content.start as u64,
                table: content(&table_content),
                table_at: table_content.start as u64,
            };
            Finders::open(fs, &offsets::path_of(path), identity, contents)?
        };
        let tables_bytes = (bytes.len() as u64).saturating_sub(own.table + OWN_TOC_BYTES as u64);
        let index_bytes = lists_end.saturating_add(tables_bytes);
        let path = path.to_owned();
        Ok(Self { path, lists_end, index_bytes, symbols, symbols_content, table, table_content, bytes })
    }

    /// How large the index is of which this is the header: one of another size is another index.
    pub fn index_bytes(&self) -> u64 {
        self.index_bytes
    }

    /// The symbol with that number; `None` if there is none.
    pub fn symbol(&self, number: u32) -> Option<&[u8]> {
        self.symbols.get(self.bytes.get(self.symbols_content.clone())?, number)
    }

    /// Packs the labels of a series, given as symbols, replacing those in `packed`.
    ///
    /// # Errors
    /// A symbol that is not there, labels that are none.
    pub fn pack_labels<'p>(
        &self,
        labels: &[(u32, u32)],
        packed: &'p mut PackedBuilder,
    ) -> Result<LabelsRef<'p>, SourceError> {
        let absent = |number: u32| {
            let (got, limit) = (u64::from(number), u64::from(self.symbols.len()).saturating_sub(1));
            let fault = Fault::TooLarge { what: "symbol number", got, limit };
            Corruption::in_file(&self.path, 0)(Corruption { offset: self.symbols_content.start as u64, fault })
        };
        let bad = |invalid: InvalidLabels| SourceError::Corrupt {
            file: self.path.display().to_string(),
            offset: self.symbols_content.start as u64,
            fault: invalid.to_string(),
        };
        packed.clear();
        for &(name, value) in labels {
            let name = self.symbol(name).ok_or_else(|| absent(name))?;
            let value = self.symbol(value).ok_or_else(|| absent(value))?;
            packed.push(name, value).map_err(bad)?;
        }
        packed.finish().map_err(bad)
    }

    /// Label names, sorted.
    pub fn label_names(&self) -> impl Iterator<Item = &[u8]> {
        self.table.names().filter(|name| !name.is_empty())
    }

    /// The postings table.
    pub fn table(&self) -> Table<'_> {
        Table { table: &self.table, content: self.bytes.get(self.table_content.clone()).unwrap_or_default() }
    }

    /// Where the list of `row` stands in the index: its size, the ids, its checksum.
    ///
    /// # Errors
    /// Lists that are not in the order of rows.
    pub fn list_range(&self, row: &PostingsRow<'_>) -> Result<Range<u64>, SourceError> {
        let end = row.next_list.unwrap_or(self.lists_end);
        if end < row.list {
            let fault = Fault::Malformed("the lists are not in the order of the postings table");
            let here = Corruption { offset: self.table_content.start as u64, fault };
            return Err(Corruption::in_file(&self.path, 0)(here));
        }
        Ok(row.list..end)
    }
}

/// Where the copied sections begin in the file.
struct OwnToc {
    symbols: u64,
    table: u64,
}

fn own_toc(bytes: &[u8]) -> Result<OwnToc, Corruption> {
    let start = bytes.len().saturating_sub(OWN_TOC_BYTES).max(HEAD_BYTES.min(bytes.len()));
    let mut cursor = Cursor::new(bytes.get(start..).unwrap_or_default());
    let words = cursor.clone().bytes(OWN_TOC_BYTES - 4).map_err(at(start as u64))?;
    let read = |cursor: &mut Cursor<'_>| -> Result<_, Corruption> {
        Ok((cursor.be_u64()?, cursor.be_u64()?, cursor.be_u32()?))
    };
    let (symbols, table, stored) = read(&mut cursor).map_err(at(start as u64))?;
    let computed = crc32c::crc32c(words);
    if stored != computed {
        return Err(Corruption { offset: start as u64, fault: Fault::Checksum { stored, computed } });
    }
    Ok(OwnToc { symbols, table })
}

/// The content of the checked section at `offset`, as a range of the file.
fn section(bytes: &[u8], offset: u64) -> Result<Range<usize>, Corruption> {
    let outside = Corruption { offset, fault: Fault::Malformed("a section begins outside of the file") };
    let start = usize::try_from(offset).ok().filter(|start| *start >= HEAD_BYTES).ok_or(outside)?;
    let content = decode_section(bytes.get(start..).ok_or(outside)?).map_err(at(offset))?;
    let start = start + size_of::<u32>();
    Ok(start..start + content.len())
}

/// For `map_err`: the place of a fault, counted from further in front.
fn at(base: u64) -> impl FnOnce(Corruption) -> Corruption {
    move |fault| Corruption { offset: base.saturating_add(fault.offset), ..fault }
}
