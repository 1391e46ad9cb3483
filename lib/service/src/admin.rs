//! The routes every program has: probes, metrics, and a page that names the others.

use crate::Probes;
use axum::Router;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::fmt::Write;
use std::sync::Arc;
use telemetry::{Format, Registry};
use tracing::error;

/// One line of the page at `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Where it is. A path with a placeholder (`{name}`) or for `POST` only is shown, not linked.
    pub path: &'static str,
    pub methods: &'static str,
    pub what: &'static str,
}

const OWN: [Entry; 3] = [
    Entry { path: "/-/healthy", methods: "GET", what: "200 while the process works" },
    Entry { path: "/-/ready", methods: "GET", what: "200 once it can take requests; until then 503 and how far it is" },
    Entry { path: "/metrics", methods: "GET", what: "metrics of this process, for Prometheus" },
];

/// `/-/healthy`, `/-/ready`, `/metrics`, and `/`, which is titled with `title` and names these and `entries`.
pub fn admin(probes: &Probes, registry: &Registry, title: &str, entries: &[Entry]) -> Router {
    let page: Arc<str> = index(title, entries).into();
    let (healthy, ready, registry) = (probes.clone(), probes.clone(), registry.clone());
    Router::new()
        .route("/-/healthy", get(async move || probe(healthy.unhealthy_because())))
        .route("/-/ready", get(async move || probe(ready.not_ready_because())))
        .route("/metrics", get(async move |headers: HeaderMap| metrics(&registry, &headers)))
        .route("/", get(async move || Html(page.to_string())))
}

/// `OK`, or `NOT OK` and why; the first lines are Thanos' to the byte.
fn probe(wrong: Option<String>) -> Response {
    match wrong {
        None => "OK".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("NOT OK\n{reason}\n")).into_response(),
    }
}

fn metrics(registry: &Registry, headers: &HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::negotiate(accept);
    match registry.encode(format) {
        Ok(bytes) => ([(CONTENT_TYPE, format.content_type())], bytes).into_response(),
        Err(err) => {
            error!(%err, "metrics cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be written\n").into_response()
        }
    }
}

fn index(title: &str, entries: &[Entry]) -> String {
    let mut page =
        format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body>\n<h1>{title}</h1>\n<table>\n");
    for Entry { path, methods, what } in entries.iter().chain(&OWN) {
        let linked = methods.contains("GET") && !path.contains('{');
        let shown = if linked { format!("<a href=\"{path}\">{path}</a>") } else { (*path).to_owned() };
        // Writing to a string cannot fail.
        let _ = writeln!(page, "<tr><td>{methods}</td><td>{shown}</td><td>{what}</td></tr>");
    }
    page.push_str("</table>\n</body></html>\n");
    page
}

#[cfg(test)]
mod tests;
