//! The recorded HTTP API of Prometheus 3.14, request by request, over the blocks it was recorded with.
#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "golden/fleet.rs"]
mod fleet;
#[path = "golden/thanos.rs"]
mod thanos;

use axum::Router;
use axum::body::Body;
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use model::{Labels, SystemClock, TimeRange};
use query::{App, Config, Status};
use serde_json::{Value, json};
use service::CpuPool;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use storeapi::{Component, LocalStore, Proxy, SourceGroup, SourceProvider, Store};
use telemetry::Registry;
use tower::ServiceExt;
use tsdb::SeriesSource;
use tsdb::block::Block;
use tsdb::fs::StdFs;
use tsdb::head::{Exemplar, ExemplarSeries};

/// Requests whose answer differs on purpose, each with the reason; docs/components/query.md says so to users.
const DIFFERENT: [(&str, &str); 13] = [
    ("http-0081", "infinity is no time"),
    ("http-0082", "NaN is no time"),
    ("http-0083", "a time beyond what is kept is not made another one"),
    ("http-0084", "a time beyond what is kept is not made another one"),
    ("http-0085", "a time beyond what is kept is not made another one"),
    ("http-0087", "a time beyond what is kept is not made another one"),
    ("http-0181", "a missing step is chosen, as Thanos does"),
    ("http-0190", "infinity is no time"),
    ("http-0199", "a missing step is chosen, as Thanos does"),
    ("http-0250", "no label lies in a range that runs backwards"),
    ("http-0267", "what is no route is answered by who serves the routes"),
    ("http-0270", "a label without a name is refused where it stands"),
    ("http-0305", "a query without selectors has no exemplars, rather than no content"),
];

/// What the server was started with, as far as it concerns queries.
const FEATURES: [&str; 4] = [
    "promql-experimental-functions",
    "promql-extended-range-selectors",
    "promql-binop-fill-modifiers",
    "promql-per-step-stats",
];

/// What comes from scraping, rules or stored exemplars: a store with these blocks cannot have it.
const OTHER_DATA: [&str; 7] = [
    "127.0.0.1:39399",
    "127.0.0.1:39397",
    "alertname",
    "demo",
    "seriesLabels",
    "\"instance\",\"job\",\"zone\"]",
    "\"l\",\"zone\"]",
];

/// The parts of the admin API that there are.
const ADMIN: [&str; 3] =
    ["/api/v1/admin/tsdb/delete_series", "/api/v1/admin/tsdb/clean_tombstones", "/api/v1/admin/tsdb/snapshot"];

/// How an answer says that it is refused because something is not there yet.
const REFUSALS: [&str; 1] = ["not supported"];

#[derive(Debug)]
struct Blocks(Vec<Arc<dyn SeriesSource>>);

impl SourceProvider for Blocks {
    fn groups(&self, range: TimeRange) -> Vec<SourceGroup> {
        let holds = |source: &Arc<dyn SeriesSource>| source.time_range().is_some_and(|held| held.overlaps(range));
        let sources = self.0.iter().filter(|source| holds(source)).cloned().collect();
        vec![SourceGroup { external: Labels::empty(), sources }]
    }
}

fn app(blocks: &Path) -> Router {
    app_over(|store| store, blocks)
}

/// The API over what `over` makes of the store of these blocks.
fn app_over(over: impl Fn(Arc<dyn Store>) -> Arc<dyn Store>, blocks: &Path) -> Router {
    let open = |entry: std::io::Result<std::fs::DirEntry>| {
        Arc::new(Block::open(&StdFs, &entry.unwrap().path()).unwrap()) as Arc<dyn SeriesSource>
    };
    let blocks = Blocks(std::fs::read_dir(blocks).unwrap().map(open).collect());
    let registry = Registry::default();
    let pool = CpuPool::start(2, &registry).unwrap();
    let store = over(Arc::new(LocalStore::new("blocks", Component::Store, Arc::new(blocks))));
    let mut config = Config::default();
    assert!(FEATURES.iter().all(|name| config.features.enable(name)));
    App::build(config, store, pool, Arc::new(SystemClock), Status::default(), &registry).routes()
}

