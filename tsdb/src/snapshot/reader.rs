//! Reading a snapshot from front to end.

use super::items::{DELETIONS, SnapshotDecoder, SnapshotItem};
use crate::cursor::Fault;
use crate::fs::Fs;
use crate::wal::{PublishedError, read_published};
use std::path::{Path, PathBuf};

/// Why a snapshot is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error(transparent)]
    Published(#[from] PublishedError),
    #[error("{dir}: the end is missing", dir = dir.display())]
    Incomplete { dir: PathBuf },
}

/// Hands what the snapshot in `dir` holds to `take`: series, then deletions, then exemplars.
///
/// # Errors
/// The first fault. `take` may have got some of the items by then: all of them are to be dropped.
pub fn read_snapshot(fs: &dyn Fs, dir: &Path, mut take: impl FnMut(SnapshotItem<'_>)) -> Result<(), SnapshotError> {
    let mut decoder = SnapshotDecoder::default();
    // There is a record of deletions, be it an empty one, behind the series.
    let mut is_whole = false;
    read_published(fs, dir, |record| {
        is_whole |= record.first() == Some(&DELETIONS);
        match decoder.decode(record, &mut take) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Fault::Malformed("record is of a type that is not known")),
            Err(corruption) => Err(corruption.fault),
        }
    })?;
    if is_whole { Ok(()) } else { Err(SnapshotError::Incomplete { dir: dir.to_owned() }) }
}
