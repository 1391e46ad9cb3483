//! What a head must have back and Prometheus' format has no place for: a directory `beside` in that of the snapshot, which
//! Prometheus passes over and removes with it.
//!
//! It holds segments like those of the log: what was said of series, as records 6 of the log, and one record of our own,
//! which makes known that there is nothing more to come.

use crate::cursor::{Cursor, Fault};
use crate::fs::Fs;
use crate::head_chunks::ChunkFile;
use crate::wal::{Decoded, PublishedError, RecordKind, RecordRun, decode_record, read_published};
use model::{MetadataRef, SeriesRef};
use std::io::ErrorKind;
use std::path::Path;

pub(crate) const BESIDE: &str = "beside";

/// The first byte of our record; the log has none of that number.
const RELIED: u8 = 0xf0;

/// What a snapshot relies on and does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relied {
    /// No series had a higher reference, be it one that is gone: the next ones must have.
    pub highest: SeriesRef,
    /// How many exemplars the snapshot has: they come last in it, and nothing there says that one is missing.
    pub exemplars: u64,
    /// Files of head chunks, by number, which were durable as far as told.
    pub chunk_files: Vec<ChunkFile>,
}

/// Reads what stands beside the snapshot in `dir` and hands what was said of series to `take`. `None`: nothing stands there;
/// another program wrote the snapshot.
///
/// # Errors
/// The first fault; `take` may have got some of it by then.
pub fn read_beside(
    fs: &dyn Fs,
    dir: &Path,
    mut take: impl FnMut(SeriesRef, MetadataRef<'_>),
) -> Result<Option<Relied>, PublishedError> {
    let dir = dir.join(BESIDE);
    if fs.read_dir(&dir).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let (mut decoded, mut relied) = (Decoded::default(), None);
    read_published(fs, &dir, |record| {
        if record.first() == Some(&RELIED) {
            relied = Some(read_relied(record)?);
            return Ok(());
        }
        decoded.clear();
        // No checksum covers how a record is coded: what is read in the wrong way may look like a record of another kind.
        match decode_record(record, &mut decoded).map_err(|corruption| corruption.fault)? {
            Some(RecordKind::Metadata) => {}
            _ => return Err(Fault::Malformed("record is of a type that does not belong here")),
        }
        decoded.metadata().for_each(|(series, said)| take(series, said));
        Ok(())
    })?;
    match relied {
        Some(relied) => Ok(Some(relied)),
        None => Err(PublishedError::Damaged { file: dir, offset: 0, fault: Fault::Malformed("the end is missing") }),
    }
}

fn read_relied(record: &[u8]) -> Result<Relied, Fault> {
    let mut cursor = Cursor::new(record);
    let mut read = || {
        let _kind = cursor.u8()?;
        let (highest, exemplars) = (SeriesRef(cursor.be_u64()?), cursor.be_u64()?);
        let mut relied = Relied { highest, exemplars, chunk_files: Vec::new() };
        while !cursor.is_empty() {
            let (number, size_bytes) = (cursor.be_u32()?, cursor.be_u64()?);
            relied.chunk_files.push(ChunkFile { number, size_bytes, newest_ms: cursor.be_u64()?.cast_signed() });
        }
        Ok(relied)
    };
    read().map_err(|corruption: crate::cursor::Corruption| corruption.fault)
}

/// Writes the record.
pub(super) fn push_relied(run: &mut RecordRun, relied: &Relied) {
    run.record(RELIED, |out| {
        out.extend_from_slice(&relied.highest.0.to_be_bytes());
        out.extend_from_slice(&relied.exemplars.to_be_bytes());
        for file in &relied.chunk_files {
            out.extend_from_slice(&file.number.to_be_bytes());
            out.extend_from_slice(&file.size_bytes.to_be_bytes());
            out.extend_from_slice(&file.newest_ms.to_be_bytes());
        }
    });
}
