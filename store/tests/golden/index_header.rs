//! Index-headers: files, look-ups, and damaged ones.

use crate::{matcher, rows};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::cell::Cell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use store::index_header::{IndexHeader, ReadIndex, build};
use store::postings::{label_values, series_ids};
use tsdb::SourceError;
use tsdb::fs::StdFs;
use tsdb::index::{IndexReader, select, toc::Toc};

/// An index in memory, which counts what is read of it.
struct Index {
    bytes: Bytes,
    read: parking_lot::Mutex<u64>,
}

impl ReadIndex for Index {
    type Error = SourceError;

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, SourceError>> {
        *self.read.lock() += range.end - range.start;
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        std::future::ready(Ok(self.bytes.slice(range))).boxed()
    }

    fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn name(&self) -> String {
        "index".to_owned()
    }
}

/// The folders that hold an index with the header Thanos made of it.
fn blocks(root: &Path) -> Vec<PathBuf> {
    let dirs = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    dirs.filter(|dir| dir.join("index-header").is_file()).collect()
}

#[tokio::test]
async fn headers_are_those_of_thanos_byte_for_byte() {
    let Some(root) = testkit::golden("headers_are_those_of_thanos_byte_for_byte", "indexheader") else { return };
    let compared = Cell::new(0);
    for block in blocks(&root) {
        let index = Index { bytes: std::fs::read(block.join("index")).unwrap().into(), read: Default::default() };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index-header");
        build(&index, &StdFs, &path).await.unwrap();
        let want = std::fs::read(block.join("index-header")).unwrap();
        assert!(std::fs::read(&path).unwrap() == want, "{}", block.display());
        // The header's own words and all but the symbols and the table were not read: the rest of the file was not.
        assert!(*index.read.lock() <= want.len() as u64 + 100, "{} bytes were read", index.read.lock());
        compared.set(compared.get() + 1);
    }
    assert!(compared.get() >= 4, "compared only {}", compared.get());
}

#[test]
fn lookups_find_what_thanos_finds() {
    let Some(path) = testkit::golden("lookups_find_what_thanos_finds", "indexheader/lookups.jsonl") else { return };
    let root = path.parent().unwrap();
    let headers = blocks(root).into_iter().map(|dir| {
        let name = dir.file_name().unwrap().to_str().unwrap().to_owned();
        (name, IndexHeader::open(&StdFs, &dir.join("index-header")).unwrap())
    });
    let headers: std::collections::HashMap<_, _> = headers.collect();
    let mut compared = 0;
    for row in rows(&path) {
        let header = &headers[row["block"].as_str().unwrap()];
        let name = row["name"].as_str().unwrap_or_default().as_bytes();
        let texts = |of: &serde_json::Value| {
            let texts = of.as_array().into_iter().flatten();
            texts.map(|text| text.as_str().unwrap().as_bytes().to_vec()).collect::<Vec<_>>()
        };
        match row["op"].as_str().unwrap() {
            "symbols" => {
                let first = u32::try_from(row["first"].as_u64().unwrap()).unwrap();
                for (number, want) in (first..).zip(texts(&row["out"])) {
                    assert_eq!(header.symbol(number), Some(want.as_slice()), "{row}");
                }
            }
            "label_values" => {
                let got: Vec<_> = header.table().rows(name, b"").map(|found| found.value.to_vec()).collect();
                assert_eq!(got.len() as u64, row["count"].as_u64().unwrap(), "{row}");
                let want = texts(&row["out"]);
                // Of many, the recording has the first and the last.
                let shown = match row["out_is"].is_null() {
                    true => got,
                    false => [&got[..want.len() / 2], &got[got.len() - want.len() / 2..]].concat(),
                };
                assert!(shown == want, "{row}");
            }
            "postings" => {
                let found = texts(&row["values"]).into_iter().map(|value| match header.table().row(name, &value) {
                    Some(found) => {
                        let range = header.list_range(&found).unwrap();
                        // Thanos names the ids, we the section around them.
                        [i64::try_from(range.start).unwrap() + 4, i64::try_from(range.end).unwrap() - 4]
                    }
                    None => [-1, -1],
                });
                let got: Vec<_> = found.collect();
                let want = row["out"].as_array().map(|ranges| {
                    let range = |range: &serde_json::Value| [range[0].as_i64().unwrap(), range[1].as_i64().unwrap()];
                    ranges.iter().map(range).collect::<Vec<_>>()
                });
                // Of a name that is not there Thanos says nothing.
                assert!(want.as_ref().is_none_or(|want| *want == got), "{got:?} {row}");
                assert!(want.is_some() || got.iter().all(|range| *range == [-1, -1]), "{got:?} {row}");
            }
            other => panic!("{other}: {row}"),
        }
        compared += 1;
    }
    assert!(compared > 40, "compared only {compared}");
}

