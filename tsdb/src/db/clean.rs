//! Rewriting blocks without what was deleted from them.
//!
//! The new block is published, durably, before the old one goes, and it names it as its parent: whoever opens the data
//! directory after a crash in between finds both and removes the old one.

use super::{Db, DbError};
use crate::block::{Block, BlockSpec, BlockWriter, Compaction, Parent, Thanos, UploadTime};
use crate::series::SeriesSource;
use model::TimeRange;
use ulid::Ulid;

/// A block that was rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanedBlock {
    pub from: Ulid,
    /// What is in its place; `None` if nothing was left.
    pub to: Option<Ulid>,
}

impl Db {
    /// Rewrites the blocks from which something was deleted, and removes the old ones. Blocks for as long as that takes; appends
    /// and reads go on.
    ///
    /// A block whose tombstones cannot be read is left alone. So is one of which nothing is left while no other ends later: its
    /// end tells which samples of the log were cut from the head, and without it they would come back. And so is one that says a
    /// later end than its chunks have, while no other ends as late: its end is where they end, and once it is rewritten what it
    /// says, and samples of the head before that would be taken for blocks'.
    ///
    /// # Errors
    /// The first block that could not be rewritten, or the first that could not be removed. Those before it are done, and
    /// nothing is lost of the others.
    pub fn clean_tombstones(&self) -> Result<Vec<CleanedBlock>, DbError> {
        self.clean_tombstones_where(&|_| true)
    }

    /// As [`Db::clean_tombstones`], but only blocks for which `may_be` says so.
    ///
    /// # Errors
    /// As [`Db::clean_tombstones`].
    pub fn clean_tombstones_where(&self, may_be: &dyn Fn(Ulid) -> bool) -> Result<Vec<CleanedBlock>, DbError> {
        let _upkeep = self.upkeep.lock();
        let blocks: Vec<Block> = {
            let blocks = self.blocks.read();
            let is_due = |block: &&Block| !block.tombstones().is_empty() && may_be(block.meta().ulid);
            blocks.iter().filter(is_due).cloned().collect()
        };
        let mut cleaned = Vec::new();
        for block in blocks {
            cleaned.extend(self.clean(&block)?);
        }
        Ok(cleaned)
    }

    fn clean(&self, block: &Block) -> Result<Option<CleanedBlock>, DbError> {
        let (end_ms, said_ms) = (block.end_ms(self.options.block_range_ms), block.meta().max_ms);
        if said_ms > end_ms && self.is_end_of_blocks(block, said_ms) {
            return Ok(None);
        }
        let to = self.rewrite(block)?;
        if to.is_none() && self.is_end_of_blocks(block, end_ms) {
            return Ok(None);
        }
        let from = block.meta().ulid;
        let ulid = to.as_ref().map(|to| to.meta().ulid);
        if let Some(to) = to {
            self.exchange_block(from, to);
        }
        self.remove_block(block)?;
        Ok(Some(CleanedBlock { from, to: ulid }))
    }

    /// Writes what is left of a block as another; `None` if nothing is.
    fn rewrite(&self, block: &Block) -> Result<Option<Block>, DbError> {
        let meta = block.meta();
        let ulid = self.new_ulid();
        let mut parents = vec![Parent { ulid: meta.ulid, min_ms: meta.min_ms, max_ms: meta.max_ms }];
        if meta.compaction.is_partial() {
            parents.push(Parent { ulid: Ulid::nil(), min_ms: 0, max_ms: 0 });
        }
        let mut spec = BlockSpec::new(ulid, meta.min_ms, meta.max_ms);
        spec.compaction = Compaction {
            level: meta.compaction.level,
            sources: vec![ulid],
            parents,
            // Late samples stay late: the block says no more than before of what was cut from the head.
            hints: meta.compaction.hints.clone(),
            ..Compaction::default()
        };
        spec.thanos = meta.thanos.clone().map(|thanos| Thanos { upload_time: UploadTime::default(), ..thanos });
        let mut writer = BlockWriter::create(&*self.fs, &self.dir, spec)?;
        writer.add_all(&mut *block.select(&[], TimeRange::ALL)?)?;
        match writer.finish()? {
            Some(meta) => Ok(Some(Block::open(&*self.fs, &self.dir.join(meta.ulid.to_string()))?)),
            None => Ok(None),
        }
    }

    /// Whether a block that ends at `end_ms` says what was cut from the head, and no other such block ends as late.
    fn is_end_of_blocks(&self, block: &Block, end_ms: i64) -> bool {
        let is_whole = |block: &Block| !block.meta().compaction.is_partial();
        let (ulid, blocks) = (block.meta().ulid, self.blocks.read());
        let mut others = blocks.iter().filter(|other| other.meta().ulid != ulid && is_whole(other));
        is_whole(block) && !others.any(|other| other.end_ms(self.options.block_range_ms) >= end_ms)
    }
}
