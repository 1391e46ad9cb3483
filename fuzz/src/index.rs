//! The index of a block, and the index-header made of it.

use crate::meter;
use crate::parts::{Parts, entry, section};
use model::{MatchOp, Matcher, PackedBuilder};
use std::path::Path;
use store::index_header::IndexHeader;
use testkit::SimFs;
use tsdb::cursor::{Corruption, push_uvarint};
use tsdb::index::postings::{PostingsRow, PostingsTable};
use tsdb::index::symbols::Symbols;
use tsdb::index::toc::Toc;
use tsdb::index::{IdList, IndexReader, Places, SeriesEntry, decode_section, select};

/// An error speaks of a place in what was decoded, or right behind it.
fn check_place(fault: Corruption, size: usize) {
    assert!(fault.offset <= size as u64, "{fault} of {size}");
}

/// Places as a file beside an index-header keeps them.
fn stored_places(places: &Places) -> Places {
    let mut stored = Vec::new();
    places.encode(&mut stored);
    Places::Stored(stored.into())
}

/// The content of the symbol table: what was found is what a table of the same strings holds.
pub fn fuzz_index_symbols(data: &[u8]) {
    let symbols = match meter::within(data.len(), 8, 4 << 10, || Symbols::scan(data)) {
        Ok(symbols) => symbols,
        Err(fault) => return check_place(fault, data.len()),
    };
    let all: Vec<_> = (0..symbols.len()).map(|number| symbols.get(data, number).expect("it was counted")).collect();
    assert!(all.is_sorted_by(|left, right| left < right));
    assert_eq!(symbols.get(data, symbols.len()), None);
    let mut written = symbols.len().to_be_bytes().to_vec();
    for symbol in &all {
        push_uvarint(&mut written, symbol.len() as u64);
        written.extend_from_slice(symbol);
    }
    let each = Symbols::scan_each(&written, 1).expect("it is in order");
    let stored = Symbols::stored(stored_places(each.places()));
    for (number, symbol) in (0..).zip(&all) {
        assert_eq!(each.get(&written, number), Some(*symbol));
        assert_eq!(stored.get(&written, number), Some(*symbol));
    }
}

/// The content of the postings table: every row is found by its label, whatever is kept in memory.
pub fn fuzz_index_postings_table(data: &[u8]) {
    let table = match meter::within(data.len(), 64, 4 << 10, || PostingsTable::scan(data)) {
        Ok(table) => table,
        Err(fault) => return check_place(fault, data.len()),
    };
    let each = PostingsTable::scan_each(data, 1).expect("it was scanned before");
    let stored = PostingsTable::stored(data, stored_places(each.places()), &stored_places(&each.first_places()))
        .expect("they are its own");
    let mut previous: Option<PostingsRow<'_>> = None;
    for name in table.names() {
        for row in table.rows(data, name, b"") {
            assert_eq!(row.name, name);
            assert!(previous.is_none_or(|before| (before.name, before.value) < (row.name, row.value)));
            for table in [&table, &each, &stored] {
                assert_eq!(table.row(data, name, row.value), Some(row));
            }
            previous = Some(row);
        }
    }
}

/// The body of a series entry: labels and chunks are in order.
pub fn fuzz_index_series(data: &[u8]) {
    let mut found = SeriesEntry::default();
    if let Err(fault) = found.decode(data) {
        check_place(fault, data.len());
    }
    let framed = entry(data);
    if let Err(fault) = meter::within(framed.len(), 24, 4 << 10, || found.decode(&framed)) {
        return check_place(fault, framed.len());
    }
    assert!(found.labels.is_sorted_by(|left, right| left.0 < right.0));
    assert!(found.chunks.iter().all(|chunk| chunk.min_ms <= chunk.max_ms));
    assert!(found.chunks.is_sorted_by(|left, right| left.max_ms <= right.min_ms));
}

/// The content of a list of postings: rising numbers, and those only.
pub fn fuzz_index_postings(data: &[u8]) {
    let list = match meter::within(data.len(), 0, 4 << 10, || IdList::decode(data)) {
        Ok(list) => list,
        Err(fault) => return check_place(fault, data.len()),
    };
    let ids: Vec<u32> = list.iter().collect();
    assert!(ids.is_sorted_by(|left, right| left < right));
    let written: Vec<u8> = std::iter::once(&(ids.len() as u32)).chain(&ids).flat_map(|id| id.to_be_bytes()).collect();
    assert_eq!(written, data);
    assert_eq!(list.intersects(&ids), !ids.is_empty());
}

/// The table of contents, and any section.
pub fn fuzz_index_toc(data: &[u8]) {
    let framed = section(data);
    assert_eq!(decode_section(&framed), Ok(data));
    if let Err(fault) = decode_section(data) {
        check_place(fault, data.len());
    }
    let mut toc = data.to_vec();
    toc.extend_from_slice(&crc32c::crc32c(data).to_be_bytes());
    match Toc::decode(&toc) {
        Ok(found) => assert_eq!(found.encode(), toc),
        Err(fault) => check_place(fault, toc.len()),
    }
}

