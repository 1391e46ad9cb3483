//! Cutting blocks off the head, and the log behind them.
//!
//! A block is due when the head spans one and a half times its range. Then nothing older than half a range before the newest
//! sample is appended any more, so the oldest range can no longer change; [`Head::close_before`] makes sure of batches
//! that are under way.
//!
//! **The log.** Once a block is durable, samples before its end need not be replayed. Segments are let go as a whole: a *mark*
//! is a segment number with the newest timestamp that segments below it can hold. When a block ends at or after that, the
//! segments below the mark hold nothing that is needed but the labels of series, and a checkpoint with these takes their
//! place.

use super::late::Written;
use super::snapshot::LastSnapshot;
use super::{Db, DbError};
use crate::block::{Block, BlockSpec, BlockWriter, Meta, Thanos};
use crate::file_error::FileError;
use crate::head::ChunkKind;
use crate::series::{ChunkSeriesBatch, SeriesSource};
use crate::wal::CheckpointWriter;
use model::TimeRange;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use ulid::Ulid;

/// A block that was cut.
#[derive(Debug, Clone)]
pub struct CutBlock {
    /// The range that left the head, its end outside.
    pub min_ms: i64,
    pub max_ms: i64,
    /// What was written; `None` if the range held no sample.
    pub meta: Option<Meta>,
}

/// Where the log can be cut, oldest first.
#[derive(Debug)]
pub(super) struct Marks {
    marks: VecDeque<Mark>,
    /// Late samples are to become blocks.
    pub(super) late_due: bool,
    /// Blocks have late samples that are still in log and head.
    pub(super) late_written: Option<Written>,
    /// Blocks have late samples that a process before this one left in its log.
    pub(super) late_unfinished: bool,
    /// Where the head's floor is to be, and is not yet.
    pub(super) floor_ms: Option<i64>,
    pub(super) snapshot: LastSnapshot,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    /// Segments below it hold no sample after `newest_ms`.
    segment: u32,
    newest_ms: i64,
}

impl Db {
    /// Cuts every block that is due.
    pub(super) fn cut_due(&self, marks: &mut Marks) -> Result<Vec<CutBlock>, DbError> {
        self.catch_up(marks)?;
        let mut cut = self.finish_late(marks)?;
        while let Some((min_ms, max_ms)) = self.due() {
            let block = self.cut_one(min_ms, max_ms, marks)?;
            if block.meta.is_none() {
                self.skip_gap(max_ms, marks)?;
            }
            cut.push(block);
            self.let_go_of_log(max_ms, marks)?;
        }
        self.mark(marks)?;
        Ok(cut)
    }

    /// Cuts range by range until the head holds nothing.
    pub(super) fn cut_all(&self, marks: &mut Marks) -> Result<Vec<CutBlock>, DbError> {
        self.catch_up(marks)?;
        let mut cut = self.finish_late(marks)?;
        while let Some(held) = self.head.time_range() {
            let end_ms = self.range_end(held.min_ms()).min(held.max_ms().saturating_add(1));
            let block = self.cut_one(held.min_ms(), end_ms, marks)?;
            if block.meta.is_none() {
                self.skip_gap(end_ms, marks)?;
            }
            cut.push(block);
            self.let_go_of_log(end_ms, marks)?;
        }
        Ok(cut)
    }

    /// The end of the range that `at_ms` is in, outside.
    fn range_end(&self, at_ms: i64) -> i64 {
        let range_ms = self.options.block_range_ms;
        at_ms.div_euclid(range_ms).saturating_add(1).saturating_mul(range_ms)
    }

    /// The range of the block that is due, its end outside.
    fn due(&self) -> Option<(i64, i64)> {
        let held = self.head.time_range()?;
        let range_ms = self.options.block_range_ms;
        let span_ms = held.max_ms().saturating_sub(held.min_ms());
        (span_ms > range_ms.saturating_add(range_ms / 2)).then_some((held.min_ms(), self.range_end(held.min_ms())))
    }

