//! Removing blocks past their time.

use super::{Db, DbError};
use crate::block::{Block, DELETION_SUFFIX};
use crate::file_error::FileError;
use ulid::Ulid;

impl Db {
    /// Removes the blocks that end so long before the end of the newest that their retention is over, and that `may_go`.
    pub(super) fn remove_expired(&self, may_go: &dyn Fn(Ulid) -> bool) -> Result<(), DbError> {
        let Some(retention_ms) = self.options.retention_ms else {
            return Ok(());
        };
        let expired: Vec<Block> = {
            let blocks = self.blocks.read();
            // Not what the meta files say: one damaged digit could be the end of all other blocks, or of that one.
            let end_ms = |block: &Block| block.end_ms(self.options.block_range_ms);
            let newest_ms = blocks.iter().map(end_ms).max().unwrap_or(i64::MIN);
            let is_expired = |block: &&Block| newest_ms.saturating_sub(end_ms(block)) > retention_ms;
            blocks.iter().filter(is_expired).cloned().collect()
        };
        for block in expired.into_iter().filter(|block| may_go(block.meta().ulid)) {
            self.remove_block(&block)?;
        }
        Ok(())
    }

    /// Takes the name away first, so that a crash on the way leaves no half block behind. Readers keep the files open. What it
    /// alone says of the head's floor is kept.
    pub(super) fn remove_block(&self, block: &Block) -> Result<(), DbError> {
        let (from, ulid) = (block.dir(), block.meta().ulid);
        self.keep_floor(self.head.floor_ms(), Some(ulid))?;
        let to = self.dir.join(format!("{ulid}{DELETION_SUFFIX}"));
        self.fs.rename(from, &to).map_err(FileError::at(from))?;
        self.blocks.write().retain(|block| block.meta().ulid != ulid);
        // What stays is removed when the directory is opened again.
        let removed = self.fs.sync_dir(&self.dir).and_then(|()| self.fs.remove_dir_all(&to));
        Ok(removed.map_err(FileError::at(from))?)
    }
}
