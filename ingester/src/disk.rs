//! The floor under free disk space: below it nothing is written, until there is clearly more again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tracing::{info, warn};
use tsdb::fs::Fs;

/// Watches the free space of one file system.
#[derive(Debug)]
pub(crate) struct DiskFloor {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    floor_bytes: u64,
    low: AtomicBool,
    free_bytes: AtomicU64,
}

impl DiskFloor {
    /// Writes below `dir` shall stop when less than `floor_bytes` are free; 0 switches the floor off.
    pub(crate) fn new(fs: Arc<dyn Fs>, dir: PathBuf, floor_bytes: u64) -> Self {
        Self { fs, dir, floor_bytes, low: AtomicBool::new(false), free_bytes: AtomicU64::new(0) }
    }

    /// Looks at the free space. It may take as long as the file system does.
    ///
    /// # Errors
    /// The file system does not say; the last judgement stays.
    pub(crate) fn check(&self) -> io::Result<()> {
        let free_bytes = self.free_bytes_now()?;
        self.free_bytes.store(free_bytes, Ordering::Relaxed);
        let was_low = self.low.load(Ordering::Relaxed);
        // A tenth more than the floor before writes go on: else each would push it under again.
        let enough_bytes = if was_low { self.floor_bytes + self.floor_bytes / 10 } else { self.floor_bytes };
        let low = free_bytes < enough_bytes;
        self.low.store(low, Ordering::Relaxed);
        let floor_bytes = self.floor_bytes;
        match (was_low, low) {
            (false, true) => warn!(free_bytes, floor_bytes, "disk space is below the floor, writes are refused"),
            (true, false) => info!(free_bytes, floor_bytes, "disk space is above the floor again, writes go on"),
            (false, false) | (true, true) => {}
        }
        Ok(())
    }

    /// Before the first start there is no directory yet; it will be made in the nearest one above that is there.
    fn free_bytes_now(&self) -> io::Result<u64> {
        let mut asked = Err(io::ErrorKind::NotFound.into());
        for dir in self.dir.ancestors() {
            let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
            asked = self.fs.free_bytes(dir);
            if !asked.as_ref().is_err_and(|error: &io::Error| error.kind() == io::ErrorKind::NotFound) {
                break;
            }
        }
        asked
    }

    /// The floor, if there is too little above it to write.
    pub(crate) fn too_low(&self) -> Option<u64> {
        self.low.load(Ordering::Relaxed).then_some(self.floor_bytes)
    }

    /// What was free when last looked at.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
