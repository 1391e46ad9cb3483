use super::{ShipError, ShipOptions, ShipRules, Shipper, ShipperFile, ShipperMetrics};
use crate::bucket::Bucket;
use crate::deleter::Deleter;
use crate::faulty::{Faulty, Wrong};
use crate::metrics::Metrics;
use crate::upload_block::HashFunction;
use model::{Clock, Labels, ManualClock};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::{Loss, SimFs};
use tsdb::block::{BlockSpec, BlockWriter};
use tsdb::chunk::xor::XorState;
use tsdb::fs::Fs;
use tsdb::{Chunk, Encoding};
use ulid::Ulid;

const DIR: &str = "/data";

struct World {
    store: Faulty,
    sim: SimFs,
    clock: Arc<ManualClock>,
}

impl World {
    /// Blocks of two hours, one after another, from the last to the first.
    fn of(blocks: &[u128]) -> Self {
        let world = Self { store: Faulty::default(), sim: SimFs::new(), clock: Arc::new(ManualClock::at(1_000)) };
        for (hours, block) in (0_i64..).step_by(2).zip(blocks) {
            world.add(*block, hours, 1);
        }
        world
    }

    fn add(&self, block: u128, hour: i64, level: u32) {
        let (block, dir) = (Ulid(block), Path::new(DIR));
        self.sim.create_dir_all(dir).unwrap();
        self.sim.sync_dir(Path::new("/")).unwrap();
        let mut spec = BlockSpec::new(block, hour * 3_600_000, (hour + 2) * 3_600_000);
        spec.compaction.level = level;
        let (mut state, mut words) = (XorState::default(), Vec::new());
        state.append(spec.min_ms, 1.0, &mut words);
        let chunk = Chunk::raw(spec.min_ms, spec.min_ms, Encoding::Xor, state.finish(&words));
        let mut writer = BlockWriter::create(&self.sim, dir, spec).unwrap();
        writer.add(Labels::from_pairs([("__name__", "up")]).unwrap().as_ref(), &[chunk]).unwrap();
        writer.finish().unwrap().unwrap();
    }

    fn bucket(&self) -> Bucket {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Bucket::over(Arc::new(self.store.clone()), "b", "", &Metrics::default(), clock)
    }

    fn shipper(&self, rules: ShipRules) -> Shipper {
        self.counted(rules).0
    }

    fn counted(&self, rules: ShipRules) -> (Shipper, ShipperMetrics) {
        let options = ShipOptions {
            dir: PathBuf::from(DIR),
            labels: [("a".to_owned(), "b".to_owned())].into(),
            source: "receive",
            hash: HashFunction::None,
            rules,
            tenant: "t".to_owned(),
        };
        let (fs, clock) = (Arc::new(self.sim.clone()) as Arc<dyn Fs>, Arc::clone(&self.clock) as Arc<dyn Clock>);
        let metrics = ShipperMetrics::default();
        (Shipper::new(self.bucket(), fs, clock, options, &metrics), metrics)
    }

    async fn shipped(&self) -> Vec<u128> {
        let bucket = self.bucket();
        let mut shipped = Vec::new();
        for block in bucket.blocks().await.unwrap() {
            if bucket.exists(&format!("{block}/meta.json")).await.unwrap() {
                shipped.push(block.0);
            }
        }
        shipped
    }

    fn list(&self) -> Option<Vec<u128>> {
        let bytes = self.sim.read(&Path::new(DIR).join("thanos.shipper.json")).ok()?;
        Some(ShipperFile::decode(&bytes).unwrap().uploaded.unwrap().iter().map(|block| block.0).collect())
    }
}

#[tokio::test]
async fn each_block_goes_up_once() {
    let world = World::of(&[3, 1]);
    let shipper = world.shipper(ShipRules::default());
    assert_eq!(shipper.shipped(Ulid(1)), None);
    assert_eq!(shipper.sync().await.unwrap(), 2);
    assert_eq!((world.shipped().await, world.list()), (vec![1, 3], Some(vec![3, 1])));
    assert_eq!(shipper.shipped(Ulid(1)), Some(1_000));
    world.clock.set(2_000);
    world.add(2, 4, 1);
    assert_eq!(shipper.sync().await.unwrap(), 1);
    assert_eq!((shipper.shipped(Ulid(1)), shipper.shipped(Ulid(2))), (Some(1_000), Some(2_000)));
    // A block that was compacted away in the bucket does not go up again.
    Deleter::new(world.bucket()).delete_block(Ulid(1)).await.unwrap();
    assert_eq!(world.shipper(ShipRules::default()).sync().await.unwrap(), 0);
    assert_eq!(world.shipped().await, [2, 3]);
}

