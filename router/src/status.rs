//! The one table from what became of a request to the status it is answered with.
//!
//! Every match here is exhaustive: a new outcome does not compile until it has a status. 2xx means that everything is
//! durable, 4xx that repeating is useless, 429 and 5xx that repeating is safe.

use crate::protocol::Endpoint;
use http::StatusCode;
use model::{Durable, InvalidTenant};
use proto::{Excerpt, Malformed, Rejection, Rejections, WriteError};
use std::fmt::Write;
use std::time::Duration;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// All of it is stored.
    Stored(Durable),
    /// It was well formed and carried nothing that is stored.
    Nothing,
    /// All of it is stored but for what is listed.
    Rejected(Rejections),
    /// It was refused as a whole.
    Refused(Refusal),
}

/// Why a request was refused as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("method not allowed: only POST is")]
    Method,
    #[error("tenant name not valid: {0}")]
    Tenant(#[source] InvalidTenant),
    #[error("tenant name not valid: it is not UTF-8")]
    TenantNotUtf8,
    #[error("could not parse the replica header: {0} is no number")]
    Replica(Excerpt),
    #[error("remote write 2.0 is not supported: send Content-Type application/x-protobuf and version 0.1.0")]
    Version2,
    #[error("content type {0} is not supported: send application/x-protobuf")]
    ContentType(Excerpt),
    #[error("content encoding {0} is not supported: send snappy")]
    ContentEncoding(Excerpt),
    #[error("the body is over the limit of {limit_bytes} bytes")]
    BodyTooLarge { limit_bytes: u32 },
    #[error("the body did not arrive within {} s", timeout.as_secs_f32())]
    ReadTimeout { timeout: Duration },
    #[error("the body could not be read: {0}")]
    BodyBroken(String),
    #[error("snappy decode error: {0}")]
    Snappy(#[from] snap::Error),
    #[error("snappy decode error: {size_bytes} bytes cannot become {claim_bytes}")]
    SnappyClaim { size_bytes: usize, claim_bytes: usize },
    #[error("the decompressed body has {claim_bytes} bytes, {limit_bytes} are allowed")]
    DecodedTooLarge { claim_bytes: usize, limit_bytes: u32 },
    #[error("the decompressed body with its {rows} series takes more than {budget_bytes} bytes of memory")]
    TableTooLarge { rows: usize, budget_bytes: u32 },
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the body holds nothing that remote write 1.0 knows")]
    NotVersion1,
    #[error("the request has {series} series, {limit} are allowed")]
    TooManySeries { series: u64, limit: u64 },
    #[error("the request has {samples} samples, {limit} are allowed")]
    TooManySamples { samples: u64, limit: u64 },
    #[error("too many bytes are being received, try again")]
    Busy,
    #[error("shutting down")]
    Stopping,
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// A status with what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) code: StatusCode,
    pub(crate) retry_after_s: Option<u32>,
}

/// How many examples the body of a rejection tells.
const MAX_TOLD: usize = 5;

impl Answer {
    /// The status for who sent to `endpoint`.
    pub(crate) fn status(&self, endpoint: Endpoint) -> Status {
        match (self, endpoint) {
            (Self::Stored(_) | Self::Nothing, Endpoint::Receive) => Status::plain(StatusCode::OK),
            (Self::Stored(_) | Self::Nothing, Endpoint::Write) => Status::plain(StatusCode::NO_CONTENT),
            (Self::Rejected(rejections), endpoint) => Status::plain(rejected(rejections, endpoint)),
            (Self::Refused(refusal), _) => refusal.status(),
        }
    }

    /// What the sender is told beside the status: nothing if all is well.
    pub(crate) fn message(&self) -> Option<String> {
        match self {
            Self::Stored(_) | Self::Nothing => None,
            Self::Rejected(rejections) => Some(tell(rejections)),
            Self::Refused(refusal) => Some(refusal.to_string()),
        }
    }
}

/// Thanos calls it a conflict where Prometheus speaks of a bad request. A histogram conflicts with nothing: we are who
/// does not store it.
fn rejected(rejections: &Rejections, endpoint: Endpoint) -> StatusCode {
    let conflicts = rejections.counts().all(|(why, _)| match why {
        Rejection::OutOfOrder
        | Rejection::DuplicateTimestamp
        | Rejection::OutOfBounds
        | Rejection::TooFarInFuture
        | Rejection::InvalidLabels
        | Rejection::MissingName
        | Rejection::TooManyBuckets
        | Rejection::InvalidExemplar
        | Rejection::ExemplarOutOfOrder
        | Rejection::ExemplarTooLong
        | Rejection::Conflict => true,
        Rejection::InvalidReference
        | Rejection::NoSamples
        | Rejection::MixedSamples
        | Rejection::InvalidHistogram
        | Rejection::Histogram => false,
    });
    match endpoint {
        Endpoint::Receive if conflicts => StatusCode::CONFLICT,
        Endpoint::Receive | Endpoint::Write => StatusCode::BAD_REQUEST,
    }
}

impl Refusal {
    /// The status, whichever path it came by.
    pub(crate) fn status(&self) -> Status {
        match self {
            Self::Method => Status::plain(StatusCode::METHOD_NOT_ALLOWED),
            Self::Tenant(_)
            | Self::TenantNotUtf8
            | Self::Replica(_)
            | Self::BodyBroken(_)
            | Self::Snappy(_)
            | Self::SnappyClaim { .. }
            | Self::Malformed(_) => Status::plain(StatusCode::BAD_REQUEST),
            Self::Version2 | Self::ContentType(_) | Self::ContentEncoding(_) | Self::NotVersion1 => {
                Status::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::ReadTimeout { .. } => Status::plain(StatusCode::REQUEST_TIMEOUT),
            Self::BodyTooLarge { .. }
            | Self::DecodedTooLarge { .. }
            | Self::TableTooLarge { .. }
            | Self::TooManySeries { .. }
            | Self::TooManySamples { .. } => Status::plain(StatusCode::PAYLOAD_TOO_LARGE),
            Self::Busy => Status::retry(StatusCode::SERVICE_UNAVAILABLE, 1),
            Self::Stopping => Status::retry(StatusCode::SERVICE_UNAVAILABLE, 5),
            Self::Write(error) => write_error(error),
        }
    }

    /// The reason as the value of a metric's label.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Tenant(_) | Self::TenantNotUtf8 => "tenant",
            Self::Replica(_) => "replica_header",
            Self::Version2 | Self::ContentType(_) | Self::NotVersion1 => "content_type",
            Self::ContentEncoding(_) => "content_encoding",
            Self::BodyTooLarge { .. } | Self::DecodedTooLarge { .. } | Self::TableTooLarge { .. } => "body_size",
            Self::ReadTimeout { .. } => "read_timeout",
            Self::BodyBroken(_) => "body_broken",
            Self::Snappy(_) | Self::SnappyClaim { .. } => "snappy",
            Self::Malformed(_) | Self::Write(WriteError::Malformed(_)) => "protobuf",
            Self::TooManySeries { .. } => "series",
            Self::TooManySamples { .. } => "samples",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
            Self::Write(WriteError::LogFailed(_)) => "log_failed",
            Self::Write(WriteError::DiskFull { .. }) => "disk_full",
            Self::Write(WriteError::NotReady(_)) => "not_ready",
            Self::Write(WriteError::SeriesLimit { .. }) => "series_limit",
            Self::Write(WriteError::TenantLimit { .. }) => "tenant_limit",
            Self::Write(WriteError::Unavailable(_)) => "no_quorum",
            Self::Write(WriteError::NoPlace(_)) => "no_place",
            Self::Write(WriteError::Replica { .. }) => "replica_header",
            Self::Write(WriteError::Tenant(_)) => "tenant",
        }
    }
}

