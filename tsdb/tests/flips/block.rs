//! The four files of a block.

use crate::frozen::Frozen;
use crate::samples::TestHistogram;
use crate::{COVERED, Outcome, Subject};
use bytes::Bytes;
use model::{Labels, MatchOp, Matcher, Numbers, SampleColumns, TimeRange};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::SimFs;
use tsdb::block::{Block, BlockSpec, BlockWriter, Deleted, Tombstones};
use tsdb::chunk::encode;
use tsdb::cursor::Cursor;
use tsdb::fs::Fs;
use tsdb::index::toc::Toc;
use tsdb::{Chunk, ChunkSeriesBatch, SeriesSource, SourceError};
use ulid::Ulid;

/// As blocks are cut, from one even hour to another.
const FIRST_MS: i64 = 1_699_999_200_000;
const STEP_MS: i64 = 120_000;
const FILES: [(&str, &str); 4] =
    [("index", "index"), ("chunks", "chunks/000001"), ("meta.json", "meta.json"), ("tombstones", "tombstones")];

pub(crate) fn dir() -> PathBuf {
    Path::new("/data").join(Ulid(1 << 80 | 7).to_string())
}

/// A chunk of floats, or of histograms, from one sample on.
fn chunk(kind: Option<(Numbers, u8)>, from: i64, samples: i64, scale: i64) -> Chunk {
    let mut columns = SampleColumns::default();
    for sample in 0..samples {
        let at_ms = FIRST_MS + (from + sample) * STEP_MS;
        match kind {
            Some((numbers, shape)) => {
                let histogram = TestHistogram::new(numbers, shape, (from + sample).cast_unsigned());
                columns.push_histogram(at_ms, histogram.as_ref());
            }
            None => columns.push(at_ms, (sample * scale) as f64 / 7.0),
        }
    }
    let mut chunks = encode(&columns);
    assert_eq!(chunks.len(), 1);
    chunks.remove(0)
}

/// A block of series that have nothing near its ends, more than are looked at when it is opened, and of others of three
/// chunks: floats, histograms of all kinds. A part of one of them is deleted.
pub(crate) fn write(fs: &SimFs) {
    fs.create_dir_all(Path::new("/data")).unwrap();
    let spec = BlockSpec::new(Ulid(1 << 80 | 7), FIRST_MS, FIRST_MS + 60 * STEP_MS);
    let mut writer = BlockWriter::create(fs, Path::new("/data"), spec).unwrap();
    let labels = |job: &str, n: i64| {
        Labels::from_pairs([("__name__", "up".to_owned()), ("job", job.to_owned()), ("n", format!("{n:02}"))]).unwrap()
    };
    for n in 0..66 {
        writer.add(labels("j-short", n).as_ref(), &[chunk(None, 30, 2, n + 1)]).unwrap();
    }
    let kinds = [None, None, Some((Numbers::Integer, 20)), Some((Numbers::Float, 120)), Some((Numbers::Integer, 190))];
    for (n, kind) in (0..).zip(kinds) {
        let chunks: Vec<Chunk> = (0..3).map(|part| chunk(kind, part * 20, 20, n + 1)).collect();
        writer.add(labels("j-whole", n).as_ref(), &chunks).unwrap();
    }
    writer.finish().unwrap();
    let block = Block::open(fs, &dir()).unwrap();
    let second = block.index().all_postings().unwrap().iter().nth(67).unwrap();
    let mut tombstones = Tombstones::default();
    for (from, to) in [(5, 25), (40, 41)] {
        tombstones.add(second, Deleted { min_ms: FIRST_MS + from * STEP_MS, max_ms: FIRST_MS + to * STEP_MS });
    }
    fs.plant(&dir().join("tombstones"), &tombstones.encode()).unwrap();
}

type Answers = (Vec<(Labels, Vec<Chunk>)>, Vec<Vec<u8>>, Vec<Vec<u8>>);

/// All that a block answers: every list, entry and chunk is read on the way.
fn answers(block: &Block) -> Result<Answers, SourceError> {
    let every = ["__name__", "job", "n"].map(|name| Matcher::new(MatchOp::Regex, name, ".*[pte0-9]").unwrap());
    let (mut found, mut batch) = (Vec::new(), ChunkSeriesBatch::default());
    for matchers in [&[][..], &every] {
        let mut cursor = block.select(matchers, TimeRange::ALL)?;
        loop {
            cursor.next_batch(8, false, &mut batch)?;
            if batch.is_empty() {
                break;
            }
            found.extend(batch.iter().map(|(labels, chunks)| (labels.to_owned(), chunks.to_vec())));
        }
    }
    Ok((found, block.label_names(&every)?, block.label_values(b"n", &every)?))
}

