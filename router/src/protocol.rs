//! What the headers of a write say: which protocol, which encoding, which replica.
//!
//! Each path goes by the rules of the software it stands in for: the write handlers of Thanos 0.42 and Prometheus 3.14.
//! Remote write 2.0 is refused by its type, before anything is decompressed, so that its senders learn at once.

use crate::config::Config;
use crate::status::Refusal;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use proto::Excerpt;

/// Which path a request came to, and so whose answers it expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/api/v1/receive`: Thanos.
    Receive,
    /// `/api/v1/write`: Prometheus.
    Write,
}

/// What a Content-Type stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Version1,
    Version2,
    /// No Content-Type.
    Untold,
    Foreign,
}

const VERSION: &str = "x-prometheus-remote-write-version";
const PROTOBUF: &str = "application/x-protobuf";
const MESSAGE_1: &str = "prometheus.WriteRequest";
const MESSAGE_2: &str = "io.prometheus.write.v2.Request";

/// Judges the headers of a request to `endpoint`; returns which replica it is, 0 if it was not replicated yet.
pub(crate) fn check(endpoint: Endpoint, headers: &HeaderMap, config: &Config) -> Result<u32, Refusal> {
    check_type(endpoint, headers)?;
    match endpoint {
        Endpoint::Receive => replica(headers, config),
        Endpoint::Write => check_encoding(headers).map(|()| 0),
    }
}

fn check_type(endpoint: Endpoint, headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let version_2 = headers.get(VERSION).is_some_and(|version| version.as_bytes().starts_with(b"2."));
    let refused = || Refusal::ContentType(Excerpt::of(content_type.as_deref().unwrap_or_default().as_bytes()));
    match (endpoint, message(content_type.as_deref()), version_2) {
        (_, Message::Version2, _) => Err(Refusal::Version2),
        // Somebody who speaks 2.0 without saying so in the type would have everything skipped as unknown fields.
        (Endpoint::Receive, Message::Untold | Message::Foreign, true) => Err(Refusal::Version2),
        (Endpoint::Receive, Message::Version1 | Message::Untold | Message::Foreign, _) => Ok(()),
        (Endpoint::Write, Message::Version1 | Message::Untold, _) => Ok(()),
        (Endpoint::Write, Message::Foreign, _) => Err(refused()),
    }
}

fn message(content_type: Option<&str>) -> Message {
    let Some(content_type) = content_type.map(str::trim).filter(|content_type| !content_type.is_empty()) else {
        return Message::Untold;
    };
    let mut parts = content_type.split(';').map(str::trim);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case(PROTOBUF)) {
        return Message::Foreign;
    }
    for parameter in parts {
        match parameter.split_once('=') {
            Some(("proto", MESSAGE_1)) => return Message::Version1,
            Some(("proto", MESSAGE_2)) => return Message::Version2,
            Some(("proto", _)) | None => return Message::Foreign,
            Some(_) => {}
        }
    }
    Message::Version1
}

/// Thanos takes every body for snappy, whatever the header says; Prometheus looks, but lets old clients say nothing.
fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get(CONTENT_ENCODING).map(http::HeaderValue::as_bytes) {
        None | Some(b"" | b"snappy") => Ok(()),
        Some(other) => Err(Refusal::ContentEncoding(Excerpt::of(other))),
    }
}

/// One who only ingests, or only routes, does not act on the number, but refuses what is none.
fn replica(headers: &HeaderMap, config: &Config) -> Result<u32, Refusal> {
    let Some(replica) = headers.get(&config.replica_header) else { return Ok(0) };
    match replica.to_str().map(str::parse::<u64>) {
        // Whatever does not fit exceeds every replication factor.
        Ok(Ok(replica)) if config.takes_replicas => Ok(u32::try_from(replica).unwrap_or(u32::MAX)),
        Ok(Ok(_)) => Ok(0),
        Ok(Err(_)) | Err(_) => Err(Refusal::Replica(Excerpt::of(replica.as_bytes()))),
    }
}