    fn cut_one(&self, min_ms: i64, max_ms: i64, marks: &mut Marks) -> Result<CutBlock, DbError> {
        self.head.close_before(max_ms);
        let mut meta = None;
        if let Some(range) = TimeRange::new(min_ms, max_ms.saturating_sub(1)) {
            meta = self.past_damage(ChunkKind::InOrder, range, || self.write_block(range))?;
        }
        if let Some(meta) = &meta {
            // Its chunks may end long before: then whoever knows no floor, Prometheus too, takes them for its end, and what was
            // deleted behind them must be remembered.
            let end_ms = self.add_block(meta)?.end_ms(self.options.block_range_ms);
            self.head.blocks_reach(end_ms.min(max_ms));
        }
        self.move_floor(max_ms, marks)?;
        Ok(CutBlock { min_ms, max_ms, meta })
    }

    /// Opens a block that was published, and takes it into the list.
    pub(super) fn add_block(&self, meta: &Meta) -> Result<Block, DbError> {
        let block = Block::open(&*self.fs, &self.dir.join(meta.ulid.to_string()))?;
        let mut blocks = self.blocks.write();
        blocks.push(block.clone());
        blocks.sort_by_key(|block| block.meta().min_ms);
        Ok(block)
    }

    /// Moves the head's floor over ranges without samples, from `from_ms` on: a first sample of 1970 must not cost a cut for
    /// every range since.
    fn skip_gap(&self, from_ms: i64, marks: &mut Marks) -> Result<(), DbError> {
        let Some(rest) = TimeRange::new(from_ms, i64::MAX) else {
            return Ok(());
        };
        let oldest_ms = self.past_damage(ChunkKind::InOrder, rest, || self.oldest_in(rest))?;
        let range_ms = self.options.block_range_ms;
        let floor_ms = oldest_ms.div_euclid(range_ms).saturating_mul(range_ms);
        if floor_ms > from_ms {
            // Between the two lies nothing, and nothing can come there any more: it is far behind the newest sample.
            self.move_floor(floor_ms.min(self.closed_ms()), marks)?;
        }
        Ok(())
    }

    /// The oldest sample in `rest`, which ends with time; its begin if there is none.
    fn oldest_in(&self, rest: TimeRange) -> Result<i64, DbError> {
        let mut oldest_ms = self.head.time_range().map_or(rest.min_ms(), TimeRange::max_ms);
        let mut cursor = self.head.in_order_reader(rest).select(&[], rest)?;
        let mut batch = ChunkSeriesBatch::default();
        loop {
            cursor.next_batch(256, false, &mut batch)?;
            if batch.is_empty() {
                return Ok(oldest_ms);
            }
            let first = batch.iter().filter_map(|(_, chunks)| chunks.first()).map(|chunk| chunk.min_ms);
            oldest_ms = first.fold(oldest_ms, i64::min);
        }
    }

    /// Before this nothing is appended any more: half a range behind the newest sample.
    fn closed_ms(&self) -> i64 {
        let newest_ms = self.head.time_range().map_or(i64::MIN, TimeRange::max_ms);
        newest_ms.saturating_sub(self.options.block_range_ms / 2)
    }

    /// Writes and publishes what the head has in `range`, but for late samples, which get blocks of their own.
    fn write_block(&self, range: TimeRange) -> Result<Option<Meta>, DbError> {
        let spec = self.block_spec(range);
        let mut writer = BlockWriter::create(&*self.fs, &self.dir, spec)?;
        writer.add_all(&mut *self.head.in_order_reader(range).select(&[], range)?)?;
        Ok(writer.finish()?)
    }

    /// A block of that range, its end inside.
    pub(super) fn block_spec(&self, range: TimeRange) -> BlockSpec {
        let mut spec = BlockSpec::new(self.new_ulid(), range.min_ms(), range.max_ms().saturating_add(1));
        spec.thanos = Some(Thanos {
            version: 1,
            labels: self.options.external_labels.clone(),
            source: "receive".to_owned(),
            ..Thanos::default()
        });
        spec
    }