fn is_asked(entry: &Value) -> bool {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let path = text("path").split('?').next().unwrap_or_default();
    let ours = [
        "/api/v1/query",
        "/api/v1/query_range",
        "/api/v1/format_query",
        "/api/v1/parse_query",
        "/api/v1/series",
        "/api/v1/labels",
        "/api/v1/query_exemplars",
        "/api/v1/read",
        "/federate",
    ];
    let whole = entry.get("server").is_none() && entry["response"].get("body").is_some();
    let body = entry["response"]["body"].as_str().unwrap_or_default();
    whole
        && (ours.contains(&path) || path.starts_with("/api/v1/label/") || ADMIN.contains(&path))
        && text("method") != "OPTIONS"
        && volatile(entry).all(|pointer| pointer.starts_with("/data/stats/"))
        && entry["headers"].get("Accept-Encoding").is_none()
        && !OTHER_DATA.iter().any(|data| body.contains(data))
}

/// What of an answer is not the same every time.
fn volatile(entry: &Value) -> impl Iterator<Item = &str> {
    entry.get("volatile").and_then(Value::as_array).into_iter().flatten().map(|pointer| pointer.as_str().unwrap())
}

/// An answer to compare: as it is, or without what of its statistics differs every time or is for information only.
fn stable(body: &str) -> String {
    let Ok(mut json) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    let Some(stats) = json.pointer_mut("/data/stats") else { return body.to_owned() };
    stats["timings"].as_object_mut().into_iter().flatten().for_each(|(_, value)| *value = Value::Null);
    stats["samples"]["peakSamples"] = Value::Null;
    json.to_string()
}

