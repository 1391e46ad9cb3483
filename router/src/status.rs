//! The one table from what became of a request to the status it is answered with.
//!
//! Every match here is exhaustive: a new outcome does not compile until it has a status. 2xx means that everything is
//! durable, 4xx that repeating is useless, 429 and 5xx that repeating is safe.

use crate::protocol::{Endpoint, Version};
use http::StatusCode;
use model::{Durable, InvalidTenant};
use proto::{Excerpt, Malformed, Rejection, Rejections, WriteError};
use std::fmt::Write;
use std::time::Duration;

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// All of it is stored.
    Stored(Durable, Written),
    /// It was well formed and carried nothing that is stored; exemplars count as written where none are kept.
    Nothing(Written),
    /// All of it is stored but for what is listed; without a proof nothing is.
    Rejected(Rejections, Option<Durable>, Written),
    /// It was refused as a whole.
    Refused(Refusal),
}

/// How much of a request was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) samples: u64,
    pub(crate) histograms: u64,
    pub(crate) exemplars: u64,
}

/// Who asks, and so whose answers are expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) endpoint: Endpoint,
    pub(crate) version: Version,
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
    #[error("the Content-Type is that of remote write 2.0, but X-Prometheus-Remote-Write-Version is {0}")]
    VersionMismatch(Excerpt),
    #[error(
        "X-Prometheus-Remote-Write-Version is 2.0.0, but Content-Type {0} is not: \
         send application/x-protobuf;proto=io.prometheus.write.v2.Request"
    )]
    ContentTypeOfVersion2(Excerpt),
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
    #[error("spelled out, the body has {claim_bytes} bytes or more, {limit_bytes} are allowed")]
    SpelledTooLarge { claim_bytes: u64, limit_bytes: u32 },
    #[error("the decompressed body with its {rows} series takes more than {budget_bytes} bytes of memory")]
    TableTooLarge { rows: usize, budget_bytes: u32 },
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("the first of the symbols must be an empty string")]
    FirstSymbol,
    #[error("the body holds nothing that remote write 1.0 knows")]
    NotVersion1,
    #[error("the body holds nothing that remote write 2.0 knows")]
    NotVersion2,
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
    /// Whether something vouches for what was not refused.
    pub(crate) fn is_proved(&self) -> bool {
        matches!(self, Self::Stored(..) | Self::Rejected(_, Some(_), _))
    }

    /// The status for who asks.
    pub(crate) fn status(&self, asked: Asked) -> Status {
        match self {
            Self::Stored(..) | Self::Nothing(_) => Status::plain(all_is_well(asked)),
            Self::Rejected(rejections, ..) => Status::plain(rejected(rejections, asked)),
            Self::Refused(refusal) => refusal.status(),
        }
    }

    /// What the sender is told beside the status: nothing if all is well.
    pub(crate) fn message(&self, asked: Asked) -> Option<String> {
        match self {
            Self::Stored(..) | Self::Nothing(_) => None,
            Self::Rejected(rejections, ..) if rejected(rejections, asked).is_success() => None,
            Self::Rejected(rejections, ..) => Some(tell(rejections)),
            Self::Refused(refusal) => Some(refusal.to_string()),
        }
    }

    /// What the headers of 2.0 say was written. Senders of 1.0 would take them amiss; a receiver of Thanos leaves them out
    /// where it answers with a conflict.
    pub(crate) fn written(&self, asked: Asked) -> Option<Written> {
        let written = match self {
            Self::Stored(_, written) | Self::Nothing(written) | Self::Rejected(.., written) => *written,
            Self::Refused(_) => return None,
        };
        match asked.endpoint {
            _ if asked.version == Version::One => None,
            Endpoint::Receive if !self.status(asked).code.is_success() => None,
            Endpoint::Receive | Endpoint::Write => Some(written),
        }
    }
}

fn all_is_well(asked: Asked) -> StatusCode {
    match asked.endpoint {
        Endpoint::Receive => StatusCode::OK,
        Endpoint::Write => StatusCode::NO_CONTENT,
    }
}

