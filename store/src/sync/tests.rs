use super::*;
use crate::budget::{Budget, BudgetLimits};
use crate::config::TimeBound;
use crate::gate::Gate;
use crate::limits::RequestLimits;
use crate::rig::{Failure, Rig, Series, id, labels};
use bucket::fetcher::{FetchOptions, FetcherMetrics};
use model::ManualClock;
use std::time::Duration;
use tokio::sync::Semaphore;
use tsdb::fs::StdFs;

const NOW_MS: i64 = 1_000_000;

fn syncer(rig: &Rig, lazy_headers: bool) -> Syncer {
    let metrics = Metrics::register(&rig.registry);
    let limits = BudgetLimits { total_bytes: 1 << 20, request_bytes: 1 << 19, wait: Duration::from_millis(100) };
    let parts = (Budget::new(limits), Gate::new(1, 1, metrics.clone()));
    let within = Within { min: TimeBound::FromNow(-NOW_MS), max: TimeBound::FromNow(0) };
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW_MS));
    let time = (within, Arc::clone(&clock));
    let store = BucketStore::new("rig", time, RequestLimits::default(), parts, metrics.clone());
    let options = FetchOptions { cache_dir: Some(rig.disk.path().to_owned()), ..FetchOptions::default() };
    let fetched = FetcherMetrics::register(&rig.registry);
    let fetcher = Fetcher::new(rig.bucket.clone(), options, Arc::new(StdFs), Arc::clone(&clock), fetched);
    let gets = Arc::new(Semaphore::new(8));
    Syncer {
        fetcher,
        store,
        access: Access { bucket: rig.bucket.clone(), gets, timeout: Duration::from_millis(200) },
        headers: Arc::new(rig.headers()),
        within,
        concurrency: NonZeroUsize::MIN.saturating_add(3),
        lazy_headers,
        clock,
        metrics,
    }
}

fn one(at_ms: i64) -> Series {
    [(labels(&[("__name__", "up")]), vec![vec![(at_ms, 1.0), (at_ms + 10, 2.0)]])].into_iter().collect()
}

/// The numbers of the blocks served.
fn served(syncer: &Syncer) -> Vec<u128> {
    let mut numbers: Vec<u128> = syncer.store.blocks().blocks().map(|block| block.meta.ulid.0 - id(0).0).collect();
    numbers.sort_unstable();
    numbers
}

/// The numbers of the blocks of which a header is kept.
fn kept(rig: &Rig) -> Vec<u128> {
    let entries = std::fs::read_dir(rig.disk.path()).unwrap().map(|entry| entry.unwrap());
    let with_header = entries.filter(|entry| entry.path().join("index-header").exists());
    let block = |entry: std::fs::DirEntry| Ulid::from_string(entry.file_name().to_str().unwrap()).unwrap();
    let mut numbers: Vec<u128> = with_header.map(|entry| block(entry).0 - id(0).0).collect();
    numbers.sort_unstable();
    numbers
}

fn metric(rig: &Rig, name: &str) -> f64 {
    rig.metric(&format!("thanos_bucket_store_{name} "))
}

async fn rig() -> Rig {
    let rig = Rig::new();
    for number in 1..=3 {
        rig.write(id(number), &[("r", "1")], &one(number as i64 * 1_000)).await;
    }
    rig
}

#[tokio::test]
async fn blocks_come_with_their_headers_and_go_with_them() {
    let rig = rig().await;
    let syncer = syncer(&rig, false);
    syncer.sync().await.unwrap();
    assert_eq!((served(&syncer), kept(&rig)), (vec![1, 2, 3], vec![1, 2, 3]));
    assert_eq!((metric(&rig, "blocks_loaded"), metric(&rig, "block_loads_total")), (3.0, 3.0));
    rig.remove(id(2)).await;
    rig.write(id(4), &[("r", "1")], &one(4_000)).await;
    // Outside of the time that is served.
    rig.write(id(5), &[("r", "1")], &one(NOW_MS + 1)).await;
    syncer.sync().await.unwrap();
    assert_eq!((served(&syncer), kept(&rig)), (vec![1, 3, 4], vec![1, 3, 4]));
    assert_eq!((metric(&rig, "block_loads_total"), metric(&rig, "block_drops_total")), (4.0, 1.0));
}

