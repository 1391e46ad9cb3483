use super::{IndexHeader, ReadIndex, build, open_or_build};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::Labels;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use testkit::SimFs;
use tsdb::SourceError;
use tsdb::fs::Fs;
use tsdb::index::{ChunkMeta, IndexWriter};
use tsdb::segment::ChunkRef;

pub(crate) const HEADER: &str = "/block/index-header";

/// An index in memory, which counts how often it is read.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) bytes: Bytes,
    reads: AtomicU64,
}

impl ReadIndex for Index {
    type Error = SourceError;

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, SourceError>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let range = range.start as usize..range.end as usize;
        std::future::ready(Ok(self.bytes.slice(range))).boxed()
    }

    fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn name(&self) -> String {
        "index".to_owned()
    }
}

/// An index of so many series: two names, one of them with as many values.
pub(crate) fn index(series: usize) -> Index {
    index_from(0, series)
}

/// As [`index`], with values that count from `first` on.
pub(crate) fn index_from(first: usize, series: usize) -> Index {
    let (fs, path) = (SimFs::new(), Path::new("/index"));
    let mut writer = IndexWriter::new();
    for number in first..first + series {
        let value = format!("{number:03}");
        let labels = Labels::from_pairs([("__name__", "up"), ("instance", value.as_str())]).unwrap();
        writer.add(labels.as_ref(), &[ChunkMeta { min_ms: 0, max_ms: 1, place: ChunkRef(8) }]).unwrap();
    }
    writer.finish(&fs, path).unwrap();
    Index { bytes: fs.read(path).unwrap().into(), reads: AtomicU64::new(0) }
}

/// A file system with the header of that index, and nothing else.
pub(crate) async fn built(index: &Index) -> SimFs {
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/block")).unwrap();
    build(index, &fs, Path::new(HEADER)).await.unwrap();
    fs
}

#[tokio::test]
async fn a_header_is_built_once_and_again_when_it_is_damaged() {
    let (index, path) = (index(5), Path::new(HEADER));
    let fs = SimFs::new();
    fs.create_dir_all(Path::new("/block")).unwrap();
    let reads = || index.reads.load(Ordering::Relaxed);
    open_or_build(&index, &fs, path).await.unwrap();
    let (once, sound) = (reads(), fs.read(path).unwrap());
    open_or_build(&index, &fs, path).await.unwrap();
    assert_eq!(reads(), once, "it is there");

    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        fs.plant(path, &bytes).unwrap();
        let header = open_or_build(&index, &fs, path).await.unwrap();
        assert_eq!(header.label_names().collect::<Vec<_>>(), [&b"__name__"[..], b"instance"], "byte {at}");
        // The version of the index is told and not used.
        assert!(at == 5 || fs.read(path).unwrap() == sound, "byte {at}");
    }
}

#[tokio::test]
async fn the_header_of_another_index_is_built_again() {
    let (mine, other) = (index(5), index(6));
    let fs = built(&other).await;
    assert_eq!(IndexHeader::open(&fs, Path::new(HEADER)).unwrap().index_bytes(), other.size_bytes());
    let header = open_or_build(&mine, &fs, Path::new(HEADER)).await.unwrap();
    assert_eq!(header.index_bytes(), mine.size_bytes());
    assert_eq!(header.table().rows(b"instance", b"").count(), 5);
}

#[tokio::test]
async fn what_cannot_be_opened_is_not_built_again() {
    let index = index(5);
    let fs = built(&index).await;
    fs.stop_after(fs.steps());
    fs.sync_dir(Path::new("/block")).unwrap_err();
    assert!(fs.is_stopped());
    let error = open_or_build(&index, &fs, Path::new(HEADER)).await.unwrap_err();
    assert!(matches!(&error, SourceError::Io { source, .. } if source.kind() != ErrorKind::NotFound), "{error}");
    assert_eq!(index.reads.load(Ordering::Relaxed), 4, "it was not built again");
}