async fn ask(app: &Router, entry: &Value) -> (u16, String) {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    // What a URL cannot hold as it is, the recording's client escaped on its way.
    let uri: String = text("path")
        .bytes()
        .map(|byte| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02x}") })
        .collect();
    let mut request = http::Request::builder().method(text("method").as_str()).uri(uri);
    for (name, value) in entry["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap());
    }
    let response = app.clone().oneshot(request.body(Body::from(text("body"))).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn requests_are_answered_as_recorded() {
    let Some(recorded) = testkit::golden("query http", "httpapi/http.jsonl") else {
        return;
    };
    let app = app(&recorded.with_file_name("blocks"));
    let text = std::fs::read_to_string(recorded).unwrap();
    let (mut equal, mut refused, mut wrong) = (0, 0, Vec::new());
    let mut different = BTreeMap::from(DIFFERENT);
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let id = entry["id"].as_str().unwrap();
        if different.remove(id).is_some() || !is_asked(&entry) {
            continue;
        }
        let (status, body) = ask(&app, &entry).await;
        let expected = (entry["response"]["status"].as_u64().unwrap(), entry["response"]["body"].as_str().unwrap());
        if (u64::from(status), stable(&body)) == (expected.0, stable(expected.1)) {
            equal += 1;
        } else if status >= 400 && REFUSALS.iter().any(|refusal| body.contains(refusal)) {
            refused += 1;
        } else {
            wrong.push(format!("{id} {}\n  expected {expected:?}\n  found    {status} {body}", entry["path"]));
        }
    }
    println!("{equal} answers equal, {refused} refused because something is not there yet");
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(different.is_empty(), "no such requests: {different:?}");
    assert!(equal > 265, "only {equal} answers were compared");
}

/// What the head held, that the server was written to before it was asked.
const FROM_THE_HEAD: [&str; 4] = ["read-0015", "read-0016", "read-0017", "read-0018"];

/// Remote reads whose answer differs on purpose, each with the reason.
const DIFFERENT_READS: [(&str, &str); 2] = [
    ("read-0005", "-0 keeps its sign"),
    ("read-0012", "what is cut off a chunk is written anew in an encoding that every peer reads"),
];

#[tokio::test]
async fn remote_reads_are_answered_as_recorded() {
    let Some(recorded) = testkit::golden("query remote read", "httpapi/remote_read.jsonl") else { return };
    let app = app(&recorded.with_file_name("blocks"));
    let text = std::fs::read_to_string(recorded).unwrap();
    let (mut equal, mut wrong) = (0, Vec::new());
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let id = entry["id"].as_str().unwrap();
        if FROM_THE_HEAD.contains(&id) || DIFFERENT_READS.iter().any(|(known, _)| *known == id) {
            continue;
        }
        let request = http::Request::post("/api/v1/read").body(Body::from(bytes(&entry["body_hex"]))).unwrap();
        let response = app.clone().oneshot(request).await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let head = (response.status().as_u16(), header("content-type"), header("content-encoding"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let recorded = &entry["response"];
        let named = |name: &str| recorded["headers"].get(name).map(|value| value.as_str().unwrap().to_owned());
        let status = recorded["status"].as_u64().unwrap();
        // Prometheus says of errors, too, that they are compressed.
        let encoding = named("Content-Encoding").filter(|_| status == 200);
        let want_head = (u16::try_from(status).unwrap(), named("Content-Type"), encoding.clone());
        let want = match recorded.get("body_hex") {
            Some(hex) => bytes(hex),
            None => recorded["body"].as_str().unwrap().as_bytes().to_vec(),
        };
        let plain = |body: &[u8]| match &encoding {
            Some(_) => snap::raw::Decoder::new().decompress_vec(body).unwrap(),
            None => body.to_vec(),
        };
        match (head == want_head, plain(&body) == plain(&want)) {
            (true, true) => equal += 1,
            _ => wrong.push(format!(
                "{id} {}: {head:?}\n  want {:x?}\n  got  {:x?}",
                entry["note"],
                plain(&want),
                plain(&body)
            )),
        }
    }
    println!("{equal} remote reads equal");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(equal >= 14, "only {equal} were compared");
}

fn bytes(hex: &Value) -> Vec<u8> {
    let digits = hex.as_str().unwrap().as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Every text that Prometheus' parser was seen to take has the tree that it was recorded with.
#[tokio::test]
async fn trees_are_as_recorded() {
    let Some(recorded) = testkit::golden("query trees", "promql/parse.jsonl.gz") else { return };
    let app = app(&recorded.with_file_name("../httpapi/blocks"));
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(recorded).unwrap()).read_to_string(&mut text).unwrap();
    let mut seen = 0;
    for line in text.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let (Some(query), Some(ast)) = (entry["in"].as_str(), entry.get("ast")) else { continue };
        // The recording says in texts what an answer cannot hold.
        let unwritten = ["fillValues\":{\"lhs\":\"", ",\"rhs\":\""].iter().any(|text| line.contains(text));
        if unwritten {
            continue;
        }
        let form: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let entry = json!({
            "method": "POST",
            "path": "/api/v1/parse_query",
            "headers": { "Content-Type": "application/x-www-form-urlencoded" },
            "body": format!("query={form}"),
        });
        let (status, body) = ask(&app, &entry).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["data"]), (200, &without_places(ast)), "{query}");
        seen += 1;
    }
    assert!(seen > 3500, "only {seen} trees");
}

/// A tree without what the recording adds, numbers as one kind.
fn without_places(tree: &Value) -> Value {
    match tree {
        Value::Array(items) => items.iter().map(without_places).collect(),
        Value::Object(members) => {
            let members = members.iter().filter(|(name, _)| !["pos", "selectorPos"].contains(&name.as_str()));
            members.map(|(name, member)| (name.clone(), without_places(member))).collect()
        }
        other => other.clone(),
    }
}

/// `analyze` tells of the operators that `query_explain` shows: in a range query over the recorded blocks, and not unless asked.
#[tokio::test]
async fn operators_tell_what_they_did() {
    let Some(recorded) = testkit::golden("query analysis", "httpapi/http.jsonl") else { return };
    let app = app(&recorded.with_file_name("blocks"));
    let range = "query=sum(rate(http_requests_total%5B5m%5D))/count(http_requests_total)&start=1700000000&end=1700000600&step=60";
    let path = |analyze: &str| json!({ "method": "GET", "path": format!("/api/v1/query_range?{range}{analyze}") });
    let (status, body) = ask(&app, &path("&analyze=true")).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{body}");
    let analysis = &answer["data"]["analysis"];
    let count = &analysis["children"][1];
    let shared = &analysis["children"][0]["children"][0]["children"][0];
    assert_eq!(analysis["name"], "[binary] /");
    assert_eq!(count["name"], "[aggregate] count by ()");
    assert_eq!((&count["series"], &count["children"][0]["series"]), (&json!(15), &json!(15)));
    assert_eq!(count["children"][0]["name"], "[vectorSelector] http_requests_total");
    // Both selectors read the same, and all they looked at is told once.
    assert_eq!(
        (&shared["name"], &shared["shared"]),
        (&json!("[matrixSelector] http_requests_total[5m]"), &json!(true))
    );
    assert_eq!(analysis["totalSamples"], count["children"][0]["totalSamples"]);
    assert!(analysis["totalSamples"].as_u64() > Some(1000), "{analysis}");
    assert!(!ask(&app, &path("")).await.1.contains("analysis"));
}