#[tokio::test]
async fn a_block_that_cannot_be_loaded_does_not_keep_others_away_and_is_tried_again() {
    let rig = rig().await;
    let syncer = syncer(&rig, false);
    let index = format!("{}/index", id(2));
    let good = rig.get(&index).await;
    rig.put(&index, vec![7; good.len()]).await;
    syncer.sync().await.unwrap();
    assert_eq!(served(&syncer), [1, 3]);
    assert_eq!(metric(&rig, "block_load_failures_total"), 1.0);
    rig.put(&index, good).await;
    syncer.sync().await.unwrap();
    assert_eq!(served(&syncer), [1, 2, 3]);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_listed_changes_nothing() {
    let rig = rig().await;
    let syncer = syncer(&rig, false);
    syncer.sync().await.unwrap();
    rig.fail_lists(true);
    syncer.sync().await.unwrap_err();
    assert_eq!((served(&syncer), kept(&rig)), (vec![1, 2, 3], vec![1, 2, 3]));
}

#[tokio::test]
async fn a_block_stays_while_what_replaces_it_cannot_be_loaded() {
    let rig = rig().await;
    let syncer = syncer(&rig, false);
    syncer.sync().await.unwrap();
    let mut both = one(1_000);
    both.values_mut().for_each(|chunks| chunks.push(vec![(2_000, 1.0), (2_010, 2.0)]));
    rig.write_made_of(id(9), &[("r", "1")], &both, &[id(1), id(2)]).await;
    rig.fail(&format!("{}/index", id(9)), 0, Failure::Error);
    syncer.sync().await.unwrap();
    assert_eq!(served(&syncer), [1, 2, 3]);
    rig.mend();
    syncer.sync().await.unwrap();
    assert_eq!((served(&syncer), kept(&rig)), (vec![3, 9], vec![3, 9]));
}

#[tokio::test]
async fn kept_headers_are_used_and_damaged_ones_built_anew() {
    let rig = rig().await;
    syncer(&rig, false).sync().await.unwrap();
    rig.taken_gets();
    let again = Rig { registry: telemetry::Registry::default(), ..rig.clone() };
    syncer(&again, false).sync().await.unwrap();
    assert_eq!(rig.taken_gets(), [] as [String; 0]);
    let path = rig.disk.path().join(format!("{}/index-header", id(3)));
    let good = std::fs::read(&path).unwrap();
    for bad in [good[..good.len() / 2].to_vec(), Vec::new(), vec![0; good.len()]] {
        std::fs::write(&path, bad).unwrap();
        let again = Rig { registry: telemetry::Registry::default(), ..rig.clone() };
        let syncer = syncer(&again, false);
        syncer.sync().await.unwrap();
        assert_eq!(served(&syncer), [1, 2, 3]);
        assert_eq!(std::fs::read(&path).unwrap(), good);
        assert!(rig.taken_gets().iter().all(|name| name.starts_with(&id(3).to_string())));
    }
}

#[tokio::test]
async fn lazy_headers_are_built_when_needed_and_leftovers_swept() {
    let rig = rig().await;
    let syncer = syncer(&rig, true);
    syncer.sync().await.unwrap();
    assert_eq!((served(&syncer), kept(&rig)), (vec![1, 2, 3], vec![]));
    let blocks = syncer.store.blocks();
    let block = blocks.blocks().next().unwrap();
    let (one, other) = tokio::join!(block.header(), block.header());
    assert!(Arc::ptr_eq(one.unwrap(), other.unwrap()));
    std::fs::create_dir(rig.disk.path().join(id(77).to_string())).unwrap();
    std::fs::create_dir(rig.disk.path().join("something-else")).unwrap();
    syncer.sweep().await;
    assert!(!rig.disk.path().join(id(77).to_string()).exists());
    assert!(rig.disk.path().join("something-else").exists() && rig.disk.path().join("meta-syncer").exists());
}
