use super::{FetchOptions, Fetched, Fetcher, FetcherMetrics};
use crate::bucket::Bucket;
use crate::deleter::Deleter;
use crate::marks::DeletionMark;
use crate::metrics::Metrics;
use model::{Clock, ManualClock, TimeRange};
use object_store::memory::InMemory;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use telemetry::{Format, Registry};
use testkit::SimFs;
use tsdb::block::{Compaction, Meta, Stats, Thanos, UploadTime};
use tsdb::fs::Fs;
use ulid::Ulid;

const HOUR_MS: i64 = 3_600_000;

struct World {
    bucket: Bucket,
    sim: SimFs,
    clock: Arc<ManualClock>,
    registry: Registry,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(1000 * HOUR_MS));
        let handed = Arc::clone(&clock) as Arc<dyn Clock>;
        let registry = Registry::default();
        let metrics = Metrics::register(&registry);
        let bucket = Bucket::over(Arc::new(InMemory::new()), "b", "p", &metrics, handed);
        Self { bucket, sim: SimFs::new(), clock, registry }
    }

    fn fetcher(&self) -> Fetcher {
        let options = FetchOptions {
            cache_dir: Some(PathBuf::from("/store")),
            consistency_delay: Duration::from_secs(1800),
            ..FetchOptions::default()
        };
        let fs: Arc<dyn Fs> = Arc::new(self.sim.clone());
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Fetcher::new(self.bucket.clone(), options, fs, clock, FetcherMetrics::register(&self.registry))
    }

    /// A block of one hour, uploaded now.
    async fn upload(&self, id: u128, sources: &[u128]) -> Ulid {
        let ulid = Ulid(id);
        let thanos = Thanos {
            labels: [("a".to_owned(), "b".to_owned())].into(),
            source: "receive".to_owned(),
            upload_time: UploadTime::at_ms(self.clock.now_ms()),
            ..Thanos::default()
        };
        let sources = sources.iter().map(|source| Ulid(*source)).collect();
        let meta = Meta {
            ulid,
            min_ms: 0,
            max_ms: HOUR_MS,
            stats: Stats::default(),
            compaction: Compaction { level: 1, sources, ..Compaction::default() },
            version: 1,
            thanos: Some(thanos),
            other: serde_json::Map::new(),
        };
        self.bucket.put(&format!("{ulid}/index"), "x".into()).await.unwrap();
        self.bucket.put(&format!("{ulid}/meta.json"), meta.encode().into()).await.unwrap();
        ulid
    }

    fn gets(&self) -> f64 {
        self.metric("thanos_objstore_bucket_operations_total{bucket=\"b\",operation=\"get\"}")
    }

    fn metric(&self, line: &str) -> f64 {
        let text = String::from_utf8(self.registry.encode(Format::negotiate("")).unwrap()).unwrap();
        let found = text.lines().find_map(|found| found.strip_prefix(line));
        found.unwrap_or_else(|| panic!("no {line} in\n{text}")).trim().parse().unwrap()
    }
}

async fn fetch(fetcher: &Fetcher) -> Fetched {
    fetcher.fetch(TimeRange::new(i64::MIN, i64::MAX).unwrap()).await.unwrap()
}

fn names(found: &Fetched) -> Vec<u128> {
    found.blocks.keys().map(|ulid| ulid.0).collect()
}

#[tokio::test]
async fn blocks_wait_count_and_go() {
    let world = World::new();
    let fetcher = world.fetcher();
    let first = world.upload(1, &[1]).await;
    assert_eq!(names(&fetch(&fetcher).await), []);
    assert_eq!(world.metric("thanos_blocks_meta_synced{state=\"too-fresh\"}"), 1.0);
    world.clock.set(world.clock.now_ms() + HOUR_MS);
    assert_eq!(names(&fetch(&fetcher).await), [1]);
    // A mark is seen at once, and heeded when a day has passed.
    world.bucket.put_mark(&DeletionMark::new(first, world.clock.now_ms(), String::new())).await.unwrap();
    let found = fetch(&fetcher).await;
    assert_eq!((names(&found), found.marked.len()), (vec![1], 1));
    world.clock.set(world.clock.now_ms() + 24 * HOUR_MS + 1000);
    assert_eq!(names(&fetch(&fetcher).await), []);
    assert_eq!(world.metric("thanos_blocks_meta_synced{state=\"marked-for-deletion\"}"), 1.0);
    // Deleted half: no meta.json is no block.
    Deleter::new(world.bucket.clone()).delete(&format!("{first}/meta.json")).await.unwrap();
    let found = fetch(&fetcher).await;
    assert_eq!((names(&found), found.partial), (vec![], vec![first]));
}

