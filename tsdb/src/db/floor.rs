//! The head's floor is kept: whoever opens the directory again finds it where it is.
//!
//! It only rises. What lies before it goes from memory, chunk files, log and, with a block, from the disk, each in its own
//! time, and what was deleted of it is forgotten. So before any of that the floor is durable, in what a block says or in a
//! file ([`floor`](crate::floor)). A crash before leaves a cut that never began, or one that ends where its block says; a crash
//! behind leaves one that is done.

use super::cut::{Marks, blocks_end_ms};
use super::open::{Opened, is_damage, set_aside};
use super::{Db, DbError};
use crate::file_error::FileError;
use crate::floor::{self, FLOOR, Floor};
use crate::fs::Fs;
use crate::snapshot::place_before;
use crate::wal::LogPlace;
use std::path::Path;
use std::sync::atomic::Ordering;
use ulid::Ulid;

impl Db {
    /// Moves the floor to `floor_ms` and drops what the head has before it: blocks have it, or it was deleted.
    pub(super) fn move_floor(&self, floor_ms: i64, marks: &mut Marks) -> Result<(), DbError> {
        marks.floor_ms = Some(floor_ms);
        self.catch_up(marks)
    }

    /// Moves the floor to where it was to be when that failed the last time: what blocks have must not be written twice.
    pub(super) fn catch_up(&self, marks: &mut Marks) -> Result<(), DbError> {
        let Some(floor_ms) = marks.floor_ms else { return Ok(()) };
        self.keep_floor(floor_ms, None)?;
        marks.floor_ms = None;
        self.head.truncate(floor_ms)?;
        Ok(())
    }

    /// Sees to it that the directory says, durably, that the head was cut up to `floor_ms`, be it without the block `but_for`.
    /// The caller holds the upkeep.
    pub(super) fn keep_floor(&self, floor_ms: i64, but_for: Option<Ulid>) -> Result<(), DbError> {
        if floor_ms <= self.kept_floor_ms.load(Ordering::Relaxed) {
            return Ok(());
        }
        let said_ms = {
            let blocks = self.blocks.read();
            let others = blocks.iter().filter(|block| Some(block.meta().ulid) != but_for);
            blocks_end_ms(others, self.options.block_range_ms)
        };
        if said_ms.is_some_and(|said_ms| floor_ms <= said_ms) {
            return Ok(());
        }
        // What was logged by now is durable then, so that no crash leaves a log that is shorter.
        let segment = self.log.cut()?;
        let log = place_before(&*self.fs, self.log.dir(), segment).map_err(FileError::at(self.log.dir()))?;
        let floor = Floor { at_ms: floor_ms, log };
        floor.write(&*self.fs, &self.dir).map_err(FileError::at(&floor::path(&self.dir)))?;
        self.kept_floor_ms.store(floor_ms, Ordering::Relaxed);
        Ok(())
    }
}

/// What the file in `dir` says. One that cannot be read is set aside, and blocks alone say what was cut.
pub(super) fn kept_floor_ms(fs: &dyn Fs, dir: &Path, opened: &mut Opened) -> Result<Option<i64>, DbError> {
    match Floor::read(fs, dir) {
        Ok(floor) => Ok(floor.map(|floor| floor.at_ms)),
        Err(fault) if is_damage(&fault) => {
            opened.set_aside.push(set_aside(fs, dir, &floor::path(dir), FLOOR, &fault)?);
            Ok(None)
        }
        Err(fault) => Err(fault.into()),
    }
}

/// The log in `dir` is about to lose what is damaged in it, and may be shorter then.
pub(super) fn loosen(fs: &dyn Fs, dir: &Path, at_ms: i64) -> Result<(), FileError> {
    let wal = dir.join("wal");
    let end = LogPlace::end_of_log(fs, &wal).map_err(FileError::at(&wal))?;
    let floor = Floor { at_ms, log: LogPlace { offset_bytes: 0, ..end } };
    floor.write(fs, dir).map_err(FileError::at(&floor::path(dir)))
}
