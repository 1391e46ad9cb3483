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
        "labels-unsorted" | "partial-good-and-bad-labels" => (200, "labels are sorted here"),
        "label-value-invalid-utf8" | "label-name-invalid-utf8" | "metric-name-invalid-utf8" => (409, "it is no UTF-8"),
        "out-of-order-in-request" | "same-series-twice-reverse" => (409, "a sample that is dropped is told"),
        "tenant-odd-01" | "tenant-odd-02" => (400, "'..' and '.' are no names of directories"),
        "tenant-odd-07" | "tenant-odd-08" | "tenant-odd-10" => (400, "a slash, a backslash, a name too long"),
        "wrong-path" => (204, "the alias for Prometheus"),
        "exemplar-out-of-order" | "exemplar-label-too-long" => (200, "exemplars are dropped unread"),
        "v1-body-with-v2-version" | "v1-body-with-v1-proto-and-v2-version" => return None,
        _ if case.starts_with("v2-") => (415, "remote write 2.0 is refused by its type"),
        _ if case.contains("histogram") || case.contains("nhcb") => (400, "histograms are not stored yet"),
        _ => return None,
    })
}

/// What cannot be sent, or needs a head to be answered.
fn left_out(case: &str) -> bool {
    matches!(case, "s2-block" | "too-old")
}

#[tokio::test]
async fn answers_of_a_receiver() {
    let Some(path) = testkit::golden("router answers_of_a_receiver", "receive-recorded/http-single.json") else {
        return;
    };
    let recorded = read(&path);
    assert_eq!(recorded["base_ms"].as_i64(), Some(NOW_MS));
    let mut looked_at = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if left_out(name) {
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
            }
        }
        let why = instead(name);
        assert_eq!(differs, why.map(|(status, _)| status), "{name}: {why:?}");
    }
    assert!(looked_at > 110, "{looked_at} requests");
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
