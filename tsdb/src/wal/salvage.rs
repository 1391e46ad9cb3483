//! What is done with damaged segments when a log is opened.
//!
//! Every sound record stays where it is in the order of the log. What is not sound is **set aside, never deleted**: the
//! bytes are copied to the quarantine directory before the segment is changed. Afterwards Prometheus, too, reads the log
//! without a repair of its own, which would throw away every later segment.
//!
//! A crash in between leaves the segment as it was, or as it should be.

use super::assemble::StoredRecords;
use super::codec::Unpacker;
use super::page;
use super::reader::{ReadReport, SegmentReader, coding_of};
use super::record::{Decoded, Floats};
use crate::file_error::FileError;
use crate::fs::{AppendFile, Fs, replace_file};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What became of a damaged segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvaged {
    pub file: PathBuf,
    /// Where the bytes were put that are no longer in it; of a segment damaged in its middle, all it had.
    pub set_aside: PathBuf,
    /// How many bytes those are.
    pub bytes: u64,
}

/// Frees the segments that `report` (of a replay) calls damaged from what cannot be read, which goes to the directory
/// `quarantine`. To be called before the log is opened.
///
/// # Errors
/// The first step that failed. Nothing is lost then; the next attempt begins again.
pub fn salvage(fs: &dyn Fs, quarantine: &Path, report: &ReadReport) -> Result<Vec<Salvaged>, FileError> {
    let mut files: Vec<_> = report.damages.iter().map(|damage| damage.file.as_path()).collect();
    files.sort_unstable();
    files.dedup();
    files.into_iter().map(|file| salvage_segment(fs, quarantine, file)).collect()
}

fn salvage_segment(fs: &dyn Fs, quarantine: &Path, file: &Path) -> Result<Salvaged, FileError> {
    let (whole_end, report) = examine(fs, file).map_err(FileError::at(file))?;
    let only_tail = report.damages_total == report.damages.iter().filter(|damage| damage.tail).count() as u64;
    let from = if only_tail { whole_end } else { 0 };
    let (set_aside, bytes) = set_aside(fs, quarantine, file, from)?;
    if only_tail {
        fs.truncate(file, from).and_then(|()| fs.sync_file(file)).map_err(FileError::at(file))?;
    } else {
        replace_file(fs, file, |out| copy_sound(fs, file, out)).map_err(FileError::at(file))?;
    }
    Ok(Salvaged { file: file.to_owned(), set_aside, bytes })
}

/// Where the last whole record of a segment ends, and what is wrong with it.
fn examine(fs: &dyn Fs, file: &Path) -> io::Result<(u64, ReadReport)> {
    let mut reader = SegmentReader::open(fs, file)?;
    let (mut stored, mut unpacker) = (StoredRecords::default(), Unpacker::default());
    let (mut decoded, mut report) = (Decoded::default(), ReadReport::default());
    while reader.next(&mut stored, &mut report)? {
        decoded.clear();
        super::reader::decode_stored(file, &stored, Floats::Read, &mut unpacker, &mut decoded, &mut report);
    }
    Ok((reader.whole_end(), report))
}

/// Copies what stands from `from` on in `file` to a new file below `quarantine`, durably.
fn set_aside(fs: &dyn Fs, quarantine: &Path, file: &Path, from: u64) -> Result<(PathBuf, u64), FileError> {
    fs.create_dir_all(quarantine).map_err(FileError::at(quarantine))?;
    let parent = quarantine.parent().unwrap_or(quarantine);
    fs.sync_dir(parent).map_err(FileError::at(parent))?;
    let (copy, mut out) = create_copy(fs, quarantine, file, from)?;
    let bytes = copy_from(fs, file, from, &mut *out).map_err(FileError::at(&copy))?;
    fs.sync_dir(quarantine).map_err(FileError::at(quarantine))?;
    Ok((copy, bytes))
}

/// Creates `wal-%08d-from-%d`, with the name of the checkpoint if the segment is one of it.
fn create_copy(
    fs: &dyn Fs,
    quarantine: &Path,
    file: &Path,
    from: u64,
) -> Result<(PathBuf, Box<dyn AppendFile>), FileError> {
    let part = |path: Option<&Path>| path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let (name, dir) = (part(Some(file)), part(file.parent()));
    let log = if dir.starts_with("checkpoint.") { format!("wal-{dir}") } else { dir };
    let mut attempt = 0_u32;
    loop {
        // A crash after an earlier attempt may have left its copy.
        let again = if attempt == 0 { String::new() } else { format!(".{attempt}") };
        let copy = quarantine.join(format!("{log}-{name}-from-{from}{again}"));
        match fs.create_new(&copy) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => attempt += 1,
            created => return Ok((copy.clone(), created.map_err(FileError::at(&copy))?)),
        }
    }
}

fn copy_from(fs: &dyn Fs, file: &Path, from: u64, out: &mut dyn AppendFile) -> io::Result<u64> {
    const STEP_BYTES: u64 = 1 << 20;
    let source = fs.open(file)?;
    let size = source.size_bytes()?;
    let (mut at, mut buffer) = (from, Vec::new());
    while at < size {
        let step = (size - at).min(STEP_BYTES);
        buffer.resize(usize::try_from(step).unwrap_or(0), 0);
        source.read_exact_at(&mut buffer, at)?;
        out.append(&buffer)?;
        at += step;
    }
    out.sync_data()?;
    Ok(size.saturating_sub(from))
}

/// Writes a segment of the sound records of another one.
fn copy_sound(fs: &dyn Fs, file: &Path, out: &mut dyn AppendFile) -> io::Result<()> {
    let mut reader = SegmentReader::open(fs, file)?;
    let (mut stored, mut unpacker) = (StoredRecords::default(), Unpacker::default());
    let (mut at, mut framed, mut report) = (0, Vec::new(), ReadReport::default());
    while reader.next(&mut stored, &mut report)? {
        framed.clear();
        for (record, said, _) in stored.iter() {
            if let Some(coding) = coding_of(record, said, &mut unpacker) {
                let before = framed.len();
                page::frame(at, record, coding, &mut framed);
                at += (framed.len() - before) as u64;
            }
        }
        out.append(&framed)?;
    }
    Ok(())
}
