//! What the headers of a write say: which protocol, which encoding, which replica.
//!
//! Each path goes by the rules of the software it stands in for: the write handlers of Thanos' main branch and of Prometheus
//! 3.14. What they refuse by its type is refused here before anything is decompressed, so that senders learn at once.

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

/// What the header with the version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    /// `2.0.0`, which is what Thanos asks for.
    Version2,
    /// Another one that begins with 2.
    Like2,
    Other,
}

/// Which messages a body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// What the headers said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Headers {
    pub(crate) version: Version,
    /// Which replica it is; 0: it was not replicated yet.
    pub(crate) replica: u32,
}

const VERSION: &str = "x-prometheus-remote-write-version";
const PROTOBUF: &str = "application/x-protobuf";
const MESSAGE_1: &str = "prometheus.WriteRequest";
const MESSAGE_2: &str = "io.prometheus.write.v2.Request";

/// Judges the headers of a request to `endpoint`.
pub(crate) fn check(endpoint: Endpoint, headers: &HeaderMap, config: &Config) -> Result<Headers, Refusal> {
    let version = version(endpoint, headers)?;
    let replica = match endpoint {
        Endpoint::Receive => replica(headers, config)?,
        Endpoint::Write => check_encoding(headers).map(|()| 0)?,
    };
    Ok(Headers { version, replica })
}

/// The type decides. Thanos looks at it only beside a header that says 2.0.0; without, it takes a body of 2.0 for one of 1.0,
/// stores nothing and says that all is well. That is not repeated here.
fn version(endpoint: Endpoint, headers: &HeaderMap) -> Result<Version, Refusal> {
    let content_type = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let header = headers.get(VERSION).map(http::HeaderValue::as_bytes);
    let told = match header {
        None | Some(b"") => Told::Nothing,
        Some(b"2.0.0") => Told::Version2,
        Some(version) if version.starts_with(b"2.") => Told::Like2,
        Some(_) => Told::Other,
    };
    let content = || Excerpt::of(content_type.as_deref().unwrap_or_default().as_bytes());
    match (endpoint, message(content_type.as_deref()), told) {
        (Endpoint::Receive, Message::Version2, Told::Other) => {
            Err(Refusal::VersionMismatch(Excerpt::of(header.unwrap_or_default())))
        }
        (_, Message::Version2, _) => Ok(Version::Two),
        (Endpoint::Receive, Message::Untold | Message::Foreign, Told::Version2) => {
            Err(Refusal::ContentTypeOfVersion2(content()))
        }
        (Endpoint::Receive, Message::Version1 | Message::Untold | Message::Foreign, _) => Ok(Version::One),
        (Endpoint::Write, Message::Version1 | Message::Untold, _) => Ok(Version::One),
        (Endpoint::Write, Message::Foreign, _) => Err(Refusal::ContentType(content())),
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
