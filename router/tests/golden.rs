//! The answers and the tenants that Thanos 0.42.4 was recorded with.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/fake.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod fake;
#[path = "golden/forward.rs"]
mod forward;
#[path = "golden/hashring.rs"]
mod hashring;

#[path = "support/peers.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod peers;
#[path = "golden/quorum.rs"]
mod quorum;

use axum::body::Body;
use fake::{FakeTarget, NOW_MS, Rig};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use model::TenantId;
use proto::RequestEncoder;
use router::Config;
use serde_json::Value;
use std::io::Write;
use std::path::Path;

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap_or_default().as_bytes();
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.chunks(2).map(digits).collect()
}

/// Where we answer otherwise, and why. Everything else is as recorded.
fn instead(case: &str) -> Option<(u16, &'static str)> {
    Some(match case {
        "far-future" | "one-hour-jump-then-old" => (409, "it is more than ten minutes ahead"),
        "labels-unsorted" | "partial-good-and-bad-labels" | "v2-labels-unsorted" => (200, "labels are sorted here"),
        "label-value-invalid-utf8" | "label-name-invalid-utf8" | "metric-name-invalid-utf8" => (409, "it is no UTF-8"),
        "out-of-order-in-request" | "same-series-twice-reverse" | "v2-sample-and-histogram" => {
            (409, "a sample that is dropped is told")
        }
        "tenant-odd-01" | "tenant-odd-02" => (400, "'..' and '.' are no names of directories"),
        "tenant-odd-07" | "tenant-odd-08" | "tenant-odd-10" => (400, "a slash, a backslash, a name too long"),
        "wrong-path" => (204, "the alias for Prometheus"),
        "v2-content-type-plain" => (415, "a body of 2.0 that says it is 1.0"),
        "v2-content-type-space" => (200, "blanks between the parts of a type are legal"),
        "v2-symbol-out-of-range" | "v2-odd-label-refs" => (400, "references that lead nowhere"),
        "v2-symbol0-not-empty" => (400, "the first symbol is empty"),
        _ => return None,
    })
}

/// Whether it is taken for 2.0 by its type, where Thanos takes it for an empty request of 1.0.
fn is_stored_here(case: &str) -> bool {
    matches!(case, "v2-header-2.0.1" | "v2-header-missing")
}

/// What cannot be sent, or needs a head to be answered.
fn left_out(case: &str) -> bool {
    matches!(case, "s2-block" | "too-old")
}

/// The three headers of 2.0: samples, histograms, exemplars.
fn written(headers: impl Fn(&str) -> Option<String>) -> [Option<String>; 3] {
    ["Samples", "Histograms", "Exemplars"].map(|kind| headers(&format!("X-Prometheus-Remote-Write-{kind}-Written")))
}

fn header_of(headers: &HeaderMap) -> impl Fn(&str) -> Option<String> {
    |name| headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

async fn answers_of_a_receiver(file: &str, knows_version_2: bool) {
    let Some(path) = testkit::golden("router answers_of_a_receiver", &format!("receive-recorded/{file}")) else {
        return;
    };
    let recorded = read(&path);
    assert_eq!(recorded["base_ms"].as_i64(), Some(NOW_MS));
    let (mut looked_at, mut otherwise) = (0, 0);
    for case in recorded["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if left_out(name) || (name.starts_with("v2-") && !knows_version_2) {
            continue;
        }
        let rig = Rig::new();
        // The first answer that is not as recorded; those after it may follow from it.
        let mut differs = None;
        for step in case["steps"].as_array().unwrap() {
            looked_at += 1;
            let reply = rig.send(request(step)).await;
            if u64::from(reply.status) != step["status"].as_u64().unwrap() {
                differs.get_or_insert(reply.status);
                continue;
            }
            let recorded = &step["response_headers"];
            let recorded = written(|name| recorded[name].as_str().map(str::to_owned));
            let told = written(header_of(&reply.headers));
            if is_stored_here(name) {
                assert_eq!(told, ["2", "1", "1"].map(|count| Some(count.to_owned())), "{name}");
            } else if instead(name).is_none() {
                assert_eq!(told, recorded, "{name}");
            }
        }
        let why = instead(name);
        otherwise += usize::from(why.is_some());
        assert_eq!(differs, why.map(|(status, _)| status), "{name}: {why:?}");
    }
    println!("{file}: {looked_at} requests, {otherwise} cases answered otherwise");
    assert!(looked_at > 90, "{looked_at} requests");
}

#[tokio::test]
async fn answers_of_a_receiver_of_0_42() {
    answers_of_a_receiver("http-single.json", false).await;
}

#[tokio::test]
async fn answers_of_a_later_receiver() {
    answers_of_a_receiver("http-single-0.43.0-dev.json", true).await;
}

