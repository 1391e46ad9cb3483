use super::{HttpMetrics, TenantLabel, Web, WebOptions, web};
use crate::WebApp;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, Request, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use std::io::Read;
use telemetry::{Format, Registry};
use tower::ServiceExt;

const TEXT: &str = "the same again ";

fn app(registry: &Registry, tenant: TenantLabel, cors: bool) -> Web {
    let metrics = HttpMetrics::new(registry, tenant);
    let routes = Router::new()
        .route("/api/v1/short", get(async || "short").layer(metrics.handler("short")))
        .route("/api/v1/long", get(async || TEXT.repeat(1000)).layer(metrics.handler("long")))
        .route("/api/v1/echo", post(async |body: String| body).layer(metrics.handler("echo")))
        .route("/api/v1/bug", get(async || -> &'static str { panic!("a bug") }).layer(metrics.handler("bug")))
        .route("/api/v1/slow", get(async || std::future::pending::<()>().await).layer(metrics.handler("slow")));
    web(routes, registry, WebOptions { cors })
}

async fn ask(
    app: &impl WebApp,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &'static str,
) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
}

fn header(response: &Response<Body>, name: &str) -> String {
    let values = response.headers().get_all(name).iter().map(|value| value.to_str().unwrap());
    values.collect::<Vec<_>>().join(", ")
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

/// The lines of the metrics that start with `prefix`.
fn lines(registry: &Registry, prefix: &str) -> Vec<String> {
    let text = String::from_utf8(registry.encode(Format::Text).unwrap()).unwrap();
    text.lines().filter(|line| line.starts_with(prefix)).map(str::to_owned).collect()
}

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_take_it() {
    let app = app(&Registry::default(), TenantLabel::None, true);
    let response = ask(&app, "GET", "/api/v1/long", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(header(&response, "content-encoding"), "gzip");
    let packed = bytes(response).await;
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
    assert!(text == TEXT.repeat(1000) && packed.len() < text.len() / 10);
    let refusals = [("/api/v1/long", "identity"), ("/api/v1/long", "gzip;q=0"), ("/api/v1/short", "gzip")];
    for (path, accepted) in refusals {
        let response = ask(&app, "GET", path, &[("accept-encoding", accepted)], "").await;
        assert_eq!(header(&response, "content-encoding"), "", "{path} {accepted}");
    }
    // A cache that keeps what somebody got who said nothing must not give it to who takes gzip, nor the other way round.
    for (path, vary) in [("/api/v1/long", "Origin, accept-encoding"), ("/api/v1/short", "Origin")] {
        let response = ask(&app, "GET", path, &[], "").await;
        assert_eq!(
            (header(&response, "content-encoding"), header(&response, "vary")),
            (String::new(), vary.to_owned())
        );
    }
}

#[tokio::test]
async fn other_origins_may_read() {
    let app = app(&Registry::default(), TenantLabel::None, true);
    let origin = [("origin", "http://example.org")];
    for (method, path, status) in
        [("OPTIONS", "/api/v1/short", 204), ("OPTIONS", "/api/v1/none", 204), ("GET", "/api/v1/short", 200)]
    {
        let response = ask(&app, method, path, &origin, "").await;
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        assert_eq!(header(&response, "access-control-allow-origin"), "http://example.org");
        assert_eq!(header(&response, "access-control-allow-methods"), "GET, POST, OPTIONS");
        assert_eq!(header(&response, "access-control-allow-headers"), "Accept, Authorization, Content-Type, Origin");
        assert_eq!(header(&response, "access-control-expose-headers"), "Date");
        assert!(header(&response, "vary").contains("Origin"));
    }
    let response = ask(&app, "OPTIONS", "/api/v1/short", &[], "").await;
    assert_eq!((response.status().as_u16(), header(&response, "access-control-allow-origin")), (204, String::new()));
}

#[tokio::test]
async fn other_origins_may_not_where_that_is_off() {
    let app = app(&Registry::default(), TenantLabel::None, false);
    let response = ask(&app, "GET", "/api/v1/short", &[("origin", "http://example.org")], "").await;
    assert_eq!(header(&response, "access-control-allow-origin"), "");
    assert_eq!(ask(&app, "OPTIONS", "/api/v1/short", &[], "").await.status().as_u16(), 405);
}

#[tokio::test]
async fn an_unknown_path_is_said_as_go_says_it() {
    let app = app(&Registry::default(), TenantLabel::None, true);
    let response = ask(&app, "GET", "/nowhere", &[], "").await;
    assert_eq!(
        (response.status().as_u16(), header(&response, "content-type")),
        (404, "text/plain; charset=utf-8".to_owned())
    );
    assert_eq!(bytes(response).await, b"404 page not found\n");
}

#[tokio::test]
async fn a_panic_is_a_counted_500() {
    let registry = Registry::default();
    let app = app(&registry, TenantLabel::None, true);
    assert_eq!(ask(&app, "GET", "/api/v1/bug", &[], "").await.status().as_u16(), 500);
    assert_eq!(ask(&app, "GET", "/api/v1/short", &[], "").await.status().as_u16(), 200);
    assert_eq!(lines(&registry, "gauntlet_http_panics_total"), ["gauntlet_http_panics_total 1"]);
    assert_eq!(
        lines(&registry, "http_requests_total{code=\"500\""),
        ["http_requests_total{code=\"500\",handler=\"bug\",method=\"get\"} 1"],
    );
    assert_eq!(
        lines(&registry, "http_inflight_requests{handler=\"bug\""),
        ["http_inflight_requests{handler=\"bug\",method=\"get\"} 0"]
    );
}

#[tokio::test]
async fn requests_are_counted_and_measured() {
    let registry = Registry::default();
    let tenant =
        TenantLabel::Header { headers: vec![HeaderName::from_static("thanos-tenant")], default: "default-tenant" };
    let app = app(&registry, tenant, true);
    let echo = ask(&app, "POST", "/api/v1/echo", &[("content-length", "5"), ("thanos-tenant", "a")], "12345").await;
    assert_eq!(lines(&registry, "http_requests_total{").len(), 0, "the body is still on its way");
    assert_eq!(
        lines(&registry, "http_inflight_requests{"),
        ["http_inflight_requests{handler=\"echo\",method=\"post\",tenant=\"a\"} 1"]
    );
    assert_eq!(bytes(echo).await, b"12345");
    bytes(ask(&app, "GET", "/api/v1/long", &[("accept-encoding", "gzip")], "").await).await;
    assert_eq!(
        lines(&registry, "http_requests_total{"),
        [
            "http_requests_total{code=\"200\",handler=\"echo\",method=\"post\",tenant=\"a\"} 1",
            "http_requests_total{code=\"200\",handler=\"long\",method=\"get\",tenant=\"default-tenant\"} 1",
        ]
    );
    assert_eq!(lines(&registry, "http_request_size_bytes_sum{")[0].split(' ').nth(1), Some("5"));
    assert_eq!(lines(&registry, "http_response_size_bytes_sum{")[1].split(' ').nth(1), Some("15000"));
    assert_eq!(lines(&registry, "http_request_duration_seconds_count{").len(), 2);
    assert!(lines(&registry, "http_inflight_requests{").iter().all(|line| line.ends_with(" 0")));
}

#[tokio::test]
async fn a_router_is_counted_by_its_paths() {
    let registry = Registry::default();
    let metrics = HttpMetrics::new(&registry, TenantLabel::None);
    let routes = Router::new()
        .route("/label/{name}/values", get(async || "values"))
        .route("/more", get(async || "more"))
        .route_layer(metrics.handlers(&[("/label/{name}/values", "label_values")]));
    for path in ["/label/a/values", "/label/b/values", "/more", "/nowhere"] {
        bytes(ask(&routes, "GET", path, &[], "").await).await;
    }
    assert_eq!(
        lines(&registry, "http_requests_total{"),
        [
            "http_requests_total{code=\"200\",handler=\"label_values\",method=\"get\"} 2",
            "http_requests_total{code=\"200\",handler=\"other\",method=\"get\"} 1",
        ]
    );
}

#[tokio::test]
async fn a_client_that_leaves_is_counted() {
    let registry = Registry::default();
    let app = app(&registry, TenantLabel::None, true);
    let slow = ask(&app, "GET", "/api/v1/slow", &[], "");
    assert!(tokio::time::timeout(std::time::Duration::from_millis(10), slow).await.is_err());
    assert_eq!(
        lines(&registry, "http_requests_total{"),
        ["http_requests_total{code=\"499\",handler=\"slow\",method=\"get\"} 1"]
    );
}

#[tokio::test]
async fn clients_cannot_make_labels_without_end() {
    let registry = Registry::default();
    let tenant = TenantLabel::Header { headers: vec![HeaderName::from_static("x")], default: "d" };
    let app = app(&registry, tenant, true);
    bytes(ask(&app, "GET", "/api/v1/short", &[("x", &"long".repeat(1000))], "").await).await;
    assert_eq!(
        lines(&registry, "http_requests_total{"),
        ["http_requests_total{code=\"200\",handler=\"short\",method=\"get\",tenant=\"d\"} 1"]
    );
    for number in 0..1100 {
        bytes(ask(&app, "GET", "/api/v1/short", &[("x", &number.to_string())], "").await).await;
    }
    let counts = lines(&registry, "http_requests_total{");
    assert_eq!(counts.len(), 1001);
    assert!(counts.iter().any(|line| line.ends_with("tenant=\"__others__\"} 101")), "{counts:?}");
}