fn write_error(error: &WriteError) -> Status {
    match error {
        WriteError::Malformed(_) | WriteError::Replica { .. } | WriteError::Tenant(_) => {
            Status::plain(StatusCode::BAD_REQUEST)
        }
        WriteError::LogFailed(_) | WriteError::NotReady(_) | WriteError::Unavailable(_) => {
            Status::retry(StatusCode::SERVICE_UNAVAILABLE, 5)
        }
        WriteError::NoPlace(_) => Status::plain(StatusCode::INTERNAL_SERVER_ERROR),
        WriteError::DiskFull { .. } => Status::retry(StatusCode::SERVICE_UNAVAILABLE, 30),
        WriteError::SeriesLimit { .. } | WriteError::TenantLimit { .. } => {
            Status::retry(StatusCode::TOO_MANY_REQUESTS, 60)
        }
    }
}

impl Status {
    fn plain(code: StatusCode) -> Self {
        Self { code, retry_after_s: None }
    }

    fn retry(code: StatusCode, after_s: u32) -> Self {
        Self { code, retry_after_s: Some(after_s) }
    }
}

/// All counts on the first line, because a sender logs that one; then examples.
fn tell(rejections: &Rejections) -> String {
    let mut text = String::from("not stored: ");
    for (position, (why, count)) in rejections.counts().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        // Writing to a string does not fail, here and below.
        let _ = write!(text, "{comma}{count} {} ({})", why.unit(), why.describe());
    }
    text.push_str("; the rest is stored");
    for example in rejections.examples().iter().take(MAX_TOLD) {
        let _ = write!(text, "\n{}: {}", example.why.describe(), example.detail);
    }
    text
}
