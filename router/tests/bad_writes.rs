//! The table of bad writes: what each malformed or unusual request is answered, on the path that stands in for Thanos and
//! on the one that stands in for Prometheus, and what is stored nevertheless.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/fake.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod fake;

#[path = "support/version_2.rs"]
mod version_2;

use axum::body::Body;
use fake::{FakeTarget, NOW_MS, Reply, Rig};
use http::Request;
use http::request::Builder;
use proto::{RequestEncoder, WriteError};
use router::Config;
use version_2::{Request2, V2, exemplar, field, histogram, sample};

// === making requests ===

fn post(path: &str) -> Builder {
    Request::post(path)
        .header("content-type", "application/x-protobuf")
        .header("content-encoding", "snappy")
        .header("x-prometheus-remote-write-version", "0.1.0")
}

fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).unwrap()
}

type Labels<'a> = &'a [(&'a str, &'a str)];

/// A body of series, each given as labels and samples.
fn body(series: &[(Labels<'_>, &[(i64, f64)])]) -> Vec<u8> {
    let mut request = RequestEncoder::default();
    for (labels, samples) in series {
        let labels = labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        request.series(labels, samples.iter().copied());
    }
    request.take()
}

/// A good series that must be stored whatever stands beside it.
const GOOD: (Labels<'_>, &[(i64, f64)]) = (&[("__name__", "up"), ("job", "a")], &[(NOW_MS, 1.0)]);
const GOOD_STORED: &str = r#"default-tenant {__name__="up", job="a"} 1755388800000 1.0"#;

fn good() -> Vec<u8> {
    body(&[GOOD])
}

/// The good series in 2.0.
fn good_2() -> Request2 {
    let mut request = Request2::new();
    request.series(GOOD.0, &[sample(NOW_MS, 1.0)]);
    request
}

// === one row of the table ===

/// The statuses on `/api/v1/receive` and `/api/v1/write`.
type Codes = (u16, u16);

const OK: Codes = (200, 204);

/// Sends the request that `change` makes of a good one with `body`, to both paths; returns what was said on the latter.
async fn send(what: &str, change: impl Fn(Builder) -> Builder, body: &[u8], codes: Codes, stored: &[&str]) -> String {
    let mut said = String::new();
    for (path, code) in [("/api/v1/receive", codes.0), ("/api/v1/write", codes.1)] {
        let rig = Rig::new();
        let reply = rig.send(change(post(path)).body(Body::from(body.to_vec())).unwrap()).await;
        assert_eq!(reply.status, code, "{what} on {path}: {}", reply.text);
        let want = if code < 300 || code == 400 || code == 409 { stored } else { &[] };
        assert_eq!(rig.stored(), want, "{what} on {path}");
        said = reply.text;
    }
    said
}

/// The same with nothing changed and `plain` compressed.
async fn sends(what: &str, plain: &[u8], codes: Codes, stored: &[&str]) -> String {
    send(what, |request| request, &snappy(plain), codes, stored).await
}

#[track_caller]
fn says(text: &str, part: &str) {
    assert!(text.contains(part), "{text:?} does not contain {part:?}");
}

// === the table ===

#[tokio::test]
async fn methods() {
    for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"] {
        let good = snappy(&good());
        let request = |path: &str| Request::builder().method(method).uri(path).body(Body::from(good.clone())).unwrap();
        for path in ["/api/v1/receive", "/api/v1/receive/", "/api/v1/write"] {
            let rig = Rig::new();
            let response = tower::ServiceExt::oneshot(rig.app.routes(), request(path)).await.unwrap();
            assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &"POST".parse().unwrap()));
            assert!(rig.stored().is_empty());
        }
    }
}

