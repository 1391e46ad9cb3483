//! Reading a segment, and what there is to report of it.

use super::assemble::{Assembler, StoredRecords};
use super::codec::{Coding, Unpacker};
use super::page::PAGE_BYTES;
use super::record::{Decoded, Floats, PackedSamples, decode_record};
use crate::cursor::Fault;
use crate::file_error::FileError;
use crate::fs::{Fs, ReadFile};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A place in the log that could not be read as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The segment.
    pub file: PathBuf,
    /// Where in it.
    pub offset: u64,
    pub fault: Fault,
    /// Nothing sound came after it: what a crash leaves at the end of the segment that was written. Nothing in it was
    /// acknowledged, if the log was synced.
    pub tail: bool,
    /// The record was read all the same.
    pub kept: bool,
}

/// What a reading of the log found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadReport {
    /// Records read.
    pub records: u64,
    /// Places that could not be read as they stand: the first [`ReadReport::MAX_LISTED`].
    pub damages: Vec<Damage>,
    /// How many of them there are in all.
    pub damages_total: u64,
    /// Numbers between the first and the last segment for which there is no file.
    pub missing_segments: Vec<u32>,
    /// Segments without a byte that are not the last. A crash of the machine leaves such; so does a lost segment.
    pub empty_segments: Vec<u32>,
}

/// Reads one segment from front to end.
#[derive(Debug)]
pub(super) struct SegmentReader {
    path: PathBuf,
    file: Box<dyn ReadFile>,
    size_bytes: u64,
    at: u64,
    /// Reading begins behind so many bytes, in the page at `at`.
    skip_bytes: u64,
    assembler: Option<Assembler>,
    whole_end: u64,
    buffer: Vec<u8>,
}

/// How many pages are read at once.
const PAGES_AT_ONCE: usize = 4;

/// Records are handed on when they have so many bytes: what is decoded of them should still be in the processor's second
/// cache when it is applied.
const BATCH_BYTES: usize = 64 << 10;

impl ReadReport {
    /// How many damages are listed.
    pub const MAX_LISTED: usize = 256;

    /// Adds what was found elsewhere.
    pub fn add(&mut self, other: ReadReport) {
        self.records += other.records;
        self.damages_total += other.damages_total;
        self.damages.extend(other.damages);
        self.damages.truncate(Self::MAX_LISTED);
        self.missing_segments.extend(other.missing_segments);
        self.empty_segments.extend(other.empty_segments);
    }

    /// Whether something may be lost that had been acknowledged.
    pub fn may_have_lost(&self) -> bool {
        let lost = |damage: &Damage| !damage.tail && !damage.kept;
        self.damages_total > self.damages.len() as u64
            || self.damages.iter().any(lost)
            || !self.missing_segments.is_empty()
    }

    pub(super) fn damage(&mut self, damage: Damage) {
        self.damages_total += 1;
        if self.damages.len() < Self::MAX_LISTED {
            self.damages.push(damage);
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {}: {}", self.file.display(), self.offset, self.fault)
    }
}

impl SegmentReader {
    pub(super) fn open(fs: &dyn Fs, path: &Path) -> io::Result<Self> {
        Self::open_at(fs, path, 0)
    }

    /// Begins behind `skip_bytes`, where a record ends.
    pub(super) fn open_at(fs: &dyn Fs, path: &Path, skip_bytes: u64) -> io::Result<Self> {
        let file = fs.open(path)?;
        let size_bytes = file.size_bytes()?;
        let at = skip_bytes - skip_bytes % PAGE_BYTES as u64;
        let (path, assembler) = (path.to_owned(), Some(Assembler::default()));
        Ok(Self { path, file, size_bytes, at, skip_bytes, assembler, whole_end: skip_bytes, buffer: Vec::new() })
    }

    /// How much was read so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.at.saturating_sub(self.skip_bytes)
    }

    /// Where the last whole record ends. Known at the end.
    pub(super) fn whole_end(&self) -> u64 {
        self.whole_end
    }

    /// Replaces `out` by the next records; `false` when there are no more. At the end, faults go to `report`.
    pub(super) fn next(&mut self, out: &mut StoredRecords, report: &mut ReadReport) -> io::Result<bool> {
        out.clear();
        let Some(assembler) = &mut self.assembler else { return Ok(false) };
        assembler.resume(out);
        while self.at < self.size_bytes && out.size_bytes() < BATCH_BYTES {
            let want = (self.size_bytes - self.at).min((PAGES_AT_ONCE * PAGE_BYTES) as u64);
            let want = usize::try_from(want).unwrap_or(PAGE_BYTES);
            self.buffer.resize(want.next_multiple_of(PAGE_BYTES), 0);
            let (read, beyond) = self.buffer.split_at_mut(want);
            self.file.read_exact_at(read, self.at)?;
            beyond.fill(0);
            for page in self.buffer.chunks_exact(PAGE_BYTES) {
                let left = usize::try_from(self.size_bytes - self.at).unwrap_or(usize::MAX);
                let skip = usize::try_from(self.skip_bytes.saturating_sub(self.at)).unwrap_or(PAGE_BYTES);
                assembler.page(page, skip..left.min(PAGE_BYTES), self.at, out);
                self.at += left.min(PAGE_BYTES) as u64;
            }
        }
        if self.at < self.size_bytes {
            // A record goes on in the next page most of the time: batches would have no end if it had to end with them.
            assembler.suspend(out);
        } else if let Some(assembler) = self.assembler.take() {
            self.whole_end = assembler.whole_end();
            for flaw in assembler.finish(out) {
                let (offset, fault, tail, kept) = (flaw.offset, flaw.fault, flaw.tail, flaw.kept);
                report.damage(Damage { file: self.path.clone(), offset, fault, tail, kept });
            }
        }
        Ok(true)
    }
}

