use super::{Entry, admin};
use crate::Probes;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use telemetry::Registry;
use tower::ServiceExt;

fn app() -> (Router, Probes) {
    let registry = Registry::default();
    let probes = Probes::new("test", &registry);
    let entries = [
        Entry { path: "/api/v1/query", methods: "GET, POST", what: "a value" },
        Entry { path: "/api/v1/label/{name}/values", methods: "GET", what: "values" },
        Entry { path: "/api/v1/write", methods: "POST", what: "samples" },
    ];
    (admin(&probes, &registry, "Test", &entries), probes)
}

/// Status, content type and body of an answer.
async fn ask(app: &Router, method: &str, path: &str, accept: &str) -> (u16, String, String) {
    let request = Request::builder().method(method).uri(path).header("accept", accept).body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let content_type = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, content_type.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn probes_answer_as_thanos_does() {
    let (app, probes) = app();
    let plain = "text/plain; charset=utf-8".to_owned();
    let part = probes.part("storage");
    part.not_ready("3 of 17 segments");
    assert_eq!(ask(&app, "GET", "/-/healthy", "").await, (200, plain.clone(), "OK".to_owned()));
    let waiting = "NOT OK\nstorage: 3 of 17 segments\n".to_owned();
    assert_eq!(ask(&app, "GET", "/-/ready", "").await, (503, plain.clone(), waiting));
    assert_eq!(ask(&app, "HEAD", "/-/ready", "").await, (503, plain.clone(), String::new()));
    part.ready();
    assert_eq!(ask(&app, "GET", "/-/ready", "").await, (200, plain.clone(), "OK".to_owned()));
    assert_eq!(ask(&app, "HEAD", "/-/healthy", "").await, (200, plain.clone(), String::new()));
    probes.unhealthy("poisoned");
    assert_eq!(ask(&app, "GET", "/-/healthy", "").await, (503, plain, "NOT OK\npoisoned\n".to_owned()));
}

#[tokio::test]
async fn metrics_come_in_the_format_asked_for() {
    let (app, _) = app();
    let (status, content_type, text) = ask(&app, "GET", "/metrics", "*/*").await;
    assert_eq!((status, content_type.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
    assert!(text.contains("thanos_status{check=\"ready\",component=\"test\"} 1\n"), "{text}");
    let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let (_, content_type, _) = ask(&app, "GET", "/metrics", protobuf).await;
    assert!(content_type.starts_with("application/vnd.google.protobuf"), "{content_type}");
}

#[tokio::test]
async fn the_first_page_names_the_others() {
    let (app, _) = app();
    let (status, content_type, page) = ask(&app, "GET", "/", "").await;
    assert_eq!((status, content_type.as_str()), (200, "text/html; charset=utf-8"));
    assert!(page.contains("<a href=\"/api/v1/query\">") && page.contains("<a href=\"/metrics\">"), "{page}");
    assert!(page.contains("<td>/api/v1/label/{name}/values</td>") && page.contains("<td>/api/v1/write</td>"), "{page}");
}
