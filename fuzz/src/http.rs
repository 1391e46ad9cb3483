//! The HTTP servers in this process, end to end: whatever is sent is answered, with a status that is meant.

use crate::parts::Parts;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use model::{Clock, Fingerprinter, Labels, ManualClock, SystemClock, TenantId, TimeRange};
use proto::{WriteBatch, WriteError, WriteOutcome, WriteTarget, count_rows};
use service::{CpuPool, HttpMetrics, TenantLabel};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use storeapi::{Component, LocalStore, SourceGroup, SourceProvider};
use telemetry::Registry;
use testkit::SimFs;
use tokio::runtime::Runtime;
use tower::ServiceExt;
use tsdb::block::{Block, BlockSpec, BlockWriter};
use tsdb::chunk::xor::XorState;
use tsdb::fs::Fs;
use tsdb::{Chunk, Encoding, SeriesSource};
use ulid::Ulid;

/// The largest body decompressed.
const DECODED_BYTES: u32 = 1 << 20;

struct Servers {
    runtime: Runtime,
    write: Router,
    query: Router,
}

/// They live as long as the process, as servers do.
static SERVERS: LazyLock<Servers> = LazyLock::new(|| {
    let registry = Registry::default();
    Servers {
        runtime: Runtime::new().expect("threads are to be had"),
        write: write_server(&registry),
        query: query_server(&registry),
    }
});

/// Believes everything and keeps nothing.
#[derive(Debug)]
struct Sink;

impl WriteTarget for Sink {
    fn write<'a>(
        &'a self,
        _: &'a TenantId,
        batch: WriteBatch,
    ) -> Pin<Box<dyn Future<Output = Result<WriteOutcome, WriteError>> + Send + 'a>> {
        let samples_accepted = (0..batch.series.len()).map(|row| batch.samples(row).count() as u64).sum();
        let durable = Some(model::Durable::witnessed());
        Box::pin(std::future::ready(Ok(WriteOutcome { durable, samples_accepted, ..WriteOutcome::default() })))
    }
}

/// One tenant's block.
#[derive(Debug)]
struct OneBlock(Arc<dyn SeriesSource>);

impl SourceProvider for OneBlock {
    fn groups(&self, _: TimeRange) -> Vec<SourceGroup> {
        vec![SourceGroup { external: Labels::empty(), sources: vec![Arc::clone(&self.0)] }]
    }
}

fn write_server(registry: &Registry) -> Router {
    let config = router::Config { max_decoded_bytes: DECODED_BYTES, ..router::Config::default() };
    let http = HttpMetrics::new(registry, TenantLabel::Header { headers: Vec::new(), default: "default-tenant" });
    let parts = router::Parts {
        target: Arc::new(Sink),
        clock: Arc::new(ManualClock::at(0)) as Arc<dyn Clock>,
        fingerprinter: Arc::new(Fingerprinter::new([7; 192])),
        registry: registry.clone(),
        http,
    };
    router::App::build(config, parts).expect("the limits fit").routes()
}

fn query_server(registry: &Registry) -> Router {
    let (fs, dir, ulid) = (SimFs::new(), Path::new("/data"), Ulid(7));
    let (mut state, mut words) = (XorState::default(), Vec::new());
    (0..100).for_each(|at| state.append(at * 15_000, at as f64, &mut words));
    let chunk = Chunk::raw(0, 99 * 15_000, Encoding::Xor, state.finish(&words));
    fs.create_dir_all(dir).expect("there is room");
    let mut writer = BlockWriter::create(&fs, dir, BlockSpec::new(ulid, 0, 7_200_000)).expect("there is room");
    for job in ["a", "b"] {
        let labels = Labels::from_pairs([("__name__", "up"), ("job", job)]).expect("they are sorted");
        writer.add(labels.as_ref(), std::slice::from_ref(&chunk)).expect("there is room");
    }
    writer.finish().expect("there is room");
    let block = Block::open(&fs, &dir.join(ulid.to_string())).expect("it was just written");
    let store = Arc::new(LocalStore::new("block", Component::Store, Arc::new(OneBlock(Arc::new(block)))));
    let config = query::Config {
        timeout: Duration::from_secs(1),
        max_samples: 100_000,
        memory_bytes: 64 << 20,
        query_memory_bytes: 16 << 20,
        ..query::Config::default()
    };
    let pool = CpuPool::start(1, registry).expect("threads are to be had");
    query::App::build(config, store, pool, Arc::new(SystemClock), query::Status::default(), registry).routes()
}

/// Status, content type and body of the answer.
fn answer(server: &Router, request: Request<Body>) -> (StatusCode, String, Bytes) {
    let answered = async {
        let answer = server.clone().oneshot(request).await.expect("a router answers");
        let (head, body) = answer.into_parts();
        let kind = head.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        (head.status, kind.to_owned(), body.collect().await.expect("the answer is whole").to_bytes())
    };
    SERVERS.runtime.block_on(answered)
}

