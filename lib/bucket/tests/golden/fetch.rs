//! `bucket/{before,after}`: a bucket that Thanos wrote, and the blocks that count in it.

use bucket::{Config, FetchOptions, Fetcher, FetcherMetrics, Metrics};
use model::{Clock, SystemClock, TimeRange};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use testkit::golden;
use tsdb::fs::{Fs, StdFs};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to)
        } else {
            drop(std::fs::copy(entry.path(), to))
        }
    }
}

/// The recorded blocks that nobody marked, and those that are marked.
fn recorded(path: &Path) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut blocks = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        if entry.path().join("meta.json").exists() {
            let is_marked = entry.path().join("deletion-mark.json").exists();
            let of = if is_marked { &mut blocks.1 } else { &mut blocks.0 };
            of.insert(entry.file_name().into_string().unwrap());
        }
    }
    blocks
}

#[tokio::test]
async fn the_blocks_of_a_bucket_are_found() {
    for name in ["before", "after"] {
        let Some(path) = golden("bucket::the_blocks_of_a_bucket_are_found", &format!("bucket/{name}")) else { return };
        let dir = tempfile::tempdir().unwrap();
        copy(&path, dir.path());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let bucket = bucket::open(&Config::filesystem(dir.path().to_owned()), &Metrics::default(), Arc::clone(&clock));
        let options = FetchOptions { cache_dir: Some(dir.path().join("cache")), ..FetchOptions::default() };
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let fetcher = Fetcher::new(bucket.unwrap(), options, fs, clock, FetcherMetrics::default());
        let within = TimeRange::new(i64::MIN, i64::MAX).unwrap();
        let found = fetcher.fetch(within).await.unwrap();
        let (plain, marked) = recorded(&path);
        // The marks are older than a day by now; what was compacted away is also covered by what took its place.
        let names: BTreeSet<String> = found.blocks.keys().map(ToString::to_string).collect();
        assert_eq!(names, plain, "{name}");
        let names: BTreeSet<String> = found.marked.keys().map(ToString::to_string).collect();
        assert_eq!(names, marked, "{name}");
        assert_eq!(found.partial.len(), 1, "{:?}", found.partial);
        assert!(found.corrupted.is_empty() && found.failed.is_empty(), "{found:?}");
        for (id, meta) in &found.blocks {
            let text = std::fs::read_to_string(path.join(id.to_string()).join("meta.json")).unwrap();
            assert_eq!(String::from_utf8(meta.encode()).unwrap(), text, "{name} {id}");
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["minTime"].as_i64(), Some(meta.min_ms));
        }
    }
}