/// What a Prometheus sent to another one, and to a receiver of Thanos 0.42: status and headers as they answered. Thanos stored
/// nothing of 2.0 and said nothing of it; here it is stored and counted.
#[tokio::test]
async fn answers_to_a_prometheus() {
    let mut looked_at = 0;
    for file in ["v2-to-prometheus", "v1-to-thanos", "v2-to-thanos"] {
        let path = testkit::golden("router answers_to_a_prometheus", &format!("wire/remote-write/{file}.json"));
        let Some(path) = path else { return };
        let recorded = read(&path);
        let newest = newest_ms(&recorded);
        let rig = Rig::at(newest, Config::default(), FakeTarget::default());
        for sent in recorded["requests"].as_array().unwrap() {
            let mut request = Request::new(Body::from(unhex(&sent["snappy_hex"])));
            *request.method_mut() = sent["method"].as_str().unwrap().parse().unwrap();
            *request.uri_mut() = sent["uri"].as_str().unwrap().parse().unwrap();
            let first = sent["headers"].as_object().unwrap().iter();
            let first = first.map(|(name, values)| (name.clone(), values[0].clone())).collect();
            *request.headers_mut() = headers(&Value::Object(first));
            request.headers_mut().remove("content-length");
            let reply = rig.send(request).await;
            assert_eq!(u64::from(reply.status), sent["response_status"].as_u64().unwrap(), "{file}: {}", reply.text);
            let of_thanos = sent["uri"] == "/api/v1/receive";
            let told = written(header_of(&reply.headers));
            if of_thanos && file.starts_with("v2") {
                assert!(told.iter().all(Option::is_some), "{told:?}");
            } else {
                let recorded = &sent["response_headers"];
                let recorded = written(|name| recorded[name][0].as_str().map(str::to_owned));
                assert_eq!(told, recorded, "{file}: {}", reply.text);
            }
            looked_at += 1;
        }
    }
    println!("{looked_at} requests");
    assert!(looked_at > 20, "{looked_at} requests");
}

/// The newest timestamp anywhere in a recording.
fn newest_ms(of: &Value) -> i64 {
    match of {
        Value::Object(fields) => {
            let own = fields.get("timestamp").and_then(Value::as_str).and_then(|text| text.parse().ok());
            fields.values().map(newest_ms).chain(own).max().unwrap_or(0)
        }
        Value::Array(items) => items.iter().map(newest_ms).max().unwrap_or(0),
        _ => 0,
    }
}

fn request(step: &Value) -> Request<Body> {
    let plain = unhex(&step["plain_hex"]);
    let body = match step["body_encoding"].as_str().unwrap() {
        "snappy-block" => snap::raw::Encoder::new().compress_vec(&plain).unwrap(),
        "snappy-framed" => {
            let mut framed = snap::write::FrameEncoder::new(Vec::new());
            framed.write_all(&plain).unwrap();
            framed.into_inner().unwrap()
        }
        "gzip" => [&[0x1f, 0x8b, 8][..], &plain].concat(),
        "raw" => plain,
        other => panic!("{other}"),
    };
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = step["method"].as_str().unwrap().parse().unwrap();
    *request.uri_mut() = step["path"].as_str().unwrap().parse().unwrap();
    *request.headers_mut() = headers(&step["headers"]);
    request
}

fn headers(recorded: &Value) -> HeaderMap {
    let header = |(name, value): (&String, &Value)| {
        let value = HeaderValue::from_bytes(value.as_str().unwrap().as_bytes()).unwrap();
        (name.parse::<HeaderName>().unwrap(), value)
    };
    recorded.as_object().unwrap().iter().map(header).collect()
}

#[tokio::test]
async fn tenants_of_requests() {
    let Some(path) = testkit::golden("router tenants_of_requests", "receive/tenants.jsonl") else { return };
    let mut request = RequestEncoder::default();
    request.series([(&b"__name__"[..], &b"up"[..])], [(NOW_MS, 1.0)]);
    let body = snap::raw::Encoder::new().compress_vec(request.body()).unwrap();
    let mut looked_at = 0;
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let Some(header) = case["header_flag"].as_str().filter(|header| !header.is_empty()) else { continue };
        // Certificates come with TLS.
        if case["certificate_field"] != "" || case["default_tenant"].as_str() == Some("") {
            continue;
        }
        looked_at += 1;
        let config = Config {
            tenant_header: header.parse().unwrap(),
            default_tenant: TenantId::parse(case["default_tenant"].as_str().unwrap()).unwrap(),
            ..Config::default()
        };
        let rig = Rig::with(config, FakeTarget::default());
        let mut request = Request::post("/api/v1/receive").body(Body::from(body.clone())).unwrap();
        *request.headers_mut() = headers(&case["request"]["headers"]);
        let reply = rig.send(request).await;
        let tenant = rig.stored().first().map(|line| line[..line.find(" {").unwrap()].to_owned());
        // Relative paths and slashes are tenants in Thanos.
        let want = case["tenant"].as_str().filter(|tenant| !matches!(*tenant, "." | ".." | "/"));
        assert_eq!((tenant.as_deref(), reply.status), (want, if want.is_some() { 200 } else { 400 }), "{line}");
    }
    assert!(looked_at > 10, "{looked_at} cases");
}