/// A header's value, if the bytes can be one.
fn value(bytes: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_bytes(bytes).ok()
}

/// The body of a remote write 1.0, as it comes: what is no block of snappy is 400, what claims to become too much is 413 before
/// anything is unpacked, and the rest is taken if it is a request.
pub fn fuzz_snappy_block(data: &[u8]) {
    let request = Request::post("/api/v1/write")
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .body(Body::from(data.to_vec()))
        .expect("it is well formed");
    let (status, _, body) = answer(&SERVERS.write, request);
    let text = String::from_utf8_lossy(&body);
    match snap::raw::decompress_len(data) {
        Ok(claimed) if claimed > DECODED_BYTES as usize => {
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{text}");
        }
        Ok(_) => match snap::raw::Decoder::new().decompress_vec(data) {
            Ok(decoded) if count_rows(&decoded).is_err() => assert_eq!(status, StatusCode::BAD_REQUEST, "{text}"),
            Ok(_) => {
                // The last: what it names cannot be stored.
                let meant = [StatusCode::BAD_REQUEST, StatusCode::CONFLICT];
                assert!(status.is_success() || meant.contains(&status), "{status}: {text}");
            }
            Err(_) => assert_eq!(status, StatusCode::BAD_REQUEST, "{text}"),
        },
        Err(_) => assert_eq!(status, StatusCode::BAD_REQUEST, "{text}"),
    }
}

/// A request to the server that takes writes: headers and body as they come.
pub fn fuzz_http_receive(data: &[u8]) {
    let mut parts = Parts::of(data);
    let method = [Method::POST, Method::POST, Method::GET, Method::PUT][usize::from(parts.u8() % 4)].clone();
    let path = ["/api/v1/receive", "/api/v1/write", "/api/v1/receive/", "/"][usize::from(parts.u8() % 4)];
    let mut request = Request::builder().method(method).uri(path);
    const NAMES: [&str; 6] = [
        "content-type",
        "content-encoding",
        "x-prometheus-remote-write-version",
        "thanos-tenant",
        "thanos-replica",
        "content-length",
    ];
    for _ in 0..parts.u8() % 8 {
        let name = HeaderName::from_static(NAMES[usize::from(parts.u8()) % NAMES.len()]);
        if let Some(value) = value(parts.sized()) {
            request = request.header(name, value);
        }
    }
    let request = request.body(Body::from(parts.rest().to_vec())).expect("all parts were checked");
    let (status, _, body) = answer(&SERVERS.write, request);
    // The target takes everything, so nothing here is the server's fault.
    let meant = [200, 204, 400, 404, 405, 409, 413, 415].contains(&status.as_u16());
    assert!(meant, "{status}: {}", String::from_utf8_lossy(&body));
    assert!(body.len() < 4096, "an answer of {} bytes", body.len());
}

/// A request to the query API: the answer is JSON that says whether it went well, as its status does.
pub fn fuzz_http_query(data: &[u8]) {
    let mut parts = Parts::of(data);
    let method = [Method::GET, Method::POST][usize::from(parts.u8() % 2)].clone();
    const PATHS: [&str; 8] = [
        "/api/v1/query",
        "/api/v1/query_range",
        "/api/v1/series",
        "/api/v1/labels",
        "/api/v1/label/job/values",
        "/api/v1/format_query",
        "/api/v1/parse_query",
        "/api/v1/status/buildinfo",
    ];
    let mut target = PATHS[usize::from(parts.u8()) % PATHS.len()].to_owned();
    let asked = parts.sized();
    if !asked.is_empty() {
        target.push('?');
        // What a URL cannot hold is escaped, as any client does.
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"=&%+-_.~".contains(byte);
        for byte in asked {
            if plain(byte) { target.push(char::from(*byte)) } else { target.push_str(&format!("%{byte:02x}")) }
        }
    }
    let Ok(request) = Request::builder()
        .method(method)
        .uri(&target)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(parts.rest().to_vec()))
    else {
        return;
    };
    let (status, kind, body) = answer(&SERVERS.query, request);
    let text = String::from_utf8_lossy(&body);
    let meant = [200, 204, 400, 404, 405, 413, 422, 503].contains(&status.as_u16());
    assert!(meant, "{target}: {status}: {text}");
    if kind.starts_with("application/json") {
        let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON is what it says it is");
        assert_eq!(json["status"] == "success", status.is_success(), "{target}: {status}: {text}");
        assert_eq!(json["error"].is_string(), !status.is_success(), "{target}: {status}: {text}");
    }
}