#[tokio::test]
async fn a_lost_list_costs_a_look_and_no_upload() {
    let world = World::of(&[1]);
    world.shipper(ShipRules::default()).sync().await.unwrap();
    world.sim.remove_file(&Path::new(DIR).join("thanos.shipper.json")).unwrap();
    world.store.heal();
    assert_eq!(world.shipper(ShipRules::default()).sync().await.unwrap(), 0);
    assert_eq!((world.store.puts(), world.list()), (vec![], Some(vec![1])));
    // A block of which a file is missing in the bucket goes up again.
    Deleter::new(world.bucket()).delete(&format!("{}/index", Ulid(1))).await.unwrap();
    world.sim.remove_file(&Path::new(DIR).join("thanos.shipper.json")).unwrap();
    assert_eq!(world.shipper(ShipRules::default()).sync().await.unwrap(), 1);
}

#[tokio::test]
async fn the_list_forgets_blocks_that_are_gone() {
    let world = World::of(&[1, 2]);
    let shipper = world.shipper(ShipRules::default());
    shipper.sync().await.unwrap();
    world.sim.remove_dir_all(&Path::new(DIR).join(Ulid(1).to_string())).unwrap();
    shipper.sync().await.unwrap();
    assert_eq!((world.list(), shipper.shipped(Ulid(1))), (Some(vec![2]), None));
}

#[tokio::test]
async fn nothing_is_written_when_nothing_is_new() {
    let world = World::of(&[1]);
    let shipper = world.shipper(ShipRules::default());
    shipper.sync().await.unwrap();
    world.sim.take_journal();
    shipper.sync().await.unwrap();
    assert_eq!(world.sim.take_journal(), ["Remove /data/thanos/upload"; 0]);
}

#[tokio::test]
async fn links_of_an_earlier_thanos_go() {
    let world = World::of(&[1]);
    let link = Path::new(DIR).join("thanos/upload").join(Ulid(9).to_string());
    world.sim.create_dir_all(&link).unwrap();
    world.shipper(ShipRules::default()).sync().await.unwrap();
    assert!(world.sim.read_dir(&link).is_err());
}

/// Wherever the process ends: what is listed is in the bucket, and the next process ships the rest.
#[tokio::test]
async fn a_crash_at_any_step_costs_nothing() {
    for loss in [Loss::All, Loss::Torn(1), Loss::Reordered(2)] {
        for steps in 0.. {
            let world = World::of(&[2, 1]);
            world.sim.stop_after(world.sim.steps() + steps);
            let first = world.shipper(ShipRules::default()).sync().await;
            let was_stopped = world.sim.is_stopped();
            let world = World { sim: world.sim.crash(loss), ..world };
            let listed: BTreeSet<u128> = world.list().unwrap_or_default().into_iter().collect();
            assert!(listed.is_subset(&world.shipped().await.into_iter().collect()), "{loss:?} {steps}: {listed:?}");
            world.shipper(ShipRules::default()).sync().await.unwrap();
            assert_eq!((world.shipped().await, world.list()), (vec![1, 2], Some(vec![2, 1])), "{loss:?} {steps}");
            if !was_stopped {
                assert!(first.is_ok() && steps > 3, "{steps}");
                break;
            }
        }
    }
}

