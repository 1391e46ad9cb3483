//! The index of a block: its sections, and every series in order.

use super::Findings;
use super::chunks::ChunkFiles;
use super::postings::{Pairs, check_lists};
use super::set_hash::SetHash;
use crate::cursor::{Corruption, Cursor, Fault};
use crate::index::postings::PostingsTable;
use crate::index::symbols::Symbols;
use crate::index::toc::{TOC_BYTES, Toc};
use crate::index::{IdList, SeriesEntry, decode_header, decode_section};
use std::path::Path;

/// Series begin at multiples of this.
const ALIGNMENT: usize = 16;
const HEADER_BYTES: usize = 5;
const CRC_BYTES: usize = 4;

/// Told of each series that could be read: its id, its entry.
pub(super) type Take<'t> = dyn FnMut(u32, &SeriesEntry, &mut Findings) + 't;

/// An index, as far as it can be read.
pub(super) struct Index<'a> {
    pub(super) path: &'a Path,
    pub(super) bytes: &'a [u8],
    pub(super) toc: Toc,
    /// The symbols with the content of their section.
    symbols: Option<(Symbols, &'a [u8])>,
}

/// Checks all sections. Whether all series could be read.
pub(super) fn check(path: &Path, bytes: &[u8], findings: &mut Findings, take: &mut Take<'_>) -> bool {
    let Some(index) = Index::open(path, bytes, findings) else { return false };
    index.check_label_indices(findings);
    let table = index.table(findings);
    let all = table.as_ref().and_then(|(table, content)| table.row(content, b"", b""));
    let all = all.and_then(|row| index.list(row.list).ok());
    let (pairs, seen, whole) = index.walk(all, findings, take);
    if let Some((table, content)) = table {
        if whole && index.symbols.is_some() {
            check_lists(&index, (&table, content), pairs, seen, findings);
        } else {
            // Series are missing that lists rightly have, or names are not known: only the lists themselves can be checked.
            super::postings::check_sections(&index, (&table, content), findings);
        }
    }
    whole
}

/// Checks that every section, entry and list is what was written, and that its chunks are there. Nothing is kept of what was
/// read.
pub(super) fn check_sums(path: &Path, bytes: &[u8], chunks: &ChunkFiles, findings: &mut Findings) {
    let Some(index) = Index::open(path, bytes, findings) else { return };
    let mut entry = SeriesEntry::default();
    let (mut at, end) = index.series();
    while at < end {
        let section = bytes.get(at..end).unwrap_or_default();
        if let Err(corruption) = entry.decode(section) {
            findings.corrupt(path, at as u64, corruption);
            break;
        }
        if let Some(missing) = entry.chunks.iter().find(|chunk| !chunks.reach(chunk.place)) {
            findings.fault(path, at as u64, format!("a chunk is said to be at {:?}, where no file is", missing.place));
        }
        at = (at + size_of_entry(section)).next_multiple_of(ALIGNMENT);
    }
    let Some((table, content)) = index.table(findings) else { return };
    for row in table.names().flat_map(|name| table.rows(content, name, b"")) {
        if let Err(corruption) = index.list(row.list) {
            findings.corrupt(path, row.list, corruption);
        }
    }
}

/// The sections stand one behind the other.
fn check_order(path: &Path, toc: &Toc, toc_at: u64, findings: &mut Findings) -> bool {
    let places = [HEADER_BYTES as u64, toc.symbols, toc.series, toc.postings, toc.postings_table, toc_at];
    let in_order = places.windows(2).all(|pair| matches!(pair, [left, right] if left <= right));
    let indices = toc.label_indices == 0 || (toc.series..=toc.postings_table).contains(&toc.label_indices);
    if !in_order || !indices {
        findings.fault(path, toc_at, format!("sections are not one behind the other: {toc:?}"));
    }
    in_order && indices
}

fn symbols<'a>(path: &Path, bytes: &'a [u8], at: u64, findings: &mut Findings) -> Option<(Symbols, &'a [u8])> {
    let content = decode_section(bytes.get(at as usize..).unwrap_or_default());
    let content = content.map_err(|corruption| findings.corrupt(path, at, corruption)).ok()?;
    let symbols = Symbols::scan(content).map_err(|corruption| findings.corrupt(path, at + 4, corruption)).ok()?;
    Some((symbols, content))
}

impl<'a> Index<'a> {
    /// Checks what the rest is found by; `None` if it is not found.
    fn open(path: &'a Path, bytes: &'a [u8], findings: &mut Findings) -> Option<Self> {
        if let Err(corruption) = decode_header(bytes) {
            findings.corrupt(path, 0, corruption);
        }
        let toc_at = bytes.len().saturating_sub(TOC_BYTES);
        let toc = Toc::decode(bytes.get(toc_at..).unwrap_or_default());
        let toc = toc.map_err(|corruption| findings.corrupt(path, toc_at as u64, corruption)).ok()?;
        if !check_order(path, &toc, toc_at as u64, findings) {
            return None;
        }
        Some(Self { path, bytes, toc, symbols: symbols(path, bytes, toc.symbols, findings) })
    }

    /// Where series begin and end.
    fn series(&self) -> (usize, usize) {
        let end = match self.toc.label_indices {
            0 => self.toc.postings,
            indices => indices.min(self.toc.postings),
        };
        ((self.toc.series as usize).next_multiple_of(ALIGNMENT), end as usize)
    }

