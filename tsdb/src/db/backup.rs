//! Backing up: all there is at a moment, as a directory of blocks, while samples go on coming.
//!
//! Blocks are hard links of the files they are of; the head becomes a block, its late samples in it. It is what Prometheus'
//! admin API calls a snapshot, and the names are Prometheus' (`web/api/v1/api.go`).

use super::{Db, DbError};
use crate::block::{BlockWriter, UploadTime};
use crate::file_error::FileError;
use crate::fs::{Fs, publish_dir};
use crate::head::ChunkKind;
use crate::series::SeriesSource;
use std::io;
use std::path::{Path, PathBuf};
use ulid::Ulid;

/// Where backups are, in a data directory.
const BACKUPS: &str = "snapshots";
const UNFINISHED_SUFFIX: &str = ".tmp";

impl Db {
    /// Puts all blocks, and with `with_head` what the head has, into a new directory of `snapshots/`, durably; says how it is
    /// called. Blocks cut meanwhile wait; appends and reads go on.
    ///
    /// # Errors
    /// The first thing that failed. Nothing is left behind then.
    pub fn back_up(&self, with_head: bool) -> Result<String, DbError> {
        // Nothing is cut, deleted or removed meanwhile.
        let _upkeep = self.upkeep.lock();
        let name = self.new_name();
        let all = self.dir.join(BACKUPS);
        let (unfinished, to) = (all.join(format!("{name}{UNFINISHED_SUFFIX}")), all.join(&name));
        let done = self.fill_backup(&unfinished, with_head).and_then(|()| {
            publish_dir(&*self.fs, &unfinished, &to).map_err(FileError::at(&to))?;
            Ok(self.fs.sync_dir(&self.dir).map_err(FileError::at(&self.dir))?)
        });
        if let Err(error) = done {
            // What stays goes when the data directory is opened.
            let _ = (self.fs.remove_dir_all(&unfinished), self.fs.remove_dir_all(&to));
            return Err(error);
        }
        Ok(name)
    }

    fn fill_backup(&self, dir: &Path, with_head: bool) -> Result<(), DbError> {
        self.fs.create_dir_all(dir).map_err(FileError::at(dir))?;
        let blocks: Vec<PathBuf> = self.blocks.read().iter().map(|block| block.dir().to_owned()).collect();
        for block in blocks {
            let to = dir.join(block.file_name().unwrap_or_default());
            link_tree(&*self.fs, &block, &to).map_err(FileError::at(&block))?;
        }
        let Some(held) = self.head.whole_range().filter(|_| with_head) else { return Ok(()) };
        let write = || {
            let mut writer = BlockWriter::create(&*self.fs, dir, self.block_spec(held))?;
            writer.add_all(&mut *self.head.reader(held).select(&[], held)?)?;
            writer.finish()?;
            Ok(())
        };
        // Which of the two it is it does not say.
        self.past_damage(ChunkKind::InOrder, held, || self.past_damage(ChunkKind::Late, held, write))
    }

    /// The time now and a number nobody had.
    fn new_name(&self) -> String {
        let now_ms = self.clock.now_ms();
        let time = UploadTime::at_ms(now_ms - now_ms.rem_euclid(1000)).to_string().replace(['-', ':'], "");
        let number = (Ulid::generate().random() as u64) >> 1;
        format!("{time}-{number:016x}")
    }
}

/// Makes a directory whose files are hard links of those in another.
fn link_tree(fs: &dyn Fs, from: &Path, to: &Path) -> io::Result<()> {
    fs.create_dir_all(to)?;
    for entry in fs.read_dir(from)? {
        let link = to.join(&entry.name);
        if entry.is_dir { link_tree(fs, &entry.path, &link)? } else { fs.hard_link(&entry.path, &link)? }
    }
    Ok(())
}

/// Removes backups that were never finished.
pub(super) fn remove_unfinished(fs: &dyn Fs, dir: &Path) -> Result<(), FileError> {
    let all = dir.join(BACKUPS);
    let entries = match fs.read_dir(&all) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(FileError::at(&all))?,
    };
    for entry in entries.iter().filter(|entry| entry.is_dir && entry.name.ends_with(UNFINISHED_SUFFIX)) {
        fs.remove_dir_all(&entry.path).map_err(FileError::at(&entry.path))?;
    }
    Ok(())
}
