//! A bucket: reads, lists and writes of objects below a prefix. There is no way to delete here.

use crate::metrics::{BucketMetrics, Metrics, Operation};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use model::Clock;
use object_store::path::Path;
use object_store::{Attributes, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use tokio::time::Instant;
use tsdb::FileError;
use ulid::Ulid;

/// A handle to a bucket; clones share it. Names of objects are below the prefix, with slashes.
///
/// What was uploaded is durable when the call returns: a directory as bucket syncs files and names.
#[derive(Debug, Clone)]
pub struct Bucket {
    inner: Arc<Inner>,
}

#[derive(Debug, Clone)]
struct Inner {
    store: Arc<dyn ObjectStore>,
    name: String,
    prefix: String,
    read_cost: ReadCost,
    writes: Writes,
    metrics: BucketMetrics,
    clock: Arc<dyn Clock>,
}

/// What reads cost where the objects lie: whoever plans many goes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadCost {
    /// Another part costs as much as so many bytes: parts with less between them are better read as one.
    pub gap_bytes: u64,
    /// So many small parts of an object cost little more than one of them, if they are read by one [`Bucket::get_ranges`].
    pub parts_at_once: usize,
}

/// How objects are written.
#[derive(Debug, Clone)]
pub(crate) struct Writes {
    /// A larger file is uploaded in parts of this size.
    pub(crate) part_bytes: u64,
    /// What every object gets.
    pub(crate) attributes: Attributes,
}

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Below the prefix.
    pub name: String,
    pub size_bytes: u64,
    /// When it was last written, by the clock of the storage.
    pub modified_ms: i64,
}

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    #[error("{object}: not found in the bucket")]
    NotFound { object: String },
    #[error("{object}: {size_bytes} bytes, at most {limit_bytes} are read")]
    TooLarge { object: String, size_bytes: u64, limit_bytes: u64 },
    /// The storage answered with more or less than it said or was asked for.
    #[error("{object}: {got_bytes} bytes instead of {want_bytes}")]
    Size { object: String, want_bytes: u64, got_bytes: u64 },
    /// What was read back is not what was written.
    #[error("{object}: reads back with other content")]
    Content { object: String },
    #[error("{object}: more than {limit} objects are listed")]
    TooMany { object: String, limit: usize },
    #[error("{object}: {source}")]
    Storage { object: String, source: Box<object_store::Error> },
    #[error(transparent)]
    File(#[from] FileError),
    #[error("reading {0} was broken off")]
    BrokenOff(String),
}

/// What a listing of one block may hold: a block has some dozens of files.
const MAX_FILES_OF_BLOCK: usize = 100_000;
/// In parts of how many bytes a file is uploaded where nothing else is configured.
const PART_BYTES: u64 = 8 << 20;

impl Bucket {
    /// The bucket that `store` is, below `prefix`, called `name` by metrics.
    pub fn over(
        store: Arc<dyn ObjectStore>,
        name: &str,
        prefix: &str,
        metrics: &Metrics,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let writes = Writes { part_bytes: PART_BYTES, attributes: Attributes::default() };
        let (name, prefix) = (name.to_owned(), prefix.trim_matches('/').to_owned());
        let (metrics, read_cost) = (metrics.of(&name), ReadCost::REMOTE);
        Self { inner: Arc::new(Inner { store, name, prefix, read_cost, writes, metrics, clock }) }
    }

    /// The same, writing as `writes` says.
    pub(crate) fn with_writes(mut self, writes: Writes) -> Self {
        Arc::make_mut(&mut self.inner).writes = writes;
        self
    }

    /// The same, where reads cost that.
    #[must_use]
    pub fn with_read_cost(mut self, read_cost: ReadCost) -> Self {
        Arc::make_mut(&mut self.inner).read_cost = read_cost;
        self
    }

    /// What reads cost.
    pub fn read_cost(&self) -> ReadCost {
        self.inner.read_cost
    }

    /// What metrics call it.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// All of an object, if it is not larger than `limit_bytes`.
    ///
    /// # Errors
    /// It is not there, too large, or cannot be read.
    pub async fn get(&self, object: &str, limit_bytes: u64) -> Result<Bytes, BucketError> {
        self.counted(Operation::Get, |_| false, self.read(object, limit_bytes)).await
    }

    /// As [`Bucket::get`], but an object that is not there is `None`, and no failure.
    ///
    /// # Errors
    /// As [`Bucket::get`].
    pub async fn find(&self, object: &str, limit_bytes: u64) -> Result<Option<Bytes>, BucketError> {
        let read = self.counted(Operation::Get, BucketError::is_not_found, self.read(object, limit_bytes)).await;
        read.map(Some).or_else(|error| if error.is_not_found() { Ok(None) } else { Err(error) })
    }

