//! The one table between [`StoreError`] and gRPC codes, both ways.

use crate::store::StoreError;
use tonic::{Code, Status};

/// What a caller is told of an error.
pub fn status_of(error: &StoreError) -> Status {
    let (code, text) = match error {
        // Callers look for these texts, so nothing stands before them.
        StoreError::Invalid(text) => (Code::InvalidArgument, text.clone()),
        StoreError::LimitExceeded(text) => (Code::ResourceExhausted, text.clone()),
        StoreError::Unavailable { .. } => (Code::Unavailable, error.to_string()),
        StoreError::Aborted { .. } => (Code::Aborted, error.to_string()),
        StoreError::TimedOut { .. } => (Code::DeadlineExceeded, error.to_string()),
        StoreError::Canceled => (Code::Cancelled, error.to_string()),
        StoreError::Unsupported { .. } => (Code::Unimplemented, error.to_string()),
        StoreError::Internal { .. } => (Code::Internal, error.to_string()),
    };
    Status::new(code, text)
}

/// What `store` said, as an error. Its text is the one Go's gRPC gives a status, for those who look for it in warnings.
pub fn error_of(store: &str, status: &Status) -> StoreError {
    let reason = format!("rpc error: code = {} desc = {}", go_name(status.code()), status.message());
    let store = store.to_owned();
    match status.code() {
        Code::InvalidArgument => StoreError::Invalid(format!("{store}: {reason}")),
        Code::ResourceExhausted => StoreError::LimitExceeded(format!("{store}: {reason}")),
        // Whoever cancels here reads no status any more: it was the peer that gave up.
        Code::Unavailable | Code::Cancelled => StoreError::Unavailable { store, reason },
        Code::Aborted => StoreError::Aborted { store, reason },
        Code::DeadlineExceeded => StoreError::TimedOut { store, reason },
        Code::Unimplemented => StoreError::Unsupported { store, reason },
        Code::Ok
        | Code::Unknown
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => StoreError::Internal { store, reason },
    }
}

/// How Go prints a code.
fn go_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "Canceled",
        Code::Unknown => "Unknown",
        Code::InvalidArgument => "InvalidArgument",
        Code::DeadlineExceeded => "DeadlineExceeded",
        Code::NotFound => "NotFound",
        Code::AlreadyExists => "AlreadyExists",
        Code::PermissionDenied => "PermissionDenied",
        Code::ResourceExhausted => "ResourceExhausted",
        Code::FailedPrecondition => "FailedPrecondition",
        Code::Aborted => "Aborted",
        Code::OutOfRange => "OutOfRange",
        Code::Unimplemented => "Unimplemented",
        Code::Internal => "Internal",
        Code::Unavailable => "Unavailable",
        Code::DataLoss => "DataLoss",
        Code::Unauthenticated => "Unauthenticated",
    }
}
