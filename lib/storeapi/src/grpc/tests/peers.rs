//! Peers that split series, are slow, cannot do all, or do wrong.

use super::*;
use crate::Proxy;
use bytes::Bytes;
use model::Labels;
use prost::Message as _;
use proto::grpc::Raw;
use proto::series::{Aggr, FrameForm, FrameWriter, WireChunk, warning_frame};
use proto::thanos::services::store_server;
use proto::thanos::{LabelNamesRequest, LabelValuesRequest, LabelValuesResponse, SeriesRequest as Message};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::{Request, Response};

/// A peer whose `Series` answers are these frames; where there is none, it stalls.
#[derive(Debug, Clone)]
struct Peer {
    frames: Arc<[Option<Bytes>]>,
}

#[tonic::async_trait]
impl store_server::Store for Peer {
    type SeriesStream = BoxStream<'static, Result<Raw, Status>>;

    async fn series(&self, _: Request<Message>) -> Result<Response<Self::SeriesStream>, Status> {
        let frames = stream::iter(self.frames.to_vec()).then(async |frame| match frame {
            Some(frame) => Ok(Raw::from(frame)),
            None => std::future::pending().await,
        });
        Ok(Response::new(frames.boxed()))
    }

    async fn label_names(&self, _: Request<LabelNamesRequest>) -> Result<Response<Raw>, Status> {
        std::future::pending().await
    }

    async fn label_values(&self, _: Request<LabelValuesRequest>) -> Result<Response<Raw>, Status> {
        let values = ["b", "a", "b"].map(str::to_owned).to_vec();
        let message = LabelValuesResponse { values, ..Default::default() };
        Ok(Response::new(Bytes::from(message.encode_to_vec()).into()))
    }
}

/// Labels, and chunks as (min, max, bytes).
type Part<'a> = (&'a [(&'a str, &'a str)], &'a [(i64, i64, &'a str)]);