/// The answers of the server that held exemplars, over those that it told when it was asked for all.
#[tokio::test]
async fn exemplars_are_answered_as_recorded() {
    let Some(recorded) = testkit::golden("query exemplars", "httpapi/http.jsonl") else { return };
    let text = std::fs::read_to_string(&recorded).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let asked: Vec<_> = entries
        .filter(|entry| entry["path"].as_str().unwrap().starts_with("/api/v1/query_exemplars"))
        .filter(|entry| entry["server"] == "plain")
        .collect();
    let body = |entry: &Value| entry["response"]["body"].as_str().unwrap().to_owned();
    let all = asked.iter().map(body).max_by_key(String::len).unwrap();
    let all: Value = serde_json::from_str(&all).unwrap();
    let exemplars: Vec<_> = all["data"].as_array().unwrap().iter().map(told).collect();
    assert!(exemplars.len() > 1, "{all}");
    let app = app_over(|store| fleet::with_exemplars(store, exemplars.clone()), &recorded.with_file_name("blocks"));
    for entry in &asked {
        let want = (u16::try_from(entry["response"]["status"].as_u64().unwrap()).unwrap(), body(entry));
        assert_eq!(ask(&app, entry).await, want, "{}", entry["path"]);
    }
    println!("{} answers equal", asked.len());
    assert!(asked.len() > 5);
}

/// The answers of the server that scraped, over what it said when it was asked for all.
#[tokio::test]
async fn metadata_is_answered_as_recorded() {
    let Some(recorded) = testkit::golden("query metadata", "httpapi/http.jsonl") else { return };
    let text = std::fs::read_to_string(&recorded).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let asked: Vec<_> = entries
        .filter(|entry| entry["path"].as_str().unwrap().starts_with("/api/v1/metadata") && entry["method"] == "GET")
        .filter(|entry| entry.get("server").is_none())
        .collect();
    let body = |entry: &Value| entry["response"]["body"].as_str().unwrap().to_owned();
    let all = asked.iter().find(|entry| entry["path"] == "/api/v1/metadata").map(body).unwrap();
    let all: Value = serde_json::from_str(&all).unwrap();
    let proxied = |store| {
        let stores = vec![fleet::with_metadata(store, &all["data"])];
        let proxy = Proxy::new("all", Component::Query, Arc::new(stores), Labels::empty(), &Registry::default());
        Arc::new(proxy) as Arc<dyn Store>
    };
    let app = app_over(proxied, &recorded.with_file_name("blocks"));
    for entry in &asked {
        let want = (u16::try_from(entry["response"]["status"].as_u64().unwrap()).unwrap(), body(entry));
        assert_eq!(ask(&app, entry).await, want, "{}", entry["path"]);
    }
    println!("{} answers equal", asked.len());
    assert!(asked.len() > 5);
}

fn told(series: &Value) -> ExemplarSeries {
    let labels = |json: &Value| {
        let pairs = json.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        Labels::from_pairs(pairs).unwrap()
    };
    let exemplar = |json: &Value| Exemplar {
        labels: labels(&json["labels"]),
        timestamp_ms: (json["timestamp"].as_f64().unwrap() * 1000.0).round() as i64,
        value: json["value"].as_str().unwrap().parse().unwrap(),
    };
    let exemplars = series["exemplars"].as_array().unwrap().iter().map(exemplar).collect();
    ExemplarSeries { labels: labels(&series["seriesLabels"]), exemplars }
}
