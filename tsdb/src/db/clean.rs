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
    /// A block whose tombstones cannot be read is left alone. So is one that says a later end than the head was cut to, because it
    /// is of another program, or the floor was lost: its end is where its chunks end, and once it is rewritten what it says, and
    /// samples of the head before that would be taken for blocks'.
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
        if block.meta().max_ms > self.head.floor_ms() && !block.meta().compaction.is_partial() {
            return Ok(None);
        }
        let to = self.rewrite(block)?;
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
}