    /// A part of an object: all of `range`, or an error.
    ///
    /// # Errors
    /// The object is not there or shorter, or cannot be read.
    pub async fn get_range(&self, object: &str, range: Range<u64>) -> Result<Bytes, BucketError> {
        let mut parts = self.get_ranges(object, &[range]).await?;
        // As many came as were asked for.
        Ok(parts.pop().unwrap_or_default())
    }

    /// Several parts of an object, in the order asked for, as one operation. Where the storage does not know such a thing
    /// ([`ReadCost::parts_at_once`]), it may read what lies between near ones as well.
    ///
    /// # Errors
    /// As [`Bucket::get_range`].
    pub async fn get_ranges(&self, object: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, BucketError> {
        let read = async {
            // Also for a single one: a directory opens, reads and closes here on one visit to another thread, not on two.
            let got = self.store().get_ranges(&self.path(object)?, ranges).await.map_err(fault(object))?;
            check_size(object, ranges.len() as u64, got.len() as u64)?;
            for (range, part) in ranges.iter().zip(&got) {
                check_size(object, range.end.saturating_sub(range.start), part.len() as u64)?;
            }
            self.inner.metrics.transferred(Operation::GetRange, got.iter().map(|part| part.len() as u64).sum());
            Ok(got)
        };
        self.counted(Operation::GetRange, |_| false, read).await
    }

    /// Whether there is such an object.
    ///
    /// # Errors
    /// The storage does not say.
    pub async fn exists(&self, object: &str) -> Result<bool, BucketError> {
        let looked = self.counted(Operation::Exists, BucketError::is_not_found, self.look(object)).await;
        looked.map(|_| true).or_else(|error| if error.is_not_found() { Ok(false) } else { Err(error) })
    }

    /// What is known of an object; `None` if it is not there.
    ///
    /// # Errors
    /// The storage does not say.
    pub async fn head(&self, object: &str) -> Result<Option<ObjectInfo>, BucketError> {
        let looked = self.counted(Operation::Attributes, BucketError::is_not_found, self.look(object)).await;
        looked.map(Some).or_else(|error| if error.is_not_found() { Ok(None) } else { Err(error) })
    }

    /// The blocks that have a directory, sorted: with or without `meta.json`. What is no block's name is left out.
    ///
    /// # Errors
    /// The bucket cannot be listed.
    pub async fn blocks(&self) -> Result<Vec<Ulid>, BucketError> {
        let list = async {
            let prefix = if self.inner.prefix.is_empty() { None } else { Some(self.path("")?) };
            self.store().list_with_delimiter(prefix.as_ref()).await.map_err(fault("the root"))
        };
        let listed = self.counted(Operation::Iter, |_| false, list).await?;
        let names = listed.common_prefixes.iter().filter_map(|dir| dir.filename());
        let mut blocks: Vec<Ulid> = names.filter_map(tsdb::block::parse_name).collect();
        blocks.sort_unstable();
        Ok(blocks)
    }

    /// The objects of one block, sorted by name; empty if there are none.
    ///
    /// # Errors
    /// The bucket cannot be listed, or there are absurdly many.
    pub async fn files(&self, block: Ulid) -> Result<Vec<ObjectInfo>, BucketError> {
        let dir = block.to_string();
        let list = async {
            let path = self.path(&dir)?;
            let limit = MAX_FILES_OF_BLOCK;
            let listed = self.store().list(Some(&path)).take(limit + 1);
            let mut files: Vec<ObjectInfo> =
                listed.map_err(fault(&dir)).map_ok(|meta| self.info(&meta)).try_collect().await?;
            if files.len() > limit {
                return Err(BucketError::TooMany { object: dir.clone(), limit });
            }
            files.sort_by(|left, right| left.name.cmp(&right.name));
            Ok(files)
        };
        self.counted(Operation::Iter, |_| false, list).await
    }

    /// Shows every object to `visit`, in no order, as the listing goes on.
    ///
    /// # Errors
    /// The listing breaks off; what was shown until then is not all.
    pub async fn each_object(&self, mut visit: impl FnMut(ObjectInfo)) -> Result<(), BucketError> {
        let list = async {
            let prefix = if self.inner.prefix.is_empty() { None } else { Some(self.path("")?) };
            let mut listed = self.store().list(prefix.as_ref());
            while let Some(meta) = listed.next().await {
                visit(self.info(&meta.map_err(fault("the bucket"))?));
            }
            Ok(())
        };
        self.counted(Operation::Iter, |_| false, list).await
    }

    /// Writes a small object, replacing what is there.
    ///
    /// # Errors
    /// It could not be written, or it is not known whether it was.
    pub async fn put(&self, object: &str, content: Bytes) -> Result<(), BucketError> {
        self.put_as(object, content, PutMode::Overwrite, |_| false).await
    }

    /// Writes a small object if there is none of the name; `false`: there is one, and it stays.
    ///
    /// # Errors
    /// As [`Bucket::put`].
    pub async fn put_if_absent(&self, object: &str, content: Bytes) -> Result<bool, BucketError> {
        let put = self.put_as(object, content, PutMode::Create, BucketError::is_there_already).await;
        put.map(|()| true).or_else(|error| if error.is_there_already() { Ok(false) } else { Err(error) })
    }

    async fn put_as(
        &self,
        object: &str,
        content: Bytes,
        mode: PutMode,
        expected: fn(&BucketError) -> bool,
    ) -> Result<(), BucketError> {
        let size_bytes = content.len() as u64;
        let write = async {
            let options = PutOptions { mode, attributes: self.writes().attributes.clone(), ..PutOptions::default() };
            self.store().put_opts(&self.path(object)?, PutPayload::from(content), options).await.map_err(fault(object))
        };
        self.counted(Operation::Upload, expected, write).await?;
        self.uploaded(size_bytes);
        Ok(())
    }

    async fn read(&self, object: &str, limit_bytes: u64) -> Result<Bytes, BucketError> {
        let found = self.store().get_opts(&self.path(object)?, GetOptions::default()).await.map_err(fault(object))?;
        let size_bytes = found.meta.size;
        if size_bytes > limit_bytes {
            return Err(BucketError::TooLarge { object: object.to_owned(), size_bytes, limit_bytes });
        }
        let mut stream = found.into_stream();
        let mut content = BytesMut::new();
        while let Some(part) = stream.next().await {
            content.extend_from_slice(&part.map_err(fault(object))?);
            // The size is the storage's word, not a fact.
            if content.len() as u64 > size_bytes {
                break;
            }
        }
        check_size(object, size_bytes, content.len() as u64)?;
        self.inner.metrics.transferred(Operation::Get, size_bytes);
        Ok(content.freeze())
    }

    async fn look(&self, object: &str) -> Result<ObjectInfo, BucketError> {
        let meta = self.store().head(&self.path(object)?).await.map_err(fault(object))?;
        Ok(self.info(&meta))
    }

    fn info(&self, meta: &object_store::ObjectMeta) -> ObjectInfo {
        let full = meta.location.as_ref();
        let below = full.strip_prefix(self.inner.prefix.as_str()).unwrap_or(full);
        let name = below.trim_start_matches('/').to_owned();
        ObjectInfo { name, size_bytes: meta.size, modified_ms: meta.last_modified.timestamp_millis() }
    }

    /// Where an object lies in the store.
    pub(crate) fn path(&self, object: &str) -> Result<Path, BucketError> {
        let prefix = &self.inner.prefix;
        let full = if prefix.is_empty() { object.to_owned() } else { format!("{prefix}/{object}") };
        Path::parse(full.trim_end_matches('/')).map_err(|invalid| fault(object)(invalid.into()))
    }

    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.inner.store
    }

