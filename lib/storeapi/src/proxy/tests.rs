use super::*;
use crate::metadata::MetricSaid;
use crate::store::{SeriesBatch, TsdbInfo};
use crate::table::labels;
use bytes::Bytes;
use model::MatchOp::{self, Equal, NotEqual, Regex};
use model::{Matcher, MetricKind};
use parking_lot::Mutex;
use tsdb::head::{Exemplar, ExemplarSeries};
use tsdb::{Chunk, ChunkSeriesBatch, Encoding};

/// Answers with what it is given, and remembers what it was asked.
#[derive(Debug)]
struct FakeStore {
    info: StoreInfo,
    series: Vec<Result<&'static str, StoreError>>,
    strings: Result<Vec<&'static str>, StoreError>,
    asked: Mutex<Vec<Arc<[Matcher]>>>,
}

#[derive(Debug, Clone)]
struct Stores(Vec<Arc<FakeStore>>);

impl StoreProvider for Stores {
    fn stores(&self) -> Vec<LiveStore> {
        let live = |store: &Arc<FakeStore>| LiveStore {
            store: Arc::clone(store) as Arc<dyn Store>,
            info: Arc::new(store.info.clone()),
        };
        self.0.iter().map(live).collect()
    }
}

impl Store for FakeStore {
    fn info(&self) -> StoreInfo {
        self.info.clone()
    }

    fn series(&self, request: SeriesRequest) -> SeriesStream {
        self.asked.lock().push(request.matchers);
        let frame = |series: Result<&'static str, StoreError>| {
            let mut batch = ChunkSeriesBatch::default();
            let data = Bytes::from_static(series?.as_bytes());
            batch.push(
                labels(&[("n", std::str::from_utf8(&data).unwrap())]).as_ref(),
                [Chunk::raw(0, 9, Encoding::Xor, data)],
            );
            Ok(SeriesFrame::Series(SeriesBatch::Chunks(batch)))
        };
        futures::stream::iter(self.series.clone()).map(frame).boxed()
    }

    fn label_names(&self, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.asked.lock().push(request.matchers);
        let strings = |strings: &Vec<&str>| strings.iter().map(|text| text.as_bytes().to_vec()).collect();
        let answer = self.strings.as_ref().map(|s| LabelsAnswer { strings: strings(s), warnings: Vec::new() });
        std::future::ready(answer.map_err(Clone::clone)).boxed()
    }

    fn label_values(&self, _: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.label_names(request)
    }

    /// One of each of its strings.
    fn exemplars(&self, request: ExemplarsRequest) -> BoxFuture<'_, Result<ExemplarsAnswer, StoreError>> {
        self.asked.lock().extend(request.selectors.iter().cloned());
        let exemplars = vec![Exemplar { labels: Labels::empty(), timestamp_ms: 1, value: 2.0 }];
        let series = |text: &&str| ExemplarSeries { labels: labels(&[("n", text)]), exemplars: exemplars.clone() };
        let answer = self
            .strings
            .as_ref()
            .map(|strings| ExemplarsAnswer { series: strings.iter().map(series).collect(), warnings: Vec::new() });
        std::future::ready(answer.map_err(Clone::clone)).boxed()
    }

    /// Metrics of its strings, which are said to be of its name.
    fn metadata(&self, request: MetadataRequest) -> BoxFuture<'_, Result<MetadataAnswer, StoreError>> {
        self.asked.lock().push(request.external);
        let help = self.info.name.get(..2).unwrap_or(&self.info.name);
        let said = || vec![MetricSaid { kind: MetricKind::Gauge, help: help.to_owned(), unit: String::new() }];
        let answer = self.strings.as_ref().map(|strings| MetadataAnswer {
            metrics: strings.iter().map(|text| ((*text).to_owned(), said())).collect(),
            warnings: Vec::new(),
        });
        std::future::ready(answer.map_err(Clone::clone)).boxed()
    }
}