/// Whatever the bucket does: a block that is called shipped is in it.
#[tokio::test]
async fn a_bucket_that_fails_at_any_step_costs_nothing() {
    for wrong in [Wrong::Fails, Wrong::IsDoneAndFails, Wrong::KeepsHalf] {
        for at in 0.. {
            let world = World::of(&[1, 2]);
            world.store.go_wrong(at..at + 1, wrong);
            let shipper = world.shipper(ShipRules::default());
            let synced = shipper.sync().await;
            let reached = world.store.operations() > at;
            world.store.heal();
            let shipped = world.shipped().await;
            for block in [1, 2] {
                assert!(shipper.shipped(Ulid(block)).is_none() || shipped.contains(&block), "{wrong:?} {at}");
            }
            assert!(synced.is_err() || shipped == [1, 2], "{wrong:?} {at}: {synced:?}");
            shipper.sync().await.unwrap();
            assert_eq!((world.shipped().await, world.list()), (vec![1, 2], Some(vec![1, 2])), "{wrong:?} {at}");
            if !reached {
                assert!(at > 10);
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_compacted_block_that_overlaps_is_refused() {
    let world = World::of(&[1]);
    world.shipper(ShipRules::default()).sync().await.unwrap();
    world.add(2, 1, 2);
    let rules = ShipRules { compacted: true, ..ShipRules::default() };
    let refused = world.shipper(rules).sync().await;
    assert!(matches!(refused, Err(ShipError::Overlap { block: Ulid(2), with: Ulid(1) })), "{refused:?}");
    assert_eq!(world.shipper(ShipRules { out_of_order: true, ..rules }).sync().await.unwrap(), 1);
}

#[tokio::test]
async fn out_of_order_the_others_go_up() {
    let world = World::of(&[1, 2]);
    world.sim.remove_file(&Path::new(DIR).join(Ulid(1).to_string()).join("index")).unwrap();
    assert!(world.shipper(ShipRules::default()).sync().await.is_err());
    assert_eq!(world.shipped().await, []);
    let rules = ShipRules { out_of_order: true, ..ShipRules::default() };
    let failed = world.shipper(rules).sync().await;
    assert!(matches!(failed, Err(ShipError::Failed { failed: 1, of: 2, .. })), "{failed:?}");
    assert_eq!(world.shipped().await, [2]);
}

#[tokio::test]
async fn a_damaged_block_is_told_and_the_others_go_up() {
    // A sample, the name of a label, an entry of a series.
    for (file, at) in [("chunks/000001", 12), ("index", 14), ("index", 33)] {
        let world = World::of(&[1, 2]);
        let path = Path::new(DIR).join(Ulid(1).to_string()).join(file);
        let flip = || world.sim.damage(&path, |bytes| bytes[at] ^= 1).unwrap();
        flip();
        let (shipper, metrics) = world.counted(ShipRules::default());
        for pass in 1..3 {
            let synced = shipper.sync().await;
            assert!(matches!(synced, Err(ShipError::PassedOver(1))), "{file} {at}: {synced:?}");
            assert_eq!((world.shipped().await, shipper.shipped(Ulid(1))), (vec![2], None), "{file} {at}");
            assert_eq!(metrics.of("t").corrupted_blocks.get(), pass);
        }
        // It is where it was; and if somebody mends it, it goes up.
        flip();
        assert!(shipper.sync().await.is_err(), "it is not read with each pass");
        world.clock.set(1_000 + 600_000);
        assert_eq!(shipper.sync().await.unwrap(), 1);
        assert_eq!(world.shipped().await, [1, 2]);
    }
}

/// While the bucket is away blocks wait, and are not read again and again for that.
#[tokio::test]
async fn a_sound_block_is_checked_once() {
    let world = World::of(&[1]);
    let shipper = world.shipper(ShipRules::default());
    world.store.go_wrong(0..1000, Wrong::Fails);
    // Until the first object is to be written.
    for _ in 0..3 {
        assert!(shipper.sync().await.is_err());
    }
    world.store.heal();
    let checked = || shipper.checked.lock().get(&Ulid(1)).map(|checked| checked.fault.is_none());
    world.store.go_wrong(2..1000, Wrong::Fails);
    assert!(shipper.sync().await.is_err());
    assert_eq!(checked(), Some(true));
    world.clock.set(1_000_000);
    let index = Path::new(DIR).join(Ulid(1).to_string()).join("index");
    world.sim.damage(&index, |bytes| bytes[14] ^= 1).unwrap();
    world.store.heal();
    assert_eq!(shipper.sync().await.unwrap(), 1, "it was sound when it was read");
    assert_eq!(checked(), None);
}
