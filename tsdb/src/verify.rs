//! Checking all there is to check: of blocks and snapshots every checksum, order, count and reference, of a log every page and
//! record, of head chunks every sample.
//!
//! A walk that reads and reports; it changes nothing, and a fault never ends it: what lies behind the fault is looked at as
//! far as it can be found. Memory is that of the label pairs and series ids of one block, and of the references in a log.
//! Whether a postings list has all series it should have is decided by comparing counts and hashes of sets, so that nothing
//! has to be kept or read twice.

mod block;
mod chunks;
mod floor;
mod head_chunks;
mod index;
mod log;
mod postings;
mod set_hash;
mod snapshot;

use crate::block::{is_unfinished, parse_name};
use crate::cursor::Corruption;
use crate::file_error::FileError;
use crate::floor::FLOOR;
use crate::fs::{DirEntry, Fs};
use crate::series::SourceError;
use crate::snapshot::{SnapshotDir, SnapshotDirs};
use crate::wal::{LogPlace, segment_number};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file} at byte {offset}: {fault}", file = file.display())]
pub struct Finding {
    pub file: PathBuf,
    /// 0 where the fault is that of the whole file.
    pub offset: u64,
    pub fault: String,
}

/// A file that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFile {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// What it holds, in words.
    pub holds: String,
    /// How many faults it has.
    pub faults: u64,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Findings {
    limit: usize,
    files: Vec<CheckedFile>,
    faults: Vec<Finding>,
    faults_total: u64,
    by_file: BTreeMap<PathBuf, u64>,
    notes: Vec<Finding>,
}

impl Findings {
    /// Nothing yet; at most `limit` faults will be listed.
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults_total == 0
    }

    /// The files, in the order in which they were looked at.
    pub fn files(&self) -> impl Iterator<Item = CheckedFile> {
        self.files.iter().map(|file| CheckedFile { faults: self.faults_of(&file.path), ..file.clone() })
    }

    /// The faults, as many as are listed.
    pub fn faults(&self) -> &[Finding] {
        &self.faults
    }

    /// How many there are in all.
    pub fn faults_total(&self) -> u64 {
        self.faults_total
    }

    /// What is worth knowing and no fault: what a crash leaves at the end of a log, for example.
    pub fn notes(&self) -> &[Finding] {
        &self.notes
    }

    /// How many faults the file has so far.
    fn faults_of(&self, file: &Path) -> u64 {
        self.by_file.get(file).copied().unwrap_or(0)
    }

    fn fault(&mut self, file: &Path, offset: u64, fault: impl ToString) {
        self.faults_total += 1;
        match self.by_file.get_mut(file) {
            Some(faults) => *faults += 1,
            None => drop(self.by_file.insert(file.to_owned(), 1)),
        }
        if self.faults.len() < self.limit {
            self.faults.push(Finding { file: file.to_owned(), offset, fault: fault.to_string() });
        }
    }

    /// A fault whose place is counted from `base` on.
    fn corrupt(&mut self, file: &Path, base: u64, corruption: Corruption) {
        self.fault(file, base.saturating_add(corruption.offset), corruption.fault);
    }

    /// A fault of a reader, which names its file itself.
    fn source(&mut self, error: SourceError) {
        match error {
            SourceError::Corrupt { file, offset, fault } => self.fault(Path::new(&file), offset, fault),
            SourceError::Io { file, source } => self.fault(Path::new(&file), 0, source),
        }
    }

    fn note(&mut self, file: &Path, offset: u64, note: impl ToString) {
        if self.notes.len() < self.limit {
            self.notes.push(Finding { file: file.to_owned(), offset, fault: note.to_string() });
        }
    }

    fn checked(&mut self, path: &Path, size_bytes: u64, holds: String) {
        self.files.push(CheckedFile { path: path.to_owned(), size_bytes, holds, faults: 0 });
    }

    /// The entries of a directory; a fault, and none, if it cannot be read.
    fn read_dir(&mut self, fs: &dyn Fs, dir: &Path) -> Vec<DirEntry> {
        fs.read_dir(dir).unwrap_or_else(|error| {
            self.fault(dir, 0, error);
            Vec::new()
        })
    }
}

/// What has to be a directory in a data directory.
pub(crate) const DIRECTORIES: [&str; 3] = ["wal", "wbl", "chunks_head"];
pub(crate) const NO_DIRECTORY: &str = "it is a file, and has to be a directory";
pub(crate) const NO_FILE: &str = "it is a directory, and has to be a file";

