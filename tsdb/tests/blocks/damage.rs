//! A damaged block is an error or answers as before: never a panic, never another answer.

use crate::sample::{Selected, Series, labels, open, select, spec, write};
use model::{MatchOp, Matcher, TimeRange};
use std::path::{Path, PathBuf};
use testkit::SimFs;
use tsdb::fs::Fs;
use tsdb::{SeriesSource, SourceError};

const DIR: &str = "/data";

/// A block with a few series, and the files in it.
fn block() -> (SimFs, Vec<PathBuf>) {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new(DIR)).unwrap();
    let mut all = Series::new();
    for number in 0..5_u64 {
        let value = number.to_string();
        let samples = (0..8).map(|at| (at * 15, at as u64 * number)).collect();
        all.insert(labels(&[("__name__", "up"), ("n", &value)]), samples);
    }
    write(&fs, Path::new(DIR), spec(&all), &all);
    let dir = open(&fs, Path::new(DIR)).unwrap().dir().to_owned();
    let files = ["index", "meta.json", "tombstones", "chunks/000001"].iter().map(|name| dir.join(name)).collect();
    (fs, files)
}

/// How many bytes of an index stand between entries and lists and mean nothing.
fn padding_bytes(fs: &SimFs, index: &[u8]) -> usize {
    let block = open(fs, Path::new(DIR)).unwrap();
    let toc = block.index().toc();
    let (mut padding, mut at) = (0, toc.series as usize);
    for id in block.index().all_postings().unwrap().iter() {
        let start = id as usize * 16;
        padding += start - at;
        // Size in one byte, body, checksum.
        at = start + 1 + usize::from(index[start]) + 4;
    }
    padding + at.next_multiple_of(4) - at
}

type Answers = (Vec<Selected>, Vec<Vec<u8>>, Vec<Vec<u8>>, bool);

fn answers(fs: &SimFs) -> Result<Answers, SourceError> {
    let block = open(fs, Path::new(DIR))?;
    // Together they read every list.
    let some = ["__name__", "n"].map(|name| Matcher::new(MatchOp::Regex, name, ".*[p0-9]").unwrap());
    let mut found = select(&block, &[], TimeRange::ALL)?;
    found.extend(select(&block, &some, TimeRange::ALL)?);
    let (names, values) = (block.label_names(&some)?, block.label_values(b"n", &some)?);
    Ok((found, names, values, block.tombstones_fault().is_some()))
}

#[test]
fn flipped_bits_are_noticed_or_mean_nothing() {
    let (fs, files) = block();
    let sound = answers(&fs).unwrap();
    for path in files.iter().filter(|path| !path.ends_with("meta.json")) {
        let bytes = fs.read(path).unwrap();
        let mut unnoticed = 0;
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs.plant(path, &flipped).unwrap();
            if let Ok((found, names, values, tombstones)) = answers(&fs) {
                assert_eq!((&found, &names, &values), (&sound.0, &sound.1, &sound.2), "{} bit {bit}", path.display());
                unnoticed += usize::from(!tombstones);
            }
        }
        fs.plant(path, &bytes).unwrap();
        // Padding means nothing, and version 3 of an index means what version 2 means.
        let (padding, version) = match path.file_name().unwrap().to_str().unwrap() {
            "index" => (padding_bytes(&fs, &bytes), 1),
            "000001" => (3, 0),
            _ => (0, 0),
        };
        assert_eq!(unnoticed, padding * 8 + version, "{}", path.display());
    }
}

#[test]
fn c05_a_file_cut_short_or_missing_is_an_error_that_names_it() {
    let (fs, files) = block();
    for path in &files {
        let bytes = fs.read(path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        for size in 0..bytes.len() {
            fs.plant(path, &bytes[..size]).unwrap();
            match answers(&fs) {
                Err(error) => assert!(error.to_string().contains(name), "{error}"),
                Ok((_, _, _, tombstones_fault)) => {
                    assert!(name == "tombstones" && tombstones_fault, "{name} cut to {size}")
                }
            }
        }
        fs.remove_file(path).unwrap();
        if name != "tombstones" {
            let error = answers(&fs).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
        fs.plant(path, &bytes).unwrap();
    }
    assert!(answers(&fs).is_ok());
}