#[tokio::test]
async fn a_compacted_block_stands_for_its_sources() {
    let world = World::new();
    let fetcher = world.fetcher();
    for (id, sources) in [(1, vec![1]), (2, vec![2]), (3, vec![1, 2]), (4, vec![4])] {
        world.upload(id, &sources).await;
    }
    world.clock.set(world.clock.now_ms() + HOUR_MS);
    assert_eq!(names(&fetch(&fetcher).await), [3, 4]);
    assert_eq!(world.metric("thanos_blocks_meta_synced{state=\"duplicate\"}"), 2.0);
}

#[tokio::test]
async fn metas_are_read_once_even_by_two_processes() {
    let world = World::new();
    for id in 1..=3 {
        world.upload(id, &[id]).await;
    }
    world.clock.set(world.clock.now_ms() + HOUR_MS);
    let fetcher = world.fetcher();
    assert_eq!(names(&fetch(&fetcher).await), [1, 2, 3]);
    assert_eq!(names(&fetch(&fetcher).await), [1, 2, 3]);
    assert_eq!(world.gets(), 3.0);
    let cached = Path::new("/store/meta-syncer").join(Ulid(2).to_string()).join("meta.json");
    assert_eq!(
        world.sim.read(&cached).unwrap(),
        world.bucket.get(&format!("{}/meta.json", Ulid(2)), 10_000).await.unwrap()
    );
    assert_eq!(world.gets(), 4.0);
    // Another process finds them on disk; what is damaged there is read anew.
    world.sim.plant(&cached, b"{").unwrap();
    let fetcher = world.fetcher();
    assert_eq!(names(&fetch(&fetcher).await), [1, 2, 3]);
    assert_eq!(world.gets(), 5.0);
    // What is gone from the bucket goes from the disk.
    Deleter::new(world.bucket.clone()).delete_block(Ulid(2)).await.unwrap();
    assert_eq!(names(&fetch(&fetcher).await), [1, 3]);
    assert!(world.sim.read(&cached).is_err());
}

#[tokio::test]
async fn one_bad_meta_or_mark_hides_no_other_block() {
    let world = World::new();
    let fetcher = world.fetcher();
    for id in 1..=3 {
        world.upload(id, &[id]).await;
    }
    for (id, content) in [(4, "{"), (5, "{\"version\":9}"), (6, "")] {
        world.bucket.put(&format!("{}/meta.json", Ulid(id)), content.into()).await.unwrap();
    }
    world.bucket.put(&format!("{}/deletion-mark.json", Ulid(1)), "{\"version\":2}".into()).await.unwrap();
    world.clock.set(world.clock.now_ms() + HOUR_MS);
    let found = fetch(&fetcher).await;
    assert_eq!(names(&found), [1, 2, 3]);
    assert_eq!(found.corrupted, [Ulid(4), Ulid(5), Ulid(6)]);
    assert_eq!(world.metric("thanos_blocks_meta_synced{state=\"corrupted-meta-json\"}"), 3.0);
}

#[tokio::test]
async fn a_bucket_that_does_not_answer_is_an_error() {
    let world = World::new();
    let dir = tempfile::tempdir().unwrap();
    let config = crate::Config::parse(
        "{type: S3, config: {bucket: b, endpoint: '127.0.0.1:1', insecure: true, access_key: a, secret_key: s, max_retries: 1}}",
    );
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let bucket = crate::open(&config.unwrap(), &Metrics::default(), Arc::clone(&clock)).unwrap();
    let options = FetchOptions { cache_dir: Some(dir.path().to_owned()), ..FetchOptions::default() };
    let fs: Arc<dyn Fs> = Arc::new(world.sim.clone());
    let fetcher = Fetcher::new(bucket, options, fs, clock, FetcherMetrics::register(&world.registry));
    assert!(fetcher.fetch(TimeRange::new(0, 1).unwrap()).await.is_err());
    assert_eq!(world.metric("thanos_blocks_meta_sync_failures_total"), 1.0);
}