/// A frame of these series.
fn frame(rows: &[Part<'_>]) -> Option<Bytes> {
    let (mut writer, mut frames) = (FrameWriter::new(FrameForm { batch_series: 9, hashes: true }), Vec::new());
    for (pairs, chunks) in rows {
        let chunks = chunks.iter().map(|(min_ms, max_ms, data)| WireChunk {
            min_ms: *min_ms,
            max_ms: *max_ms,
            aggregate: Aggr::Raw,
            encoding: proto::series::Encoding::Xor,
            data: data.as_bytes(),
        });
        writer.write(labels(pairs).as_ref(), chunks, &mut |frame| frames.push(frame));
    }
    writer.finish().map(Raw::into_bytes)
}

fn peer(frames: Vec<Option<Bytes>>, options: RemoteOptions) -> RemoteStore<impl Channel> {
    let service = store_server::StoreServer::new(Peer { frames: frames.into() });
    RemoteStore::new(info("far"), service, options)
}

/// A peer of usual options.
pub(super) fn peer_of(frames: Vec<Option<Bytes>>) -> RemoteStore<impl Channel> {
    peer(frames, RemoteOptions::default())
}

async fn check(frames: Vec<Option<Bytes>>, expected: &[&str]) {
    let lines = lines(peer(frames, RemoteOptions::default()).series(wanting())).await.unwrap();
    assert_eq!(lines, expected);
}

async fn check_fails(frames: Vec<Option<Bytes>>, expected: &str) {
    let error = lines(peer(frames, RemoteOptions::default()).series(wanting())).await.unwrap_err();
    assert_eq!(error.to_string(), expected);
}

const A: &[(&str, &str)] = &[("a", "1")];
const B: &[(&str, &str)] = &[("a", "2")];

#[tokio::test]
async fn a_series_in_several_frames_is_joined_and_its_chunks_ordered() {
    let frames = vec![
        frame(&[(A, &[(1, 2, "x")])]),
        Some(warning_frame("between").into_bytes()),
        frame(&[(A, &[(5, 6, "z"), (3, 4, "y")]), (A, &[(1, 2, "x")])]),
        frame(&[(A, &[]), (B, &[(1, 2, "w")])]),
    ];
    check(frames, &["between", r#"{a="1"} x+y+z"#, r#"{a="2"} w"#, "--"]).await;
    check(vec![frame(&[(A, &[])]), frame(&[(A, &[])])], &[r#"{a="1"} "#, "--"]).await;
}

#[tokio::test]
async fn batches_end_at_their_series_and_at_their_bytes() {
    let (values, large): (Vec<String>, _) = ((0..300).map(|at| format!("{at:03}")).collect(), "x".repeat(300 << 10));
    let sizes = async |frames: Vec<Option<Bytes>>| {
        let lines = lines(peer(frames, RemoteOptions::default()).series(wanting())).await.unwrap();
        lines.split(|line| line == "--").map(<[String]>::len).collect::<Vec<_>>()
    };
    let many = values.iter().map(|value| frame(&[(&[("a", value)], &[(1, 2, "x")])])).collect();
    assert_eq!(sizes(many).await, [128, 128, 44, 0]);
    let few = values[..6].iter().map(|value| frame(&[(&[("a", value)], &[(1, 2, &large)])])).collect();
    assert_eq!(sizes(few).await, [4, 2, 0]);
}

#[tokio::test]
async fn a_peer_that_does_wrong_is_named() {
    let unsorted = vec![frame(&[(B, &[]), (A, &[])])];
    check_fails(unsorted, r#"far: its answer is not sorted: {a="1"} came after {a="2"}"#).await;
    let malformed = vec![frame(&[(A, &[])]), Some(Bytes::from_static(&[0x0a, 0x05, 0x0a]))];
    check_fails(malformed, "far: its answer cannot be read: SeriesResponse at byte 1: truncated field").await;
}

#[tokio::test]
async fn a_peer_that_stalls_is_left() {
    let options = RemoteOptions { frame_timeout: Duration::from_millis(30), ..RemoteOptions::default() };
    for frames in [vec![None], vec![frame(&[(A, &[])]), None]] {
        let error = lines(peer(frames, options).series(wanting())).await.unwrap_err();
        let expected =
            StoreError::TimedOut { store: "far".into(), reason: "failed to receive any data in 30ms".into() };
        assert_eq!(error, expected);
    }
    let names = peer(Vec::new(), options).label_names(LabelsRequest::new([], TimeRange::ALL)).await;
    assert!(matches!(names, Err(StoreError::TimedOut { .. })), "{names:?}");
}

#[tokio::test]
async fn values_come_sorted_and_once() {
    let values = peer(Vec::new(), RemoteOptions::default());
    let values = values.label_values(b"a".to_vec(), LabelsRequest::new([], TimeRange::ALL)).await.unwrap();
    assert_eq!(values.strings, [b"a", b"b"]);
}

/// A peer of long ago: it neither leaves labels out nor tells shards apart.
fn old_peer(options: RemoteOptions) -> RemoteStore<impl Channel> {
    let frames = vec![
        frame(&[(&[("a", "1"), ("r", "x"), ("z", "2")], &[(1, 2, "one")])]),
        frame(&[(&[("a", "1"), ("r", "y"), ("z", "1")], &[(1, 2, "two")])]),
        frame(&[(&[("a", "1"), ("r", "z"), ("z", "2")], &[(3, 4, "three"), (1, 2, "one")])]),
    ];
    let store = peer(frames, options);
    store.update(StoreInfo { drops_labels: false, shards: false, ..info("far") });
    store
}

#[tokio::test]
async fn what_a_peer_cannot_do_is_done_here() {
    let without = SeriesRequest { without_labels: Arc::from([b"r".to_vec()]), ..wanting() };
    let all = lines(old_peer(RemoteOptions::default()).series(without.clone())).await.unwrap();
    assert_eq!(all, [r#"{a="1", z="1"} two"#, r#"{a="1", z="2"} one+three"#, "--"]);

    let mut parts = Vec::new();
    for index in 0..3 {
        let shard = Shard { index, total: 3, by: true, labels: vec![b"z".to_vec()] };
        let holds = |pairs: &[(&str, &str)]| shard.holds(labels(pairs).as_ref());
        assert!(!(holds(&[("z", "1")]) && holds(&[("z", "2")])), "both fall together, the test says nothing");
        let request = SeriesRequest { shard: Some(Arc::new(shard)), ..without.clone() };
        parts.extend(lines(old_peer(RemoteOptions::default()).series(request)).await.unwrap());
    }
    parts.sort_unstable();
    assert_eq!(parts, ["--", "--", r#"{a="1", z="1"} two"#, r#"{a="1", z="2"} one+three"#]);
}

#[tokio::test]
async fn an_answer_too_large_to_be_sorted_again_is_refused() {
    let options = RemoteOptions { held_bytes: 300, ..RemoteOptions::default() };
    let request = SeriesRequest { without_labels: Arc::from([b"r".to_vec()]), ..wanting() };
    let error = lines(old_peer(options).series(request)).await.unwrap_err();
    assert!(matches!(&error, StoreError::LimitExceeded(text) if text.starts_with("far: an answer of more than 300")));
    // Without labels to leave out nothing is held.
    assert!(lines(old_peer(options).series(wanting())).await.is_ok());
}

/// Whoever sends too much is left by name: what the other says stands beside a warning, or all ends where that is not wanted.
#[tokio::test]
async fn a_peer_that_says_too_much_is_left() {
    let options = RemoteOptions { held_bytes: 2000, ..RemoteOptions::default() };
    let text = |whence: &str, what: &str| {
        let peer = "Addr: far MinTime: 5 MaxTime: 9223372036854775807";
        format!("{whence} {peer}: rpc error: code = ResourceExhausted desc = {what}")
    };
    let unending = vec![frame(&[(A, &[(1, 2, "xxxxxxxxxx")])]); 1000];
    let crowded = vec![frame(&[(A, &[(1, 2, ""); 1000])])];
    // What came of a series in frames before stays.
    for (frames, before) in [(unending, Some(r#"{a="1"} xxxxxxxxxx"#)), (crowded, None)] {
        let asked = proxy([peer(frames, options), peer(vec![frame(&[(B, &[(1, 2, "b")])])], options)]);
        let text = text("receive series from", "a series of its answer takes more than 2000 bytes");
        let told = lines(asked.series(wanting())).await.unwrap();
        let series = before.into_iter().chain([r#"{a="2"} b"#, "--"]).map(str::to_owned);
        assert_eq!(told, std::iter::once(text.clone()).chain(series).collect::<Vec<_>>());
        let abort = SeriesRequest { partial: PartialResponse::Abort, ..wanting() };
        assert_eq!(lines(asked.series(abort)).await.unwrap_err(), StoreError::LimitExceeded(text));
    }

    // Each of many series may take as much.
    let data = "x".repeat(1900);
    let values: Vec<String> = (10..30).map(|at| at.to_string()).collect();
    let many = values.iter().map(|value| frame(&[(&[("a", value)], &[(1, 2, &data)])])).collect();
    assert_eq!(lines(peer(many, options).series(wanting())).await.unwrap().len(), 21);

    let asked = proxy([peer(Vec::new(), RemoteOptions { held_bytes: 70, ..options }), peer(Vec::new(), options)]);
    let text = text("fetch label values from store", "its answer about labels takes more than 70 bytes");
    let request = LabelsRequest::new([], TimeRange::ALL);
    let told = asked.label_values(b"a".to_vec(), request.clone()).await.unwrap();
    assert_eq!((told.strings, told.warnings), (vec![b"a".to_vec(), b"b".to_vec()], vec![text.clone()]));
    let abort = LabelsRequest { partial: PartialResponse::Abort, ..request };
    assert_eq!(asked.label_values(b"a".to_vec(), abort).await, Err(StoreError::LimitExceeded(text)));
}

fn proxy<C: Channel>(peers: [RemoteStore<C>; 2]) -> Proxy {
    let peers: Vec<_> = peers.into_iter().map(|peer| Arc::new(peer) as Arc<dyn Store>).collect();
    Proxy::new("asked", Component::Query, Arc::new(peers), Labels::empty(), &telemetry::Registry::default())
}

/// A peer that begins a message and says how long it will be.
#[derive(Debug, Clone, Copy)]
struct Announcing(&'static str);

impl Service<http::Request<Body>> for Announcing {
    type Response = http::Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        ready(Ok(http::Response::new(self.0.to_owned())))
    }
}

#[tokio::test]
async fn a_message_too_large_is_refused_before_it_is_read() {
    let expected = |bytes: u32, most: u32| {
        let text = format!("Error, decoded message length too large: found {bytes} bytes, the limit is: {most} bytes");
        StoreError::LimitExceeded(format!("far: rpc error: code = OutOfRange desc = {text}"))
    };
    let larger = format!("a message of {} bytes is larger than the limit of {} bytes", (256 << 20) + 1, 256 << 20);
    let larger = StoreError::LimitExceeded(format!("far: rpc error: code = ResourceExhausted desc = {larger}"));
    let far = RemoteStore::new(info("far"), Announcing("\0\x10\0\0\x01"), RemoteOptions::default());
    let (series, labels) = (lines(far.series(wanting())), far.label_names(LabelsRequest::new([], TimeRange::ALL)));
    assert_eq!(series.await, Err(larger));
    assert_eq!(labels.await, Err(expected((256 << 20) + 1, 256 << 20)));
    let said = fetch_info("far", Announcing("\0\x01\0\0\x01")).await;
    assert_eq!(said, Err(expected((16 << 20) + 1, 16 << 20)));
    let request = "x".repeat(4 << 20);
    let (code, text) = refusal(message(0, &request)).await;
    assert_eq!(code, Code::OutOfRange, "{text}");
}

/// A peer that answers with these pieces of messages, and then with this status in trailers.
#[derive(Debug, Clone)]
struct Pieces(Vec<Bytes>, Option<(&'static str, &'static str)>);

impl Service<http::Request<Body>> for Pieces {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        let mut trailers = http::HeaderMap::new();
        if let Some((code, text)) = self.1 {
            trailers.insert("grpc-status", http::HeaderValue::from_static(code));
            trailers.insert("grpc-message", http::HeaderValue::from_static(text));
        }
        let data = self.0.clone().into_iter().map(http_body::Frame::data);
        let end = (!trailers.is_empty()).then(|| http_body::Frame::trailers(trailers));
        let frames = stream::iter(data.chain(end).map(Ok::<_, Status>));
        ready(Ok(http::Response::new(Body::new(http_body_util::StreamBody::new(frames)))))
    }
}

/// However HTTP divides them. What ends too early, or in another way, is told.
#[tokio::test]
async fn messages_are_put_together() {
    let messages = [frame(&[(A, &[(1, 2, "x")])]), Some(warning_frame("between").into_bytes()), frame(&[(B, &[])])];
    let mut bytes = Vec::new();
    for message in messages.iter().flatten() {
        bytes.push(0);
        bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(message);
    }
    let asked = async |bytes: &[u8], piece: usize, status| {
        let pieces = bytes.chunks(piece).map(Bytes::copy_from_slice).collect();
        let far = RemoteStore::new(info("far"), Pieces(pieces, status), RemoteOptions::default());
        lines(far.series(wanting())).await.map_err(|error| error.to_string())
    };
    let ok = Some(("0", ""));
    for piece in 1..=bytes.len() {
        assert_eq!(
            asked(&bytes, piece, ok).await.unwrap(),
            ["between", r#"{a="1"} x"#, r#"{a="2"} "#, "--"],
            "{piece}"
        );
    }
    for (cut, status, expected) in [
        (0, Some(("8", "too much")), "limit exceeded: far: rpc error: code = ResourceExhausted desc = too much"),
        (1, Some(("14", "going away")), "far: rpc error: code = Unavailable desc = going away"),
        (1, ok, "far: rpc error: code = Internal desc = the answer ended within a message"),
        (1, None, "far: rpc error: code = Internal desc = the answer ended within a message"),
        (
            0,
            None,
            "far: rpc error: code = Unknown desc = the answer ended without a status: it may have been cut short on its way",
        ),
    ] {
        assert_eq!(asked(&bytes[..bytes.len() - cut], 7, status).await.unwrap_err(), expected);
    }
    bytes[0] = 1;
    let compressed = "far: rpc error: code = Internal desc = a message is compressed, its answer is not";
    assert_eq!(asked(&bytes, 7, ok).await.unwrap_err(), compressed);
}

/// Series are passed on as they come, warnings are kept to the end, and those that say nothing take something, too.
#[tokio::test]
async fn a_peer_that_warns_too_much_is_left() {
    for (warning, count) in [("x".repeat(1 << 10), 4100), (String::new(), 180_000)] {
        let frames = vec![Some(warning_frame(&warning).into_bytes()); count];
        check_fails(frames, "limit exceeded: far: its warnings take more than 4194304 bytes").await;
    }
    let frames = vec![Some(warning_frame(&"x".repeat(1 << 10)).into_bytes()); 4000];
    let lines = lines(peer(frames, RemoteOptions::default()).series(wanting())).await.unwrap();
    assert_eq!(lines.len(), 4000);
}

#[test]
fn equal_labels_are_equal_bytes() {
    // What joining relies on.
    let unsorted = Labels::from_pairs([("b", "1"), ("a", "2")]).unwrap();
    assert_eq!(unsorted.as_ref().as_packed(), labels(&[("a", "2"), ("b", "1")]).as_ref().as_packed());
}
