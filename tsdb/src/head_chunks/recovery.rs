//! What is done with the files that are there when a directory is opened.
//!
//! Everything readable is reported to the head. What is not is **set aside, never deleted**: the bytes from the fault on
//! are copied to the quarantine directory, then the file is replaced by what stands before them. The numbers stay without
//! gaps, for Prometheus refuses a directory that has one.

use super::frame::{self, HEADER, HeadFrame};
use super::newest::Newest;
use super::{Damage, HeadChunk, HeadChunkRef, file_name};
use crate::chunk;
use crate::cursor::{Corruption, Fault};
use crate::file_error::FileError;
use crate::fs::{DirEntry, Fs, replace_file};
use bytes::Bytes;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A file with what became of it.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) number: u32,
    pub(super) newest: Newest,
    pub(super) mapped: Bytes,
}

/// So many numbers may be missing in a row: each is given an empty file, because Prometheus wants to see no gap.
const MAX_GAP: u32 = 1000;

/// Scans the files of `dir` in order of their numbers, reporting each chunk to `found`, and repairs what needs it.
pub(super) fn recover(
    fs: &dyn Fs,
    dir: &Path,
    quarantine: &Path,
    found: &mut dyn FnMut(HeadChunk),
) -> Result<(Vec<Scanned>, Vec<Damage>), FileError> {
    let (mut scanned, mut damages) = (Vec::<Scanned>::new(), Vec::new());
    for (number, entry) in numbered(fs, dir)? {
        if let Some(limit) = scanned.last().map(|last| last.number + MAX_GAP).filter(|&limit| limit < number) {
            damages.push(set_far_aside(fs, &entry.path, quarantine, (number, limit))?);
            continue;
        }
        while let Some(missing) = scanned.last().map(|last| last.number + 1).filter(|&next| next < number) {
            let path = dir.join(file_name(missing));
            replace(fs, &path, &HEADER)?;
            scanned.push(Scanned { number: missing, newest: Newest::NONE, mapped: map(fs, &path)? });
        }
        let mut mapped = map(fs, &entry.path)?;
        let (end, newest, fault) = scan(&mapped, number, found);
        if let Some(fault) = fault {
            let (sound, bad) = mapped.split_at_checked(end).unwrap_or_default();
            let set_aside = set_aside(fs, &entry.path, quarantine, end, bad)?;
            damages.push(Damage { path: entry.path.clone(), fault, set_aside, bytes: bad.len() as u64 });
            replace(fs, &entry.path, if sound.is_empty() { &HEADER } else { sound })?;
            mapped = map(fs, &entry.path)?;
        }
        scanned.push(Scanned { number, newest, mapped });
    }
    Ok((scanned, damages))
}

/// Sets a file aside that is too far behind the others.
fn set_far_aside(
    fs: &dyn Fs,
    path: &Path,
    quarantine: &Path,
    (number, limit): (u32, u32),
) -> Result<Damage, FileError> {
    let mapped = map(fs, path)?;
    let set_aside = set_aside(fs, path, quarantine, 0, &mapped)?;
    fs.remove_file(path).map_err(FileError::at(path))?;
    let fault = Fault::TooLarge { what: "the number of the file", got: number.into(), limit: limit.into() };
    let (path, bytes) = (path.to_owned(), mapped.len() as u64);
    Ok(Damage { path, fault: Corruption { offset: 0, fault }, set_aside, bytes })
}

/// The head chunk files of `dir`, by number. Others are left alone.
fn numbered(fs: &dyn Fs, dir: &Path) -> Result<Vec<(u32, DirEntry)>, FileError> {
    let entries = fs.read_dir(dir).map_err(FileError::at(dir))?;
    let number = |entry: &DirEntry| super::number(&entry.name).filter(|_| !entry.is_dir);
    let mut files: Vec<_> = entries.into_iter().filter_map(|entry| Some((number(&entry)?, entry))).collect();
    files.sort_unstable_by_key(|(number, _)| *number);
    Ok(files)
}

