//! Answers gzipped for clients that take it.

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_RANGE, VARY};
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use std::convert::Infallible;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// Below this, a packet holds the answer as it is.
const MIN_COMPRESSED_BYTES: u64 = 1024;

/// The answer to a client that said what encodings it takes, gzipped if it is worth it.
pub(super) async fn compressed(mut response: Response, accepted: Vec<HeaderValue>) -> Response {
    let worth_it = SizeAbove::new(MIN_COMPRESSED_BYTES).and(NotForContentType::GRPC);
    // Most answers are small, and what there is to be known of clients and encodings is of no use to them.
    if !worth_it.should_compress(&response) {
        return response;
    }
    if accepted.is_empty() {
        // It goes as it is; caches are told that others may get it otherwise.
        let headers = response.headers_mut();
        if ![CONTENT_ENCODING, CONTENT_RANGE].iter().any(|name| headers.contains_key(name)) {
            headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        }
        return response;
    }
    let mut request = Request::new(response);
    for value in accepted {
        request.headers_mut().append(ACCEPT_ENCODING, value);
    }
    let layer = CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest).compress_when(worth_it);
    let answer = service_fn(async |request: Request<Response>| Ok::<_, Infallible>(request.into_body()));
    match layer.layer(answer).oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    }
}
