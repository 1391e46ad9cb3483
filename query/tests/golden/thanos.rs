//! The recorded HTTP API of Thanos' querier, request by request, over stores that hold the same.

use crate::fleet::{Dead, RECEIVE, RECEIVE_2, Statuses, bucket, receiver, with_metadata};
use axum::Router;
use axum::body::Body;
use http_body_util::BodyExt;
use model::{Labels, SystemClock};
use query::{App, Config, Querier, Status, Tenancy};
use serde_json::Value;
use service::CpuPool;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use storeapi::{Component, Proxy, StatusProvider, Store};
use telemetry::Registry;
use tower::ServiceExt;

/// Requests whose answer differs on purpose, each by its line and with the reason; docs/components/query.md says so to users.
const DIFFERENT: [(usize, &str); 8] = [
    (51, "every query can be analyzed"),
    (58, "a query that is done in time"),
    (68, "the words of the JSON parser"),
    (116, "rate() sees the counter resets of a single replica itself, as in Prometheus"),
    (158, "an escaped label name is read as Prometheus reads it"),
    (190, "of metrics the first by name, rather than any"),
    (195, "a query that cannot be parsed is the client's fault"),
    (196, "a query that cannot be parsed is the client's fault"),
];

/// What this server does not have, by the beginning of a path.
const NOT_HERE: [&str; 5] = ["/api/v1/rules", "/api/v1/alerts", "/api/v1/targets", "/api/v1/status", "/-/"];

/// The querier; one of its stores says of metrics what `metadata` says.
fn app(folder: &Path, dead: bool, enforce: bool, metadata: Option<&Value>) -> Router {
    let registry = Registry::default();
    let mut stores = vec![bucket(folder), receiver(RECEIVE, "r1", 0, false)];
    match dead {
        true => stores.push(Arc::new(Dead) as Arc<dyn Store>),
        false => stores.push(receiver(RECEIVE_2, "r2", 7000, true)),
    }
    if let (Some(metadata), Some(last)) = (metadata, stores.last_mut()) {
        *last = with_metadata(Arc::clone(last), metadata);
    }
    let statuses: Arc<dyn StatusProvider> = Arc::new(Statuses(stores[..3 - usize::from(dead)].to_vec()));
    let proxy = Proxy::new("query", Component::Query, Arc::new(stores), Labels::empty(), &registry);
    let querier = Querier {
        replica_labels: vec!["replica".to_owned()],
        auto_downsampling: true,
        tenancy: Tenancy { enforce, ..Tenancy::default() },
        ..Querier::default()
    };
    let pool = CpuPool::start(2, &registry).unwrap();
    App::build(Config::default(), Arc::new(proxy), pool, Arc::new(SystemClock), Status::default(), &registry)
        .with_querier(querier, Some(statuses))
        .routes()
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_default()
}

fn params(entry: &Value) -> Vec<(&str, &str)> {
    let pairs = entry["params"].as_array().map(Vec::as_slice).unwrap_or_default();
    pairs.iter().map(|pair| (pair[0].as_str().unwrap(), pair[1].as_str().unwrap())).collect()
}

/// Why a request is not asked; `None` if it is.
fn unasked(entry: &Value) -> Option<&'static str> {
    let query = params(entry).iter().find(|(name, _)| *name == "query").map(|(_, query)| *query).unwrap_or_default();
    let says = |name: &str, value: &str| params(entry).contains(&(name, value));
    let path = text(entry, "path");
    match () {
        () if NOT_HERE.iter().any(|start| path.starts_with(start)) => Some("not part of this server"),
        () if ["/api/v1/", "/api/v1/nope"].contains(&path) => Some("answered by who serves it"),
        () if has_sidecar(entry) => Some("a querier over a ruler and a sidecar"),
        () if !path.starts_with("/api/v1/") || text(entry, "method") == "OPTIONS" => Some("answered by who serves it"),
        () if entry["headers"].get("Accept-Encoding").is_some() => Some("answered by who serves it"),
        () if query.contains("rpc_native") => Some("histograms of the receivers are not recorded"),
        () if path.ends_with("_explain") && entry["status"] == 200 => Some("explained in other operators"),
        () if says("engine", "thanos") && !path.ends_with("_explain") => Some("Thanos' other engine"),
        () if ["auto", "5m", "1h", "300"].iter().any(|text| says("max_source_resolution", text)) => {
            Some("blocks of aggregates are read by the store")
        }
        () => None,
    }
}

