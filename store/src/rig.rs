//! For tests: blocks in a bucket in memory that can be told to fail.

use crate::header_files::HeaderFiles;
use bucket::Bucket;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use model::{Labels, ManualClock};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use telemetry::{Format, Registry};
use tsdb::block::{BlockSpec, BlockWriter, Compaction, Downsample, Meta, Thanos};
use tsdb::chunk::xor::XorState;
use tsdb::fs::StdFs;
use tsdb::{Chunk, Encoding};
use ulid::Ulid;

/// What a read of an object is to do instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Fails at once.
    Error,
    /// Never answers.
    Hangs,
}

/// An object store in memory.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    inner: InMemory,
    /// Of reads of objects whose names end so, and after how many of them.
    failing: Mutex<Option<(String, usize, Failure)>>,
    gets: Mutex<Vec<String>>,
    lists_fail: AtomicBool,
}

/// A sample of a series: milliseconds and value.
pub(crate) type Sample = (i64, f64);

/// Series by labels, each with its chunks.
pub(crate) type Series = BTreeMap<Labels, Vec<Vec<Sample>>>;

/// A bucket and what is behind it.
#[derive(Debug, Clone)]
pub(crate) struct Rig {
    pub(crate) objects: Arc<Objects>,
    pub(crate) bucket: Bucket,
    pub(crate) registry: Registry,
    /// Where headers are kept.
    pub(crate) disk: Arc<tempfile::TempDir>,
    /// Of chunk files.
    pub(crate) max_segment_bytes: u64,
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

pub(crate) fn id(number: u128) -> Ulid {
    Ulid(1 << 80 | number)
}

/// `count` series called `name`, told apart by a label `i`, each with `chunks` chunks of `samples` samples, one a second.
pub(crate) fn many(name: &str, count: usize, chunks: usize, samples: usize) -> Series {
    let series = (0..count).map(|number| {
        let sample = |at: usize| (at as i64 * 1_000, ((at * 7_919 + number * 31) as f64).sqrt());
        let chunk = |chunk: usize| (chunk * samples..(chunk + 1) * samples).map(sample).collect();
        let labels = labels(&[("__name__", name), ("i", &format!("{number:06}")), ("job", "rig")]);
        (labels, (0..chunks).map(chunk).collect())
    });
    series.collect()
}

pub(crate) fn chunk(samples: &[Sample]) -> Chunk {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    samples.iter().for_each(|&(timestamp_ms, value)| state.append(timestamp_ms, value, &mut words));
    let (first, last) = (samples.first().unwrap(), samples.last().unwrap());
    Chunk::raw(first.0, last.0, Encoding::Xor, state.finish(&words))
}

impl Rig {
    pub(crate) fn new() -> Self {
        let (objects, registry) = (Arc::new(Objects::default()), Registry::default());
        let store: Arc<dyn ObjectStore> = Arc::<Objects>::clone(&objects);
        let metrics = bucket::Metrics::register(&registry);
        let bucket = Bucket::over(store, "rig", "", &metrics, Arc::new(ManualClock::at(0)));
        let disk = Arc::new(tempfile::tempdir().unwrap());
        Self { objects, bucket, registry, disk, max_segment_bytes: 40_000 }
    }

    pub(crate) fn headers(&self) -> HeaderFiles {
        HeaderFiles::new(Arc::new(StdFs), self.disk.path().to_owned(), 64 << 20)
    }

    /// Reads the meta of a block.
    pub(crate) async fn meta(&self, block: Ulid) -> Meta {
        let path = PathBuf::from(format!("{block}/meta.json"));
        Meta::decode(&self.get(path.to_str().unwrap()).await, &path).unwrap()
    }

    /// Writes a block.
    pub(crate) async fn write(&self, block: Ulid, external: &[(&str, &str)], series: &Series) {
        self.write_made_of(block, external, series, &[]).await;
    }

    /// Writes a block that stands in place of others.
    pub(crate) async fn write_made_of(
        &self,
        block: Ulid,
        external: &[(&str, &str)],
        series: &Series,
        sources: &[Ulid],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let times = || series.values().flatten().flatten().map(|sample| sample.0);
        let mut spec = BlockSpec::new(block, times().min().unwrap(), times().max().unwrap() + 1);
        let labels = external.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        spec.thanos = Some(Thanos { labels, downsample: Downsample::default(), ..Thanos::default() });
        spec.max_segment_bytes = self.max_segment_bytes;
        if !sources.is_empty() {
            spec.compaction = Compaction { level: 2, sources: sources.to_vec(), ..Compaction::default() };
        }
        let mut writer = BlockWriter::create(&StdFs, dir.path(), spec).unwrap();
        for (labels, chunks) in series {
            let chunks: Vec<Chunk> = chunks.iter().map(|samples| chunk(samples)).collect();
            writer.add(labels.as_ref(), &chunks).unwrap();
        }
        writer.finish().unwrap();
        self.copy(&dir.path().join(block.to_string()), &block.to_string()).await;
    }