fn fake(name: &str, label_sets: &[&[(&str, &str)]], range: (i64, i64), series: &[&'static str]) -> FakeStore {
    FakeStore {
        info: StoreInfo {
            name: name.to_owned(),
            component: Component::Receive,
            label_sets: label_sets.iter().map(|set| labels(set)).collect(),
            time_range: TimeRange::new(range.0, range.1),
            tsdbs: Vec::new(),
            drops_labels: true,
            shards: true,
            exemplars: TimeRange::new(range.0, range.1),
            metadata: true,
        },
        series: series.iter().map(|series| Ok(*series)).collect(),
        strings: Ok(series.to_vec()),
        asked: Mutex::default(),
    }
}

fn failing(mut store: FakeStore, error: &StoreError) -> FakeStore {
    store.series.push(Err(error.clone()));
    store.strings = Err(error.clone());
    store
}

fn proxy(stores: Vec<FakeStore>, selector: &[(&str, &str)]) -> (Proxy, Stores) {
    let stores = Stores(stores.into_iter().map(Arc::new).collect());
    let provider = Arc::new(stores.clone());
    (Proxy::new("query", Component::Query, provider, labels(selector), &Registry::default()), stores)
}

fn matchers(of: &[(&str, MatchOp, &str)]) -> Arc<[Matcher]> {
    of.iter().map(|(name, op, value)| Matcher::new(*op, *name, value).unwrap()).collect()
}

fn request(of: &[(&str, MatchOp, &str)], range: (i64, i64)) -> SeriesRequest {
    SeriesRequest::new(matchers(of), TimeRange::new(range.0, range.1).unwrap())
}

/// Series by the value of their one label, and warnings.
async fn answer(proxy: &Proxy, request: SeriesRequest) -> Result<(Vec<String>, Vec<String>), StoreError> {
    let (mut series, mut warnings, mut frames) = (Vec::new(), Vec::new(), proxy.series(request));
    while let Some(frame) = frames.next().await {
        match frame? {
            SeriesFrame::Series(SeriesBatch::Chunks(batch)) => series.extend(
                batch.iter().map(|(labels, _)| String::from_utf8_lossy(labels.get(b"n").unwrap()).into_owned()),
            ),
            SeriesFrame::Series(SeriesBatch::Columns(_)) => panic!("no columns were sent"),
            SeriesFrame::Warning(text) => warnings.push(text),
        }
    }
    Ok((series, warnings))
}

/// Three stores: a bucket of tenants a and b up to 99, ingesters r1 of tenant a and r2 of tenant b from 50 on.
fn fleet() -> Vec<FakeStore> {
    vec![
        fake("store:1", &[&[("tenant", "a")], &[("tenant", "b")]], (0, 99), &["bucket"]),
        fake("in:1", &[&[("replica", "r1"), ("tenant", "a")]], (50, i64::MAX), &["r1"]),
        fake("in:2", &[&[("replica", "r2"), ("tenant", "b")]], (50, i64::MAX), &["r2"]),
    ]
}

async fn check_chosen(request: SeriesRequest, want: &[&str]) {
    let (proxy, _) = proxy(fleet(), &[]);
    assert_eq!(answer(&proxy, request).await.unwrap(), (want.iter().map(|s| (*s).to_owned()).collect(), vec![]));
}

#[tokio::test]
async fn stores_are_chosen_by_time_and_labels() {
    let up = ("n", Regex, ".+");
    check_chosen(request(&[up], (0, 49)), &["bucket"]).await;
    check_chosen(request(&[up], (99, 99)), &["bucket", "r1", "r2"]).await;
    check_chosen(request(&[up], (100, 200)), &["r1", "r2"]).await;
    check_chosen(request(&[up], (-9, -1)), &[]).await;
    check_chosen(request(&[up, ("tenant", Equal, "b")], (0, 200)), &["bucket", "r2"]).await;
    check_chosen(request(&[up, ("replica", Equal, "r1")], (0, 200)), &["bucket", "r1"]).await;
    check_chosen(request(&[up, ("replica", Equal, "")], (0, 200)), &["bucket"]).await;
    check_chosen(request(&[up, ("tenant", NotEqual, "a"), ("tenant", NotEqual, "b")], (0, 200)), &[]).await;
}

#[tokio::test]
async fn a_label_set_counts_at_its_own_time() {
    let mut store = fake("store:1", &[&[("tenant", "a")], &[("tenant", "b")]], (0, 99), &["bucket"]);
    let tsdb =
        |tenant, min, max| TsdbInfo { labels: labels(&[("tenant", tenant)]), range: TimeRange::new(min, max).unwrap() };
    store.info.tsdbs = vec![tsdb("a", 0, 9), tsdb("b", 50, 99)];
    let (proxy, _) = proxy(vec![store], &[]);
    for (range, tenant, want) in [((0, 9), "a", 1), ((0, 9), "b", 0), ((10, 49), "a", 0), ((60, 70), "b", 1)] {
        let request = request(&[("tenant", Equal, tenant)], range);
        assert_eq!(answer(&proxy, request).await.unwrap().0.len(), want, "{range:?} {tenant}");
    }
}

#[tokio::test]
async fn stores_can_be_named() {
    let meant = |lists: &[&[(&str, MatchOp, &str)]]| SeriesRequest {
        stores: lists.iter().map(|list| matchers(list)).collect(),
        ..request(&[("n", Regex, ".+")], (0, 200))
    };
    check_chosen(meant(&[&[("__address__", Regex, "in:.*")]]), &["r1", "r2"]).await;
    check_chosen(meant(&[&[("__address__", Equal, "in:1")], &[("__address__", Equal, "store:1")]]), &["bucket", "r1"])
        .await;
    check_chosen(meant(&[&[("__address__", Regex, "in:.*"), ("replica", Equal, "r2")]]), &["r2"]).await;
    check_chosen(meant(&[&[("tenant", Equal, "a")]]), &["bucket", "r1"]).await;
    check_chosen(meant(&[&[("__address__", Equal, "nope")]]), &[]).await;
}

#[tokio::test]
async fn selector_labels_are_those_of_all_series() {
    let (proxy, stores) = proxy(fleet(), &[("region", "eu")]);
    let other = request(&[("n", Equal, "x"), ("region", Equal, "us")], (0, 9));
    assert_eq!(answer(&proxy, other).await.unwrap(), (vec![], vec![]));
    answer(&proxy, request(&[("n", Equal, "x"), ("region", Equal, "eu")], (0, 9))).await.unwrap();
    assert_eq!(*stores.0[0].asked.lock(), [matchers(&[("n", Equal, "x")])]);
    let error = answer(&proxy, request(&[("region", Equal, "eu")], (0, 9))).await.unwrap_err();
    assert_eq!(error, StoreError::Invalid("no matchers specified (excluding selector labels)".to_owned()));
    let sets = proxy.info().label_sets;
    assert_eq!(sets.len(), 4);
    assert!(sets.contains(&labels(&[("region", "eu"), ("replica", "r2"), ("tenant", "b")])), "{sets:?}");
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable { store: "in:1".to_owned(), reason: reason.to_owned() }
}

/// What is said when the ingester r1 fails with `error` after `series`.
async fn check_failure(error: StoreError, series: &[&'static str], want: &str) {
    let r1 = fake("in:1", &[&[("replica", "r1"), ("tenant", "a")]], (50, 99), series);
    let (proxy, _) = proxy(vec![failing(r1, &error), fake("in:2", &[], (50, 99), &["r2"])], &[]);
    let all = request(&[("n", Regex, ".+")], (0, 200));
    let (found, warnings) = answer(&proxy, all.clone()).await.unwrap();
    assert_eq!(found, [series, &["r2"]].concat());
    assert_eq!(warnings, [want]);
    let abort = SeriesRequest { partial: PartialResponse::Abort, ..all };
    let ended = answer(&proxy, abort).await.unwrap_err();
    assert_eq!(told::text(&ended), want);
    assert_eq!(std::mem::discriminant(&ended), std::mem::discriminant(&error));
}

#[tokio::test]
async fn a_failing_store_is_told_as_thanos_does() {
    let dead = "rpc error: code = Unavailable desc = connection refused";
    check_failure(
        unavailable(dead),
        &[],
        r#"fetch series for {replica="r1", tenant="a"} Addr: in:1 MinTime: 50 MaxTime: 99: rpc error: code = Unavailable desc = connection refused"#,
    )
    .await;
    let at = "receive series from Addr: in:1 MinTime: 50 MaxTime: 99: rpc error: code =";
    check_failure(unavailable("gone"), &["r1"], &format!("{at} Unavailable desc = gone")).await;
    let limit = StoreError::LimitExceeded("in:1: rpc error: code = ResourceExhausted desc = series limit 3".to_owned());
    check_failure(limit, &[], &format!("{at} ResourceExhausted desc = series limit 3")).await;
    check_failure(
        StoreError::Invalid("no matchers".to_owned()),
        &[],
        &format!("{at} InvalidArgument desc = no matchers"),
    )
    .await;
}

#[tokio::test]
async fn a_store_that_announces_nothing_is_told_so() {
    let store = failing(fake("127.0.0.1:1", &[], (i64::MIN, i64::MAX), &[]), &unavailable("refused"));
    let (proxy, _) = proxy(vec![store], &[]);
    let at = "Addr: 127.0.0.1:1 MinTime: -9223372036854775808 MaxTime: 9223372036854775807";
    let (_, warnings) = answer(&proxy, request(&[("n", Equal, "x")], (0, 9))).await.unwrap();
    assert_eq!(
        warnings,
        [format!("fetch series for Store Gateway {at}: rpc error: code = Unavailable desc = refused")]
    );
    let answer = proxy.label_names(LabelsRequest::new(matchers(&[]), TimeRange::ALL)).await.unwrap();
    let want = format!("fetch label names from store {at}: rpc error: code = Unavailable desc = refused");
    assert_eq!(answer.warnings, [want]);
}

#[tokio::test]
async fn nobody_to_ask_is_not_an_empty_answer() {
    let (proxy, _) = proxy(vec![], &[]);
    let all = request(&[("n", Regex, ".+")], (0, 9));
    assert_eq!(answer(&proxy, all.clone()).await.unwrap(), (vec![], vec![NO_STORES.to_owned()]));
    let abort = SeriesRequest { partial: PartialResponse::Abort, ..all };
    assert!(matches!(answer(&proxy, abort).await, Err(StoreError::Unavailable { .. })));
    let names = proxy.label_names(LabelsRequest::new(matchers(&[]), TimeRange::ALL)).await.unwrap();
    assert_eq!(names.warnings, [NO_STORES]);
}

#[tokio::test]
async fn label_answers_are_joined() {
    let (whole, _) = proxy(
        vec![
            fake("1", &[], (0, 9), &["a", "c"]),
            fake("2", &[], (0, 9), &["b", "c"]),
            fake("3", &[], (20, 29), &["d"]),
        ],
        &[],
    );
    let request = LabelsRequest::new(matchers(&[]), TimeRange::new(0, 9).unwrap());
    let text = |answer: &LabelsAnswer| -> Vec<String> {
        answer.strings.iter().map(|string| String::from_utf8_lossy(string).into_owned()).collect()
    };
    assert_eq!(text(&whole.label_values(b"n".to_vec(), request.clone()).await.unwrap()), ["a", "b", "c"]);
    let limited = LabelsRequest { limit: Some(2), ..request.clone() };
    assert_eq!(text(&whole.label_names(limited).await.unwrap()), ["a", "b"]);
    let (broken, _) =
        proxy(vec![failing(fake("in:1", &[], (0, 9), &[]), &unavailable("gone")), fake("2", &[], (0, 9), &["b"])], &[]);
    let answer = broken.label_values(b"n".to_vec(), request.clone()).await.unwrap();
    assert_eq!((text(&answer), answer.warnings.len()), (vec!["b".to_owned()], 1));
    let abort = LabelsRequest { partial: PartialResponse::Abort, ..request };
    assert!(matches!(broken.label_names(abort).await, Err(StoreError::Unavailable { .. })));
}

#[tokio::test]
async fn it_tells_what_its_stores_tell() {
    let (proxy, _) = proxy(fleet(), &[]);
    let info = proxy.info();
    assert_eq!((info.time_range, info.label_sets.len(), info.tsdbs.len()), (TimeRange::new(0, i64::MAX), 4, 0));
    assert!(info.drops_labels && info.shards);
}

fn exemplars_of(selectors: &[&[(&str, MatchOp, &str)]], range: (i64, i64)) -> ExemplarsRequest {
    let selectors: Vec<_> = selectors.iter().map(|of| matchers(of)).collect();
    ExemplarsRequest::new(selectors, TimeRange::new(range.0, range.1).unwrap())
}

async fn check_exemplars(request: ExemplarsRequest, want: &[&str]) {
    let (proxy, _) = proxy(fleet(), &[]);
    let answer = proxy.exemplars(request).await.unwrap();
    let name = |series: &ExemplarSeries| String::from_utf8_lossy(series.labels.get(b"n").unwrap()).into_owned();
    assert_eq!(
        (answer.series.iter().map(name).collect::<Vec<_>>(), answer.warnings),
        (want.iter().map(|s| (*s).to_owned()).collect(), vec![])
    );
}

#[tokio::test]
async fn exemplars_are_asked_of_whom_has_some() {
    let of_a: &[_] = &[("tenant", Equal, "a")];
    let of_b: &[_] = &[("tenant", Equal, "b"), ("x", Equal, "y")];
    check_exemplars(exemplars_of(&[of_a], (0, 99)), &["bucket", "r1"]).await;
    check_exemplars(exemplars_of(&[of_a, of_b], (0, 99)), &["bucket", "r1", "r2"]).await;
    check_exemplars(exemplars_of(&[of_a, of_b], (100, 101)), &["r1", "r2"]).await;
    check_exemplars(exemplars_of(&[], (0, 99)), &[]).await;
    let address = ExemplarsRequest {
        stores: Arc::from([matchers(&[("__address__", Equal, "in:2")])]),
        ..exemplars_of(&[&[("x", Equal, "")]], (0, 99))
    };
    check_exemplars(address, &["r2"]).await;
    let (proxy, _) = proxy(
        vec![FakeStore {
            info: StoreInfo { exemplars: None, ..fleet()[0].info.clone() },
            ..fake("none", &[], (0, 9), &["x"])
        }],
        &[],
    );
    assert_eq!(proxy.info().exemplars, None);
    assert_eq!(proxy.exemplars(exemplars_of(&[of_a], (0, 99))).await.unwrap(), ExemplarsAnswer::default());
}

/// Stores of which two have the same, and one says nothing.
#[tokio::test]
async fn exemplars_of_several_stores_are_joined_and_failures_told() {
    let gone = StoreError::Unavailable { store: "c".to_owned(), reason: "gone".to_owned() };
    let stores = || {
        let failing = failing(fake("c", &[], (0, 9), &[]), &gone);
        vec![fake("a", &[], (0, 9), &["x", "z"]), fake("b", &[], (0, 9), &["y", "x"]), failing]
    };
    let (proxy, _) = proxy(stores(), &[]);
    let asked = exemplars_of(&[&[("n", NotEqual, "")]], (0, 9));
    let answer = proxy.exemplars(asked.clone()).await.unwrap();
    assert_eq!(answer.series.iter().map(|one| one.exemplars.len()).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(
        answer.warnings,
        ["fetch exemplars from store Addr: c MinTime: 0 MaxTime: 9: rpc error: code = Unavailable desc = gone"]
    );
    let error = proxy.exemplars(ExemplarsRequest { partial: PartialResponse::Abort, ..asked }).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn exemplars_are_not_asked_for_by_labels_that_all_series_have() {
    let (proxy, stores) = proxy(vec![fake("a", &[], (0, 9), &["x"])], &[("zone", "z")]);
    let selectors: [&[_]; 2] = [&[("zone", Equal, "z"), ("n", Equal, "x")], &[("zone", Equal, "y")]];
    proxy.exemplars(exemplars_of(&selectors, (0, 9))).await.unwrap();
    assert_eq!(*stores.0[0].asked.lock(), [matchers(&[("n", Equal, "x")])]);
}

const METADATA: [&str; 3] = ["bucket: st", "r1: in", "r2: in"];

async fn check_metadata(request: MetadataRequest, want: &[&str]) {
    let (proxy, _) = proxy(fleet(), &[("zone", "z")]);
    let answer = proxy.metadata(request).await.unwrap();
    let text = |(metric, said): (&String, &Vec<MetricSaid>)| {
        format!("{metric}: {}", said.iter().map(|one| one.help.as_str()).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(answer.metrics.iter().map(text).collect::<Vec<_>>(), want);
    assert_eq!(answer.warnings, Vec::<String>::new());
}

#[tokio::test]
async fn metadata_is_asked_of_whom_tells_it() {
    let all = MetadataRequest::default();
    check_metadata(all.clone(), &METADATA).await;
    check_metadata(MetadataRequest { limit: Some(1), ..all.clone() }, &METADATA[..1]).await;
    check_metadata(MetadataRequest { metric: Some("r2".to_owned()), ..all.clone() }, &METADATA[2..]).await;
    let address = MetadataRequest { stores: Arc::from([matchers(&[("__address__", Equal, "in:2")])]), ..all.clone() };
    check_metadata(address, &METADATA[2..]).await;
    let silent = FakeStore { info: StoreInfo { metadata: false, ..fleet()[0].info.clone() }, ..fleet().remove(0) };
    let (proxy, _) = proxy(vec![silent], &[]);
    assert!(!proxy.info().metadata);
    assert_eq!(proxy.metadata(all).await.unwrap(), MetadataAnswer::default());
}

/// Of two tenants' peer it cannot be told whose metrics it speaks of.
#[tokio::test]
async fn metadata_of_one_tenant_is_not_asked_of_who_has_others() {
    let of = |name: &str, value: &str| MetadataRequest {
        external: matchers(&[(name, Equal, value)]),
        ..MetadataRequest::default()
    };
    let both: &[&[(&str, &str)]] = &[&[("tenant", "a")], &[("tenant", "b")]];
    let stores = || {
        let a = fake("1", &[&[("tenant", "a")]], (0, 9), &["x"]);
        vec![a, fake("2", both, (0, 9), &["y"]), fake("3", &[], (0, 9), &["z"])]
    };
    let ask = async |request| {
        let (proxy, stores) = proxy(stores(), &[("zone", "z")]);
        let metrics = proxy.metadata(request).await.unwrap().metrics;
        let asked: Vec<_> = stores.0.iter().map(|store| store.asked.lock().len()).collect();
        (metrics.into_keys().collect::<Vec<_>>().concat(), asked)
    };
    assert_eq!(ask(of("tenant", "a")).await, ("x".to_owned(), vec![1, 0, 0]));
    assert_eq!(ask(of("tenant", "b")).await, (String::new(), vec![0, 0, 0]));
    assert_eq!(ask(of("zone", "z")).await, ("xyz".to_owned(), vec![1, 1, 1]), "which all have");
    assert_eq!(ask(of("zone", "y")).await, (String::new(), vec![0, 0, 0]));
}

/// Stores of which two tell of the same metric, one the same and one something else, and one says nothing.
#[tokio::test]
async fn metadata_of_several_stores_is_joined_and_failures_told() {
    let gone = StoreError::Unavailable { store: "c".to_owned(), reason: "gone".to_owned() };
    let stores = || {
        let failing = failing(fake("c", &[], (0, 9), &[]), &gone);
        let all = [("a1x", ["x", "z"]), ("a1y", ["x", "w"]), ("b1", ["y", "x"])];
        all.iter().map(|(name, metrics)| fake(name, &[], (0, 9), metrics)).chain([failing]).collect::<Vec<_>>()
    };
    let (proxy, _) = proxy(stores(), &[]);
    let answer = proxy.metadata(MetadataRequest::default()).await.unwrap();
    let said = |metric: &str| answer.metrics[metric].iter().map(|one| one.help.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!(["w", "x", "y", "z"].map(said), ["a1", "a1 b1", "b1", "a1"]);
    assert_eq!(
        answer.warnings,
        ["fetch metadata from store Addr: c MinTime: 0 MaxTime: 9: rpc error: code = Unavailable desc = gone"]
    );
    let abort = MetadataRequest { partial: PartialResponse::Abort, ..MetadataRequest::default() };
    let error = proxy.metadata(abort).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
}
