//! Both ends in one process: what a store is asked and answers, through messages.

mod exemplars;
mod metadata;
mod peers;
mod unread;

use super::*;
use crate::exemplars::{ExemplarsAnswer, ExemplarsRequest};
use crate::metadata::{MetadataAnswer, MetadataRequest};
use crate::store::{
    Component, LabelsAnswer, LabelsRequest, PartialResponse, SelectHints, SeriesBatch, SeriesFrame, SeriesRequest,
    SeriesStream, Shard, Store, StoreError, StoreInfo, TsdbInfo,
};
use crate::table::{Row, labels, row};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use model::{MatchOp, Matcher, TenantId, TimeRange};
use parking_lot::Mutex;
use proto::thanos::services::store_client::StoreClient;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tonic::{Code, Status};
use tsdb::{Aggregate, Chunk, ChunkSeriesBatch, Encoding};

/// A store that answers what it was told to, and remembers what it was asked.
#[derive(Debug)]
struct Told {
    info: StoreInfo,
    series: Vec<Result<SeriesFrame, StoreError>>,
    labels: Result<LabelsAnswer, StoreError>,
    exemplars: Result<ExemplarsAnswer, StoreError>,
    metadata: Result<MetadataAnswer, StoreError>,
    asked: Mutex<Vec<String>>,
    /// Frames that were taken.
    taken: Arc<AtomicUsize>,
    /// Its answers that are being read.
    open: Arc<()>,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            info: info("told"),
            series: Vec::new(),
            labels: Ok(LabelsAnswer::default()),
            exemplars: Ok(ExemplarsAnswer::default()),
            metadata: Ok(MetadataAnswer::default()),
            asked: Mutex::default(),
            taken: Arc::default(),
            open: Arc::default(),
        }
    }
}

impl Store for Told {
    fn info(&self) -> StoreInfo {
        self.info.clone()
    }

    fn series(&self, request: SeriesRequest) -> SeriesStream {
        self.asked.lock().push(format!("{request:?}"));
        let (taken, open) = (Arc::clone(&self.taken), Arc::clone(&self.open));
        let frames = stream::iter(self.series.clone());
        let count = move |frame| {
            let _ = &open;
            taken.fetch_add(1, Ordering::Relaxed);
            frame
        };
        frames.map(count).boxed()
    }

    fn label_names(&self, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.asked.lock().push(format!("{request:?}"));
        async { self.labels.clone() }.boxed()
    }

    fn label_values(&self, name: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.asked.lock().push(format!("{} {request:?}", String::from_utf8_lossy(&name)));
        async { self.labels.clone() }.boxed()
    }

    fn exemplars(&self, request: ExemplarsRequest) -> BoxFuture<'_, Result<ExemplarsAnswer, StoreError>> {
        self.asked.lock().push(format!("{request:?}"));
        async { self.exemplars.clone() }.boxed()
    }

    fn metadata(&self, request: MetadataRequest) -> BoxFuture<'_, Result<MetadataAnswer, StoreError>> {
        self.asked.lock().push(format!("{request:?}"));
        async { self.metadata.clone() }.boxed()
    }
}

fn info(name: &str) -> StoreInfo {
    StoreInfo {
        name: name.to_owned(),
        component: Component::Receive,
        label_sets: vec![labels(&[("replica", "r1"), ("tenant_id", "a")]), labels(&[("tenant_id", "b")])],
        time_range: TimeRange::new(5, i64::MAX),
        tsdbs: vec![TsdbInfo { labels: labels(&[("tenant_id", "b")]), range: TimeRange::new(7, 9).unwrap() }],
        drops_labels: true,
        shards: true,
        exemplars: TimeRange::new(4, i64::MAX),
        metadata: true,
    }
}

/// The store at the other end of `store`'s service.
fn remote(store: &Arc<Told>) -> RemoteStore<impl Channel> {
    let service = StoreServer::service(Arc::clone(store) as Arc<dyn Store>);
    RemoteStore::new(info("far"), service, RemoteOptions::default())
}