    pub(super) fn new_ulid(&self) -> Ulid {
        let now_ms = u64::try_from(self.clock.now_ms()).unwrap_or(0);
        Ulid::from_parts(now_ms, Ulid::generate().random())
    }

    /// Removes the segments that hold nothing after blocks up to `max_ms`, outside, once a checkpoint has their series.
    fn let_go_of_log(&self, max_ms: i64, marks: &mut Marks) -> Result<(), DbError> {
        let Some(segment) = marks.last_before(max_ms) else {
            return Ok(());
        };
        if let Some(number) = segment.checked_sub(1) {
            let mut written = self.write_checkpoint(number);
            if written.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotADirectory) {
                let mut moved = false;
                for path in CheckpointWriter::paths(self.log.dir(), number) {
                    moved |= self.make_way(&path)?;
                }
                if moved {
                    written = self.write_checkpoint(number);
                }
            }
            match written {
                // Nothing was logged since the last one.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                done => done.map_err(FileError::at(self.log.dir()))?,
            }
        }
        self.log.truncate(segment).map_err(FileError::at(self.log.dir()))?;
        marks.forget_through(segment);
        Ok(())
    }

    /// Writes all series, what was deleted and what was said of them, and exemplars under `number`. Series created meanwhile are
    /// logged behind it.
    fn write_checkpoint(&self, number: u32) -> io::Result<()> {
        let log = &self.options.log;
        let mut writer =
            CheckpointWriter::create(&*self.fs, self.log.dir(), number, log.compression, log.segment_bytes)?;
        let mut written = Ok(());
        self.head.for_each_series(|series, labels| {
            if written.is_ok() {
                written = writer.series(series, labels);
            }
        });
        self.head.for_each_metadata(|series, _, said| {
            if written.is_ok() {
                written = writer.metadata(series, said);
            }
        });
        self.head.for_each_exemplar(|series, exemplar| {
            if written.is_ok() {
                written = writer.exemplar(series, exemplar);
            }
        });
        written?;
        let mut written = Ok(());
        self.head.for_each_deletion(|series, range| {
            if written.is_ok() {
                written = writer.deletion(series, range);
            }
        });
        written?;
        writer.publish()
    }

    /// Begins a segment when half a range has passed since the last one was begun here.
    fn mark(&self, marks: &mut Marks) -> Result<(), DbError> {
        let Some(held) = self.head.time_range() else {
            return Ok(());
        };
        let due = match marks.marks.back() {
            Some(last) => held.max_ms().saturating_sub(last.newest_ms) >= self.options.block_range_ms / 2,
            None => true,
        };
        if due {
            let segment = self.log.cut()?;
            // What the segments below hold was in the head before it was logged, so the newest is known by now.
            let newest_ms = self.head.time_range().map_or(i64::MAX, TimeRange::max_ms);
            marks.marks.push_back(Mark { segment, newest_ms });
        }
        Ok(())
    }
}

/// Up to where blocks say that the head was cut, outside; `None` if none says so.
pub(super) fn blocks_end_ms<'a>(blocks: impl IntoIterator<Item = &'a Block>, block_range_ms: i64) -> Option<i64> {
    let whole = blocks.into_iter().filter(|block| !block.meta().compaction.is_partial());
    whole.map(|block| block.end_ms(block_range_ms)).max()
}

impl Marks {
    pub(super) fn new(snapshot: LastSnapshot, late_unfinished: bool) -> Self {
        let marks = VecDeque::new();
        Self { marks, late_due: false, late_written: None, late_unfinished, floor_ms: None, snapshot }
    }

    /// The last mark below which no sample is at or after `max_ms`.
    fn last_before(&self, max_ms: i64) -> Option<u32> {
        self.marks.iter().take_while(|mark| mark.newest_ms < max_ms).last().map(|mark| mark.segment)
    }

    fn forget_through(&mut self, segment: u32) {
        self.marks.retain(|mark| mark.segment > segment);
    }
}
