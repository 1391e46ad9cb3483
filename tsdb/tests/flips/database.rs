//! A whole data directory: blocks, head chunks and a log, opened as a database.

use crate::rig::{self, Contents, RANGE_MS};
use crate::{Outcome, Subject};
use model::{SampleColumns, TimeRange};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::SimFs;
use tsdb::db::Db;
use tsdb::fs::Fs;
use tsdb::{ChunkSeriesBatch, SourceError, chunk};

const DIR: &str = "/data";

/// The files of a directory with two blocks and a head.
struct Directory {
    files: Vec<(PathBuf, Vec<u8>)>,
    expected: Contents,
}

struct DbFile {
    directory: Arc<Directory>,
    file: usize,
}

fn open(fs: &SimFs) -> Db {
    rig::open_on(Arc::new(fs.clone()), Path::new(DIR), rig::options()).unwrap()
}

fn files(fs: &SimFs, dir: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs.read_dir(dir).unwrap() {
        if entry.is_dir {
            files(fs, &entry.path, into);
        } else if entry.size_bytes > 0 {
            into.push((entry.path.clone(), fs.read(&entry.path).unwrap()));
        }
    }
}

/// All samples; an error is how damage is told that is found only when it is read.
fn contents(db: &Db) -> Result<Contents, SourceError> {
    let (mut found, mut batch, mut columns) = (Contents::new(), ChunkSeriesBatch::default(), SampleColumns::default());
    for source in db.sources(TimeRange::ALL) {
        let mut cursor = source.select(&[], TimeRange::ALL)?;
        loop {
            cursor.next_batch(8, false, &mut batch)?;
            if batch.is_empty() {
                break;
            }
            for (labels, chunks) in batch.iter() {
                columns.clear();
                chunks.iter().for_each(|each| chunk::decode(each.encoding, &each.data, &mut columns).unwrap());
                let samples = columns.timestamps_ms.iter().zip(&columns.values);
                found.extend(samples.map(|(&at_ms, value)| ((labels.to_owned(), at_ms), value.to_bits())));
            }
        }
    }
    Ok(found)
}

pub(crate) fn subjects() -> Vec<Box<dyn Subject>> {
    let (fs, mut expected) = (SimFs::new(), Contents::new());
    let db = open(&fs);
    rig::append_range(&db, 0, 3 * RANGE_MS, &mut expected);
    assert_eq!(db.maintain().unwrap().len(), 2);
    rig::append_range(&db, 3 * RANGE_MS, 3 * RANGE_MS + 20_000, &mut expected);
    db.close().unwrap();
    drop(db);
    let mut all = Vec::new();
    files(&fs, Path::new(DIR), &mut all);
    let paths: Vec<_> = all.iter().map(|(path, _)| path.display().to_string()).collect();
    for part in ["wal/0", "chunks_head", "index", "meta.json"] {
        assert!(paths.iter().any(|path| path.contains(part)), "{part}: {paths:?}");
    }
    let directory = Arc::new(Directory { files: all, expected });
    (0..directory.files.len())
        .map(|file| Box::new(DbFile { directory: directory.clone(), file }) as Box<dyn Subject>)
        .collect()
}

impl Subject for DbFile {
    fn kind(&self) -> &'static str {
        "database"
    }

    fn size_bytes(&self) -> usize {
        self.directory.files[self.file].1.len()
    }

    /// What must be noticed is known of each kind of file alone; here, only that nothing is missing without a word.
    fn region(&self, _: usize) -> &'static str {
        "any"
    }

    fn flip(&self, at: usize, bit: u8) -> Outcome {
        let fs = SimFs::new();
        for (number, (path, content)) in self.directory.files.iter().enumerate() {
            let mut content = content.clone();
            if number == self.file {
                content[at] ^= 1 << bit;
            }
            fs.create_dir_all(path.parent().unwrap()).unwrap();
            fs.plant(path, &content).unwrap();
        }
        let db = open(&fs);
        let opened = db.opened();
        let told = !opened.set_aside.is_empty() || opened.log.report.damages_total > 0;
        let Ok(found) = contents(&db) else { return Outcome::Noticed };
        let path = self.directory.files[self.file].0.display();
        let expected = &self.directory.expected;
        assert!(
            found.iter().all(|(key, bits)| expected.get(key) == Some(bits)),
            "bit {bit} of byte {at} of {path}: a sample that was never written"
        );
        let missing = expected.len() - found.len();
        assert!(told || missing == 0, "bit {bit} of byte {at} of {path}: {missing} samples are missing without a word");
        if told { Outcome::Noticed } else { Outcome::Nothing }
    }
}