fn has_sidecar(entry: &Value) -> bool {
    text(entry, "path") == "/api/v1/stores" && entry["response"]["data"].get("sidecar").is_some()
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Status, `Cache-Control`, and the body as JSON or text.
async fn ask(app: &Router, entry: &Value) -> (u64, Option<String>, Value) {
    let pairs: Vec<_> =
        params(entry).iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    let (path, form) = (text(entry, "path"), pairs.join("&"));
    let mut request = http::Request::builder().method(text(entry, "method"));
    let body = match text(entry, "method") == "POST" {
        true => {
            request = request.uri(path).header("Content-Type", "application/x-www-form-urlencoded");
            Body::from(form)
        }
        false => {
            request = request.uri(format!("{path}?{form}"));
            Body::empty()
        }
    };
    for (name, value) in entry["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap());
    }
    let response = app.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let (status, kept) = (response.status().as_u16(), response.headers().get("cache-control").cloned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    (u64::from(status), kept.map(|value| value.to_str().unwrap().to_owned()), body)
}

fn recorded(entry: &Value) -> (u64, Option<String>, Value) {
    let kept = entry["response_headers"].get("Cache-Control").map(|value| value.as_str().unwrap().to_owned());
    let body = entry.get("response").filter(|body| !body.is_null()).unwrap_or(&entry["response_text"]);
    (entry["status"].as_u64().unwrap(), kept, body.clone())
}

/// The answer with what may be in any order sorted, and what is of another day taken away.
fn normal(mut answer: (u64, Option<String>, Value), entry: &Value) -> (u64, Option<String>, Value) {
    let is_sorted = params(entry).iter().any(|(_, query)| query.starts_with("sort") || query.starts_with("topk"));
    let Some(data) = answer.2.get_mut("data") else {
        return answer;
    };
    // Times are those of the day, and the most samples held is said to be for information.
    if let Some(stats) = data.get_mut("stats") {
        stats["timings"].as_object_mut().into_iter().flatten().for_each(|(_, value)| *value = Value::Null);
        stats["samples"]["peakSamples"] = Value::Null;
    }
    if let Some(result) = data.get_mut("result").and_then(Value::as_array_mut)
        && !is_sorted
        && result.iter().all(Value::is_object)
    {
        result.sort_by_key(|series| series["metric"].to_string());
    }
    match text(entry, "path") {
        // Thanos names a label twice that series of one store have and that is external in another.
        "/api/v1/labels" => data.as_array_mut().into_iter().for_each(Vec::dedup),
        "/api/v1/stores" => {
            let components = data.as_object_mut().into_iter().flatten();
            for (component, stores) in components {
                for store in stores.as_array_mut().into_iter().flatten() {
                    store["lastCheck"] = Value::Null;
                    // The gateway tells of blocks that are not opened here, too.
                    if component == "store" {
                        (store["labelSets"], store["minTime"], store["maxTime"]) = Default::default();
                    }
                }
            }
        }
        _ => {}
    }
    answer
}

async fn check(file: &str, dead: bool, enforce: bool, different: &[(usize, &'static str)]) {
    let Some(path) = testkit::golden("query thanos", &format!("queryapi/{file}")) else {
        return;
    };
    let lines: Vec<Value> =
        std::fs::read_to_string(&path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let metadata = lines.iter().find(|entry| entry["name"] == "metadata").map(|entry| &entry["response"]["data"]);
    let app = app(&path.with_file_name("../bucket/after"), dead, enforce, metadata);
    let (mut equal, mut wrong) = (0, Vec::new());
    let mut left_out: BTreeMap<&str, usize> = BTreeMap::new();
    for (line, entry) in lines.iter().enumerate() {
        let known = different.iter().find(|(known, _)| *known == line).map(|(_, reason)| *reason);
        if let Some(reason) = known.or_else(|| unasked(entry)) {
            *left_out.entry(reason).or_default() += 1;
            continue;
        }
        let (found, want) = (normal(ask(&app, entry).await, entry), normal(recorded(entry), entry));
        match found == want {
            true => equal += 1,
            false => wrong.push(format!(
                "{line} {} {:?}\n  want  {} {:?} {}\n  found {} {:?} {}",
                entry["path"],
                params(entry),
                want.0,
                want.1,
                want.2,
                found.0,
                found.1,
                found.2
            )),
        }
    }
    println!("{file}: {equal} answers equal; left out: {left_out:?}");
    assert!(wrong.is_empty(), "{} answers differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(equal > 0);
}

#[tokio::test]
async fn a_querier_over_three_stores() {
    check("query.jsonl", false, false, &DIFFERENT).await;
}

#[tokio::test]
async fn one_store_is_dead() {
    let different = [(9, "that a store is dead is said of series, too")];
    check("query-dead-endpoint.jsonl", true, false, &different).await;
}

#[tokio::test]
async fn tenancy_is_enforced() {
    let reason = "a query that cannot be parsed is told in the same words with and without tenancy";
    check("query-enforce-tenancy.jsonl", false, true, &[(2, reason), (10, reason)]).await;
}
