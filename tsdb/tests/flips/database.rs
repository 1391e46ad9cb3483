//! A whole data directory: blocks, of which some are of late samples, head chunks, both logs, a checkpoint and the floor of the
//! head, opened as a database.

use crate::contents::Contents;
use crate::life::{ALWAYS, Life, open};
use crate::oracle::Oracle;
use crate::{Outcome, Subject};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::SimFs;
use tsdb::db::Snapshots;
use tsdb::fs::Fs;

const DIR: &str = "/data";
/// The kinds of files, by a part of their paths; each is there.
const KINDS: [(&str, &str); 10] = [
    (SNAPSHOT, "/chunk_snapshot."),
    ("checkpoint", "/wal/checkpoint."),
    ("log", "/wal/0"),
    ("log of late samples", "/wbl/0"),
    ("head chunks", "/chunks_head/0"),
    ("index", "/index"),
    ("chunks", "/chunks/0"),
    ("meta.json", "/meta.json"),
    ("tombstones", "/tombstones"),
    ("floor", "/head_floor"),
];
const SNAPSHOT: &str = "snapshot";
/// Deletions, blocks, a checkpoint and restarts are among them; the last of them is no upkeep.
const ROUNDS: i64 = 98;

/// The files of a directory, and what it holds.
struct Directory {
    files: Vec<(PathBuf, Vec<u8>)>,
    sound: Contents,
    oracle: Oracle,
}

struct DbFile {
    directory: Arc<Directory>,
    file: usize,
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

fn kind_of(path: &Path) -> &'static str {
    let path = path.display().to_string();
    KINDS.iter().find(|(_, part)| path.contains(part)).map(|(kind, _)| *kind).unwrap()
}

fn planted(files: &[(PathBuf, Vec<u8>)]) -> SimFs {
    let fs = SimFs::new();
    for (path, content) in files {
        fs.create_dir_all(path.parent().unwrap()).unwrap();
        fs.plant(path, content).unwrap();
    }
    fs
}

/// The files of a directory without a snapshot, and the snapshot of one that has one.
pub(crate) fn subjects() -> Vec<Box<dyn Subject>> {
    let mut subjects = Vec::new();
    for (snapshots, is_meant) in [(Snapshots::default(), false), (ALWAYS, true)] {
        let directory = Arc::new(Directory::make(snapshots));
        let files = directory.files.iter().enumerate();
        let meant = files.filter(|(_, (path, _))| (kind_of(path) == SNAPSHOT) == is_meant).map(|(file, _)| file);
        subjects.extend(meant.map(|file| Box::new(DbFile { directory: directory.clone(), file }) as Box<dyn Subject>));
    }
    subjects
}

impl Directory {
    fn make(snapshots: Snapshots) -> Self {
        let (fs, mut oracle) = (SimFs::new(), Oracle::default());
        let mut life = Life::begin(&fs, &mut oracle, 1, snapshots).unwrap();
        (0..ROUNDS).for_each(|round| life.round(round).unwrap());
        drop(life);
        let mut all = Vec::new();
        files(&fs, Path::new(DIR), &mut all);
        for (kind, _) in KINDS.into_iter().filter(|(kind, _)| *kind != SNAPSHOT || snapshots == ALWAYS) {
            assert!(
                all.iter().any(|(path, _)| kind_of(path) == kind),
                "no {kind}: {:?}",
                all.iter().map(|file| &file.0)
            );
        }
        let db = open(&planted(&all), Snapshots::default()).unwrap();
        assert_eq!(db.opened().snapshot.is_some(), snapshots == ALWAYS);
        let sound = Contents::of(&db).unwrap();
        assert_eq!(oracle.check(&sound), Ok(()));
        Self { files: all, sound, oracle }
    }
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
        kind_of(&self.directory.files[self.file].0)
    }

    fn flip(&self, at: usize, bit: u8) -> Outcome {
        let Directory { files, sound, oracle } = &*self.directory;
        let fs = planted(files);
        let (path, content) = &files[self.file];
        let mut content = content.clone();
        content[at] ^= 1 << bit;
        fs.plant(path, &content).unwrap();
        let db = open(&fs, Snapshots::default()).unwrap();
        let opened = db.opened();
        let damages = [&opened.log, &opened.late_log].map(|log| log.report.damages_total);
        let told = !opened.set_aside.is_empty() || damages != [0; 2] || db.stats().blocks_without_tombstones > 0;
        // An error is how damage is told that is found only when it is read.
        let Ok(found) = Contents::of(&db) else { return Outcome::Noticed };
        let flip = format!("bit {bit} of byte {at} of {}", path.display());
        if told {
            // A deletion may be lost.
            assert_eq!(oracle.check_sent(&found), Ok(()), "{flip}");
            return Outcome::Noticed;
        }
        assert_eq!(found.samples.keys().collect::<Vec<_>>(), sound.samples.keys().collect::<Vec<_>>(), "{flip}");
        for (labels, held) in &sound.samples {
            assert!(found.samples[labels] == *held, "{flip}: other samples of {labels:?} without a word");
        }
        // Where a block ends may be told by its chunks now, and then older exemplars are in the head again.
        assert_eq!(oracle.check(&found), Ok(()), "{flip}");
        Outcome::Nothing
    }
}
