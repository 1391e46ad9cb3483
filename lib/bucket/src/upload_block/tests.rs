use super::{HashFunction, is_uploaded, list_block_files, upload_block};
use crate::bucket::Bucket;
use crate::faulty::{Faulty, Wrong};
use crate::metrics::Metrics;
use model::SystemClock;
use std::path::Path;
use std::sync::Arc;
use testkit::SimFs;
use tsdb::block::{Meta, Thanos};
use tsdb::fs::Fs;
use ulid::Ulid;

const BLOCK: Ulid = Ulid(7);

struct World {
    store: Faulty,
    bucket: Bucket,
    fs: Arc<dyn Fs>,
    meta: Meta,
}

impl World {
    /// A block of three files; what is in them is nobody's business here.
    fn new() -> Self {
        let store = Faulty::default();
        let bucket = Bucket::over(Arc::new(store.clone()), "b", "p", &Metrics::default(), Arc::new(SystemClock));
        let sim = SimFs::new();
        let dir = dir();
        sim.create_dir_all(&dir.join("chunks")).unwrap();
        for (name, content) in [("chunks/000001", "first"), ("chunks/000002", "second"), ("index", "the index")] {
            sim.plant(&dir.join(name), content.as_bytes()).unwrap();
        }
        let text = format!(r#"{{"ulid":"{BLOCK}","minTime":0,"maxTime":1,"version":1}}"#);
        let mut meta = Meta::decode(text.as_bytes(), &dir.join("meta.json")).unwrap();
        let files = list_block_files(&sim, &dir, HashFunction::None).unwrap();
        meta.thanos = Some(Thanos { files, ..Thanos::default() });
        Self { store, bucket, fs: Arc::new(sim), meta }
    }

    async fn upload(&self) -> bool {
        upload_block(&self.bucket, &self.fs, &dir(), &self.meta).await.is_ok()
    }

    async fn is_uploaded(&self) -> bool {
        is_uploaded(&self.bucket, BLOCK, &self.meta.thanos.as_ref().unwrap().files).await.unwrap()
    }

    async fn is_visible(&self) -> bool {
        self.bucket.exists(&format!("{BLOCK}/meta.json")).await.unwrap()
    }
}

fn dir() -> std::path::PathBuf {
    Path::new("/data").join(BLOCK.to_string())
}

#[tokio::test]
async fn the_meta_goes_last() {
    let world = World::new();
    world.store.heal();
    assert!(world.upload().await);
    let names = ["chunks/000001", "chunks/000002", "index", "meta.json"];
    assert_eq!(world.store.puts(), names.map(|name| format!("p/{BLOCK}/{name}")));
    assert!(world.is_uploaded().await);
}

/// Whatever goes wrong at whatever step: a block that is visible is whole, an upload that is said to be done is, and another
/// try ends well.
#[tokio::test]
async fn no_step_that_goes_wrong_leaves_a_visible_part() {
    let world = World::new();
    world.store.heal();
    assert!(world.upload().await);
    let operations = world.store.operations();
    let mut failed = 0;
    for wrong in [Wrong::Fails, Wrong::IsDoneAndFails, Wrong::KeepsHalf] {
        for at in 0..operations {
            for times in [1, u64::MAX - at] {
                let world = World::new();
                world.store.go_wrong(at..at + times, wrong);
                let is_done = world.upload().await;
                world.store.heal();
                failed += usize::from(!is_done);
                let case = format!("{wrong:?} at {at} for {times}");
                // Half a meta is visible, but it is no meta, and nobody was told that it is done.
                assert!(!is_done || world.is_uploaded().await, "{case}");
                if world.is_visible().await && wrong != Wrong::KeepsHalf {
                    assert!(world.is_uploaded().await, "{case}");
                }
                assert!(world.upload().await && world.is_uploaded().await, "{case}");
            }
        }
    }
    assert!(failed > 20, "{failed}");
}

#[tokio::test]
async fn a_write_of_the_meta_that_fails_and_was_done_is_done() {
    let world = World::new();
    world.store.heal();
    assert!(world.upload().await);
    // The last two operations write the meta and read it.
    let put = world.store.operations() - 2;
    let world = World::new();
    world.store.go_wrong(put..put + 1, Wrong::IsDoneAndFails);
    assert!(world.upload().await);
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_listed_is_not_shipped() {
    let mut world = World::new();
    world.meta.thanos.as_mut().unwrap().files[0].size_bytes += 1;
    assert!(!world.upload().await);
    assert!(!world.is_visible().await);
}
