use super::*;
use crate::budget::BudgetLimits;
use crate::config::TimeBound;
use crate::files::Access;
use crate::live_block::LiveBlock;
use crate::rig::{Failure, Rig, Series, id, labels, many};
use model::MatchOp::{Equal, NotEqual, Regex};
use model::{ManualClock, MatchOp, Matcher};
use std::time::Duration;
use storeapi::{PartialResponse, SeriesBatch, SeriesFrame, Shard};
use tokio::sync::Semaphore;

const TOTAL_BYTES: u64 = 64 << 20;
const NOW_MS: i64 = 1_000_000_000;

struct Served {
    rig: Rig,
    store: BucketStore,
}

type External<'a> = &'a [(&'a str, &'a str)];

/// A store over blocks, numbered from 1.
async fn served(blocks: &[(External<'_>, Series)], total_bytes: u64, limits: RequestLimits) -> Served {
    let rig = Rig::new();
    let metrics = Metrics::register(&rig.registry);
    let wait = Duration::from_millis(300);
    let budget = Budget::new(BudgetLimits { total_bytes, request_bytes: total_bytes / 2, wait });
    let gate = Gate::new(20, 20, metrics.clone());
    let within = Within { min: TimeBound::At(0), max: TimeBound::FromNow(1_000) };
    let time: (Within, Arc<dyn Clock>) = (within, Arc::new(ManualClock::at(NOW_MS)));
    let store = BucketStore::new("bucket", time, limits, (budget, gate), metrics);
    let headers = Arc::new(rig.headers());
    let mut live = Vec::new();
    for (number, (external, series)) in blocks.iter().enumerate() {
        let block = id(number as u128 + 1);
        rig.write(block, external, series).await;
        let meta = rig.meta(block).await;
        let gets = Arc::new(Semaphore::new(8));
        let access = Access { bucket: rig.bucket.clone(), gets, timeout: Duration::from_millis(300) };
        live.push(Arc::new(LiveBlock::find(access, Arc::new(meta), Arc::clone(&headers)).await.unwrap()));
    }
    store.serve(BlockSet::new(live));
    Served { rig, store }
}

async fn usual(blocks: &[(External<'_>, Series)]) -> Served {
    served(blocks, TOTAL_BYTES, RequestLimits::default()).await
}

fn table(rows: &[(External<'_>, &[i64])]) -> Series {
    let sample = |at: &i64| (*at, *at as f64);
    rows.iter().map(|(pairs, times)| (labels(pairs), vec![times.iter().map(sample).collect()])).collect()
}

fn matchers(of: &[(&str, MatchOp, &str)]) -> Arc<[Matcher]> {
    of.iter().map(|(name, op, value)| Matcher::new(*op, *name, value).unwrap()).collect()
}

fn request(of: &[(&str, MatchOp, &str)]) -> SeriesRequest {
    SeriesRequest::new(matchers(of), TimeRange::ALL)
}

fn up() -> SeriesRequest {
    request(&[("__name__", Equal, "up")])
}

/// The answer, one line a series with the first times of its chunks; warnings last.
async fn answer(store: &BucketStore, request: SeriesRequest) -> Result<Vec<String>, StoreError> {
    let (mut lines, mut warnings) = (Vec::new(), Vec::new());
    let mut frames = store.series(request);
    while let Some(frame) = frames.next().await {
        match frame? {
            SeriesFrame::Series(SeriesBatch::Chunks(batch)) => {
                for (labels, chunks) in batch.iter() {
                    let times: Vec<_> = chunks.iter().map(|chunk| chunk.min_ms.to_string()).collect();
                    lines.push(format!("{labels:?} {}", times.join(" ")));
                }
            }
            SeriesFrame::Series(SeriesBatch::Columns(_)) => panic!("a bucket answers with chunks"),
            SeriesFrame::Warning(warning) => warnings.push(warning),
        }
    }
    lines.extend(warnings);
    Ok(lines)
}

async fn check(served: &Served, request: SeriesRequest, want: &[&str]) {
    assert_eq!(answer(&served.store, request).await.unwrap(), want);
    assert_eq!(served.store.budget().used_bytes(), 0);
}

/// Two blocks of tenant `a` in a row, the second again by another replica, and one of tenant `b`.
async fn tenants() -> Served {
    let x: &[(&str, &str)] = &[("__name__", "up"), ("job", "x")];
    let y: &[(&str, &str)] = &[("__name__", "up"), ("job", "y")];
    let down: &[(&str, &str)] = &[("__name__", "down"), ("inner", "1")];
    let late = table(&[(x, &[100, 110]), (y, &[100, 120])]);
    usual(&[
        (&[("replica", "1"), ("tenant", "a")], table(&[(x, &[1, 5]), (y, &[2, 6])])),
        (&[("replica", "1"), ("tenant", "a")], late.clone()),
        (&[("replica", "2"), ("tenant", "a")], late),
        (&[("tenant", "b")], table(&[(down, &[7, 8])])),
    ])
    .await
}

const X1: &str = r#"{__name__="up", job="x", replica="1", tenant="a"} 1 100"#;
const X2: &str = r#"{__name__="up", job="x", replica="2", tenant="a"} 100"#;
const Y1: &str = r#"{__name__="up", job="y", replica="1", tenant="a"} 2 100"#;
const Y2: &str = r#"{__name__="up", job="y", replica="2", tenant="a"} 100"#;
const DOWN: &str = r#"{__name__="down", inner="1", tenant="b"} 7"#;

#[tokio::test]
async fn blocks_are_one_answer_sorted_with_external_labels() {
    let served = tenants().await;
    check(&served, request(&[("__name__", NotEqual, "")]), &[DOWN, X1, X2, Y1, Y2]).await;
    check(&served, request(&[("__name__", NotEqual, ""), ("tenant", Equal, "b")]), &[DOWN]).await;
    check(&served, request(&[("job", Regex, "y|z"), ("replica", NotEqual, "1")]), &[Y2]).await;
    // Those of external labels alone, and none at all, ask for nothing.
    check(&served, request(&[("tenant", Equal, "a")]), &[]).await;
    check(&served, request(&[]), &[]).await;
}

#[tokio::test]
async fn replicas_that_lose_their_label_are_joined_and_equal_chunks_are_kept_once() {
    let served = tenants().await;
    let without = SeriesRequest { without_labels: Arc::from([b"replica".to_vec()]), ..up() };
    let want = [r#"{__name__="up", job="x", tenant="a"} 1 100"#, r#"{__name__="up", job="y", tenant="a"} 2 100"#];
    check(&served, without, &want).await;
    let own = SeriesRequest { without_labels: Arc::from([b"job".to_vec(), b"replica".to_vec()]), ..up() };
    check(&served, own, &[r#"{__name__="up", tenant="a"} 1 2 100 100"#]).await;
}

#[tokio::test]
async fn range_limit_shard_chunks_and_single_blocks() {
    let served = tenants().await;
    let early = SeriesRequest { range: TimeRange::new(2, 50).unwrap(), ..up() };
    let (x, y) = (X1.replace(" 100", ""), Y1.replace(" 100", ""));
    check(&served, early, &[&x, &y]).await;
    check(&served, SeriesRequest { limit: Some(3), ..up() }, &[X1, X2, Y1]).await;
    let bare = SeriesRequest { skip_chunks: true, limit: Some(1), ..up() };
    check(&served, bare, &[r#"{__name__="up", job="x", replica="1", tenant="a"} "#]).await;
    let mut all = Vec::new();
    for index in 0..2 {
        let shard = Shard { index, total: 2, by: true, labels: vec![b"job".to_vec(), b"replica".to_vec()] };
        all.push(answer(&served.store, SeriesRequest { shard: Some(Arc::new(shard)), ..up() }).await.unwrap());
    }
    assert!(all.iter().all(|part| part.len() < 4), "{all:?}");
    let mut all = all.concat();
    all.sort();
    assert_eq!(all, [X1, X2, Y1, Y2]);
    let block_matchers = matchers(&[("__block_id", Equal, &id(1).to_string())]);
    check(&served, SeriesRequest { block_matchers, ..up() }, &[&x, &y]).await;
}

#[tokio::test]
async fn a_block_that_fails_is_a_warning_or_the_end() {
    let served = tenants().await;
    let file = format!("{}/chunks/000001", id(3));
    let mut bytes = served.rig.get(&file).await;
    bytes[12] ^= 1;
    served.rig.put(&file, bytes).await;
    let lines = answer(&served.store, up()).await.unwrap();
    assert_eq!(lines[..2], [X1, Y1]);
    let text = format!("receive series from {}: {file} at byte ", id(3));
    assert!(lines[2].starts_with(&text) && lines.len() == 3, "{lines:?}");
    let error = answer(&served.store, SeriesRequest { partial: PartialResponse::Abort, ..up() }).await.unwrap_err();
    assert!(matches!(&error, StoreError::Aborted { reason, .. } if reason.starts_with(&text)), "{error}");
    assert_eq!(served.store.budget().used_bytes(), 0);
}

#[tokio::test]
async fn an_object_store_that_fails_or_is_silent_fails_the_blocks_it_fails() {
    for failure in [Failure::Error, Failure::Hangs] {
        let served = tenants().await;
        // The first block is read to its end before the second begins to fail.
        served.rig.fail("chunks/000001", 1, failure);
        let lines = answer(&served.store, up()).await.unwrap();
        assert_eq!(lines.iter().filter(|line| line.starts_with("receive series from ")).count(), 2, "{lines:?}");
        served.rig.mend();
        check(&served, up(), &[X1, X2, Y1, Y2]).await;
    }
    let served = tenants().await;
    served.rig.fail("index", 0, Failure::Error);
    let lines = answer(&served.store, up()).await.unwrap();
    assert!(lines.iter().all(|line| line.starts_with("fetch postings for block ")) && lines.len() == 4, "{lines:?}");
    served.rig.mend();
    // An index that could not be opened is tried again.
    check(&served, up(), &[X1, X2, Y1, Y2]).await;
}

#[tokio::test]
async fn limits_end_the_request_whatever_it_thinks_of_partial_answers() {
    let limits = RequestLimits { series: Some(3), ..RequestLimits::default() };
    let series = || table(&[(&[("__name__", "up"), ("i", "1")], &[1]), (&[("__name__", "up"), ("i", "2")], &[1])]);
    let blocks = [(&[("r", "1")] as External<'_>, series()), (&[("r", "2")], series())];
    let served = served(&blocks, TOTAL_BYTES, limits).await;
    let error = answer(&served.store, up()).await.unwrap_err();
    let StoreError::LimitExceeded(text) = &error else { panic!("{error}") };
    let want = "rpc error: code = ResourceExhausted desc = exceeded series limit: limit 3 violated (got 4)";
    assert!(text.contains(want), "{text}");
    let asked_less = SeriesRequest { limit: Some(1), ..up() };
    check(&served, asked_less, &[r#"{__name__="up", i="1", r="1"} 1"#]).await;
}

#[tokio::test]
async fn much_more_than_the_budget_streams_through_it() {
    const SMALL: u64 = 1 << 20;
    let externals: Vec<[(&str, &str); 1]> = ["1", "2", "3", "4"].iter().map(|number| [("replica", *number)]).collect();
    let blocks: Vec<(External<'_>, Series)> =
        externals.iter().map(|external| (external.as_slice(), many("up", 1_600, 2, 120))).collect();
    let served = served(&blocks, SMALL, RequestLimits::default()).await;
    for without in [vec![], vec![b"replica".to_vec()]] {
        let series = if without.is_empty() { 6_400 } else { 1_600 };
        let mut frames = served.store.series(SeriesRequest { without_labels: without.into(), ..up() });
        let (mut count, mut bytes) = (0, 0);
        while let Some(frame) = frames.next().await {
            let SeriesFrame::Series(SeriesBatch::Chunks(batch)) = frame.unwrap() else { panic!("no warning here") };
            count += batch.len();
            bytes += batch.iter().flat_map(|(_, chunks)| chunks).map(|chunk| chunk.data.len() as u64).sum::<u64>();
        }
        assert_eq!(count, series);
        assert!(series < 6_400 || bytes > 10 * SMALL, "{bytes} bytes");
        let budget = served.store.budget();
        assert!(budget.peak_bytes() <= SMALL && budget.peak_bytes() > SMALL / 10, "{}", budget.peak_bytes());
        drop(frames);
        assert_eq!(budget.used_bytes(), 0);
    }
}

#[tokio::test]
async fn what_cannot_fit_is_refused_by_name() {
    let series = many("up", 1, 200, 900);
    let served = served(&[(&[("r", "1")], series)], 256 << 10, RequestLimits::default()).await;
    let error = answer(&served.store, up()).await.unwrap_err();
    assert!(matches!(&error, StoreError::LimitExceeded(text) if text.contains("--chunk-pool-size")), "{error}");
    assert!(served.store.budget().peak_bytes() <= 256 << 10);
}

#[tokio::test]
async fn whoever_stops_listening_frees_all() {
    let served = usual(&[(&[("r", "1")], many("up", 3_000, 2, 120))]).await;
    let mut frames = served.store.series(up());
    frames.next().await.unwrap().unwrap();
    assert!(served.store.budget().used_bytes() > 0);
    drop(frames);
    // The tasks are told, and end at their next step.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(served.store.budget().used_bytes(), 0);
}

fn labels_request(of: &[(&str, MatchOp, &str)]) -> LabelsRequest {
    LabelsRequest::new(matchers(of), TimeRange::ALL)
}

fn text(answer: LabelsAnswer) -> Vec<String> {
    let strings = answer.strings.iter().map(|string| String::from_utf8_lossy(string).into_owned());
    strings.chain(answer.warnings).collect()
}

#[tokio::test]
async fn what_is_outside_of_the_time_served_is_not_there() {
    // What is more than a second ahead is not served.
    let at = |ahead_ms: i64| NOW_MS + ahead_ms;
    let far = table(&[(&[("__name__", "up")], &[at(0)]), (&[("__name__", "up"), ("i", "2")], &[at(2_000)])]);
    let served = usual(&[(&[("r", "1")], far)]).await;
    check(&served, up(), &[r#"{__name__="up", r="1"} 1000000000"#]).await;
    let beyond = SeriesRequest { range: TimeRange::new(at(1_001), at(2_000)).unwrap(), ..up() };
    check(&served, beyond, &[]).await;
    assert_eq!(served.store.info().time_range, TimeRange::new(at(0), at(1_000)));
}

#[tokio::test]
async fn label_names_are_those_of_blocks_or_of_accepted_series() {
    let served = tenants().await;
    for (of, want) in [
        (vec![], vec!["__name__", "inner", "job", "replica", "tenant"]),
        (vec![("tenant", Equal, "b")], vec!["__name__", "inner", "tenant"]),
        (vec![("job", Equal, "x")], vec!["__name__", "job", "replica", "tenant"]),
        (vec![("job", Equal, "z")], vec![]),
    ] {
        assert_eq!(text(served.store.label_names(labels_request(&of)).await.unwrap()), want);
    }
    let without = LabelsRequest { without_labels: Arc::from([b"job".to_vec()]), limit: Some(3), ..labels_request(&[]) };
    assert_eq!(text(served.store.label_names(without).await.unwrap()), ["__name__", "inner", "replica"]);
}

#[tokio::test]
async fn label_values_come_from_lists() {
    let served = tenants().await;
    let values = |name: &str, of: &[(&str, MatchOp, &str)]| {
        let answer = served.store.label_values(name.as_bytes().to_vec(), labels_request(of));
        async move { text(answer.await.unwrap()) }
    };
    assert_eq!(values("job", &[]).await, ["x", "y"]);
    assert_eq!(values("tenant", &[]).await, ["a", "b"]);
    assert_eq!(values("tenant", &[("__name__", Equal, "up")]).await, ["a"]);
    assert_eq!(values("__name__", &[("inner", Equal, "1")]).await, ["down"]);
    assert_eq!(values("__name__", &[("inner", Equal, "2")]).await, [] as [&str; 0]);
    let gone = LabelsRequest { without_labels: Arc::from([b"job".to_vec()]), ..labels_request(&[]) };
    assert_eq!(text(served.store.label_values(b"job".to_vec(), gone).await.unwrap()), [] as [&str; 0]);
    let error = served.store.label_values(Vec::new(), labels_request(&[])).await.unwrap_err();
    assert!(matches!(error, StoreError::Invalid(_)), "{error}");
    served.rig.fail(&format!("{}/index", id(4)), 0, Failure::Error);
    // What is at hand needs no bucket.
    assert_eq!(values("job", &[]).await, ["x", "y"]);
}

#[tokio::test]
async fn info_tells_label_sets_and_their_times() {
    let served = tenants().await;
    let info = served.store.info();
    assert_eq!((info.component, info.drops_labels, info.shards), (Component::Store, true, true));
    assert_eq!(info.time_range, TimeRange::new(1, 121));
    let tsdbs: Vec<_> = info.tsdbs.iter().map(|tsdb| format!("{:?} {:?}", tsdb.labels, tsdb.range)).collect();
    let a1 = r#"{replica="1", tenant="a"}"#;
    assert_eq!(
        tsdbs,
        [
            format!("{a1} {:?}", TimeRange::new(1, 7).unwrap()),
            format!("{a1} {:?}", TimeRange::new(100, 121).unwrap()),
            format!(r#"{{replica="2", tenant="a"}} {:?}"#, TimeRange::new(100, 121).unwrap()),
            format!(r#"{{tenant="b"}} {:?}"#, TimeRange::new(7, 9).unwrap()),
        ]
    );
}
