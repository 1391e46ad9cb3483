//! StoreAPI over sockets: the server and the channel that programs use.

#![allow(clippy::unwrap_used, reason = "test code")]

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use model::{Labels, Matcher, TimeRange};
use service::{ClientMetrics, ClientOptions, Compression, Descriptors, GrpcChannel, GrpcLimits, GrpcServer, Stop};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use storeapi::grpc::{InfoServer, RemoteOptions, RemoteStore, StoreServer, fetch_info};
use storeapi::{Component, LocalStore, SeriesBatch, SeriesFrame, SeriesRequest, SourceGroup, SourceProvider, Store};
use telemetry::Registry;
use tonic::service::Routes;
use tsdb::{Chunk, ChunkSeriesBatch, Encoding, SeriesCursor, SeriesSource, SourceError};

const SERIES: usize = 2000;
const CHUNK_BYTES: usize = 10_000;

/// Many series of a large chunk each, and how many of them were read.
#[derive(Debug, Clone)]
struct Large {
    /// What chunks are cut from: nothing that a coding could make smaller.
    noise: Bytes,
    read: Arc<AtomicUsize>,
}

impl Large {
    fn new() -> Self {
        let mut state = 1_u64;
        let noise = (0..1 << 20).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        Self { noise: noise.collect(), read: Arc::default() }
    }
}

struct Cursor(Large, usize);

impl SeriesSource for Large {
    fn time_range(&self) -> Option<TimeRange> {
        TimeRange::new(1, 9)
    }

    fn select(&self, _: &[Matcher], _: TimeRange) -> Result<Box<dyn SeriesCursor>, SourceError> {
        Ok(Box::new(Cursor(self.clone(), 0)))
    }

    fn label_names(&self, _: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(Vec::new())
    }

    fn label_values(&self, _: &[u8], _: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError> {
        Ok(Vec::new())
    }
}

impl SeriesCursor for Cursor {
    fn next_batch(&mut self, max: usize, _: bool, batch: &mut ChunkSeriesBatch) -> Result<(), SourceError> {
        batch.clear();
        for at in (self.1..SERIES).take(max) {
            let labels = Labels::from_pairs([("a", format!("{at:05}"))]).unwrap();
            let start = at * 7919 % (self.0.noise.len() - CHUNK_BYTES);
            let data = self.0.noise.slice(start..start + CHUNK_BYTES);
            batch.push(labels.as_ref(), [Chunk::raw(1, 9, Encoding::Xor, data)]);
        }
        self.1 += batch.len();
        self.0.read.fetch_add(batch.len(), Ordering::Relaxed);
        Ok(())
    }
}

impl SourceProvider for Large {
    fn groups(&self, _: TimeRange) -> Vec<SourceGroup> {
        vec![SourceGroup { external: Labels::empty(), sources: vec![Arc::new(self.clone())] }]
    }
}

/// Serves `source`; stops when the guard is dropped.
async fn serve(source: &Large) -> (String, tokio_util::sync::DropGuard) {
    let store: Arc<dyn Store> = Arc::new(LocalStore::new("large", Component::Store, Arc::new(source.clone())));
    let routes = Routes::new(StoreServer::service(Arc::clone(&store))).add_service(InfoServer::service(store));
    let registry = Registry::default();
    let server = GrpcServer::bind("127.0.0.1:0", GrpcLimits::default(), &registry).await.unwrap();
    let (address, stop) = (server.address().to_string(), Stop::new());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(server.serve(routes, stop.clone()));
    tasks.detach_all();
    (address, stop.drop_guard())
}

async fn remote(address: &str, compression: Compression) -> RemoteStore<GrpcChannel> {
    let descriptors = Descriptors::parse(proto::grpc::DESCRIPTORS).unwrap();
    let metrics = ClientMetrics::new(&Registry::default(), &descriptors);
    let options = ClientOptions { compression, ..ClientOptions::default() };
    let channel = GrpcChannel::new(address, &options, &metrics).unwrap();
    let info = fetch_info(address, channel.clone()).await.unwrap();
    assert_eq!((info.component, info.time_range), (Component::Store, TimeRange::new(1, 9)));
    RemoteStore::new(info, channel, RemoteOptions::default())
}

fn series(store: &dyn Store) -> BoxStream<'static, usize> {
    let frames = store.series(SeriesRequest::new([], TimeRange::ALL)).map(|frame| match frame.unwrap() {
        SeriesFrame::Series(SeriesBatch::Chunks(batch)) => batch.len(),
        other => panic!("{other:?}"),
    });
    frames.boxed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_pass_in_order_compressed_or_not() {
    let source = Large::new();
    let (address, _stop) = serve(&source).await;
    for compression in [Compression::None, Compression::Snappy] {
        let store = remote(&address, compression).await;
        let frames: Vec<_> = store.series(SeriesRequest::new([], TimeRange::ALL)).try_collect().await.unwrap();
        let mut next = 0;
        for frame in frames {
            let SeriesFrame::Series(SeriesBatch::Chunks(batch)) = frame else { panic!("{frame:?}") };
            for (labels, chunks) in batch.iter() {
                assert_eq!(labels.get(b"a"), Some(format!("{next:05}").as_bytes()));
                assert_eq!(chunks[0].data.len(), CHUNK_BYTES);
                next += 1;
            }
        }
        assert_eq!(next, SERIES);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_stops_the_walk_and_one_that_leaves_ends_it() {
    let source = Large::new();
    let (address, _stop) = serve(&source).await;
    let store = remote(&address, Compression::None).await;
    let mut answer = series(&store);
    assert!(answer.next().await.is_some());
    let walking = Arc::strong_count(&source.read);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let read = source.read.load(Ordering::Relaxed);
    // The connection takes some MiB ahead, of the 20 there are.
    assert!(read < SERIES / 2, "{read}");
    drop(answer);
    let started = Instant::now();
    while Arc::strong_count(&source.read) >= walking {
        assert!(started.elapsed() < Duration::from_secs(5), "the walk goes on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(source.read.load(Ordering::Relaxed) < SERIES / 2 + 400);
}
