use crate::bucket::{Bucket, Writes};
use crate::faulty::{Faulty, Wrong};
use crate::metrics::Metrics;
use model::SystemClock;
use object_store::Attributes;
use object_store::memory::InMemory;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::fs::Fs;

fn bucket(part_bytes: u64) -> Bucket {
    let bucket = Bucket::over(Arc::new(InMemory::new()), "b", "p", &Metrics::default(), Arc::new(SystemClock));
    bucket.with_writes(Writes { part_bytes, attributes: Attributes::default() })
}

#[tokio::test]
async fn files_arrive_whole_at_any_size_of_parts() {
    let sim = SimFs::new();
    let content: Vec<u8> = (0..2_500_000_u32).map(|at| (at % 251) as u8).collect();
    sim.plant(Path::new("/f"), &content).unwrap();
    sim.plant(Path::new("/empty"), b"").unwrap();
    let fs: Arc<dyn Fs> = Arc::new(sim);
    for part_bytes in [100_000, 1 << 20, 2_500_000, 1 << 30] {
        let bucket = bucket(part_bytes);
        assert_eq!(bucket.upload_file(&fs, Path::new("/f"), "o").await.unwrap(), 2_500_000);
        assert!(bucket.get("o", u64::MAX).await.unwrap() == content, "{part_bytes}");
        assert_eq!(bucket.upload_file(&fs, Path::new("/empty"), "e").await.unwrap(), 0);
        assert!(bucket.exists("e").await.unwrap());
    }
}

#[tokio::test]
async fn what_is_not_all_there_is_not_uploaded() {
    let store = Faulty::default();
    let bucket = Bucket::over(Arc::new(store.clone()), "b", "p", &Metrics::default(), Arc::new(SystemClock));
    let sim = SimFs::new();
    sim.plant(Path::new("/f"), b"content").unwrap();
    let fs: Arc<dyn Fs> = Arc::new(sim);
    for (wrong, want) in [(Wrong::KeepsHalf, "3 bytes instead of 7"), (Wrong::IsDoneAndFails, "goes wrong")] {
        store.go_wrong(0..1, wrong);
        let error = bucket.upload_file(&fs, Path::new("/f"), "o").await.unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let fs: Arc<dyn Fs> = Arc::new(SimFs::new());
    let error = bucket(1).upload_file(&fs, Path::new("/f"), "o").await.unwrap_err();
    assert!(error.to_string().contains("/f"), "{error}");
}
