//! Deleting from a block: its tombstones grow, its samples stay where they are.

use super::{Block, BlockFiles};
use crate::block::Deleted;
use crate::file_error::FileError;
use crate::fs::{Fs, replace_file};
use crate::index::{SeriesEntry, select};
use crate::series::SourceError;
use model::{Matcher, TimeRange};
use std::path::Path;
use std::sync::Arc;

impl Block {
    /// Deletes what lies in `range` of the series that all `matchers` accept, durably. Returns the block as it is from then on,
    /// to take the place of this one, which goes on as it is; `None` if there is nothing (more) to delete.
    ///
    /// As in Prometheus, of a series with a chunk in `range` that part of `range` is deleted in which the series has chunks,
    /// and `numTombstones` of the meta file counts the deleted ranges.
    ///
    /// # Errors
    /// Tombstones that could not be read (see [`Block::tombstones_fault`]): what they held would be lost. An index or a file at
    /// fault; then the deletion may be on disk and may be not, and an equal one makes sure.
    pub fn delete(&self, fs: &dyn Fs, matchers: &[Matcher], range: TimeRange) -> Result<Option<Self>, SourceError> {
        let files = &*self.files;
        if let Some(fault) = &files.tombstones_fault {
            return Err(SourceError::Corrupt {
                file: files.dir.join("tombstones").display().to_string(),
                offset: 0,
                fault: format!("nothing can be deleted before this is set right: {fault}"),
            });
        }
        let mut tombstones = files.tombstones.clone();
        let mut entry = SeriesEntry::default();
        for id in select::series_ids(&files.index, matchers)? {
            files.index.series(id, &mut entry)?;
            let (Some(first), Some(last)) = (entry.chunks.first(), entry.chunks.last()) else { continue };
            let overlaps =
                entry.chunks.iter().any(|chunk| chunk.min_ms <= range.max_ms() && range.min_ms() <= chunk.max_ms);
            let (min_ms, max_ms) = (range.min_ms().max(first.min_ms), range.max_ms().min(last.max_ms));
            // The latter cannot be, but for chunks whose ranges run backwards.
            if overlaps && min_ms <= max_ms {
                tombstones.add(id, Deleted { min_ms, max_ms });
            }
        }
        let mut meta = files.meta.clone();
        meta.stats.num_tombstones = tombstones.ranges();
        if tombstones == files.tombstones && meta == files.meta {
            return Ok(None);
        }
        // In this order: after a crash in between only the number is behind.
        replace(fs, &files.dir.join("tombstones"), &tombstones.encode())?;
        replace(fs, &files.dir.join("meta.json"), &meta.encode())?;
        let (index, segments) = (Arc::clone(&files.index), Arc::clone(&files.segments));
        let dir = files.dir.clone();
        let range = files.range;
        let files = BlockFiles { dir, meta, index, segments, tombstones, tombstones_fault: None, range };
        Ok(Some(Self { files: Arc::new(files) }))
    }
}

fn replace(fs: &dyn Fs, path: &Path, content: &[u8]) -> Result<(), FileError> {
    replace_file(fs, path, |file| file.append(content)).map_err(FileError::at(path))
}