/// Puts an index together: the symbol table's content, bodies of series entries, contents of lists, the postings table's
/// content; each with the right size and checksum, and where the last one begins.
pub(crate) fn put_together(parts: &mut Parts<'_>) -> (Vec<u8>, Toc) {
    let mut file = vec![0xBA, 0xAA, 0xD7, 0x00, 2];
    let symbols = file.len() as u64;
    file.extend(section(parts.sized()));
    let series = file.len() as u64;
    let mut entries = Parts::of(parts.sized());
    while !entries.is_empty() {
        file.resize(file.len().next_multiple_of(16), 0);
        file.extend(entry(entries.sized()));
    }
    let (label_indices, postings) = (file.len() as u64, file.len().next_multiple_of(4) as u64);
    let mut lists = Parts::of(parts.sized());
    while !lists.is_empty() {
        file.resize(file.len().next_multiple_of(4), 0);
        file.extend(section(lists.sized()));
    }
    let postings_table = file.len() as u64;
    file.extend(section(parts.rest()));
    let toc = Toc { symbols, series, label_indices, label_indices_table: postings_table, postings, postings_table };
    file.extend(toc.encode());
    (file, toc)
}

/// Looks at so many lists and series at most: a table may name one list again and again.
const LOOKS: usize = 500;

/// A whole index, whose checksums are right: walked over, and asked by matchers.
pub fn fuzz_index(data: &[u8]) {
    let (file, _) = put_together(&mut Parts::of(data));
    let (fs, path) = (SimFs::new(), Path::new("/index"));
    fs.plant(path, &file).expect("the root is there");
    let Ok(index) = meter::within(file.len(), 80, 64 << 10, || IndexReader::open(&fs, path)) else { return };
    let (mut found, mut packed, mut looks) = (SeriesEntry::default(), PackedBuilder::default(), LOOKS);
    let names: Vec<Vec<u8>> = index.label_names().map(<[u8]>::to_vec).collect();
    for name in &names {
        for value in index.label_values(name) {
            for id in index.postings(name, value).into_iter().flat_map(IdList::iter) {
                let Some(left) = looks.checked_sub(1) else { return };
                looks = left;
                if index.series(id, &mut found).is_ok() {
                    let _maybe_no_symbols = index.pack_labels(&found.labels, &mut packed);
                }
            }
        }
    }
    for (op, value) in
        [(MatchOp::Equal, "a"), (MatchOp::NotEqual, ""), (MatchOp::Regex, ".*b"), (MatchOp::NotRegex, "a|b")]
    {
        let name = names.first().map_or(b"a".to_vec(), Clone::clone);
        let matcher = [Matcher::new(op, name.clone(), value).expect("these are matchers")];
        if let Ok(ids) = select::series_ids(&index, &matcher) {
            assert!(ids.is_sorted_by(|left, right| left < right));
        }
        let _ = (select::label_names(&index, &matcher), select::label_values(&index, &name, &matcher));
    }
}

/// The index-header of an index that was put together, as Thanos lays it out.
fn header_of(index: &[u8], toc: Toc) -> Vec<u8> {
    let part = |start: u64, end: usize| &index[usize::try_from(start).unwrap_or(usize::MAX)..end];
    let mut header = vec![0xBA, 0xAA, 0xD7, 0x92, 1, 2];
    header.extend_from_slice(&toc.postings_table.to_be_bytes());
    let symbols_at = header.len() as u64;
    header.extend_from_slice(part(toc.symbols, usize::try_from(toc.series).expect("it is in memory")));
    let table_at = header.len() as u64;
    header.extend_from_slice(part(toc.postings_table, index.len()));
    let own = [symbols_at.to_be_bytes(), table_at.to_be_bytes()].concat();
    header.extend_from_slice(&own);
    header.extend_from_slice(&crc32c::crc32c(&own).to_be_bytes());
    header
}

/// What an index-header answers to every look-up that can be made of its own names.
fn answers(header: &IndexHeader) -> (Vec<Vec<u8>>, Vec<Option<Vec<u8>>>) {
    let names: Vec<Vec<u8>> = header.label_names().map(<[u8]>::to_vec).collect();
    let symbols = (0..).map_while(|number| header.symbol(number).map(|symbol| Some(symbol.to_vec()))).take(LOOKS);
    (names, symbols.collect())
}

/// An index-header whose checksums are right, opened without and then with the file of offsets that the first opening made.
pub fn fuzz_index_header(data: &[u8]) {
    let (index, toc) = put_together(&mut Parts::of(data));
    let (fs, path) = (SimFs::new(), Path::new("/index-header"));
    let file = header_of(&index, toc);
    fs.plant(path, &file).expect("the root is there");
    let Ok(header) = meter::within(file.len(), 80, 64 << 10, || IndexHeader::open(&fs, path)) else { return };
    assert_eq!(header.index_bytes(), index.len() as u64);
    let first = answers(&header);
    drop(header);
    assert_eq!(answers(&IndexHeader::open(&fs, path).expect("it opened before")), first);
}

/// The file of offsets beside an index-header, which may hold anything: it changes no answer.
pub fn fuzz_index_header_offsets(data: &[u8]) {
    let (index, toc) = put_together(&mut Parts::of(&crate::seeds::an_index()));
    let (fs, path) = (SimFs::new(), Path::new("/index-header"));
    fs.plant(path, &header_of(&index, toc)).expect("the root is there");
    let sound = answers(&IndexHeader::open(&fs, path).expect("it is sound"));
    let offsets = fs.read(Path::new("/index-header.offsets")).expect("it was made");
    // The input is laid over the file that was made.
    let damaged: Vec<u8> = (0..offsets.len().max(data.len()))
        .map(|at| offsets.get(at).copied().unwrap_or(0) ^ data.get(at).copied().unwrap_or(0))
        .collect();
    fs.plant(Path::new("/index-header.offsets"), &damaged).expect("the root is there");
    assert_eq!(answers(&IndexHeader::open(&fs, path).expect("it serves without")), sound);
}