#[tokio::test]
async fn content_types() {
    let good = snappy(&good());
    let typed = |content_type: &'static str, version: Option<&'static str>| {
        move |_: Builder| {
            let request = Request::post("/").header("content-encoding", "snappy");
            let request = if content_type.is_empty() { request } else { request.header("content-type", content_type) };
            match version {
                Some(version) => request.header("x-prometheus-remote-write-version", version),
                None => request,
            }
        }
    };
    let (one, two) = (&good, &snappy(&good_2().body()));
    for (content_type, version, body, codes) in [
        ("", None, one, OK),
        ("", Some("0.1.0"), one, OK),
        ("text/plain", None, one, (200, 415)),
        ("text/plain", Some("0.1.0"), one, (200, 415)),
        ("application/x-protobuf; charset=utf-8", None, one, OK),
        ("Application/X-Protobuf;proto=prometheus.WriteRequest", Some("2.0.0"), one, OK),
        ("application/x-protobuf;proto=foo.Bar", None, one, (200, 415)),
        ("application/x-protobuf;bare", None, one, (200, 415)),
        // 2.0, said by type, by header, or by both.
        (V2, Some("2.0.0"), two, OK),
        (V2, Some("2.0.1"), two, OK),
        (V2, None, two, OK),
        (V2, Some("0.1.0"), two, (415, 204)),
        ("application/x-protobuf; proto=io.prometheus.write.v2.Request", Some("2.0.0"), two, OK),
        ("", Some("2.0.0"), one, (400, 204)),
        ("text/plain", Some("2.0.0"), one, (400, 415)),
        ("application/x-protobuf;proto=foo.Bar", Some("2.0.0"), one, (400, 415)),
        // The body is not what it says it is.
        (V2, Some("2.0.0"), one, (415, 415)),
        ("application/x-protobuf", Some("2.0.0"), two, (415, 415)),
        ("", None, two, (415, 415)),
    ] {
        let what = format!("{content_type:?} {version:?}");
        for (path, code) in [("/api/v1/receive", codes.0), ("/api/v1/write", codes.1)] {
            let rig = Rig::new();
            let request = typed(content_type, version)(post(path)).uri(path).body(Body::from(body.clone())).unwrap();
            let reply = rig.send(request).await;
            assert_eq!(reply.status, code, "{what} on {path}: {}", reply.text);
            assert_eq!(rig.stored().len(), usize::from(code < 300), "{what} on {path}");
            assert_eq!(counts(&reply).is_some(), code < 300 && content_type.contains("v2"), "{what} on {path}");
        }
    }
}

/// Samples, histograms and exemplars written, as the headers of 2.0 say.
fn counts(reply: &Reply) -> Option<[u64; 3]> {
    let count = |kind| {
        let value = reply.headers.get(format!("x-prometheus-remote-write-{kind}-written"))?;
        value.to_str().unwrap().parse().ok()
    };
    Some([count("samples")?, count("histograms")?, count("exemplars")?])
}

#[tokio::test]
async fn the_type_decides_before_the_body_is_looked_at() {
    for (content_type, version, codes) in
        [(V2, "0.1.0", (415, 400)), ("text/plain", "2.0.0", (400, 415)), ("text/plain", "0.1.0", (400, 415))]
    {
        let change = |mut request: Builder| {
            let headers = request.headers_mut().unwrap();
            headers.insert("content-type", content_type.parse().unwrap());
            headers.insert("x-prometheus-remote-write-version", version.parse().unwrap());
            request
        };
        send(content_type, change, b"this is no snappy", codes, &[]).await;
    }
}

#[tokio::test]
async fn a_2_0_body_that_says_it_is_1_0() {
    let text = sends("2.0 in disguise", &good_2().body(), (415, 415), &[]).await;
    says(&text, "nothing that remote write 1.0 knows");
}

// === 2.0 ===

/// Sends a request of 2.0 to both paths; returns what was said, and the counts, on each.
async fn sends_2(what: &str, plain: &[u8], codes: Codes, stored: &[&str]) -> [(String, Option<[u64; 3]>); 2] {
    let mut said = Vec::new();
    for (path, code) in [("/api/v1/receive", codes.0), ("/api/v1/write", codes.1)] {
        let rig = Rig::new();
        let request = Request::post(path)
            .header("content-type", V2)
            .header("content-encoding", "snappy")
            .header("x-prometheus-remote-write-version", "2.0.0");
        let reply = rig.send(request.body(Body::from(snappy(plain))).unwrap()).await;
        assert_eq!(reply.status, code, "{what} on {path}: {}", reply.text);
        assert_eq!(rig.stored(), stored, "{what} on {path}");
        let counts = counts(&reply);
        said.push((reply.text, counts));
    }
    said.try_into().unwrap()
}

