//! An index in memory, as one mapped file.

use super::ids::IdList;
use super::postings::PostingsTable;
use super::select::Table;
use super::series::SeriesEntry;
use super::symbols::Symbols;
use super::toc::{TOC_BYTES, Toc};
use super::{Corruption, Fault, SERIES_ALIGNMENT, decode_header, decode_section};
use crate::file_error::FileError;
use crate::fs::Fs;
use crate::series::SourceError;
use bytes::Bytes;
use model::{InvalidLabels, LabelsRef, PackedBuilder};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Reads an index. Sections are checked when it is opened, entries and lists whenever they are read.
///
/// Memory: half a byte a symbol, an eighth of a byte a value, besides the mapping.
#[derive(Debug)]
pub struct IndexReader {
    path: PathBuf,
    bytes: Bytes,
    toc: Toc,
    symbols: Symbols,
    symbols_content: Range<usize>,
    table: PostingsTable,
    table_content: Range<usize>,
}

impl IndexReader {
    /// Maps and checks the index at `path`.
    ///
    /// # Errors
    /// A file that cannot be mapped; a table of contents, symbol table or postings table that is damaged.
    pub fn open(fs: &dyn Fs, path: &Path) -> Result<Self, SourceError> {
        let bytes = fs.map(path).map_err(FileError::at(path))?;
        Self::new(bytes, path).map_err(Corruption::in_file(path, 0))
    }

    fn new(bytes: Bytes, path: &Path) -> Result<Self, Corruption> {
        decode_header(&bytes)?;
        let toc_at = bytes.len().saturating_sub(TOC_BYTES);
        let toc = Toc::decode(bytes.get(toc_at..).unwrap_or_default()).map_err(at(toc_at as u64))?;
        let symbols_content = section(&bytes, toc.symbols, "the symbol table")?;
        let table_content = section(&bytes, toc.postings_table, "the postings table")?;
        let content = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        let symbols = Symbols::scan(content(&symbols_content)).map_err(at(symbols_content.start as u64))?;
        let table = PostingsTable::scan(content(&table_content)).map_err(at(table_content.start as u64))?;
        Ok(Self { path: path.to_owned(), toc, symbols, symbols_content, table, table_content, bytes })
    }

    /// Where the sections are.
    pub fn toc(&self) -> Toc {
        self.toc
    }

    /// The size of the file.
    pub fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// How many symbols there are.
    pub fn symbol_count(&self) -> u32 {
        self.symbols.len()
    }

    /// The symbol with that number.
    ///
    /// # Errors
    /// A number that no symbol has.
    pub fn symbol(&self, number: u32) -> Result<&[u8], SourceError> {
        let content = self.bytes.get(self.symbols_content.clone()).unwrap_or_default();
        self.symbols.get(content, number).ok_or_else(|| {
            let fault = Fault::TooLarge {
                what: "symbol number",
                got: u64::from(number),
                limit: u64::from(self.symbols.len()).saturating_sub(1),
            };
            self.corrupt(self.toc.symbols, Corruption { offset: 0, fault })
        })
    }

    /// Label names, sorted.
    pub fn label_names(&self) -> impl Iterator<Item = &[u8]> {
        self.table.names().filter(|name| !name.is_empty())
    }

    /// The postings table.
    pub fn table(&self) -> Table<'_> {
        Table { table: &self.table, content: self.table_content() }
    }

    /// The values of label `name`, sorted.
    pub fn label_values(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.table().rows(name, b"").filter(|row| !row.name.is_empty()).map(|row| row.value)
    }

    /// The series that have the label; empty if none has.
    ///
    /// # Errors
    /// A damaged list.
    pub fn postings(&self, name: &[u8], value: &[u8]) -> Result<IdList<'_>, SourceError> {
        match self.table().row(name, value) {
            Some(row) => self.list(row.list),
            None => Ok(IdList::default()),
        }
    }

    /// All series.
    ///
    /// # Errors
    /// A damaged list.
    pub fn all_postings(&self) -> Result<IdList<'_>, SourceError> {
        self.postings(b"", b"")
    }

    /// The list that begins at `offset`.
    pub(super) fn list(&self, offset: u64) -> Result<IdList<'_>, SourceError> {
        let bytes = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)).unwrap_or_default();
        let list =
            decode_section(bytes).and_then(|content| IdList::decode(content).map_err(at(size_of::<u32>() as u64)));
        list.map_err(|fault| self.corrupt(offset, fault))
    }

    /// Reads the entry of series `id` into `entry`.
    ///
    /// # Errors
    /// An id that no series has, a damaged entry.
    pub fn series(&self, id: u32, entry: &mut SeriesEntry) -> Result<(), SourceError> {
        let offset = u64::from(id) * SERIES_ALIGNMENT;
        if offset < self.toc.series {
            return Err(
                self.corrupt(offset, Corruption { offset: 0, fault: Fault::Malformed("no series can be here") })
            );
        }
        let bytes = usize::try_from(offset).ok().and_then(|offset| self.bytes.get(offset..)).unwrap_or_default();
        entry.decode(bytes).map_err(|fault| self.corrupt(offset, fault))
    }

    /// Packs the labels of a series, replacing those in `packed`.
    ///
    /// # Errors
    /// A symbol number that no symbol has, labels that are none.
    pub fn pack_labels<'p>(
        &self,
        labels: &[(u32, u32)],
        packed: &'p mut PackedBuilder,
    ) -> Result<LabelsRef<'p>, SourceError> {
        packed.clear();
        for &(name, value) in labels {
            packed.push(self.symbol(name)?, self.symbol(value)?).map_err(|invalid| self.bad_labels(&invalid))?;
        }
        packed.finish().map_err(|invalid| self.bad_labels(&invalid))
    }

    fn bad_labels(&self, invalid: &InvalidLabels) -> SourceError {
        let file = self.path.display().to_string();
        SourceError::Corrupt { file, offset: self.toc.symbols, fault: invalid.to_string() }
    }

    fn table_content(&self) -> &[u8] {
        self.bytes.get(self.table_content.clone()).unwrap_or_default()
    }

    fn corrupt(&self, base: u64, fault: Corruption) -> SourceError {
        Corruption::in_file(&self.path, base)(fault)
    }
}

/// The content of the checked section at `offset`, as a range of the file.
fn section(bytes: &[u8], offset: u64, what: &'static str) -> Result<Range<usize>, Corruption> {
    let missing = Corruption { offset, fault: Fault::Malformed(what) };
    let start = usize::try_from(offset).ok().filter(|&start| start >= super::HEADER_BYTES).ok_or(missing)?;
    let rest = bytes.get(start..).ok_or(missing)?;
    let content = decode_section(rest).map_err(at(offset))?;
    let start = start + size_of::<u32>();
    Ok(start..start + content.len())
}

/// For `map_err`: the place of a fault, counted from further in front.
fn at(base: u64) -> impl FnOnce(Corruption) -> Corruption {
    move |fault| Corruption { offset: base.saturating_add(fault.offset), ..fault }
}
