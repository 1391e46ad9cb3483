//! What does an index-header cost to open, to look up in, to hold?
//!
//! `cargo bench -p store --bench header [-- VALUES]`. The index has so many series (a million), each with a value of its own in
//! one label. Beside the header, which has its offsets in a file, the mapped index answers, which keeps every 8th symbol and
//! every 32nd value in memory as Thanos' reader does. Memory is the anonymous memory of the process.

#![allow(clippy::unwrap_used, reason = "a bench")]

use bytes::Bytes;
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use model::Labels;
use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;
use store::index_header::{IndexHeader, ReadIndex, build};
use tsdb::SourceError;
use tsdb::fs::{Fs, StdFs};
use tsdb::index::{ChunkMeta, IndexReader, IndexWriter};
use tsdb::segment::ChunkRef;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LOOKUPS: usize = 1_000;
const NAME: &str = "id";

/// A mapped file, read as an object in a bucket.
struct Index(Bytes);

impl ReadIndex for Index {
    type Error = SourceError;

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, SourceError>> {
        let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap());
        std::future::ready(Ok(self.0.slice(start..end))).boxed()
    }

    fn size_bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn name(&self) -> String {
        "index".to_owned()
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [what, dir, values] = args.as_slice() {
        return measure(what, Path::new(dir), values.parse().unwrap());
    }
    let values = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let [index_path, path] = ["index", "index-header"].map(|name| dir.path().join(name));
    write_index(&index_path, values);
    let index = Index(StdFs.map(&index_path).unwrap());
    let ((), built) = timed(|| block_on(build(&index, &StdFs, &path)).unwrap());
    let size = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().len() / 1024;
    println!(
        "{values} values, index {} KiB, header {} KiB, built in {built:.1} ms",
        size("index"),
        size("index-header")
    );
    let (_, first) = timed(|| IndexHeader::open(&StdFs, &path).unwrap());
    println!("offsets {} KiB, made at the first opening, which takes {first:.1} ms", size("index-header.offsets"));
    for what in ["header", "index"] {
        // A process of its own, whose allocator has no memory yet.
        let mut measuring = std::process::Command::new(std::env::current_exe().unwrap());
        let status = measuring.arg(what).arg(dir.path()).arg(values.to_string()).status().unwrap();
        assert!(status.success(), "{status}");
    }
}

/// Opens that file and looks up in it.
fn measure(what: &str, dir: &Path, values: usize) {
    let before = anonymous_bytes();
    let held = || anonymous_bytes().saturating_sub(before);
    if what == "header" {
        let (header, open) = timed(|| IndexHeader::open(&StdFs, &dir.join("index-header")).unwrap());
        let costs = (open, held());
        let range = |value: &str| {
            let row = header.table().row(NAME.as_bytes(), value.as_bytes()).unwrap();
            black_box(header.list_range(&row).unwrap());
        };
        report(what, values, costs, lookups(values, range), symbols(values, |number| header.symbol(number)));
    } else {
        let (index, open) = timed(|| IndexReader::open(&StdFs, &dir.join("index")).unwrap());
        let costs = (open, held());
        let row = |value: &str| {
            black_box(index.table().row(NAME.as_bytes(), value.as_bytes()).unwrap());
        };
        report(what, values, costs, lookups(values, row), symbols(values, |number| index.symbol(number).ok()));
    }
}

fn write_index(path: &Path, values: usize) {
    let mut writer = IndexWriter::new();
    for number in 0..values {
        let labels = Labels::from_pairs([("__name__", "series"), (NAME, &value(number))]).unwrap();
        writer.add(labels.as_ref(), &[ChunkMeta { min_ms: 0, max_ms: 1, place: ChunkRef(8) }]).unwrap();
    }
    writer.finish(&StdFs, path).unwrap();
}

/// As long as the name of a pod.
fn value(number: usize) -> String {
    format!("deployment-with-a-name-{number:010}")
}

/// Numbers below `count` in no order.
fn scattered(count: usize) -> impl Iterator<Item = usize> {
    (0..LOOKUPS).map(move |at| at.wrapping_mul(0x9E37_79B9_7F4A_7C15) % count)
}

/// Nanoseconds for the look-up of a value: the second time that all are looked up, so with the mapping's pages at hand.
fn lookups(values: usize, look_up: impl Fn(&str)) -> f64 {
    let wanted: Vec<String> = scattered(values).map(value).collect();
    wanted.iter().for_each(|value| look_up(value));
    timed(|| wanted.iter().for_each(|value| look_up(value))).1 * 1e6 / LOOKUPS as f64
}

/// Nanoseconds for a symbol.
fn symbols<'s>(count: usize, symbol: impl Fn(u32) -> Option<&'s [u8]>) -> f64 {
    let wanted: Vec<u32> = scattered(count).map(|number| u32::try_from(number).unwrap()).collect();
    let all = || {
        for number in &wanted {
            black_box(symbol(*number).unwrap());
        }
    };
    all();
    timed(all).1 * 1e6 / LOOKUPS as f64
}

fn report(what: &str, values: usize, (open, held): (f64, u64), lookup: f64, symbol: f64) {
    let each = held as f64 / values as f64;
    println!("{what:>7}: open {open:.1} ms, a value {lookup:.0} ns, a symbol {symbol:.0} ns, {each:.2} B a value");
}

/// What `work` gives, and the milliseconds it takes.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed().as_secs_f64() * 1e3)
}

fn anonymous_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