#[tokio::test]
async fn all_kinds_of_samples_come_in_by_2_0() {
    let mut request = Request2::new();
    let trace = request.refs(&[("trace_id", "x")]);
    request.series(GOOD.0, &[sample(NOW_MS, 1.0), sample(NOW_MS + 1, 2.0), exemplar(&trace, NOW_MS)]);
    request.series(&[("__name__", "h")], &[histogram(3, NOW_MS, 3), vec![0x30, 1], field(5, &[0x08, 3])]);
    let stored = [
        r#"default-tenant {__name__="h"} 1755388800000 Integer [3, 0, 3] 0"#,
        GOOD_STORED,
        r#"default-tenant {__name__="up", job="a"} 1755388800001 2.0"#,
    ];
    let [thanos, prometheus] = sends_2("all kinds", &request.body(), OK, &stored).await;
    assert_eq!([thanos.1, prometheus.1], [Some([2, 1, 1]); 2]);
    let [thanos, prometheus] = sends_2("nothing", &Request2::new().body(), OK, &[]).await;
    assert_eq!([thanos.1, prometheus.1], [Some([0, 0, 0]); 2]);
}

#[tokio::test]
async fn what_is_valid_in_2_0_is_stored_and_the_rest_told() {
    let mut request = good_2();
    request.series(&[("__name__", "up"), ("a", "1"), ("a", "2")], &[sample(NOW_MS, 1.0)]);
    let [thanos, prometheus] = sends_2("labels", &request.body(), (409, 400), &[GOOD_STORED]).await;
    assert_eq!((thanos.1, prometheus.1), (None, Some([1, 0, 0])));

    let mut request = good_2();
    request.series(GOOD.0, &[sample(NOW_MS - 1, 1.0), sample(NOW_MS, 2.0), sample(NOW_MS, 1.0)]);
    let [thanos, prometheus] = sends_2("out of order", &request.body(), (409, 400), &[GOOD_STORED]).await;
    assert_eq!((thanos.1, prometheus.1), (None, Some([2, 0, 0])));

    let mut request = good_2();
    let trace = request.refs(&[("trace_id", "x")]);
    request.series(GOOD.0, &[sample(NOW_MS, 1.0), exemplar(&trace, NOW_MS), exemplar(&trace, NOW_MS - 1)]);
    let [thanos, prometheus] = sends_2("an older exemplar", &request.body(), (409, 400), &[GOOD_STORED]).await;
    assert_eq!((thanos.1, prometheus.1), (None, Some([2, 0, 1])));
    says(&prometheus.0, "not stored: 1 exemplars (exemplar out of order); the rest is stored");
}

#[tokio::test]
async fn references_that_lead_nowhere() {
    for (refs, part) in [
        (vec![1, 2, 3], "parsing labels for series [1 2 3]: invalid labelRefs length 3"),
        (vec![1, 99], "labelRefs 1 (name) = 99 (value) outside of symbols table (size 5)"),
    ] {
        let body = [good_2().body(), field(5, &[field(1, &refs), sample(NOW_MS, 1.0)].concat())].concat();
        let said = sends_2(part, &body, (400, 400), &[GOOD_STORED]).await;
        said.iter().for_each(|(text, _)| says(text, part));
        says(&said[0].0, "not stored: 1 series (invalid references to symbols); the rest is stored");
        assert_eq!((said[0].1, said[1].1), (None, Some([1, 0, 0])));
    }
    let body = [field(4, b"x"), good_2().body()].concat();
    let said = sends_2("a first symbol", &body, (400, 400), &[]).await;
    says(&said[0].0, "the first of the symbols must be an empty string");
    assert_eq!((said[0].1, said[1].1), (None, None));
}