/// What is asked of each block; most names are in one of them only.
const QUESTIONS: [&[&str]; 10] = [
    &[],
    &["__name__=~\".+\""],
    &["__name__!=\"\"", "job=\"node\""],
    &["id=~\"f.*\""],
    &["id!~\"[0-9].*\"", "__name__=~\".+\""],
    &["instance=~\"host-[13].*\"", "instance!=\"host-1:9100\""],
    &["rare_1=\"\""],
    &["rare_1!=\"\"", "rare_10=~\".*\""],
    &["a=~\"b|c\""],
    &["absent=\"x\""],
];

#[tokio::test]
async fn a_bucket_gives_the_series_of_the_mapped_index() {
    let Some(root) = testkit::golden("a_bucket_gives_the_series_of_the_mapped_index", "indexheader") else { return };
    let mut found = 0;
    for block in blocks(&root) {
        let header = IndexHeader::open(&StdFs, &block.join("index-header")).unwrap();
        let mapped = IndexReader::open(&StdFs, &block.join("index")).unwrap();
        let index = Index { bytes: std::fs::read(block.join("index")).unwrap().into(), read: Default::default() };
        for question in QUESTIONS {
            let matchers: Vec<_> = question.iter().map(|text| matcher(text)).collect();
            let ids = series_ids(&header, &matchers, &index).await.unwrap();
            assert_eq!(ids, select::series_ids(&mapped, &matchers).unwrap(), "{question:?} {}", block.display());
            found += ids.len();
            for name in mapped.label_names() {
                let values = label_values(&header, name, &matchers, &index).await.unwrap();
                assert_eq!(values, select::label_values(&mapped, name, &matchers).unwrap(), "{question:?}");
            }
        }
    }
    assert!(found > 1000, "found only {found}");
}

#[tokio::test]
async fn a_damaged_list_is_named() {
    let Some(block) = testkit::golden("a_damaged_list_is_named", "indexheader/small") else { return };
    let header = IndexHeader::open(&StdFs, &block.join("index-header")).unwrap();
    let list = header.table().row(b"", b"").map(|row| header.list_range(&row).unwrap()).unwrap();
    let mut bytes = std::fs::read(block.join("index")).unwrap();
    bytes[usize::try_from(list.start).unwrap() + 9] ^= 1;
    let index = Index { bytes: bytes.into(), read: Default::default() };
    let error = series_ids(&header, &[], &index).await.unwrap_err().to_string();
    // Where the checksum stands.
    assert!(error.starts_with(&format!("index at byte {}: checksum", list.end - 4)), "{error}");
}

#[test]
fn damaged_headers_are_refused() {
    let Some(path) = testkit::golden("damaged_headers_are_refused", "indexheader/bad_headers.jsonl") else { return };
    let sound = std::fs::read(path.parent().unwrap().join("small/index-header")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for row in rows(&path) {
        let Some(bytes) = changed(&sound, &row) else { continue };
        let file = dir.path().join("index-header");
        std::fs::write(&file, &bytes).unwrap();
        let opened = IndexHeader::open(&StdFs, &file);
        // Thanos does not look at the copied table of contents.
        let copied = bytes.len().checked_sub(20 + 52).and_then(|at| bytes.get(at..at + 52));
        let sound_copy = copied.is_some_and(|copied| Toc::decode(copied).is_ok());
        assert_eq!(opened.is_ok(), row["opens"] == true && sound_copy, "{row}: {:?}", opened.err());
    }
}

/// The sound header with the change that `row` tells of.
fn changed(sound: &[u8], row: &serde_json::Value) -> Option<Vec<u8>> {
    if let Some(hex) = row["hex"].as_str() {
        let digits = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16));
        return Some(digits.map(Result::unwrap).collect());
    }
    let (change, mut bytes) = (row["change"].as_str().unwrap(), sound.to_vec());
    let length = bytes.len();
    let mut set = |at: usize, value: u8| bytes[at] = value;
    match change.split(' ').collect::<Vec<_>>().as_slice() {
        ["unchanged"] => {}
        ["last", "byte", "cut"] => bytes.truncate(length - 1),
        ["one", "byte", "more"] => bytes.push(0),
        ["magic"] => set(0, 0xbb),
        ["version", version, "at", "byte", at] | ["index", "version", version, "at", "byte", at] => {
            set(at.parse().unwrap(), version.parse().unwrap());
        }
        ["last", "posting", "end", "0", ..] => bytes[6..14].fill(0),
        [.., "byte", at, "xor", with] => {
            let at = at
                .strip_prefix("len-")
                .map_or_else(|| at.parse().unwrap(), |back| length - back.parse::<usize>().unwrap());
            let with: u8 = with.parse().unwrap();
            bytes[at] ^= with;
        }
        _ => {
            println!("a change that is not known: {row}");
            return None;
        }
    }
    Some(bytes)
}