/// Whether what is found in one of [`DIRECTORIES`] is a directory with the name of a file.
pub(crate) fn is_no_file(of: &str, entry: &DirEntry) -> bool {
    let number = if of == "chunks_head" { crate::head_chunks::number } else { segment_number };
    entry.is_dir && number(&entry.name).is_some()
}

const UNFINISHED: &str = "what an unfinished piece of work left; goes when the directory is opened";

/// A snapshot must not stand for more of the log than there is.
fn check_place(snapshot: &SnapshotDir, log: &[DirEntry], findings: &mut Findings) {
    let number = |entry: &DirEntry| entry.name.strip_prefix("checkpoint.").unwrap_or(&entry.name).parse::<u32>().ok();
    let last = log.iter().filter_map(number).max();
    let next = last.map_or(0, |last| last.saturating_add(1));
    if snapshot.place > (LogPlace { segment: next, offset_bytes: 0 }) {
        let fault =
            format!("it stands for what was logged up to segment {}, which is not there", snapshot.place.segment);
        findings.fault(&snapshot.path, 0, fault);
    }
}

/// Checks every checksum of a block's chunks and index, that no chunk is gone, and nothing that would have to be remembered: files are read once from
/// front to back, memory is that of the index' tables (see [`crate::index::IndexReader`]).
///
/// # Errors
/// The first fault.
pub fn checksums(fs: &dyn Fs, block: &Path) -> Result<(), Finding> {
    let mut findings = Findings::new(1);
    let chunks = chunks::ChunkFiles::walk(fs, &block.join("chunks"), &mut findings);
    if findings.is_sound() {
        let path = block.join("index");
        match fs.map(&path) {
            Ok(bytes) => index::check_sums(&path, &bytes, &chunks, &mut findings),
            Err(error) => findings.fault(&path, 0, error),
        }
    }
    findings.faults.pop().map_or(Ok(()), Err)
}

/// Checks a data directory (blocks, log, log of late samples, snapshots, head chunks, floor), a folder of blocks, or one block.
///
/// # Errors
/// `dir` cannot be read, or is none of these.
pub fn directory(fs: &dyn Fs, dir: &Path, findings: &mut Findings) -> Result<(), FileError> {
    let entries = fs.read_dir(dir).map_err(FileError::at(dir))?;
    if entries.iter().any(|entry| !entry.is_dir && matches!(entry.name.as_str(), "meta.json" | "index")) {
        block::check(fs, dir, findings);
        return Ok(());
    }
    let mut known = false;
    for entry in entries.iter().filter(|entry| !entry.is_dir && DIRECTORIES.contains(&&*entry.name)) {
        known = true;
        findings.fault(&entry.path, 0, NO_DIRECTORY);
    }
    for entry in entries.iter().filter(|entry| entry.is_dir && DIRECTORIES.contains(&&*entry.name)) {
        for within in findings.read_dir(fs, &entry.path).iter().filter(|within| is_no_file(&entry.name, within)) {
            findings.fault(&within.path, 0, NO_FILE);
        }
    }
    let mut logged = log::Logged::default();
    // The log first: it says which series head chunks may be of.
    for name in ["wal", "wbl"] {
        if let Some(entry) = entries.iter().find(|entry| entry.is_dir && entry.name == name) {
            known = true;
            log::check(fs, &entry.path, &mut logged, findings);
        }
    }
    if entries.iter().any(|entry| entry.name == FLOOR) {
        floor::check(fs, dir, findings);
    }
    let snapshots = SnapshotDirs::find(fs, dir).map_err(FileError::at(dir))?;
    for snapshot in &snapshots.published {
        known = true;
        snapshot::check(fs, snapshot, &mut logged, findings);
        check_place(snapshot, &fs.read_dir(&dir.join("wal")).unwrap_or_default(), findings);
    }
    for unfinished in &snapshots.unfinished {
        findings.note(unfinished, 0, UNFINISHED);
    }
    for entry in entries.iter().filter(|entry| entry.is_dir) {
        if parse_name(&entry.name).is_some() {
            known = true;
            block::check(fs, &entry.path, findings);
        } else if entry.name == "chunks_head" {
            known = true;
            head_chunks::check(fs, &entry.path, &logged, findings);
        } else if is_unfinished(&entry.name) {
            findings.note(&entry.path, 0, UNFINISHED);
        }
    }
    let blocks = entries.iter().filter(|entry| entry.is_dir && parse_name(&entry.name).is_some());
    block::check_family(fs, &blocks.map(|entry| &*entry.path).collect::<Vec<_>>(), findings);
    match known {
        true => Ok(()),
        false => {
            let nothing =
                std::io::Error::new(ErrorKind::NotFound, "there is neither a block nor a log in this directory");
            Err(FileError::at(dir)(nothing))
        }
    }
}
