//! A file of head chunks.

use crate::samples::TestHistogram;
use crate::{COVERED, Outcome, Subject};
use bytes::Bytes;
use model::{Numbers, SampleColumns, SeriesRef};
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::Chunk;
use tsdb::chunk::encode;
use tsdb::fs::Fs;
use tsdb::head_chunks::{HeadChunk, HeadChunks, HeadFrame, MAX_FILE_BYTES};

const FILE: &str = "/chunks_head/000001";
/// Zeros behind the last chunk, as Prometheus leaves them.
const ZEROS: usize = 300;

struct File {
    bytes: Vec<u8>,
    chunks_end: usize,
    found: Vec<(HeadChunk, Bytes)>,
}

fn open(bytes: &[u8]) -> (Vec<(HeadChunk, Bytes)>, usize) {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/chunks_head")).unwrap();
    fs.plant(Path::new(FILE), bytes).unwrap();
    let (chunks, found, damages) = open_on(&fs);
    let chunk = |found: HeadChunk| (found, chunks.read(found.place).unwrap().data);
    (found.into_iter().map(chunk).collect(), damages)
}

fn open_on(fs: &SimFs) -> (HeadChunks, Vec<HeadChunk>, usize) {
    let (dir, quarantine, mut found) = (Path::new("/chunks_head"), Path::new("/quarantine"), Vec::new());
    let opened =
        HeadChunks::open(Arc::new(fs.clone()), dir, quarantine, MAX_FILE_BYTES, &mut |chunk| found.push(chunk));
    let (chunks, damages) = opened.unwrap();
    (chunks, found, damages.len())
}

pub(crate) fn subject() -> Box<dyn Subject> {
    let fs = SimFs::new();
    let (chunks, _, _) = open_on(&fs);
    for series in 1..9_u64 {
        let mut columns = SampleColumns::default();
        for at in 0..30 {
            let at_ms = at * 15_000 + series as i64;
            let kind = [None, Some((Numbers::Integer, 20)), Some((Numbers::Float, 120)), Some((Numbers::Integer, 190))];
            match kind[series as usize % 4] {
                Some((numbers, shape)) => {
                    columns.push_histogram(at_ms, TestHistogram::new(numbers, shape, at.cast_unsigned()).as_ref());
                }
                None => columns.push(at_ms, (at * 31) as f64 / 7.0),
            }
        }
        for Chunk { min_ms, max_ms, encoding, data, .. } in encode(&columns) {
            let (series, out_of_order) = (SeriesRef(series), series % 3 == 0);
            chunks.append(&HeadFrame { series, min_ms, max_ms, encoding, out_of_order, data: &data }).unwrap();
        }
    }
    chunks.sync().unwrap();
    let mut bytes = fs.read(Path::new(FILE)).unwrap();
    let chunks_end = bytes.len();
    bytes.resize(chunks_end + ZEROS, 0);
    let (found, damages) = open(&bytes);
    assert_eq!((found.len(), damages), (8, 0));
    Box::new(File { bytes, chunks_end, found })
}

impl Subject for File {
    fn kind(&self) -> &'static str {
        "chunks_head"
    }

    fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn region(&self, at: usize) -> &'static str {
        match at {
            0..5 => "magic and version",
            5..8 => "padding",
            _ if at < self.chunks_end => COVERED,
            _ => "zeros",
        }
    }

    fn flip(&self, at: usize, bit: u8) -> Outcome {
        let mut bytes = self.bytes.clone();
        bytes[at] ^= 1 << bit;
        let (found, damages) = open(&bytes);
        assert!(self.found.starts_with(&found), "bit {bit} of byte {at} changes a chunk");
        assert!(damages > 0 || found.len() == self.found.len(), "bit {bit} of byte {at} loses a chunk without a word");
        if damages > 0 { Outcome::Noticed } else { Outcome::Nothing }
    }
}