/// Decodes `stored` records of the segment `file` into `into`, float samples among them or not.
///
/// The bits that say how a record is compressed are outside its checksum. So a record that makes no sense as they say is
/// tried in the other ways before it is given up.
pub(super) fn decode_stored(
    file: &Path,
    stored: &StoredRecords,
    floats: Floats,
    unpacker: &mut Unpacker,
    into: &mut Decoded,
    report: &mut ReadReport,
) {
    for (stored, coding, offset) in stored.iter() {
        let fault = match decode_as((stored, offset), (coding, floats), unpacker, into) {
            Ok(true) => {
                report.records += 1;
                continue;
            }
            Ok(false) => None,
            Err(fault) => Some(fault),
        };
        let kept = other_coding(stored, coding, unpacker, into).is_some();
        report.records += u64::from(kept);
        match fault {
            // Not damaged, only newer than this reader.
            None if !kept => into.left_out.unknown_records += 1,
            fault => {
                let fault = fault.unwrap_or(Fault::Malformed("first byte of a fragment is damaged"));
                report.damage(Damage { file: file.to_owned(), offset, fault, tail: false, kept });
            }
        }
    }
}

/// The coding under which a record makes sense; that which it says it has if its type is not known. `None`: it makes none.
pub(super) fn coding_of(stored: &[u8], said: Coding, unpacker: &mut Unpacker) -> Option<Coding> {
    let mut scratch = Decoded::default();
    match decode_as((stored, 0), (said, Floats::Read), unpacker, &mut scratch) {
        Ok(true) => Some(said),
        Ok(false) => Some(other_coding(stored, said, unpacker, &mut scratch).unwrap_or(said)),
        Err(_) => other_coding(stored, said, unpacker, &mut scratch),
    }
}

/// Decodes a record that makes no sense under `said`; returns the coding under which it does.
fn other_coding(stored: &[u8], said: Coding, unpacker: &mut Unpacker, into: &mut Decoded) -> Option<Coding> {
    let mut others = Coding::ALL.into_iter().filter(|&other| other != said);
    others.find(|&other| decode_as((stored, 0), (other, Floats::Read), unpacker, into) == Ok(true))
}

/// Whether the record is of a known type.
fn decode_as(
    (stored, offset): (&[u8], u64),
    (coding, floats): (Coding, Floats),
    unpacker: &mut Unpacker,
    into: &mut Decoded,
) -> Result<bool, Fault> {
    let record = unpacker.unpack(stored, coding)?;
    if floats == Floats::Packed && PackedSamples::is_one(record, stored) {
        let size = record.len();
        into.keep_samples(unpacker.room(stored, coding), size, offset);
        return Ok(true);
    }
    decode_record(record, into).map(|kind| kind.is_some()).map_err(|corruption| corruption.fault)
}

/// Hands each record of the segment at `path`, unpacked, to `take`, with the offset at which it begins: for tools. Records
/// of types that are not known are among them.
///
/// # Errors
/// The file cannot be opened or read. Damage is no error.
pub fn read_segment(fs: &dyn Fs, path: &Path, mut take: impl FnMut(u64, &[u8])) -> Result<ReadReport, FileError> {
    let mut reader = SegmentReader::open(fs, path).map_err(FileError::at(path))?;
    let (mut stored, mut unpacker) = (StoredRecords::default(), Unpacker::default());
    let (mut decoded, mut report) = (Decoded::default(), ReadReport::default());
    while reader.next(&mut stored, &mut report).map_err(FileError::at(path))? {
        decoded.clear();
        decode_stored(path, &stored, Floats::Read, &mut unpacker, &mut decoded, &mut report);
        for (stored, said, offset) in stored.iter() {
            let coding = coding_of(stored, said, &mut unpacker);
            if let Some(Ok(record)) = coding.map(|coding| unpacker.unpack(stored, coding)) {
                take(offset, record);
            }
        }
    }
    Ok(report)
}

/// Hands each record of a segment that is none of a log, unpacked, to `take`, with the offset at which it begins, and goes on
/// behind what cannot be unpacked.
///
/// # Errors
/// The file cannot be opened or read. Damage is no error.
pub(crate) fn read_framed(
    fs: &dyn Fs,
    path: &Path,
    mut take: impl FnMut(u64, Result<&[u8], Fault>),
) -> Result<ReadReport, FileError> {
    let mut reader = SegmentReader::open(fs, path).map_err(FileError::at(path))?;
    let (mut stored, mut unpacker) = (StoredRecords::default(), Unpacker::default());
    let mut report = ReadReport::default();
    while reader.next(&mut stored, &mut report).map_err(FileError::at(path))? {
        for (stored, coding, offset) in stored.iter() {
            take(offset, unpacker.unpack(stored, coding));
        }
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
