//! Blocks on their way to a bucket: what was acknowledged is on the disk or in the bucket, whatever ends when.

use crate::rig::{NOW_MS, Pairs, Rig, Sample, Stored, body, config, dir, one, samples_of};
use bucket::{Bucket, Metrics};
use ingester::{ServedElsewhere, Shipping};
use model::{Clock, Labels, ManualClock, MatchOp, Matcher, SampleColumns, SystemClock, TenantId, TimeRange};
use object_store::memory::InMemory;
use proto::WriteError;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Loss, SimFs};
use tsdb::block::{Block, Meta};
use tsdb::fs::Fs;
use tsdb::{ChunkSeriesBatch, SeriesSource, chunk};

const UP: Pairs<'_> = &[("__name__", "up"), ("instance", "a")];
const RANGE_MS: i64 = 7_200_000;
/// A multiple of the range: blocks begin and end at whole hours.
const BASE_MS: i64 = NOW_MS - 12 * RANGE_MS;
const STEP_MS: i64 = 1_200_000;

fn bucket_over(store: &Arc<InMemory>) -> Bucket {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(NOW_MS));
    Bucket::over(Arc::clone(store) as _, "b", "fleet", &Metrics::default(), clock)
}

/// A configuration that ships to `bucket` and keeps a range and a half.
fn shipping_to(bucket: Bucket, margin: Duration) -> ingester::Config {
    let mut config = config();
    config.db.retention_ms = Some(RANGE_MS + RANGE_MS / 2);
    config.shipping = Some(Shipping { margin, ..Shipping::new(bucket) });
    config
}

fn samples(range: std::ops::Range<i64>) -> Vec<(i64, f64)> {
    range.map(|step| (BASE_MS + step * STEP_MS, step as f64)).collect()
}

/// Takes the whole disk down with it if a block is visible that is not whole.
async fn in_bucket(bucket: &Bucket) -> (Stored, BTreeMap<String, Meta>) {
    let (mut stored, mut metas, fs) = (Stored::new(), BTreeMap::new(), SimFs::new());
    for ulid in bucket.blocks().await.unwrap() {
        let files = bucket.files(ulid).await.unwrap();
        if !files.iter().any(|file| file.name.ends_with("/meta.json")) {
            continue;
        }
        for file in files {
            let path = Path::new("/").join(&file.name);
            fs.create_dir_all(path.parent().unwrap()).unwrap();
            fs.plant(&path, &bucket.get(&file.name, 1 << 20).await.unwrap()).unwrap();
        }
        let block = Block::open(&fs, &Path::new("/").join(ulid.to_string())).unwrap();
        let labels = block.meta().thanos.as_ref().unwrap().labels.clone();
        read(&block, &labels, &mut stored);
        metas.insert(ulid.to_string(), block.meta().clone());
    }
    (stored, metas)
}