    /// Copies a directory into the bucket.
    pub(crate) async fn copy(&self, from: &std::path::Path, to: &str) {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{to}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                Box::pin(self.copy(&entry.path(), &name)).await;
            } else {
                self.put(&name, std::fs::read(entry.path()).unwrap()).await;
            }
        }
    }

    pub(crate) async fn get(&self, object: &str) -> Vec<u8> {
        self.objects.inner.get(&Path::from(object)).await.unwrap().bytes().await.unwrap().to_vec()
    }

    pub(crate) async fn put(&self, object: &str, content: Vec<u8>) {
        self.objects.inner.put(&Path::from(object), Bytes::from(content).into()).await.unwrap();
    }

    /// Reads of objects whose names end in `suffix` fail, after `after` of them.
    pub(crate) fn fail(&self, suffix: &str, after: usize, failure: Failure) {
        *self.objects.failing.lock() = Some((suffix.to_owned(), after, failure));
    }

    /// Whether listing fails.
    pub(crate) fn fail_lists(&self, fails: bool) {
        self.objects.lists_fail.store(fails, Ordering::Relaxed);
    }

    /// Removes all files of a block.
    pub(crate) async fn remove(&self, block: Ulid) {
        for file in self.bucket.files(block).await.unwrap() {
            self.objects.inner.delete(&Path::from(file.name)).await.unwrap();
        }
    }

    pub(crate) fn mend(&self) {
        *self.objects.failing.lock() = None;
    }

    /// The value of a metric, which begins its line so.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let text = String::from_utf8(self.registry.encode(Format::negotiate("")).unwrap()).unwrap();
        let found = text.lines().find_map(|found| found.strip_prefix(line));
        found.unwrap_or_else(|| panic!("no {line} in\n{text}")).trim().parse().unwrap()
    }

    /// The objects read since the last look, in order.
    pub(crate) fn taken_gets(&self) -> Vec<String> {
        std::mem::take(&mut self.objects.gets.lock())
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("objects of a test")
    }
}

impl ObjectStore for Objects {
    fn put_opts<'a, 'b, 'f>(
        &'a self,
        location: &'b Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> BoxFuture<'f, Result<PutResult>>
    where
        'a: 'f,
        'b: 'f,
    {
        self.inner.put_opts(location, payload, options)
    }

    fn put_multipart_opts<'a, 'b, 'f>(
        &'a self,
        location: &'b Path,
        options: PutMultipartOptions,
    ) -> BoxFuture<'f, Result<Box<dyn MultipartUpload>>>
    where
        'a: 'f,
        'b: 'f,
    {
        self.inner.put_multipart_opts(location, options)
    }

    fn get_opts<'a, 'b, 'f>(&'a self, location: &'b Path, options: GetOptions) -> BoxFuture<'f, Result<GetResult>>
    where
        'a: 'f,
        'b: 'f,
    {
        self.gets.lock().push(location.to_string());
        let mut failing = self.failing.lock();
        let failure = failing.as_mut().filter(|(suffix, ..)| location.as_ref().ends_with(&**suffix));
        let failure = failure.and_then(|(_, after, failure)| match after.checked_sub(1) {
            Some(left) => {
                *after = left;
                None
            }
            None => Some(*failure),
        });
        match failure {
            Some(Failure::Hangs) => std::future::pending().boxed(),
            Some(Failure::Error) => {
                let error = object_store::Error::Generic { store: "rig", source: "told to fail".into() };
                std::future::ready(Err(error)).boxed()
            }
            None => self.inner.get_opts(location, options),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.lists_fail.load(Ordering::Relaxed) {
            let error = object_store::Error::Generic { store: "rig", source: "told to fail".into() };
            return futures::stream::iter([Err(error)]).boxed();
        }
        self.inner.list(prefix).boxed()
    }

    fn list_with_delimiter<'a, 'b, 'f>(&'a self, prefix: Option<&'b Path>) -> BoxFuture<'f, Result<ListResult>>
    where
        'a: 'f,
        'b: 'f,
    {
        self.inner.list_with_delimiter(prefix)
    }

    fn copy_opts<'a, 'b, 'c, 'f>(
        &'a self,
        from: &'b Path,
        to: &'c Path,
        options: CopyOptions,
    ) -> BoxFuture<'f, Result<()>>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
    {
        self.inner.copy_opts(from, to, options)
    }
}
