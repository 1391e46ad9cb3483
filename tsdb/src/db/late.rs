//! Late samples become blocks of their own, and the log of late samples goes behind them.
//!
//! They may lie in any range, also in those that blocks were cut of: their blocks overlap others, and whoever reads joins
//! them. Each is aligned at both ends and carries the hint `from-out-of-order`, as in Prometheus (`tsdb/db.go`).
//!
//! In this order: the log is cut, and all buffers become chunks, while nothing is appended, so that what was logged before
//! the cut is in chunks, and what is logged behind it is not; blocks are written of them and published; the log says that
//! blocks have the chunks; segments before the cut are removed, and the chunks go when their last reader is gone. A crash
//! in between leaves samples in two places, never in none; the next process cuts them once more before anything else goes.
//!
//! A chunk that cannot be read does not keep the others back: it is set aside, and what the log has of it goes into the blocks
//! in its place ([`damaged`](super::damaged)).

use super::cut::Marks;
use super::{CutBlock, Db, DbError};
use crate::block::{BlockSpec, BlockWriter, Compaction, Meta, Parent};
use crate::file_error::FileError;
use crate::head::ChunkKind;
use crate::head_chunks::HeadChunkRef;
use crate::series::SeriesSource;
use crate::wal::{Log, MmapMarker, Records};
use model::TimeRange;
use ulid::Ulid;

const HINT: &str = "from-out-of-order";

/// Late samples that blocks have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    /// Those logged in segments below it.
    segment: u32,
    /// Those in chunks up to it.
    through: HeadChunkRef,
}

impl Db {
    /// Cuts late samples if blocks were cut, as in Prometheus, or if that failed the last time.
    pub(super) fn cut_late_due(&self, marks: &mut Marks, blocks_cut: bool) -> Result<Vec<CutBlock>, DbError> {
        marks.late_due |= blocks_cut;
        if !marks.late_due {
            return Ok(Vec::new());
        }
        let cut = self.cut_late(marks)?;
        marks.late_due = false;
        Ok(cut)
    }

    /// Cuts all late samples if a process before this one did not come to the end of that, and before files of chunks go: what
    /// was taken out of buffers because a chunk has it would be in them again without that chunk, be it deleted from its block.
    pub(super) fn finish_late(&self, marks: &mut Marks) -> Result<Vec<CutBlock>, DbError> {
        if !marks.late_unfinished {
            return Ok(Vec::new());
        }
        let cut = self.cut_late(marks)?;
        marks.late_unfinished = false;
        Ok(cut)
    }

    /// Cuts all late samples.
    pub(super) fn cut_late(&self, marks: &mut Marks) -> Result<Vec<CutBlock>, DbError> {
        let mut cut = Vec::new();
        let Some(log) = &self.late_log else { return Ok(cut) };
        // What failed the last time must not be written twice.
        self.let_go_of_late(log, marks)?;
        if self.head.late_range().is_none() && !marks.late_unfinished {
            return Ok(cut);
        }
        // Most of it while samples go on coming.
        self.head.cut_late()?;
        let (segment, through) = self.head.end_late(|| log.cut().map_err(DbError::from))?;
        let range_ms = self.options.block_range_ms;
        let set_aside = || self.chunks_set_aside.lock().len();
        let before = set_aside();
        for min_ms in self.head.late_ranges(range_ms) {
            let max_ms = min_ms.saturating_add(range_ms);
            let Some(range) = TimeRange::new(min_ms, max_ms.saturating_sub(1)) else { continue };
            let meta = self.past_damage(ChunkKind::Late, range, || self.write_late_block(range))?;
            if let Some(meta) = &meta {
                self.add_block(meta)?;
            }
            cut.push(CutBlock { min_ms, max_ms, meta });
        }
        marks.late_written = Some(Written { segment, through });
        self.let_go_of_late(log, marks)?;
        if set_aside() > before {
            // What took their place is in these blocks and in buffers: it is cut once more, so that nothing stays. There are
            // fewer chunks than before, so this comes to an end.
            cut.append(&mut self.cut_late(marks)?);
        }
        Ok(cut)
    }

    /// Removes what blocks have.
    fn let_go_of_late(&self, log: &Log, marks: &mut Marks) -> Result<(), DbError> {
        if let Some(Written { segment, through }) = marks.late_written {
            // Chunk files go as a whole, and later than what is deleted from the blocks by then: a restart must not read it there.
            let mut records = Records::default();
            records.marker(MmapMarker::HANDED_OVER, through);
            let position = log.sequence(&records)?;
            let _durable = log.commit(position).wait()?;
            log.truncate(segment).map_err(FileError::at(log.dir()))?;
            self.head.truncate_late(through)?;
            marks.late_written = None;
        }
        Ok(())
    }

    fn write_late_block(&self, range: TimeRange) -> Result<Option<Meta>, DbError> {
        let spec = self.block_spec(range);
        // Prometheus names a parent that does not exist, as wherever it gives a hint.
        let parents = vec![Parent { ulid: Ulid::nil(), min_ms: 0, max_ms: 0 }];
        let compaction = Compaction { hints: vec![HINT.to_owned()], parents, ..spec.compaction };
        let mut writer = BlockWriter::create(&*self.fs, &self.dir, BlockSpec { compaction, ..spec })?;
        writer.add_all(&mut *self.head.late_reader(range).select(&[], range)?)?;
        Ok(writer.finish()?)
    }
}