fn batch(rows: &[Row]) -> SeriesFrame {
    let mut batch = ChunkSeriesBatch::default();
    for (labels, chunks) in rows {
        let chunk = |(min_ms, max_ms, data): &(i64, i64, String)| {
            Chunk::raw(*min_ms, *max_ms, Encoding::Xor, data.clone().into())
        };
        batch.push(labels.as_ref(), chunks.iter().map(chunk));
    }
    SeriesFrame::Series(SeriesBatch::Chunks(batch))
}

/// An answer, a line a series (`labels chunk+chunk`) or warning; a `--` behind each batch.
async fn lines(mut answer: SeriesStream) -> Result<Vec<String>, StoreError> {
    let mut lines = Vec::new();
    while let Some(frame) = answer.try_next().await? {
        match frame {
            SeriesFrame::Warning(text) => lines.push(text),
            SeriesFrame::Series(SeriesBatch::Columns(_)) => panic!("a peer answers with chunks"),
            SeriesFrame::Series(SeriesBatch::Chunks(batch)) => {
                lines.extend(batch.iter().map(|(labels, chunks)| {
                    let data = |chunk: &Chunk| String::from_utf8_lossy(&chunk.data).into_owned();
                    format!("{labels:?} {}", chunks.iter().map(data).collect::<Vec<_>>().join("+"))
                }));
                lines.push("--".to_owned());
            }
        }
    }
    Ok(lines)
}

fn request(of: &[(&str, MatchOp, &str)]) -> SeriesRequest {
    let matchers: Arc<[Matcher]> =
        of.iter().map(|(name, op, value)| Matcher::new(*op, *name, value).unwrap()).collect();
    SeriesRequest::new(matchers, TimeRange::new(-5, 1_755_388_800_000).unwrap())
}

fn wanting() -> SeriesRequest {
    request(&[("__name__", MatchOp::Equal, "up")])
}

// === requests ===

#[tokio::test]
async fn a_series_request_arrives_as_it_was_made() {
    let full = SeriesRequest {
        skip_chunks: true,
        limit: Some(7),
        without_labels: Arc::from([b"replica".to_vec(), b"zone".to_vec()]),
        max_resolution_ms: 300_000,
        aggregates: Arc::from([Aggregate::Count, Aggregate::Sum, Aggregate::Counter]),
        shard: Some(Arc::new(Shard { index: 1, total: 3, by: true, labels: vec![b"pod".to_vec()] })),
        partial: PartialResponse::Abort,
        block_matchers: Arc::from([Matcher::new(MatchOp::Equal, "__block_id", "01ABC").unwrap()]),
        tenant: Some(TenantId::parse("team-a").unwrap()),
        hints: SelectHints {
            step_ms: 60_000,
            range_ms: 300_000,
            func: "rate".to_owned(),
            newest_only: false,
            labels: None,
        },
        ..request(&[
            ("__name__", MatchOp::Equal, "up"),
            ("zone", MatchOp::NotEqual, ""),
            ("pod", MatchOp::Regex, "a|b.*"),
            ("job", MatchOp::NotRegex, "ü.+"),
        ])
    };
    for request in [full, wanting()] {
        let told = Arc::new(Told::default());
        assert_eq!(lines(remote(&told).series(request.clone())).await.unwrap(), Vec::<String>::new());
        assert_eq!(*told.asked.lock(), [format!("{request:?}")]);
    }
}

#[tokio::test]
async fn a_labels_request_arrives_as_it_was_made() {
    let request = LabelsRequest {
        limit: Some(3),
        without_labels: Arc::from([b"replica".to_vec()]),
        partial: PartialResponse::Abort,
        block_matchers: Arc::from([Matcher::new(MatchOp::Regex, "__block_id", "01.*").unwrap()]),
        tenant: Some(TenantId::parse("team-a").unwrap()),
        ..LabelsRequest::new([Matcher::new(MatchOp::Regex, "job", "a.*").unwrap()], TimeRange::new(3, 9).unwrap())
    };
    let strings = vec![b"a".to_vec(), "ü".into()];
    let answer = LabelsAnswer { strings, warnings: vec!["one is gone".to_owned()] };
    let told = Arc::new(Told { labels: Ok(answer.clone()), ..Told::default() });
    assert_eq!(remote(&told).label_names(request.clone()).await, Ok(answer.clone()));
    assert_eq!(remote(&told).label_values(b"pod".to_vec(), request.clone()).await, Ok(answer));
    assert_eq!(*told.asked.lock(), [format!("{request:?}"), format!("pod {request:?}")]);
}