    pub(crate) fn writes(&self) -> &Writes {
        &self.inner.writes
    }

    pub(crate) fn uploaded(&self, size_bytes: u64) {
        self.inner.metrics.transferred(Operation::Upload, size_bytes);
        self.inner.metrics.uploaded(self.inner.clock.now_ms());
    }

    /// Runs an operation and counts it; an error that is `expected` is no failure.
    pub(crate) async fn counted<T>(
        &self,
        operation: Operation,
        expected: fn(&BucketError) -> bool,
        run: impl Future<Output = Result<T, BucketError>>,
    ) -> Result<T, BucketError> {
        let (metrics, began) = (&self.inner.metrics, Instant::now());
        metrics.begun(operation);
        let done = run.await;
        match &done {
            Ok(_) => metrics.done(operation, began.elapsed().as_secs_f64()),
            Err(error) if expected(error) => {}
            Err(_) => metrics.failed(operation),
        }
        done
    }
}

impl ReadCost {
    /// Objects behind a network. A request takes as much CPU as 64 KiB of an answer, and a round trip and a fee besides.
    pub const REMOTE: Self = Self { gap_bytes: 128 << 10, parts_at_once: 1 };

    /// Files. A visit to the thread that reads takes 17 us of CPU, each of its parts 0.6, and so do 8 KiB.
    pub const FILES: Self = Self { gap_bytes: 8 << 10, parts_at_once: 32 };
}

impl BucketError {
    /// The object is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    fn is_there_already(&self) -> bool {
        let Self::Storage { source, .. } = self else { return false };
        matches!(**source, object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })
    }
}

/// For `map_err`: what the storage says of `object`.
pub(crate) fn fault(object: &str) -> impl Fn(object_store::Error) -> BucketError {
    let object = object.to_owned();
    move |source| match source {
        object_store::Error::NotFound { .. } => BucketError::NotFound { object: object.clone() },
        source => BucketError::Storage { object: object.clone(), source: Box::new(source) },
    }
}

pub(crate) fn check_size(object: &str, want_bytes: u64, got_bytes: u64) -> Result<(), BucketError> {
    if want_bytes == got_bytes {
        return Ok(());
    }
    Err(BucketError::Size { object: object.to_owned(), want_bytes, got_bytes })
}

#[cfg(test)]
mod tests;