/// Series that Prometheus asks more of than Thanos does.
#[tokio::test]
async fn series_without_samples_or_with_both_kinds() {
    let mut request = good_2();
    let trace = request.refs(&[("trace_id", "x")]);
    request.series(&[("__name__", "m")], &[field(5, &[0x08, 1])]);
    request.series(GOOD.0, &[exemplar(&trace, NOW_MS)]);
    let [thanos, prometheus] = sends_2("no samples", &request.body(), (200, 400), &[GOOD_STORED]).await;
    assert_eq!((thanos.1, prometheus.1), (Some([1, 0, 1]), Some([1, 0, 0])));
    says(&prometheus.0, "2 series (a series must contain at least one sample or histogram)");
    says(&prometheus.0, r#"series {"__name__"="m"}"#);

    let mut request = Request2::new();
    request.series(&[("__name__", "h")], &[sample(NOW_MS, 1.0), histogram(3, NOW_MS + 1, 3)]);
    let both = request.body();
    let rig = Rig::new();
    let v2 = |path| Request::post(path).header("content-type", V2).body(Body::from(snappy(&both))).unwrap();
    let reply = rig.send(v2("/api/v1/receive")).await;
    assert_eq!((reply.status, counts(&reply), rig.stored().len()), (200, Some([1, 1, 0]), 2));
    let reply = Rig::new().send(v2("/api/v1/write")).await;
    assert_eq!((reply.status, counts(&reply)), (400, Some([0, 0, 0])));
    says(&reply.text, "either samples or histograms, not both");
}

/// Two megabytes of references to one symbol of a kilobyte.
#[tokio::test]
async fn a_2_0_body_that_spells_too_much() {
    let mut request = Request2::new();
    let refs = request.refs(&[("x".repeat(1024).as_str(), "y")]).repeat(1 << 20);
    let body = [request.body(), field(5, &[field(1, &refs), sample(NOW_MS, 1.0)].concat())].concat();
    let rig = Rig::new();
    let request = Request::post("/api/v1/receive").header("content-type", V2);
    let reply = rig.send(request.body(Body::from(snappy(&body))).unwrap()).await;
    assert_eq!(reply.status, 413, "{}", reply.text);
    says(&reply.text, "spelled out, the body has 1083179032 bytes or more, 33554432 are allowed");
    assert_eq!(rig.metric("gauntlet_receive_decoded_bytes"), 0.0);
}

/// The same references and one more, which leads nowhere: the series is refused, and not one of them is followed.
#[tokio::test]
async fn a_series_of_2_0_that_is_refused_takes_no_room() {
    let mut request = good_2();
    let mut refs = request.refs(&[("x".repeat(1024).as_str(), "y")]).repeat(1 << 20);
    refs.push(1);
    let body = [request.body(), field(5, &[field(1, &refs), sample(NOW_MS, 1.0)].concat())].concat();
    let said = sends_2("refused", &body, (400, 400), &[GOOD_STORED]).await;
    says(&said[0].0, "not stored: 1 series (invalid references to symbols); the rest is stored");
    says(&said[0].0, "invalid labelRefs length 2097153");
}

// === 1.0 ===

#[tokio::test]
async fn content_encodings() {
    for (encoding, codes) in [("gzip", (200, 415)), ("zstd", (200, 415)), ("", OK), ("snappy", OK)] {
        let encoded = |mut request: Builder| {
            request.headers_mut().unwrap().insert("content-encoding", encoding.parse().unwrap());
            request
        };
        send(encoding, encoded, &snappy(&good()), codes, &[GOOD_STORED]).await;
    }
}

#[tokio::test]
async fn compression() {
    let good = good();
    let framed = {
        use std::io::Write;
        let mut framed = snap::write::FrameEncoder::new(Vec::new());
        framed.write_all(&good).unwrap();
        framed.into_inner().unwrap()
    };
    let compressed = snappy(&good);
    let longer = [&compressed[..], b"x"].concat();
    let claim = |bytes: u64| {
        let mut body = Vec::new();
        prost::encoding::encode_varint(bytes, &mut body);
        [body, compressed[1..].to_vec()].concat()
    };
    let plain = |request: Builder| request;
    for (what, body) in [
        ("nothing", vec![]),
        ("framed", framed),
        ("truncated", compressed[..compressed.len() - 3].to_vec()),
        ("with a tail", longer),
        ("not compressed", good.clone()),
        ("claims one more", claim(good.len() as u64 + 1)),
        ("claims 4 GiB", claim(u64::from(u32::MAX) + 1)),
        ("an endless claim", vec![0xff; 11]),
    ] {
        says(&send(what, plain, &body, (400, 400), &[]).await, "snappy decode error");
    }
    says(&send("cannot be", plain, &claim(1 << 20), (400, 400), &[]).await, "cannot become 1048576");
    let text = send("claims over 32 MiB", plain, &claim((32 << 20) + 1), (413, 413), &[]).await;
    says(&text, "33554433 bytes, 33554432 are allowed");
}

#[tokio::test]
async fn protobuf() {
    let good = good();
    let cases: [(&str, &[u8]); 8] = [
        ("garbage", b"\x9c\x8f garbage"),
        ("a group", &[0x0b, 0x0c]),
        ("nested groups", &[0x0b; 1000]),
        ("wrong wire type", &[0x08, 1]),
        ("overlong varint", &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
        ("truncated", &good[..good.len() - 1]),
        ("field 0", &[0, 0]),
        ("a label of another type", &[0x0a, 6, 0x0a, 2, 0x08, 1, 0x12, 0]),
    ];
    for (what, fault) in cases {
        let text = sends(what, fault, (400, 400), &[]).await;
        says(&text, "series 0 at byte");
    }
    let text = sends("behind a good one", &[&good[..], &[0x0a, 9]].concat(), (400, 400), &[]).await;
    says(&text, "series 1 at byte");
    let unknown = [good, [0x78, 1].repeat(1_000_000)].concat();
    sends("a million unknown fields", &unknown, OK, &[GOOD_STORED]).await;
}

#[tokio::test]
async fn nothing_to_store() {
    sends("an empty request", &[], OK, &[]).await;
    sends("metadata only", &field(3, &[8, 1, 0x12, 1, b'm']), OK, &[]).await;
    sends("a series without samples", &body(&[(&[("__name__", "up")], &[])]), OK, &[]).await;
    let rig = Rig::new();
    for plain in [vec![], field(3, &[8, 1])] {
        rig.send(post("/api/v1/write").body(Body::from(snappy(&plain))).unwrap()).await;
    }
    assert_eq!(rig.metric("gauntlet_receive_empty_requests_total"), 2.0);
    assert_eq!(rig.metric(r#"gauntlet_receive_dropped_total{kind="metadata"}"#), 1.0);
}

#[tokio::test]
async fn too_much_in_one_request() {
    let config = Config { max_series: Some(2), max_samples: Some(3), ..Config::default() };
    let series = |samples: &'static [(i64, f64)]| (GOOD.0, samples);
    let one = series(&[(NOW_MS, 1.0)]);
    let two = series(&[(NOW_MS, 1.0), (NOW_MS + 1, 1.0)]);
    for (path, ok) in [("/api/v1/receive", 200), ("/api/v1/write", 204)] {
        for (plain, code, limit) in [
            (body(&[one, one]), ok, ""),
            (body(&[one, one, one]), 413, "3 series, 2 are allowed"),
            (body(&[one, two]), ok, ""),
            (body(&[two, two]), 413, "4 samples, 3 are allowed"),
        ] {
            let rig = Rig::with(config.clone(), FakeTarget::default());
            let reply = rig.send(post(path).body(Body::from(snappy(&plain))).unwrap()).await;
            assert_eq!(reply.status, code, "{}", reply.text);
            says(&reply.text, limit);
        }
    }
}

#[tokio::test]
async fn label_sets() {
    const CONFLICT: Codes = (409, 400);
    let long_name = "n".repeat(1 << 20);
    let long_value = "v".repeat(2049);
    let many: Vec<_> = (0..10_000).map(|label| format!("label_{label:05}")).collect();
    let many: Vec<_> = std::iter::once(("__name__", "up")).chain(many.iter().map(|name| (&**name, "x"))).collect();
    let invalid: [(&str, Labels<'_>, &str); 9] = [
        ("no label", &[], "a series has no label"),
        ("empty name", &[("", "x"), ("__name__", "up")], "a label name is empty"),
        ("empty value", &[("__name__", "up"), ("a", "")], "label \"a\" has an empty value"),
        ("empty metric name", &[("__name__", ""), ("a", "1")], "label \"__name__\" has an empty value"),
        ("a name twice, one value", &[("__name__", "up"), ("a", "1"), ("a", "1")], "\"a\" occurs more than once"),
        ("a name twice, two values", &[("__name__", "up"), ("a", "1"), ("a", "2")], "\"a\" occurs more than once"),
        ("a name of 1 MiB", &[("__name__", "up"), (&long_name, "1")], "has 1048576 bytes, 1024 are allowed"),
        ("a value of 2,049 bytes", &[("__name__", "up"), ("a", &long_value)], "has 2049 bytes, 2048 are allowed"),
        ("10,001 labels", &many, "there are 10001 labels, 64 are allowed"),
    ];
    for (what, labels, part) in invalid {
        let text = sends(what, &body(&[(labels, &[(NOW_MS, 2.0)]), GOOD]), CONFLICT, &[GOOD_STORED]).await;
        says(&text, "not stored: 1 series (invalid labels); the rest is stored");
        says(&text, part);
    }
    for (name, value) in [(&b"a"[..], &b"x\xffy"[..]), (b"a\xff", b"x"), (b"__name__", b"\xc3\x28")] {
        let mut request = RequestEncoder::default();
        request.series([(name, value), (b"__name__0", b"up")], [(NOW_MS, 2.0)]);
        request.series(GOOD.0.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())), GOOD.1.iter().copied());
        let text = sends("not UTF-8", &request.take(), (409, 400), &[GOOD_STORED]).await;
        assert!(text.contains("is not valid UTF-8") || text.contains("no metric name"), "{text}");
    }
    let unsorted: Labels<'_> = &[("job", "a"), ("__name__", "up")];
    sends("unsorted", &body(&[(unsorted, &[(NOW_MS, 1.0)])]), OK, &[GOOD_STORED]).await;
    let odd: Labels<'_> = &[("__name__", "up"), ("a\0\u{1b}", "\n\0"), ("tenant_id", "b"), ("ü", "値")];
    let rig = Rig::new();
    let request = post("/api/v1/receive").body(Body::from(snappy(&body(&[(odd, &[(NOW_MS, 1.0)])])))).unwrap();
    assert_eq!((rig.send(request).await.status, rig.stored().len()), (200, 1));
}

#[tokio::test]
async fn no_metric_name() {
    let nameless: Labels<'_> = &[("job", "b")];
    let plain = body(&[(nameless, &[(NOW_MS, 1.0)]), GOOD, (nameless, &[(NOW_MS, 1.0)])]);
    let rig = Rig::new();
    let reply = rig.send(post("/api/v1/receive").body(Body::from(snappy(&plain))).unwrap()).await;
    assert_eq!((reply.status, rig.stored().len()), (200, 2));
    let rig = Rig::new();
    let reply = rig.send(post("/api/v1/write").body(Body::from(snappy(&plain))).unwrap()).await;
    assert_eq!((reply.status, rig.stored()), (400, vec![GOOD_STORED.to_owned()]));
    says(
        &reply.text,
        "not stored: 2 series (no metric name); the rest is stored\nno metric name: series {\"job\"=\"b\"}",
    );
    assert_eq!(rig.metric(r#"gauntlet_receive_rejected_total{reason="missing_name",tenant="default-tenant"}"#), 2.0);
}

#[tokio::test]
async fn timestamps() {
    let at = |timestamp_ms: i64, code: Codes, stored: usize| async move {
        let plain = body(&[(&[("__name__", "m")], &[(timestamp_ms, 1.0)]), GOOD]);
        for (path, code) in [("/api/v1/receive", code.0), ("/api/v1/write", code.1)] {
            let rig = Rig::new();
            let reply = rig.send(post(path).body(Body::from(snappy(&plain))).unwrap()).await;
            assert_eq!((reply.status, rig.stored().len()), (code, stored), "{timestamp_ms}: {}", reply.text);
        }
    };
    at(0, OK, 2).await;
    at(-1000, OK, 2).await;
    at(i64::MIN, OK, 2).await;
    at(NOW_MS + 600_000, OK, 2).await;
    at(NOW_MS + 600_001, (409, 400), 1).await;
    at(NOW_MS + 365 * 86_400_000, (409, 400), 1).await;
    at(i64::MAX, (409, 400), 1).await;
}

#[tokio::test]
async fn samples_that_conflict() {
    let labels = GOOD.0;
    let again: &[(i64, f64)] = &[(NOW_MS, 1.0), (NOW_MS, 1.0)];
    sends("the same again", &body(&[GOOD, GOOD, (labels, again)]), OK, &[GOOD_STORED]).await;
    let other = body(&[GOOD, (labels, &[(NOW_MS, 2.0)]), (labels, &[(NOW_MS - 1, 1.0)]), (labels, &[(NOW_MS, 3.0)])]);
    let text = sends("another value, an older sample", &other, (409, 400), &[GOOD_STORED]).await;
    says(
        &text,
        "not stored: 1 samples (out of order), 2 samples (another value for a timestamp that is stored); the rest is stored\n",
    );
    assert_eq!(text.lines().count(), 4);
}

#[tokio::test]
async fn values_come_through_bit_by_bit() {
    let bits = [
        0x7ff0_0000_0000_0002,
        0x7ff8_0000_0000_0001,
        0xfff8_dead_beef_0001,
        0x7ff0_0000_0000_0000,
        0xfff0_0000_0000_0000,
        0x8000_0000_0000_0000,
        0,
        1,
    ];
    let samples: Vec<_> = bits.iter().enumerate().map(|(i, bits)| (NOW_MS + i as i64, f64::from_bits(*bits))).collect();
    for path in ["/api/v1/receive", "/api/v1/write"] {
        let rig = Rig::new();
        rig.send(post(path).body(Body::from(snappy(&body(&[(GOOD.0, &samples)])))).unwrap()).await;
        assert_eq!(rig.bits(), bits);
    }
}

#[tokio::test]
async fn histograms_and_exemplars() {
    let label = field(1, &[field(1, b"__name__"), field(2, b"latency\n")].concat());
    let stored = r#"default-tenant {__name__="latency\n"} 1755388800000 Integer [3, 0, 3] 0"#;
    let series = |fields: &[Vec<u8>]| field(1, &[std::slice::from_ref(&label), fields].concat().concat());
    let plain = [series(&[histogram(4, NOW_MS, 3)]), good()].concat();
    sends("a histogram", &plain, OK, &[stored, GOOD_STORED]).await;
    // To Thanos an invalid one is as good as none, and no reason to say anything.
    let bad = series(&[histogram(4, NOW_MS, 3), field(4, &[0x08, 12]), field(4, &[0x08, 13])]);
    let text = sends("invalid histograms", &[&bad[..], &good()].concat(), (200, 400), &[stored, GOOD_STORED]).await;
    says(&text, "not stored: 2 histograms (invalid histogram); the rest is stored");
    says(
        &text,
        "0 observations found in buckets, but the count field is 12: series {\"__name__\"=\"latency\\n\"} at 0 ms",
    );
    sends("nothing but an invalid one", &series(&[field(4, &[0x08, 12])]), (200, 400), &[]).await;
    let many = [&[0x5a, 2, 0x10, 101, 0x62, 101][..], &[0; 101]].concat();
    let text = sends("too many buckets", &series(&[field(4, &many)]), (409, 400), &[]).await;
    says(&text, "not stored: 1 histograms (too many buckets)");
    says(&text, "there are 101 buckets, 100 are allowed");

    let exemplar = field(3, &field(1, &[field(1, b"trace_id"), field(2, &[b'x'; 300])].concat()));
    let message = [&good()[2..], &exemplar].concat();
    sends("an exemplar that is too long", &field(1, &message), (409, 204), &[GOOD_STORED]).await;
}

/// A target that takes samples and proves nothing: what would be a 2xx is to be repeated, whatever was refused beside.
#[tokio::test]
async fn no_sample_is_stored_without_a_proof() {
    let exemplar = field(3, &field(1, &[field(1, b"trace_id"), field(2, &[b'x'; 300])].concat()));
    let exemplar = field(1, &[&good()[2..], &exemplar].concat());
    let invalid = field(1, &[&good()[2..], &field(4, &[0x08, 12])].concat());
    for (body, path, code) in [
        (&good(), "/api/v1/receive", 503),
        (&good(), "/api/v1/write", 503),
        (&exemplar, "/api/v1/receive", 409),
        (&exemplar, "/api/v1/write", 503),
        (&invalid, "/api/v1/receive", 503),
        (&invalid, "/api/v1/write", 400),
    ] {
        let rig = Rig::with(Config::default(), FakeTarget::careless());
        let reply = rig.send(post(path).body(Body::from(snappy(body))).unwrap()).await;
        assert_eq!(reply.status, code, "{path}: {}", reply.text);
    }
}

#[tokio::test]
async fn tenants_and_replicas() {
    let with = |name: &'static str, value: &'static [u8]| {
        move |request: Builder| request.header(name, http::HeaderValue::from_bytes(value).unwrap())
    };
    let good = snappy(&good());
    for value in [&b"a/b"[..], b".", b"..", b"/", &[b'y'; 300], b"a\xffb"] {
        send("tenant", with("thanos-tenant", value), &good, (400, 400), &[]).await;
    }
    for (value, tenant) in [("", "default-tenant"), ("a b", "a b"), ("ä", "ä"), ("lost+found", "lost+found")] {
        let stored = GOOD_STORED.replace("default-tenant", tenant);
        send("tenant", with("thanos-tenant", value.as_bytes()), &good, OK, &[&stored]).await;
    }
    let config = || Config { tenant_header: http::HeaderName::from_static("x-scope-orgid"), ..Config::default() };
    for (headers, tenant) in [
        (&[("thanos-tenant", "a")][..], "a"),
        (&[("thanos-tenant", "a"), ("x-scope-orgid", "b")], "b"),
        (&[("thanos-tenant", "a"), ("x-scope-orgid", "")], "a"),
        (&[], "default-tenant"),
    ] {
        let rig = Rig::with(config(), FakeTarget::default());
        let request =
            headers.iter().fold(post("/api/v1/receive"), |request, (name, value)| request.header(*name, *value));
        assert_eq!(rig.send(request.body(Body::from(good.clone())).unwrap()).await.status, 200);
        assert_eq!(rig.stored(), [GOOD_STORED.replace("default-tenant", tenant)]);
    }
    for replica in [&b"-1"[..], b"abc", b"18446744073709551616", b"1 2", b"\xff"] {
        let rig = Rig::new();
        let request = with("thanos-replica", replica)(post("/api/v1/receive"));
        let reply = rig.send(request.body(Body::from(good.clone())).unwrap()).await;
        assert_eq!(reply.status, 400);
        says(&reply.text, "could not parse the replica header");
        let rig = Rig::new();
        let request = with("thanos-replica", replica)(post("/api/v1/write"));
        assert_eq!(rig.send(request.body(Body::from(good.clone())).unwrap()).await.status, 204);
    }
    for replica in [&b"0"[..], b"1", b"5"] {
        send("replica", with("thanos-replica", replica), &good, OK, &[GOOD_STORED]).await;
    }
}

#[tokio::test]
async fn a_target_that_cannot() {
    type Failure = fn() -> WriteError;
    let cases: [(Failure, u16, Option<&str>); 9] = [
        (|| WriteError::NotReady("replaying, 40 %".into()), 503, Some("5")),
        (|| WriteError::DiskFull { floor_bytes: 1 << 30 }, 503, Some("30")),
        (|| WriteError::LogFailed("Input/output error".into()), 503, Some("5")),
        (|| WriteError::SeriesLimit { limit: 10 }, 429, Some("60")),
        (|| WriteError::TenantLimit { limit: 10 }, 429, Some("60")),
        (|| WriteError::Unavailable("a:1: no answer".into()), 503, Some("5")),
        (|| WriteError::NoPlace("no matching hashring".into()), 500, None),
        (|| WriteError::Replica { replica: 4, replication_factor: 3 }, 400, None),
        (|| proto::Malformed { series: 7, at: 99, what: "a group" }.into(), 400, None),
    ];
    for (failure, code, retry_after) in cases {
        for path in ["/api/v1/receive", "/api/v1/write"] {
            let rig = Rig::with(Config::default(), FakeTarget::failing(failure));
            let reply = rig.send(post(path).body(Body::from(snappy(&good()))).unwrap()).await;
            assert_eq!((reply.status, reply.text.trim_end()), (code, &*failure().to_string()));
            assert_eq!(reply.headers.get("retry-after").map(|value| value.to_str().unwrap()), retry_after);
        }
    }
}

#[tokio::test]
async fn counts_have_the_names_of_thanos() {
    let rig = Rig::new();
    for value in [1.0, 2.0] {
        let plain = body(&[(GOOD.0, &[(NOW_MS, value)]), (&[("__name__", "m")], &[(NOW_MS, value)])]);
        rig.send(post("/api/v1/receive").body(Body::from(snappy(&plain))).unwrap()).await;
    }
    rig.send(post("/api/v1/receive").body(Body::from("x")).unwrap()).await;
    for (series, value) in [
        (r#"thanos_receive_write_timeseries_sum{code="200",tenant="default-tenant"}"#, 2.0),
        (r#"thanos_receive_write_samples_bucket{code="409",tenant="default-tenant",le="10"}"#, 1.0),
        (r#"thanos_receive_write_samples_count{code="400",tenant="default-tenant"}"#, 0.0),
        (r#"gauntlet_receive_rejected_total{reason="duplicate_timestamp",tenant="default-tenant"}"#, 2.0),
        (r#"gauntlet_receive_requests_refused_total{reason="snappy"}"#, 1.0),
        ("thanos_receive_pending_write_requests", 0.0),
        ("thanos_receive_replication_factor", 1.0),
        (r#"http_requests_total{code="409",handler="receive",method="post",tenant="default-tenant"}"#, 1.0),
        (r#"thanos_receive_write_limits{limit="series"}"#, 50_000.0),
        ("gauntlet_receive_decoded_bytes", 0.0),
    ] {
        assert_eq!(rig.metric(series), value, "{series}");
    }
}

#[tokio::test]
async fn tenants_beyond_the_first_thousand_share_their_series() {
    let rig = Rig::new();
    let body = snappy(&good());
    for tenant in 0..1003 {
        let request = post("/api/v1/write").header("thanos-tenant", format!("t{tenant}"));
        rig.send(request.body(Body::from(body.clone())).unwrap()).await;
    }
    let count =
        |tenant: &str| rig.metric(&format!(r#"thanos_receive_write_samples_count{{code="204",tenant="{tenant}"}}"#));
    assert_eq!([count("t999"), count("t1000"), count("__others__")], [1.0, 0.0, 3.0]);
}