    /// The symbol with that number.
    pub(super) fn symbol(&self, number: u32) -> Option<&'a [u8]> {
        self.symbols.as_ref().and_then(|(symbols, content)| symbols.get(content, number))
    }

    /// The list of ids at `offset`.
    pub(super) fn list(&self, offset: u64) -> Result<IdList<'a>, Corruption> {
        let bytes = self.bytes.get(offset as usize..).unwrap_or_default();
        let content = decode_section(bytes)?;
        IdList::decode(content).map_err(|corruption| Corruption { offset: corruption.offset + 4, ..corruption })
    }

    /// A label as it is shown.
    pub(super) fn label(&self, (name, value): (u32, u32)) -> String {
        let text = |number| self.symbol(number).map_or_else(|| "?".to_owned(), |text| text.escape_ascii().to_string());
        format!("{}=\"{}\"", text(name), text(value))
    }

    fn table(&self, findings: &mut Findings) -> Option<(PostingsTable, &'a [u8])> {
        let at = self.toc.postings_table;
        let content = decode_section(self.bytes.get(at as usize..).unwrap_or_default());
        let content = content.map_err(|corruption| findings.corrupt(self.path, at, corruption)).ok()?;
        let table =
            PostingsTable::scan(content).map_err(|corruption| findings.corrupt(self.path, at + 4, corruption)).ok()?;
        if table.row(content, b"", b"").is_none() {
            findings.fault(self.path, at, "there is no list of all series");
        }
        Some((table, content))
    }

    /// Older writers listed the values of each name, and where. Nobody reads that any more; it has checksums all the same.
    fn check_label_indices(&self, findings: &mut Findings) {
        let at = self.toc.label_indices_table;
        if at == 0 || at >= self.toc.postings_table {
            return;
        }
        let content = match decode_section(self.bytes.get(at as usize..).unwrap_or_default()) {
            Ok(content) => content,
            Err(corruption) => return findings.corrupt(self.path, at, corruption),
        };
        let mut cursor = Cursor::new(content);
        let mut check = || -> Result<(), Corruption> {
            for _ in 0..cursor.be_u32()? {
                for _ in 0..cursor.uvarint()? {
                    cursor.string()?;
                }
                let list = cursor.uvarint()?;
                if let Err(corruption) = decode_section(self.bytes.get(list as usize..).unwrap_or_default()) {
                    findings.corrupt(self.path, list, corruption);
                }
            }
            Ok(())
        };
        if let Err(corruption) = check() {
            findings.corrupt(self.path, at + 4, corruption);
        }
    }

    /// Reads series by series. Returns the sets of series of each label pair, the set of all, and whether none was missed.
    fn walk(&self, all: Option<IdList<'_>>, findings: &mut Findings, take: &mut Take<'_>) -> (Pairs, SetHash, bool) {
        let (mut pairs, mut seen, mut whole) = (Pairs::default(), SetHash::default(), true);
        let (mut entry, mut previous) = (SeriesEntry::default(), Vec::new());
        let mut listed = all.map(|all| all.iter().peekable());
        let (mut at, end) = self.series();
        while at < end {
            let id = (at / ALIGNMENT) as u32;
            let section = self.bytes.get(at..end).unwrap_or_default();
            match entry.decode(section) {
                Ok(()) => {
                    seen.add(u64::from(id));
                    self.check_entry(at as u64, &entry, &previous, findings);
                    for &pair in &entry.labels {
                        pairs.entry(pair).or_default().add(u64::from(id));
                    }
                    previous.clone_from(&entry.labels);
                    take(id, &entry, findings);
                    at = (at + size_of_entry(section)).next_multiple_of(ALIGNMENT);
                }
                Err(corruption) => {
                    findings.corrupt(self.path, at as u64, corruption);
                    whole = false;
                    // The list of all says where the next one is.
                    let next = listed.as_mut().and_then(|listed| {
                        while listed.next_if(|&next| next <= id).is_some() {}
                        listed.peek().copied()
                    });
                    match next {
                        Some(next) => at = next as usize * ALIGNMENT,
                        None => break,
                    }
                }
            }
        }
        (pairs, seen, whole)
    }

    fn check_entry(&self, at: u64, entry: &SeriesEntry, previous: &[(u32, u32)], findings: &mut Findings) {
        // Symbols are sorted, so their numbers are in the order of what they stand for.
        if !previous.is_empty() && *previous >= *entry.labels {
            findings.fault(self.path, at, "series does not sort behind the one before");
        }
        if entry.labels.is_empty() {
            findings.fault(self.path, at, "series has no label");
        }
        if let Some((symbols, _)) = &self.symbols {
            for &(name, value) in &entry.labels {
                let highest = name.max(value);
                if highest >= symbols.len() {
                    let fault = Fault::TooLarge {
                        what: "symbol number",
                        got: u64::from(highest),
                        limit: u64::from(symbols.len()).saturating_sub(1),
                    };
                    findings.fault(self.path, at, fault);
                } else if [name, value].iter().any(|&number| self.symbol(number).is_some_and(<[u8]>::is_empty)) {
                    findings.fault(self.path, at, "series has a label without a name or a value");
                }
            }
        }
        if entry.chunks.is_empty() {
            findings.fault(self.path, at, "series has no chunk");
        }
        for (number, pair) in entry.chunks.windows(2).enumerate() {
            if let [left, right] = pair
                && left.max_ms >= right.min_ms
            {
                let fault =
                    format!("chunk {} begins at {}, the one before ends at {}", number + 1, right.min_ms, left.max_ms);
                findings.fault(self.path, at, fault);
            }
        }
    }
}

/// The bytes of an entry that was decoded.
fn size_of_entry(section: &[u8]) -> usize {
    let mut cursor = Cursor::new(section);
    // It was read before.
    let size = cursor.uvarint_usize().unwrap_or(0);
    cursor.offset() + size + CRC_BYTES
}
