//! Deleting: samples that are asked for no longer, in head and blocks.
//!
//! A deletion only says what is not to be seen any more: the head remembers ranges of series, and logs them; a block keeps
//! them in its tombstones file. The samples go with the next block that is cut from the head, or when blocks are rewritten.

use super::{Db, DbError};
use crate::block::Block;
use crate::series::SeriesSource;
use model::{Durable, Matcher, TimeRange};
use ulid::Ulid;

/// What was deleted, durably.
#[derive(Debug)]
pub struct Deletion {
    pub durable: Durable,
    /// Series of the head of which something was deleted.
    pub head_series: u64,
    /// Blocks of which something was deleted that was not before.
    pub blocks: Vec<Ulid>,
}

impl Db {
    /// Deletes what series that all `matchers` accept have in `range` now; what is appended later is not touched, but for
    /// samples that come late to where late ones were deleted that are no block's yet. Waits for the disk, and for a block that is being cut.
    ///
    /// # Errors
    /// The first part that failed; then some of it may be deleted, durably or not, and an equal call makes sure of all.
    pub fn delete(&self, matchers: &[Matcher], range: TimeRange) -> Result<Deletion, DbError> {
        // A block that is cut from the head meanwhile would have what is deleted from the head behind its back.
        let _upkeep = self.upkeep.lock();
        let deleted = self.head.delete(matchers, range)?;
        let commit = self.commit(deleted.positions);
        let mut blocks = Vec::new();
        for block in self.blocks_in(range) {
            if let Some(deleted) = block.delete(&*self.fs, matchers, range)? {
                self.exchange_block(block.meta().ulid, deleted);
                blocks.push(block.meta().ulid);
            }
        }
        Ok(Deletion { durable: commit.wait()?, head_series: deleted.series, blocks })
    }

    fn blocks_in(&self, range: TimeRange) -> Vec<Block> {
        let blocks = self.blocks.read();
        let in_range = |block: &&Block| block.time_range().is_some_and(|held| held.overlaps(range));
        blocks.iter().filter(in_range).cloned().collect()
    }

    /// Puts `block` in the place of `before`. Who reads that goes on with it.
    pub(super) fn exchange_block(&self, before: Ulid, block: Block) {
        let mut blocks = self.blocks.write();
        if let Some(place) = blocks.iter_mut().find(|block| block.meta().ulid == before) {
            *place = block;
        }
    }
}