#[tokio::test]
async fn what_is_no_text_is_refused_before_it_is_sent() {
    let told = Arc::new(Told::default());
    let request = request(&[]);
    let matchers = [Matcher::new(MatchOp::Equal, "a", [0xff]).unwrap()];
    let error = lines(remote(&told).series(SeriesRequest { matchers: matchers.into(), ..request })).await.unwrap_err();
    assert_eq!(error, StoreError::Invalid("\"\u{fffd}\" is not UTF-8".to_owned()));
    assert!(told.asked.lock().is_empty());
}

/// What the server says to a message that asks `told` for series.
async fn refusal(message: proto::thanos::SeriesRequest) -> (Code, String) {
    let service = StoreServer::service(Arc::new(Told::default()));
    let status = StoreClient::new(service).series(message).await.err().unwrap();
    (status.code(), status.message().to_owned())
}

fn message(kind: i32, value: &str) -> proto::thanos::SeriesRequest {
    let matcher = proto::thanos::LabelMatcher { r#type: kind, name: "__name__".into(), value: value.into() };
    proto::thanos::SeriesRequest { matchers: vec![matcher], max_time: 9, ..Default::default() }
}

#[tokio::test]
async fn bad_requests_are_invalid_arguments_in_the_words_of_thanos() {
    let invalid = |text: &str| (Code::InvalidArgument, text.to_owned());
    assert_eq!(refusal(message(2, "http(")).await, invalid("error parsing regexp: missing closing ): `http(`"));
    assert_eq!(refusal(message(7, "up")).await, invalid("unrecognized label matcher type 7"));
    let hints =
        prost_types::Any { type_url: "type.googleapis.com/hintspb.SeriesRequestHints".into(), value: vec![0xff] };
    let (code, text) = refusal(proto::thanos::SeriesRequest { hints: Some(hints), ..message(0, "up") }).await;
    assert_eq!(code, Code::InvalidArgument);
    assert!(text.starts_with("unmarshal hintspb.SeriesRequestHints"), "{text}");
}

#[tokio::test]
async fn a_range_that_runs_backwards_holds_nothing() {
    let told = Arc::new(Told { series: vec![Ok(batch(&[row(&[("a", "b")], &[])]))], ..Told::default() });
    let service = StoreServer::service(Arc::clone(&told) as Arc<dyn Store>);
    let backwards = proto::thanos::SeriesRequest { min_time: 10, ..message(0, "up") };
    let frames = StoreClient::new(service).series(backwards).await.unwrap().into_inner();
    assert_eq!(frames.count().await, 0);
    assert!(told.asked.lock().is_empty());
}

#[tokio::test]
async fn a_tenant_that_is_a_path_is_refused() {
    let mut asked = tonic::Request::new(message(0, "up"));
    asked.metadata_mut().insert("thanos-tenant", "../b".parse().unwrap());
    let status = StoreClient::new(StoreServer::service(Arc::new(Told::default()))).series(asked).await.err().unwrap();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
}

// === answers ===

#[tokio::test]
async fn series_and_warnings_come_in_order() {
    let rows =
        [row(&[("a", "1")], &[(1, 2, "x"), (3, 4, "y")]), row(&[("a", "2")], &[]), row(&[("a", "3")], &[(0, 0, "")])];
    let told = Told {
        series: vec![Ok(batch(&rows[..2])), Ok(SeriesFrame::Warning("one is gone".to_owned())), Ok(batch(&rows[2..]))],
        ..Told::default()
    };
    let lines = lines(remote(&Arc::new(told)).series(wanting())).await.unwrap();
    assert_eq!(lines, ["one is gone", r#"{a="1"} x+y"#, r#"{a="2"} "#, r#"{a="3"} "#, "--"]);
}

#[tokio::test]
async fn columns_are_cut_into_chunks() {
    let columns = |count: i64| model::SampleColumns {
        timestamps_ms: (0..count).map(|at| at * 15_000).collect(),
        values: (0..count).map(|at| at as f64 * 0.5).collect(),
        ..model::SampleColumns::default()
    };
    let mut batch = tsdb::ColumnSeriesBatch::default();
    batch.push(labels(&[("a", "b")]).as_ref(), &columns(250));
    let series = SeriesFrame::Series(SeriesBatch::Columns(Box::new(batch)));
    let told = Arc::new(Told { series: vec![Ok(series)], ..Told::default() });
    let frames: Vec<_> = remote(&told).series(wanting()).try_collect().await.unwrap();
    let [SeriesFrame::Series(SeriesBatch::Chunks(batch))] = frames.as_slice() else { panic!("{frames:?}") };
    let (_, chunks) = batch.get(0).unwrap();
    let (mut decoded, ranges) =
        (model::SampleColumns::default(), chunks.iter().map(|chunk| (chunk.min_ms, chunk.max_ms)));
    assert_eq!(ranges.collect::<Vec<_>>(), [(0, 1_785_000), (1_800_000, 3_585_000), (3_600_000, 3_735_000)]);
    chunks.iter().for_each(|chunk| tsdb::chunk::decode(chunk.encoding, &chunk.data, &mut decoded).unwrap());
    assert_eq!(decoded, columns(250));
}

/// What a peer gets of one chunk.
async fn chunks_of(encoding: Encoding, data: &'static [u8]) -> Result<Vec<Chunk>, StoreError> {
    let mut series = ChunkSeriesBatch::default();
    let known = Chunk::raw(0, 0, Encoding::Xor, b"x".as_slice().into());
    series.push(labels(&[("a", "b")]).as_ref(), [known, Chunk::raw(1, 1, encoding, data.into())]);
    let told = Told { series: vec![Ok(SeriesFrame::Series(SeriesBatch::Chunks(series)))], ..Told::default() };
    let frames: Vec<_> = remote(&Arc::new(told)).series(wanting()).try_collect().await?;
    let [SeriesFrame::Series(SeriesBatch::Chunks(batch))] = frames.as_slice() else { panic!("{frames:?}") };
    Ok(batch.get(0).unwrap().1[1..].to_vec())
}

#[tokio::test]
async fn chunks_that_storeapi_does_not_know_are_encoded_anew() {
    // One sample, 2.0 at 1 ms, with its start.
    let chunks = chunks_of(Encoding::Xor2, &[0, 1, 0x80, 2, 0x40, 0, 0, 0, 0, 0, 0, 0, 4]).await.unwrap();
    let same: &[u8] = &[0, 1, 2, 0x40, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(chunks, [Chunk::raw(1, 1, Encoding::Xor, same.into())]);
    // No sample is no chunk.
    assert_eq!(chunks_of(Encoding::HistogramSt, &[0, 0, 0]).await, Ok(Vec::new()));
    let error = chunks_of(Encoding::FloatHistogramSt, b"x").await.unwrap_err();
    assert!(matches!(&error, StoreError::Internal { store, reason } if store == "far" && reason.contains("decoded")));
}

#[tokio::test]
async fn an_answer_is_taken_as_it_is_read_and_ends_when_dropped() {
    let value = |at: usize| format!("{at:05}");
    let rows = |at: usize| vec![row(&[("a", &value(at))], &[(1, 2, "x")])];
    let told = Arc::new(Told { series: (0..2000).map(|at| Ok(batch(&rows(at)))).collect(), ..Told::default() });
    let mut frames = StoreClient::new(StoreServer::service(Arc::clone(&told) as Arc<dyn Store>))
        .series(message(0, "up"))
        .await
        .unwrap()
        .into_inner();
    assert!(frames.message().await.unwrap().is_some());
    // tonic fills a buffer of some KiB before it hands anything on.
    let taken = told.taken.load(Ordering::Relaxed);
    assert!(taken < 1500, "{taken}");
    assert_eq!(Arc::strong_count(&told.open), 2);
    drop(frames);
    assert_eq!(Arc::strong_count(&told.open), 1);
}

// === errors ===

#[tokio::test]
async fn errors_cross_as_codes() {
    let (store, reason) = ("told".to_owned(), "why".to_owned());
    let far = "far".to_owned();
    let text = |code: &str, text: &str| format!("rpc error: code = {code} desc = {text}");
    let named = |code: &str| text(code, "told: why");
    let cases = [
        (
            StoreError::Unavailable { store: store.clone(), reason: reason.clone() },
            StoreError::Unavailable { store: far.clone(), reason: named("Unavailable") },
        ),
        (StoreError::Invalid("x".to_owned()), StoreError::Invalid(format!("far: {}", text("InvalidArgument", "x")))),
        (
            StoreError::LimitExceeded("x".to_owned()),
            StoreError::LimitExceeded(format!("far: {}", text("ResourceExhausted", "x"))),
        ),
        (
            StoreError::Aborted { store: store.clone(), reason: reason.clone() },
            StoreError::Aborted { store: far.clone(), reason: named("Aborted") },
        ),
        (
            StoreError::TimedOut { store: store.clone(), reason: reason.clone() },
            StoreError::TimedOut { store: far.clone(), reason: named("DeadlineExceeded") },
        ),
        (StoreError::Canceled, StoreError::Unavailable { store: far.clone(), reason: text("Canceled", "canceled") }),
        (
            StoreError::Unsupported { store: store.clone(), reason: reason.clone() },
            StoreError::Unsupported { store: far.clone(), reason: named("Unimplemented") },
        ),
        (StoreError::Internal { store, reason }, StoreError::Internal { store: far, reason: named("Internal") }),
    ];
    let before = batch(&[row(&[("a", "1")], &[(1, 2, "x")])]);
    for (sent, expected) in cases {
        let series = vec![Ok(before.clone()), Err(sent.clone())];
        let told = Arc::new(Told { series, labels: Err(sent), ..Told::default() });
        assert_eq!(lines(remote(&told).series(wanting())).await.unwrap_err(), expected);
        let labels = LabelsRequest::new([], TimeRange::ALL);
        assert_eq!(remote(&told).label_names(labels.clone()).await.unwrap_err(), expected);
        assert_eq!(remote(&told).label_values(b"a".to_vec(), labels).await.unwrap_err(), expected);
    }
}

#[test]
fn every_code_of_a_peer_is_an_error_with_gos_text() {
    for code in 0..=16 {
        let error = error_of("far", &Status::new(Code::from(code), "why"));
        assert!(error.to_string().contains("far: rpc error: code = "), "{error}");
        assert!(error.to_string().ends_with(" desc = why"), "{error}");
    }
}

// === info ===

#[tokio::test]
async fn info_arrives_as_it_is() {
    let nothing = StoreInfo { time_range: None, label_sets: Vec::new(), tsdbs: Vec::new(), ..info("told") };
    for said in [info("told"), StoreInfo { component: Component::Query, shards: false, ..nothing }] {
        let told = Arc::new(Told { info: said.clone(), ..Told::default() });
        let fetched = fetch_info("far", InfoServer::service(told)).await.unwrap();
        assert_eq!(fetched, StoreInfo { name: "far".to_owned(), ..said });
    }
}

#[tokio::test]
async fn a_remote_store_tells_what_was_said_last() {
    let remote = remote(&Arc::new(Told::default()));
    let now = StoreInfo { time_range: TimeRange::new(1, 2), drops_labels: false, shards: false, ..info("far") };
    remote.update(now.clone());
    assert_eq!(*remote.peer(), now);
    assert_eq!(remote.info(), StoreInfo { drops_labels: true, shards: true, ..now });
}
