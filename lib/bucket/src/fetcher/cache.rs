//! Metas that were read before: in memory, and on disk so that a restart does not read them again.
//!
//! What is on disk is only believed if it is as long as the object and decodes; it is not synced, and safe to delete.

use crate::META;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::warn;
use tsdb::block::{Meta, parse_name};
use tsdb::fs::{Fs, replace_cache_file};
use ulid::Ulid;

/// Where Thanos keeps them, below its data directory.
const DIR: &str = "meta-syncer";

#[derive(Debug)]
pub(super) struct Cache {
    metas: BTreeMap<Ulid, Entry>,
    disk: Option<Disk>,
}

#[derive(Debug)]
struct Entry {
    meta: Arc<Meta>,
    size_bytes: u64,
}

#[derive(Debug, Clone)]
struct Disk {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
}

/// A meta with its bytes.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    pub(super) meta: Arc<Meta>,
    pub(super) bytes: Bytes,
}

impl Cache {
    pub(super) fn new(fs: Arc<dyn Fs>, dir: Option<PathBuf>) -> Self {
        Self { metas: BTreeMap::new(), disk: dir.map(|dir| Disk { fs, dir: dir.join(DIR) }) }
    }

    pub(super) fn get(&self, block: Ulid) -> Option<Arc<Meta>> {
        self.metas.get(&block).map(|entry| Arc::clone(&entry.meta))
    }

    /// Forgets what is not there any more or has another size, and looks on disk for what is not known. Answers how many were
    /// forgotten although they are there.
    pub(super) async fn refresh(&mut self, sizes: &BTreeMap<Ulid, u64>) -> u64 {
        let mut busts = 0;
        self.metas.retain(|block, entry| match sizes.get(block) {
            Some(size_bytes) if *size_bytes == entry.size_bytes => true,
            Some(_) => {
                busts += 1;
                false
            }
            None => false,
        });
        if let Some(disk) = self.disk.clone() {
            let wanted = sizes.iter().filter(|(block, _)| !self.metas.contains_key(block));
            let wanted: BTreeMap<Ulid, u64> = wanted.map(|(block, size)| (*block, *size)).collect();
            let all = sizes.clone();
            let read = tokio::task::spawn_blocking(move || disk.sweep_and_read(&all, &wanted)).await;
            for Cached { meta, bytes } in read.unwrap_or_default() {
                self.metas.insert(meta.ulid, Entry { meta, size_bytes: bytes.len() as u64 });
            }
        }
        busts
    }

    /// Keeps what was read.
    pub(super) async fn add(&mut self, fresh: Vec<Cached>) {
        for Cached { meta, bytes } in &fresh {
            self.metas.insert(meta.ulid, Entry { meta: Arc::clone(meta), size_bytes: bytes.len() as u64 });
        }
        if let Some(disk) = self.disk.clone().filter(|_| !fresh.is_empty()) {
            let dir = disk.dir.clone();
            let written = tokio::task::spawn_blocking(move || fresh.iter().try_for_each(|one| disk.write(one))).await;
            if let Ok(Err(error)) = written {
                warn!(dir = %dir.display(), %error, "metas of blocks cannot be cached on disk");
            }
        }
    }
}

impl Disk {
    /// Removes the metas of blocks that are gone, and reads those that are wanted and there.
    fn sweep_and_read(&self, all: &BTreeMap<Ulid, u64>, wanted: &BTreeMap<Ulid, u64>) -> Vec<Cached> {
        let mut read = Vec::new();
        // No directory is no cache.
        for entry in self.fs.read_dir(&self.dir).unwrap_or_default() {
            let Some(block) = parse_name(&entry.name).filter(|_| entry.is_dir) else { continue };
            if !all.contains_key(&block) {
                // It is tried again with the next look.
                let _ = self.fs.remove_dir_all(&entry.path);
                continue;
            }
            let Some(size_bytes) = wanted.get(&block) else { continue };
            let path = entry.path.join(META);
            let Ok(bytes) = self.read(&path) else { continue };
            if bytes.len() as u64 == *size_bytes
                && let Ok(meta) = Meta::decode(&bytes, &path)
            {
                read.push(Cached { meta: Arc::new(meta), bytes });
            }
        }
        read
    }

    fn read(&self, path: &Path) -> io::Result<Bytes> {
        self.fs.map(path)
    }

    fn write(&self, one: &Cached) -> io::Result<()> {
        let dir = self.dir.join(one.meta.ulid.to_string());
        self.fs.create_dir_all(&dir)?;
        replace_cache_file(&*self.fs, &dir.join(META), &one.bytes)
    }
}