fn read(block: &Block, added: &BTreeMap<String, String>, stored: &mut Stored) {
    let (mut batch, mut columns) = (ChunkSeriesBatch::default(), SampleColumns::default());
    let mut cursor = block.select(&[], TimeRange::ALL).unwrap();
    loop {
        cursor.next_batch(100, false, &mut batch).unwrap();
        if batch.is_empty() {
            break;
        }
        for (labels, chunks) in batch.iter() {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let own: Vec<(String, String)> = labels.iter().map(|pair| (text(pair.name), text(pair.value))).collect();
            let own = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let all = own.chain(added.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let series = stored.entry(Labels::from_pairs(all).unwrap()).or_default();
            for one in chunks {
                columns.clear();
                chunk::decode(one.encoding, &one.data, &mut columns).unwrap();
                series.extend(samples_of(&columns));
            }
            series.sort_unstable();
            series.dedup();
        }
    }
}

fn union(mut left: Stored, right: Stored) -> Stored {
    for (labels, samples) in right {
        let series = left.entry(labels).or_default();
        series.extend(samples);
        series.sort_unstable();
        series.dedup();
    }
    left
}

fn local_blocks(fs: &SimFs, tenant: &str) -> usize {
    let entries = fs.read_dir(&dir().join(tenant)).unwrap_or_default();
    entries.iter().filter(|entry| tsdb::block::parse_name(&entry.name).is_some()).count()
}

/// Two tenants write; the process ends. Their heads are blocks in the bucket then, each with the labels of its tenant, and
/// whoever reads the bucket reads what was written.
#[tokio::test]
async fn blocks_of_two_tenants_land_with_their_labels() {
    let (fs, store) = (SimFs::new(), Arc::new(InMemory::new()));
    let bucket = bucket_over(&store);
    let rig = Rig::open_with(&fs, shipping_to(bucket.clone(), Duration::from_secs(3600))).await;
    let (of_a, of_b) = (samples(0..5), samples(2..20));
    rig.writes("a", &body(&[(UP, &of_a)]), 5).await;
    rig.writes("b", &body(&[(UP, &of_b)]), 18).await;
    rig.ingester.close().await;
    let refused = rig.write("a", &body(&[(UP, &[(NOW_MS, 1.0)])])).await;
    assert!(matches!(refused, Err(WriteError::NotReady(_))), "{refused:?}");

    let (stored, metas) = in_bucket(&bucket).await;
    let mut want = one("a", UP, &of_a);
    want.extend(one("b", UP, &of_b));
    assert_eq!(stored, want);
    let mut ranges: Vec<_> = metas
        .values()
        .map(|meta| {
            let thanos = meta.thanos.as_ref().unwrap();
            assert_eq!((thanos.source.as_str(), thanos.labels["replica"].as_str()), ("receive", "standalone"));
            assert_eq!(thanos.upload_time.unix_ms(), NOW_MS);
            (thanos.labels["tenant_id"].clone(), (meta.min_ms - BASE_MS) / STEP_MS, meta.max_ms - BASE_MS)
        })
        .collect();
    ranges.sort();
    let b = "b".to_owned();
    let whole = |range: i64| range * RANGE_MS;
    assert_eq!(
        ranges,
        [
            ("a".to_owned(), 0, 4 * STEP_MS + 1),
            (b.clone(), 2, whole(1)),
            (b.clone(), 6, whole(2)),
            (b.clone(), 12, whole(3)),
            (b, 18, 19 * STEP_MS + 1)
        ]
    );
    assert_eq!(rig.metric(r#"thanos_shipper_uploads_total{tenant="b"}"#), Some(4.0));

    // The next process finds the same, ships nothing anew, and takes what comes after.
    let rig = Rig::open_with(&fs.crash(Loss::All), shipping_to(bucket.clone(), Duration::ZERO)).await;
    assert_eq!(rig.stored().await, want);
    rig.ingester.ship().await;
    assert_eq!(rig.metric(r#"thanos_shipper_uploads_total{tenant="b"}"#), Some(0.0));
    rig.writes("b", &body(&[(UP, &samples(20..21))]), 1).await;
}

/// Without a bucket the end writes no blocks.
#[tokio::test]
async fn without_a_bucket_heads_stay_heads() {
    let fs = SimFs::new();
    let rig = Rig::open(&fs).await;
    rig.writes("a", &body(&[(UP, &samples(0..5))]), 5).await;
    rig.ingester.close().await;
    assert_eq!(local_blocks(&fs, "a"), 0);
    assert_eq!(rig.metric(r#"thanos_shipper_uploads_total{tenant="a"}"#), None);
}

/// A tenant's life of cutting, shipping and deleting. What was acknowledged goes to `acked`.
async fn live(fs: &SimFs, bucket: &Bucket, acked: &mut Vec<(i64, f64)>) {
    let rig = Rig::closed(fs, shipping_to(bucket.clone(), Duration::ZERO));
    if rig.ingester.open().await.is_err() {
        return;
    }
    for sample in samples(0..42) {
        let written = rig.write("a", &body(&[(UP, &[sample])])).await;
        if written.is_ok_and(|outcome| outcome.samples_accepted == 1) {
            acked.push(sample);
        }
        if sample.1 as i64 % 10 == 9 {
            rig.ingester.maintain().await;
        }
        // Seldom: blocks are past their retention before they were shipped.
        if sample.1 as i64 == 29 {
            rig.ingester.ship().await;
        }
    }
    rig.ingester.maintain().await;
    rig.ingester.close().await;
}

/// I5, by the only eyes that count: disk and bucket after the end.
#[tokio::test]
async fn an_end_at_any_step_loses_no_sample() {
    let (whole, store) = (SimFs::new(), Arc::new(InMemory::new()));
    let mut all = Vec::new();
    live(&whole, &bucket_over(&store), &mut all).await;
    let (steps, journal) = (whole.steps(), whole.take_journal());
    assert!(steps > 200 && all.len() == 42, "{steps} steps, {} samples", all.len());
    for (step, part) in [("Rename", "-creation"), ("Rename", "thanos.shipper.json.tmp"), ("Remove", "-deletion")] {
        assert!(journal.iter().any(|line| line.starts_with(step) && line.contains(part)), "no {step} of {part}");
    }
    // Blocks were cut, shipped and deleted on the way.
    let (shipped, _) = in_bucket(&bucket_over(&store)).await;
    assert_eq!(shipped, one("a", UP, &all));
    assert!(local_blocks(&whole, "a") < 5, "{}", local_blocks(&whole, "a"));
    let mut deleted = 0;
    for step in 0..steps {
        let loss = [Loss::All, Loss::Torn(step), Loss::Reordered(step)][step as usize % 3];
        let (fs, store, mut acked) = (SimFs::new(), Arc::new(InMemory::new()), Vec::new());
        let bucket = bucket_over(&store);
        fs.stop_after(step);
        live(&fs, &bucket, &mut acked).await;
        let rig = Rig::open_with(&fs.crash(loss), shipping_to(bucket.clone(), Duration::ZERO)).await;
        let local = rig.stored().await;
        let (shipped, _) = in_bucket(&bucket).await;
        let held = union(local.clone(), shipped);
        let held = held.values().next().cloned().unwrap_or_default();
        let lost: Vec<_> = acked.iter().filter(|(at, value)| !held.contains(&(*at, Sample::float(*value)))).collect();
        assert!(lost.is_empty(), "after step {step} of {steps}, {loss:?}: {lost:?} are neither here nor there");
        let local = local.values().next().map_or(0, Vec::len);
        deleted += usize::from(local < acked.len());
        // The next process goes on where that one ended, and all ends up in the bucket.
        rig.ingester.close().await;
        let (shipped, _) = in_bucket(&bucket).await;
        let shipped = shipped.values().next().cloned().unwrap_or_default();
        assert!(
            acked.iter().all(|(at, value)| shipped.contains(&(*at, Sample::float(*value)))),
            "after step {step}: {loss:?}"
        );
    }
    assert!(deleted > 10, "local blocks were deleted before the end in {deleted} cases only");
}

/// The bucket is away for longer than the retention: nothing that it does not have leaves the disk.
#[tokio::test]
async fn a_bucket_that_is_away_keeps_blocks_on_the_disk() {
    let yaml = "{type: S3, config: {bucket: b, endpoint: '127.0.0.1:1', insecure: true, access_key: a, secret_key: s, \
                max_retries: 1}}";
    let away = bucket::open(&bucket::Config::parse(yaml).unwrap(), &Metrics::default(), Arc::new(SystemClock)).unwrap();
    let fs = SimFs::new();
    let rig = Rig::open_with(&fs, shipping_to(away, Duration::ZERO)).await;
    let all = samples(0..60);
    rig.writes("a", &body(&[(UP, &all)]), 60).await;
    for _ in 0..2 {
        rig.ingester.maintain().await;
        rig.ingester.ship().await;
    }
    rig.ingester.maintain().await;
    assert!(local_blocks(&fs, "a") >= 8, "{}", local_blocks(&fs, "a"));
    assert_eq!(rig.stored().await, one("a", UP, &all));
    assert_eq!(rig.metric(r#"thanos_shipper_uploads_total{tenant="a"}"#), Some(0.0));
    assert_eq!(rig.metric(r#"thanos_shipper_dir_sync_failures_total{tenant="a"}"#), Some(2.0));

    // It comes back: blocks go there, and old ones leave the disk.
    let store = Arc::new(InMemory::new());
    let rig = Rig::open_with(&fs.crash(Loss::All), shipping_to(bucket_over(&store), Duration::ZERO)).await;
    rig.ingester.ship().await;
    rig.ingester.maintain().await;
    let (shipped, metas) = in_bucket(&bucket_over(&store)).await;
    assert!(metas.len() >= 8, "{}", metas.len());
    let local = rig.stored().await;
    assert!(local.values().next().unwrap().len() < 40);
    assert_eq!(union(local, shipped), one("a", UP, &all));
}

/// A shipped block past its retention waits for the margin, or for whoever knows that it is served from the bucket.
#[tokio::test]
async fn a_shipped_block_stays_until_others_can_read_it() {
    let store = Arc::new(InMemory::new());
    let fs = SimFs::new();
    let rig = Rig::open_with(&fs, shipping_to(bucket_over(&store), Duration::from_secs(3600))).await;
    rig.writes("a", &body(&[(UP, &samples(0..60))]), 60).await;
    let all = one("a", UP, &samples(0..60));
    rig.ingester.maintain().await;
    rig.ingester.ship().await;
    let before = local_blocks(&fs, "a");
    for (passed_ms, want) in [(0, before), (3_599_999, before), (3_600_000, 2)] {
        rig.clock.set(NOW_MS + passed_ms);
        rig.ingester.maintain().await;
        assert_eq!(local_blocks(&fs, "a"), want, "after {passed_ms} ms");
    }
    let (shipped, _) = in_bucket(&bucket_over(&store)).await;
    assert_eq!(union(rig.stored().await, shipped), all);

    let fs = SimFs::new();
    let mut config = shipping_to(bucket_over(&store), Duration::ZERO);
    let served = ServedElsewhere(Arc::new(|_| false));
    config.shipping = config.shipping.map(|shipping| Shipping { served_elsewhere: Some(served), ..shipping });
    let rig = Rig::open_with(&fs, config).await;
    rig.writes("a", &body(&[(UP, &samples(0..60))]), 60).await;
    rig.ingester.maintain().await;
    rig.ingester.ship().await;
    rig.ingester.maintain().await;
    assert_eq!(local_blocks(&fs, "a"), before);
}

/// What was deleted does not come back by way of the bucket: not from a block of which nothing is left, and of one that was
/// shipped before it is told that the bucket still has it.
#[tokio::test]
async fn what_was_deleted_is_not_shipped() {
    let (fs, store) = (SimFs::new(), Arc::new(InMemory::new()));
    let bucket = bucket_over(&store);
    let rig = Rig::open_with(&fs, shipping_to(bucket.clone(), Duration::ZERO)).await;
    let a = TenantId::parse("a").unwrap();
    let delete = async || {
        let all = Matcher::new(MatchOp::Equal, "__name__", "up").unwrap();
        rig.ingester.delete(&a, vec![Arc::from([all])], TimeRange::ALL).await.unwrap().unwrap()
    };
    rig.writes("a", &body(&[(UP, &samples(0..20))]), 20).await;
    rig.ingester.maintain().await;
    assert!(local_blocks(&fs, "a") > 0);
    let deleted = delete().await;
    assert!(deleted.durable.is_some() && !deleted.shipped);
    rig.ingester.ship().await;
    assert_eq!(in_bucket(&bucket).await, (Stored::new(), BTreeMap::new()));

    rig.writes("a", &body(&[(UP, &samples(20..40))]), 20).await;
    rig.ingester.maintain().await;
    rig.ingester.ship().await;
    assert!(!in_bucket(&bucket).await.1.is_empty());
    assert!(delete().await.shipped);
}
