//! The index-headers that are kept on disk, one a block.

use crate::block_error::BlockError;
use crate::files::{BlockFiles, Means};
use crate::index_header::{FILE_NAME, IndexHeader, ReadIndex, open_or_build};
use crate::limits::Fetch;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tsdb::SourceError;
use tsdb::block::parse_name;
use tsdb::fs::Fs;
use ulid::Ulid;

/// In units of this the memory for building is counted.
const UNIT_BYTES: u64 = 64 << 10;

/// Index-headers in directories named like their blocks.
#[derive(Debug)]
pub(crate) struct HeaderFiles {
    fs: Arc<dyn Fs>,
    dir: PathBuf,
    /// Memory for building: a header is held while it is written, and is smaller than the index.
    building: Arc<Semaphore>,
    building_units: u32,
}

/// An index whose header is to be built: no request waits for it alone, so none pays for it.
struct Unbuilt<'a>(&'a BlockFiles);

/// An index whose lists are read for a request.
pub(crate) struct Asked<'a> {
    pub(crate) files: &'a BlockFiles,
    pub(crate) means: &'a Means,
}

impl HeaderFiles {
    /// Those in `dir`. Together, headers that are being built take about `building_bytes` of memory, or one alone more.
    pub(crate) fn new(fs: Arc<dyn Fs>, dir: PathBuf, building_bytes: u64) -> Self {
        let building_units =
            u32::try_from(building_bytes / UNIT_BYTES).unwrap_or(u32::MAX >> 4).clamp(1, u32::MAX >> 4);
        Self { fs, dir, building: Arc::new(Semaphore::new(building_units as usize)), building_units }
    }

    /// Opens what is kept of a block's index, or builds it. What is damaged is built anew, once.
    ///
    /// # Errors
    /// The index cannot be read or is damaged itself; the file cannot be written.
    pub(crate) async fn open(&self, files: &BlockFiles) -> Result<Arc<IndexHeader>, BlockError> {
        let dir = self.dir_of(files.block);
        let path = dir.join(FILE_NAME);
        // Mostly it is there, and then nothing waits for memory.
        if let Ok(header) = self.load(path.clone()).await
            && header.index_bytes() == files.index_bytes
        {
            return Ok(header);
        }
        self.on_disk(move |fs| fs.create_dir_all(&dir)).await.map_err(|source| at(&path, source))?;
        let units = u32::try_from(files.index_bytes / UNIT_BYTES).unwrap_or(u32::MAX).clamp(1, self.building_units);
        // Nobody closes it.
        let _memory = self.building.acquire_many(units).await;
        open_or_build(&Unbuilt(files), &*self.fs, &path).await.map(Arc::new)
    }

    /// Removes what is kept of a block.
    ///
    /// # Errors
    /// It cannot be removed.
    pub(crate) async fn forget(&self, block: Ulid) -> io::Result<()> {
        let dir = self.dir_of(block);
        let removed = self.on_disk(move |fs| fs.remove_dir_all(&dir)).await;
        removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }

    /// Removes what is kept of blocks other than these.
    ///
    /// # Errors
    /// The directory cannot be read, or something in it not removed.
    pub(crate) async fn keep_only(&self, blocks: BTreeSet<Ulid>) -> io::Result<()> {
        let dir = self.dir.clone();
        self.on_disk(move |fs| {
            let entries = match fs.read_dir(&dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries.into_iter().filter(|entry| entry.is_dir) {
                if parse_name(&entry.name).is_some_and(|block| !blocks.contains(&block)) {
                    fs.remove_dir_all(&entry.path)?;
                }
            }
            Ok(())
        })
        .await
    }

    fn dir_of(&self, block: Ulid) -> PathBuf {
        self.dir.join(block.to_string())
    }

    async fn load(&self, path: PathBuf) -> Result<Arc<IndexHeader>, SourceError> {
        let fs = Arc::clone(&self.fs);
        let (name, opened) = (path.clone(), tokio::task::spawn_blocking(move || IndexHeader::open(&*fs, &path)));
        let opened = opened.await.map_err(|panic| at(&name, io::Error::other(panic)))?;
        opened.map(Arc::new)
    }

    async fn on_disk(&self, act: impl FnOnce(&dyn Fs) -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let fs = Arc::clone(&self.fs);
        tokio::task::spawn_blocking(move || act(&*fs)).await.map_err(io::Error::other)?
    }
}

impl ReadIndex for Unbuilt<'_> {
    type Error = BlockError;

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, BlockError>> {
        async move { self.0.fetch_unasked(&self.0.index_name(), range).await }.boxed()
    }

    fn size_bytes(&self) -> u64 {
        self.0.index_bytes
    }

    fn name(&self) -> String {
        self.0.index_name()
    }
}

impl ReadIndex for Asked<'_> {
    type Error = BlockError;

    fn read(&self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, BlockError>> {
        async move {
            let reservation = self.means.budget.reserve(range.end.saturating_sub(range.start)).await?;
            self.files.read(&self.files.index_name(), range, (self.means, Fetch::Postings), reservation).await
        }
        .boxed()
    }

    fn size_bytes(&self) -> u64 {
        self.files.index_bytes
    }

    fn name(&self) -> String {
        self.files.index_name()
    }
}

fn at(path: &Path, source: io::Error) -> SourceError {
    SourceError::Io { file: path.display().to_string(), source }
}