struct BlockFile {
    kind: &'static str,
    file: usize,
    whole: Arc<Frozen>,
    sound: Arc<Answers>,
    regions: Vec<&'static str>,
}

impl Subject for BlockFile {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn size_bytes(&self) -> usize {
        self.regions.len()
    }

    fn region(&self, at: usize) -> &'static str {
        self.regions[at]
    }

    fn flip(&self, at: usize, bit: u8) -> Outcome {
        let fs = self.whole.flipped(self.file, at, bit);
        let Ok(block) = Block::open(&fs, &dir()) else { return Outcome::Noticed };
        if block.tombstones_fault().is_some() {
            return Outcome::Noticed;
        }
        match answers(&block) {
            Ok(found) => assert!(found == *self.sound, "bit {bit} of byte {at} of {} changes an answer", self.kind),
            Err(_) => return Outcome::Noticed,
        }
        // Who looks for blocks by time finds it.
        let range = block.time_range().unwrap();
        assert!(
            range.min_ms() <= FIRST_MS && range.max_ms() >= FIRST_MS + 59 * STEP_MS,
            "bit {bit} of byte {at} of {} hides samples: {range:?}",
            self.kind
        );
        Outcome::Nothing
    }
}

pub(crate) fn subjects() -> Vec<Box<dyn Subject>> {
    let fs = SimFs::new();
    write(&fs);
    let files: Vec<(PathBuf, Bytes)> = FILES
        .iter()
        .map(|(_, name)| dir().join(name))
        .map(|path| (path.clone(), fs.read(&path).unwrap().into()))
        .collect();
    let whole = Arc::new(Frozen(files));
    let block = Block::open(&*whole, &dir()).unwrap();
    let sound = Arc::new(answers(&block).unwrap());
    let file = |(file, (kind, _)): (usize, &(&'static str, &str))| {
        let bytes = &whole.0[file].1;
        let regions = match *kind {
            "index" => index(bytes, block.index().toc()),
            "chunks" => chunks(bytes),
            "meta.json" => meta(bytes),
            _ => tombstones(bytes),
        };
        Box::new(BlockFile { kind, file, whole: whole.clone(), sound: sound.clone(), regions }) as Box<dyn Subject>
    };
    FILES.iter().enumerate().map(file).collect()
}

/// The regions of an index: all between what has a size, and a checksum behind, is padding.
fn index(bytes: &[u8], toc: Toc) -> Vec<&'static str> {
    let mut regions = vec!["padding"; bytes.len()];
    regions[..4].fill("magic");
    regions[4] = "version";
    regions[bytes.len() - 52..].fill(COVERED);
    let mut section = |at: usize| {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        regions[at..at + 4].fill("section size");
        regions[at + 4..at + 8 + size].fill(COVERED);
        at + 8 + size
    };
    section(toc.symbols as usize);
    section(toc.postings_table as usize);
    let mut list = (toc.postings as usize).next_multiple_of(4);
    while list < toc.postings_table as usize {
        list = section(list).next_multiple_of(4);
    }
    let mut entry = toc.series as usize;
    while entry.next_multiple_of(16) < toc.label_indices as usize {
        entry = entry.next_multiple_of(16);
        let mut cursor = Cursor::new(&bytes[entry..]);
        let size = cursor.uvarint().unwrap() as usize;
        regions[entry..entry + cursor.offset()].fill("entry size");
        let body = entry + cursor.offset();
        regions[body..body + size + 4].fill(COVERED);
        entry = body + size + 4;
    }
    regions
}

fn chunks(bytes: &[u8]) -> Vec<&'static str> {
    let mut regions = vec![COVERED; bytes.len()];
    regions[..4].fill("magic");
    regions[4] = "version";
    regions[5..8].fill("padding");
    let mut at = 8;
    while at < bytes.len() {
        let mut cursor = Cursor::new(&bytes[at..]);
        let size = cursor.uvarint().unwrap() as usize;
        regions[at..at + cursor.offset()].fill("chunk size");
        at += cursor.offset() + 1 + size + 4;
    }
    regions
}

fn tombstones(bytes: &[u8]) -> Vec<&'static str> {
    let mut regions = vec![COVERED; bytes.len()];
    regions[..4].fill("magic");
    regions[4] = "version";
    regions
}

/// Values of outermost fields by their names.
fn meta(bytes: &[u8]) -> Vec<&'static str> {
    let text = std::str::from_utf8(bytes).unwrap();
    let mut regions = vec!["the rest"; bytes.len()];
    for name in ["ulid", "version", "minTime", "maxTime"] {
        let key = format!("\n\t\"{name}\": ");
        let start = text.find(&key).unwrap() + key.len();
        let value = text[start..].find([',', '\n']).unwrap();
        let quotes = usize::from(name == "ulid");
        regions[start + quotes..start + value - quotes].fill(name);
    }
    regions
}