/// Thanos calls it a conflict where Prometheus speaks of a bad request. What the path's own software drops without a word is
/// counted and logged here, and the sender is not told either; the most serious reason decides.
fn rejected(rejections: &Rejections, asked: Asked) -> StatusCode {
    let codes = rejections.counts().filter_map(|(why, _)| code(why, asked));
    codes.min().unwrap_or(all_is_well(asked))
}

/// What a sender is told of one reason; `None`: nothing.
fn code(why: Rejection, asked: Asked) -> Option<StatusCode> {
    let (conflict, bad) = (StatusCode::CONFLICT, StatusCode::BAD_REQUEST);
    match (why, asked.endpoint) {
        (
            Rejection::OutOfOrder
            | Rejection::DuplicateTimestamp
            | Rejection::OutOfBounds
            | Rejection::TooOld
            | Rejection::TooFarInFuture
            | Rejection::InvalidLabels
            | Rejection::MissingName
            | Rejection::TooManyBuckets
            | Rejection::Conflict,
            endpoint,
        ) => Some(if endpoint == Endpoint::Receive { conflict } else { bad }),
        (Rejection::InvalidReference | Rejection::NoSamples | Rejection::MixedSamples, _) => Some(bad),
        (Rejection::InvalidHistogram, Endpoint::Receive) => None,
        (Rejection::InvalidHistogram, Endpoint::Write) => Some(bad),
        (
            Rejection::InvalidExemplar | Rejection::ExemplarOutOfOrder | Rejection::ExemplarTooLong,
            Endpoint::Receive,
        ) => Some(conflict),
        // To Prometheus an exemplar is no reason to refuse anything, but for one out of order in 2.0.
        (Rejection::InvalidExemplar | Rejection::ExemplarOutOfOrder, Endpoint::Write) => {
            (asked.version == Version::Two).then_some(bad)
        }
        (Rejection::ExemplarTooLong, Endpoint::Write) => None,
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
            | Self::ContentTypeOfVersion2(_)
            | Self::FirstSymbol
            | Self::Malformed(_) => Status::plain(StatusCode::BAD_REQUEST),
            Self::VersionMismatch(_)
            | Self::ContentType(_)
            | Self::ContentEncoding(_)
            | Self::NotVersion1
            | Self::NotVersion2 => Status::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::ReadTimeout { .. } => Status::plain(StatusCode::REQUEST_TIMEOUT),
            Self::BodyTooLarge { .. }
            | Self::DecodedTooLarge { .. }
            | Self::SpelledTooLarge { .. }
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
            Self::VersionMismatch(_)
            | Self::ContentTypeOfVersion2(_)
            | Self::ContentType(_)
            | Self::NotVersion1
            | Self::NotVersion2 => "content_type",
            Self::ContentEncoding(_) => "content_encoding",
            Self::BodyTooLarge { .. }
            | Self::DecodedTooLarge { .. }
            | Self::SpelledTooLarge { .. }
            | Self::TableTooLarge { .. } => "body_size",
            Self::ReadTimeout { .. } => "read_timeout",
            Self::BodyBroken(_) => "body_broken",
            Self::Snappy(_) | Self::SnappyClaim { .. } => "snappy",
            Self::Malformed(_) | Self::FirstSymbol | Self::Write(WriteError::Malformed(_)) => "protobuf",
            Self::TooManySeries { .. } => "series",
            Self::TooManySamples { .. } => "samples",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
            Self::Write(WriteError::LogFailed(_)) => "log_failed",
            Self::Write(WriteError::DiskFull { .. }) => "disk_full",
            Self::Write(WriteError::NotReady(_)) => "not_ready",
            Self::Write(WriteError::SeriesLimit { .. }) => "series_limit",
            Self::Write(WriteError::TenantLimit { .. }) => "tenant_limit",
            Self::Write(WriteError::TooManyTenants { .. }) => "tenants",
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
        WriteError::TooManyTenants { .. } => Status::plain(StatusCode::PAYLOAD_TOO_LARGE),
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
