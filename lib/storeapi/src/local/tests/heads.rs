//! Heads of the engine: their newest samples, and their exemplars.

use super::*;
use crate::store::{SelectHints, Shard};
use model::{ExemplarRef, Fingerprint, Fingerprinter, LabelsRef, MetadataRef, MetricKind, STALE_NAN, SampleColumns};
use promql::UsedLabels;
use std::num::NonZeroUsize;
use std::path::Path;
use tsdb::head::{AppendScratch, ExemplarSeries, Head, HeadOptions};
use tsdb::head_chunks::{HeadChunks, MAX_FILE_BYTES};
use tsdb::wal::{Committers, Durability, Log, LogOptions};
use tsdb::{AppendLimits, AppendSource};

type Samples<'a> = (&'a [(&'a str, &'a str)], &'a [(i64, f64)]);

struct Batch {
    fingerprinter: Fingerprinter,
    series: Vec<(Labels, Vec<(i64, f64)>)>,
    /// The labels of exemplars.
    trace: Labels,
}

impl AppendSource for Batch {
    fn len(&self) -> usize {
        self.series.len()
    }

    fn fingerprint(&self, index: usize) -> Fingerprint {
        self.fingerprinter.of_labels(self.series[index].0.as_ref(), &mut Vec::new())
    }

    fn samples(&self, index: usize) -> impl Iterator<Item = (i64, f64)> {
        self.series[index].1.iter().copied()
    }

    fn labels(&self, index: usize) -> Option<LabelsRef<'_>> {
        Some(self.series[index].0.as_ref())
    }

    /// One with each sample.
    fn exemplars(&self, index: usize) -> impl Iterator<Item = ExemplarRef<'_>> {
        let exemplar = |&(timestamp_ms, value)| ExemplarRef { labels: self.trace.as_ref(), timestamp_ms, value };
        self.series[index].1.iter().map(exemplar)
    }

    /// Of those that have a job.
    fn metadata(&self, index: usize) -> Option<MetadataRef<'_>> {
        let help = self.series[index].0.get(b"job")?;
        Some(MetadataRef { kind: MetricKind::Gauge, unit: b"s", help })
    }
}