/// Walks over the chunks of a file. Returns where the sound part ends, what is newest in it, and what is wrong behind it.
fn scan(bytes: &[u8], number: u32, found: &mut dyn FnMut(HeadChunk)) -> (usize, Newest, Option<Corruption>) {
    let mut newest = Newest::NONE;
    if let Err(fault) = frame::decode_header(bytes) {
        return (0, newest, Some(fault));
    }
    let mut at = HEADER.len();
    loop {
        let section = bytes.get(at..).unwrap_or_default();
        if frame::ends(section) {
            return (at, newest, None);
        }
        if at > u32::MAX as usize {
            let fault = Fault::Malformed("a chunk cannot begin beyond 4 GiB");
            return (at, newest, Some(Corruption { offset: at as u64, fault }));
        }
        let (frame, size) = match frame::decode(section) {
            Ok(decoded) => decoded,
            Err(fault) => return (at, newest, Some(Corruption { offset: at as u64 + fault.offset, ..fault })),
        };
        let place = HeadChunkRef::new(number, at as u64);
        if !frame.is_blank() {
            newest.include(&frame, place);
            found(describe(&frame, place));
        }
        at += size;
    }
}

fn describe(frame: &HeadFrame<'_>, place: HeadChunkRef) -> HeadChunk {
    HeadChunk {
        series: frame.series,
        place,
        min_ms: frame.min_ms,
        max_ms: frame.max_ms,
        encoding: frame.encoding,
        // Data too short for a count cannot be decoded either: whoever reads the chunk is told.
        samples: chunk::sample_count(frame.encoding, frame.data).unwrap_or(0),
        out_of_order: frame.out_of_order,
    }
}

/// As [`set_aside`], of bytes that stay where they are, and are met again and again: one copy is enough.
pub(super) fn copy_aside(
    fs: &dyn Fs,
    path: &Path,
    quarantine: &Path,
    offset: usize,
    bad: &[u8],
) -> Result<PathBuf, FileError> {
    let first = copy_path(path, quarantine, offset);
    match fs.map(&first) {
        Ok(there) if there == bad => Ok(first),
        _ => set_aside(fs, path, quarantine, offset, bad),
    }
}

fn copy_path(path: &Path, quarantine: &Path, offset: usize) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    quarantine.join(format!("chunks_head-{name}-from-{offset}"))
}

/// Copies the bytes that stand from `offset` on in the file at `path` to a new file below `quarantine`.
fn set_aside(fs: &dyn Fs, path: &Path, quarantine: &Path, offset: usize, bad: &[u8]) -> Result<PathBuf, FileError> {
    fs.create_dir_all(quarantine).map_err(FileError::at(quarantine))?;
    let parent = quarantine.parent().unwrap_or(quarantine);
    fs.sync_dir(parent).map_err(FileError::at(parent))?;
    let mut copy = copy_path(path, quarantine, offset);
    let mut attempt = 0_u32;
    loop {
        if attempt > 0 {
            // A crash after an earlier attempt may have left its copy.
            copy = copy_path(path, quarantine, offset).with_extension(attempt.to_string());
        }
        let mut file = match fs.create_new(&copy) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                attempt += 1;
                continue;
            }
            created => created.map_err(FileError::at(&copy))?,
        };
        file.append(bad).and_then(|()| file.sync_data()).map_err(FileError::at(&copy))?;
        fs.sync_dir(quarantine).map_err(FileError::at(quarantine))?;
        return Ok(copy);
    }
}

/// Puts a file with that content at `path` in one step, instead of the one that may be there.
pub(super) fn replace(fs: &dyn Fs, path: &Path, content: &[u8]) -> Result<(), FileError> {
    replace_file(fs, path, |file| file.append(content)).map_err(FileError::at(path))
}

pub(super) fn map(fs: &dyn Fs, path: &Path) -> Result<Bytes, FileError> {
    fs.map(path).map_err(FileError::at(path))
}