fn head_group(tenant: &str, series: &[Samples<'_>]) -> (HeadGroup, ExemplarGroup) {
    let (fs, fingerprinter) = (Arc::new(testkit::SimFs::new()), Fingerprinter::new([7; 192]));
    let committers = Committers::start(NonZeroUsize::MIN).unwrap();
    let options = LogOptions { durability: Durability::Buffered, ..LogOptions::default() };
    let log = Log::open(fs.clone(), Path::new("/data/wal"), options, &committers).unwrap();
    let (dir, quarantine) = (Path::new("/data/chunks_head"), Path::new("/data/quarantine"));
    let (files, _) = HeadChunks::open(fs, dir, quarantine, MAX_FILE_BYTES, &mut |_| {}).unwrap();
    let head = Arc::new(Head::new(
        HeadOptions::new(2, 7_200_000).with_exemplars(100, 0),
        fingerprinter.clone(),
        log,
        Arc::new(files),
    ));
    let series = series.iter().map(|(pairs, samples)| (labels(pairs), samples.to_vec())).collect();
    let limits = AppendLimits { max_ms: i64::MAX, max_series: 100 };
    let batch = Batch { fingerprinter, series, trace: labels(&[("trace", "t")]) };
    head.append(&batch, limits, &mut AppendScratch::default()).unwrap();
    let external = labels(&[("replica", "r"), ("tenant", tenant)]);
    let reader = HeadGroup { external: external.clone(), head: Arc::new(head.reader(TimeRange::ALL)) };
    (reader, ExemplarGroup { external, head })
}

/// Tenants of which only the heads hold anything from `since_ms` on.
#[derive(Debug)]
struct Heads {
    groups: Vec<HeadGroup>,
    exemplars: Vec<ExemplarGroup>,
    since_ms: i64,
}

impl SourceProvider for Heads {
    fn groups(&self, _: TimeRange) -> Vec<SourceGroup> {
        let group = |group: &HeadGroup| SourceGroup {
            external: group.external.clone(),
            sources: vec![Arc::clone(&group.head) as Arc<dyn SeriesSource>],
        };
        self.groups.iter().map(group).collect()
    }

    fn heads(&self, range: TimeRange) -> Option<Vec<HeadGroup>> {
        (range.min_ms() >= self.since_ms).then(|| self.groups.clone())
    }

    fn exemplars(&self) -> Vec<ExemplarGroup> {
        self.exemplars.clone()
    }

    fn metadata(&self) -> Vec<MetadataGroup> {
        let group =
            |group: &ExemplarGroup| MetadataGroup { external: group.external.clone(), head: group.head.clone() };
        self.exemplars.iter().map(group).collect()
    }
}

fn store() -> LocalStore {
    let a = head_group(
        "a",
        &[
            (&[("__name__", "up"), ("job", "x")], &[(10, 1.0), (20, 2.0)]),
            (&[("__name__", "up"), ("job", "y")], &[(10, 3.0), (20, STALE_NAN)]),
            // With the external labels this one sorts first.
            (&[("__name__", "up"), ("zone", "z")], &[(5, 4.0)]),
            (&[("__name__", "up"), ("pod", "p"), ("zone", "z")], &[(12, 5.0)]),
        ],
    );
    let b = head_group("b", &[(&[("__name__", "up"), ("job", "x")], &[(11, 6.0)])]);
    store_of([b, a], 4)
}

fn store_of<const N: usize>(groups: [(HeadGroup, ExemplarGroup); N], since_ms: i64) -> LocalStore {
    let (groups, exemplars) = groups.into_iter().unzip();
    LocalStore::new("heads", Component::Receive, Arc::new(Heads { groups, exemplars, since_ms }))
}

fn ask(range: (i64, i64), of: &[(&str, MatchOp, &str)]) -> SeriesRequest {
    SeriesRequest { range: TimeRange::new(range.0, range.1).unwrap(), ..request(of) }
}

/// Newest samples; `None`: the store answers in full.
async fn last(store: &LocalStore, mut request: SeriesRequest) -> Option<Result<Vec<String>, StoreError>> {
    request.hints.newest_only = true;
    let mut lines = Vec::new();
    for frame in store.walk(&request)?.frames {
        match frame {
            Ok(SeriesFrame::Series(SeriesBatch::Columns(batch))) => {
                let SampleColumns { timestamps_ms, values, .. } = batch.samples();
                lines.extend(batch.iter().map(|(labels, range)| {
                    assert_eq!(range.len(), 1, "{labels:?}");
                    format!("{labels:?} {} {}", timestamps_ms[range.start], values[range.start])
                }));
            }
            Ok(_) => return None,
            Err(error) => return Some(Err(error)),
        }
    }
    Some(Ok(lines))
}

/// Labels of the series of an answer, and how many chunks each has.
async fn series(store: &LocalStore, request: SeriesRequest) -> Vec<(String, usize)> {
    let (mut frames, mut found) = (store.series(request), Vec::new());
    while let Some(frame) = frames.next().await {
        let SeriesFrame::Series(SeriesBatch::Chunks(batch)) = frame.unwrap() else { panic!("no chunks") };
        found.extend(batch.iter().map(|(labels, chunks)| (format!("{labels:?}"), chunks.len())));
    }
    found
}

const UP: &[(&str, MatchOp, &str)] = &[("__name__", Equal, "up")];

#[tokio::test]
async fn the_newest_samples_of_all_heads_come_in_order() {
    let lines = last(&store(), ask((5, 30), UP)).await.unwrap().unwrap();
    let expected = [
        r#"{__name__="up", job="x", replica="r", tenant="a"} 20 2"#,
        r#"{__name__="up", job="x", replica="r", tenant="b"} 11 6"#,
        r#"{__name__="up", pod="p", replica="r", tenant="a", zone="z"} 12 5"#,
        r#"{__name__="up", replica="r", tenant="a", zone="z"} 5 4"#,
    ];
    assert_eq!(lines, expected);
    let earlier = last(&store(), ask((6, 10), &[("__name__", Equal, "up"), ("tenant", Equal, "a")])).await;
    let expected = [
        r#"{__name__="up", job="x", replica="r", tenant="a"} 10 1"#,
        r#"{__name__="up", job="y", replica="r", tenant="a"} 10 3"#,
    ];
    assert_eq!(earlier.unwrap().unwrap(), expected);
}

#[tokio::test]
async fn limit_and_shard_hold_for_newest_samples_too() {
    let limited = SeriesRequest { limit: Some(1), ..ask((5, 30), UP) };
    assert_eq!(last(&store(), limited).await.unwrap().unwrap().len(), 1);
    let mut parts = Vec::new();
    for index in 0..3 {
        let shard = Some(Arc::new(Shard { index, total: 3, by: false, labels: vec![b"replica".to_vec()] }));
        let part = last(&store(), SeriesRequest { shard, ..ask((5, 30), UP) }).await.unwrap().unwrap();
        assert!(part.len() < 4, "all in one shard, the test says nothing");
        parts.extend(part);
    }
    parts.sort_unstable();
    assert_eq!(parts, last(&store(), ask((5, 30), UP)).await.unwrap().unwrap());
    let strict = store().with_limits(SeriesLimits { series: 3, samples: 0 });
    let error = last(&strict, ask((5, 30), UP)).await.unwrap().unwrap_err();
    assert_eq!(error, StoreError::LimitExceeded("failed to send series: limit 3 violated (got 4)".to_owned()));
}

#[tokio::test]
async fn where_more_than_heads_is_needed_there_is_no_shortcut() {
    let store = store().needing_matchers();
    assert!(last(&store, ask((5, 30), UP)).await.is_some());
    assert!(last(&store, ask((3, 30), UP)).await.is_none(), "a block may hold some");
    let joined = SeriesRequest { without_labels: Arc::from([b"job".to_vec()]), ..ask((5, 30), UP) };
    assert!(last(&store, joined).await.is_none());
    assert!(last(&store, ask((5, 30), &[("tenant", Equal, "a")])).await.is_none());
    let refused = last(&store, ask((5, 30), &[])).await.unwrap();
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    let blocks = super::store();
    assert!(last(&blocks, ask((5, 30), UP)).await.is_none());
    let all = last(&self::store(), ask((5, 30), &[("tenant", Equal, "b")])).await;
    assert_eq!(all.unwrap().unwrap().len(), 1);
}

/// Selectors, each of matchers, and what is found: a line a series, with times and values.
async fn check_exemplars(selectors: &[&[(&str, MatchOp, &str)]], range: (i64, i64), expected: &[&str]) {
    let selectors: Vec<_> = selectors.iter().map(|of| matchers(of)).collect();
    let request = ExemplarsRequest::new(selectors, TimeRange::new(range.0, range.1).unwrap());
    let answer = store().exemplars(request).await.unwrap();
    let line = |series: &ExemplarSeries| {
        let exemplars: Vec<_> =
            series.exemplars.iter().map(|one| format!("{}={}", one.timestamp_ms, one.value)).collect();
        format!("{:?} {}", series.labels, exemplars.join(" "))
    };
    assert_eq!(answer.series.iter().map(line).collect::<Vec<_>>(), expected);
    assert!(answer.warnings.is_empty());
}

#[tokio::test]
async fn exemplars_have_the_labels_that_their_series_are_read_with() {
    let expected = [
        r#"{__name__="up", job="x", replica="r", tenant="a"} 10=1 20=2"#,
        r#"{__name__="up", job="x", replica="r", tenant="b"} 11=6"#,
        r#"{__name__="up", pod="p", replica="r", tenant="a", zone="z"} 12=5"#,
    ];
    let wanted: [&[_]; 2] = [&[("job", Equal, "x")], &[("pod", NotEqual, "")]];
    check_exemplars(&wanted, (0, 30), &expected).await;
    check_exemplars(&[&[("job", Equal, "x"), ("tenant", Equal, "b")]], (0, 30), &expected[1..2]).await;
    check_exemplars(&[&[("job", Equal, "x"), ("tenant", Equal, "c")]], (0, 30), &[]).await;
    check_exemplars(&[], (0, 30), &[]).await;
    check_exemplars(&[&[("zone", Equal, "")]], (11, 19), &expected[1..2]).await;
}

#[tokio::test]
async fn who_keeps_exemplars_says_so() {
    assert_eq!(store().info().exemplars, Some(TimeRange::ALL));
    assert_eq!(super::store().info().exemplars, None);
}

/// Label sets of all kinds, of which many are the beginning of others, so that what is added changes their order.
#[tokio::test]
async fn series_come_in_the_order_that_they_have_with_external_labels() {
    let names = ["a", "n", "replica_set", "s", "tenant_id", "z"];
    let sets: Vec<Vec<(&str, &str)>> = (1..1_u32 << names.len())
        .map(|bits| (0..names.len()).filter(|at| bits >> at & 1 == 1).map(|at| (names[at], "v")).collect())
        .collect();
    let samples = [(10, 1.0)];
    let held: Vec<Samples<'_>> = sets.iter().map(|set| (set.as_slice(), samples.as_slice())).collect();
    let group = head_group("t", &held);
    let mut expected: Vec<Labels> = sets
        .iter()
        .map(|set| labels(&[set.as_slice(), [("replica", "r"), ("tenant", "t")].as_slice()].concat()))
        .collect();
    expected.sort_unstable();
    let expected: Vec<String> = expected.iter().map(|labels| format!("{labels:?} 10 1")).collect();
    let store = store_of([group], 0);
    let all = || ask((5, 30), &[("tenant", Equal, "t")]);
    assert_eq!(last(&store, all()).await.unwrap().unwrap(), expected);
    let series = series(&store, all()).await.into_iter().map(|(labels, _)| format!("{labels} 10 1"));
    assert_eq!(series.collect::<Vec<_>>(), expected);
}

/// A label that is to be left out may be one that series have themselves: these may become equal.
#[tokio::test]
async fn a_head_whose_series_have_an_external_label_leaves_it_to_the_reader() {
    let group = head_group("a", &[(&[("n", "1"), ("tenant", "own")], &[(10, 1.0)]), (&[("n", "1")], &[(11, 2.0)])]);
    let store = store_of([group], 0);
    let all = || ask((5, 30), &[("n", Equal, "1")]);
    assert!(last(&store, all()).await.is_none());
    assert_eq!(series(&store, all()).await, [(r#"{n="1", replica="r", tenant="a"}"#.to_owned(), 2)]);
}

/// The labels that `query` looks at.
fn used_by(query: &str) -> UsedLabels {
    let expr = promql::parse(query, &promql::ParseOptions::default()).unwrap();
    let query = promql::Query::prepare(&expr, promql::QueryParams::instant(0)).unwrap();
    query.selects()[0].labels.clone().unwrap()
}

/// The labels of a walk in which `used` are looked at, by the newest samples or all; and whether these are all it shows.
fn shown(
    store: &dyn Store,
    used: Option<&UsedLabels>,
    newest_only: bool,
    request: SeriesRequest,
) -> (Vec<Labels>, bool) {
    let hints = SelectHints { newest_only, labels: used.cloned(), ..request.hints };
    let walk = store.walk(&SeriesRequest { hints, ..request }).unwrap();
    let labels_of = |frame: Result<SeriesFrame, StoreError>| match frame.unwrap() {
        SeriesFrame::Series(SeriesBatch::Chunks(batch)) => {
            assert!(!newest_only);
            batch.iter().map(|(labels, _)| labels.to_owned()).collect::<Vec<_>>()
        }
        SeriesFrame::Series(SeriesBatch::Columns(batch)) => batch.iter().map(|(labels, _)| labels.to_owned()).collect(),
        SeriesFrame::Warning(warning) => panic!("{warning}"),
    };
    (walk.frames.flat_map(labels_of).collect(), walk.has_used_labels_only)
}

/// Many pods of a metric, whose labels go before, between and behind the external ones.
fn pods(tenant: &str, more: &[(&str, &str)]) -> (HeadGroup, ExemplarGroup) {
    let pods: Vec<String> = (0..40).map(|pod| format!("{:02}", pod * 7 % 40)).collect();
    let sets: Vec<Vec<(&str, &str)>> = pods
        .iter()
        .map(|pod| {
            let mut set =
                vec![("__name__", "up"), ("job", &pod[..1]), ("pod", pod), ("sort", &pod[1..]), ("zone", "z")];
            if pod == "07" {
                set.extend(more);
                set.sort_unstable();
            }
            set
        })
        .collect();
    let held: Vec<Samples<'_>> = sets.iter().map(|set| (set.as_slice(), [(10, 1.0)].as_slice())).collect();
    head_group(tenant, &held)
}

#[test]
fn a_walk_shows_the_labels_that_are_looked_at_in_the_order_of_all() {
    let store = store_of([pods("t", &[])], 0);
    for query in
        ["count(up)", "sum by (zone, job) (up)", "sum by (replica, sort, none) (up)", "sum by (tenant) (rate(up[1m]))"]
    {
        for newest_only in [false, true] {
            let (all, shows_used_only) = shown(&store, None, newest_only, ask((5, 30), UP));
            assert!(all.len() == 40 && all.is_sorted() && !shows_used_only);
            let used = used_by(query);
            let expected: Vec<Labels> = all.iter().map(|labels| used.of(labels).unwrap()).collect();
            assert_eq!(shown(&store, Some(&used), newest_only, ask((5, 30), UP)), (expected, true), "{query}");
        }
    }
}

#[test]
fn a_walk_shows_all_labels_where_series_are_told_apart_by_them() {
    let used = used_by("sum by (job) (up)");
    let one = ask((5, 30), &[UP, &[("tenant", Equal, "a")]].concat());
    let two = store_of([pods("a", &[]), pods("b", &[])], 0);
    let typed = store_of([pods("a", &[("__type__", "counter")])], 0);
    let shard = Some(Arc::new(Shard { index: 0, total: 2, by: false, labels: Vec::new() }));
    for newest_only in [false, true] {
        let shows = |store: &LocalStore, request: &SeriesRequest| {
            let all = shown(store, None, newest_only, request.clone());
            let (found, shows_used_only) = shown(store, Some(&used), newest_only, request.clone());
            assert!(shows_used_only || found == all.0);
            shows_used_only
        };
        assert!(shows(&two, &one), "one of two heads has a part");
        assert!(!shows(&two, &ask((5, 30), UP)), "series of two heads are merged");
        assert!(!shows(&typed, &one), "without metadata two series may be alike");
        assert!(!shows(&two, &SeriesRequest { shard: shard.clone(), ..one.clone() }), "a shard looks at all labels");
        let registry = telemetry::Registry::default();
        let proxy = |stores: Vec<Arc<dyn Store>>| {
            crate::Proxy::new("proxy", Component::Query, Arc::new(stores), Labels::empty(), &registry)
        };
        let store = || Arc::new(store_of([pods("a", &[])], 0)) as Arc<dyn Store>;
        let through = shown(&proxy(vec![store()]), Some(&used), newest_only, one.clone());
        assert_eq!(through, shown(&*store(), Some(&used), newest_only, one.clone()));
        assert!(proxy(vec![store(), store()]).walk(&one).is_none(), "answers of two stores are merged");
    }
}

/// What is pulled is what a stream gives.
#[tokio::test]
async fn a_stream_is_a_walk_in_full() {
    let store = store_of([pods("a", &[]), pods("b", &[])], 0);
    let request = SeriesRequest { limit: Some(70), ..ask((5, 30), UP) };
    let pulled = shown(&store, None, false, request.clone()).0;
    assert_eq!(pulled.len(), 70);
    let pulled: Vec<_> = pulled.iter().map(|labels| format!("{labels:?}")).collect();
    let request = SeriesRequest {
        hints: SelectHints { labels: Some(used_by("count(up)")), ..SelectHints::default() },
        ..request
    };
    let streamed: Vec<_> = series(&store, request).await.into_iter().map(|(labels, _)| labels).collect();
    assert_eq!(streamed, pulled);
}

async fn check_metadata(request: MetadataRequest, want: &[&str]) {
    let answer = store().metadata(request).await.unwrap();
    let text = |(metric, said): (&String, &Vec<crate::metadata::MetricSaid>)| {
        let said: Vec<_> = said.iter().map(|one| format!("{} {} {}", one.kind.as_str(), one.help, one.unit)).collect();
        format!("{metric}: {}", said.join(", "))
    };
    assert_eq!(answer.metrics.iter().map(text).collect::<Vec<_>>(), want);
}

#[tokio::test]
async fn what_is_said_of_metrics_is_that_of_those_who_are_meant() {
    let all = MetadataRequest::default();
    let of = |name, value| MetadataRequest {
        external: Arc::from([Matcher::new(MatchOp::Equal, name, value).unwrap()]),
        ..all.clone()
    };
    check_metadata(all.clone(), &["up: gauge x s, gauge y s"]).await;
    check_metadata(of("tenant", "b"), &["up: gauge x s"]).await;
    check_metadata(of("tenant", "c"), &[]).await;
    check_metadata(MetadataRequest { metric: Some("down".to_owned()), ..all.clone() }, &[]).await;
    check_metadata(MetadataRequest { limit: Some(0), ..all.clone() }, &[]).await;
    assert!(store().info().metadata && !super::store().info().metadata);
    assert_eq!(super::store().metadata(all).await.unwrap().metrics.len(), 0);
}
