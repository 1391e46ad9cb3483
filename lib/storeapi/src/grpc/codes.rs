//! The one table between [`StoreError`] and gRPC codes, both ways.

use crate::store::StoreError;
use tonic::{Code, Status};

/// The code that stands for an error.
pub(crate) fn code_of(error: &StoreError) -> Code {
    match error {
        StoreError::Invalid(_) => Code::InvalidArgument,
        StoreError::LimitExceeded(_) => Code::ResourceExhausted,
        StoreError::Unavailable { .. } => Code::Unavailable,
        StoreError::Aborted { .. } => Code::Aborted,
        StoreError::TimedOut { .. } => Code::DeadlineExceeded,
        StoreError::Canceled => Code::Cancelled,
        StoreError::Unsupported { .. } => Code::Unimplemented,
        StoreError::Internal { .. } => Code::Internal,
    }
}

/// What a caller is told of an error.
pub fn status_of(error: &StoreError) -> Status {
    let text = match error {
        // Callers look for these texts, so nothing stands before them.
        StoreError::Invalid(text) | StoreError::LimitExceeded(text) => text.clone(),
        other => other.to_string(),
    };
    Status::new(code_of(error), text)
}

/// A status as Go's gRPC prints it as an error: people and programs look for that in warnings.
pub(crate) fn go_text(code: Code, message: &str) -> String {
    let name = match code {
        Code::Ok => "OK".to_owned(),
        Code::Cancelled => "Canceled".to_owned(),
        // All others are written alike in both languages.
        other => format!("{other:?}"),
    };
    format!("rpc error: code = {name} desc = {message}")
}

/// What `store` said, as an error, in the words of [`go_text`].
pub fn error_of(store: &str, status: &Status) -> StoreError {
    let reason = go_text(status.code(), status.message());
    let store = store.to_owned();
    match status.code() {
        Code::InvalidArgument => StoreError::Invalid(format!("{store}: {reason}")),
        // A message larger than is taken is `OutOfRange` to tonic, on either side.
        Code::ResourceExhausted | Code::OutOfRange => StoreError::LimitExceeded(format!("{store}: {reason}")),
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
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => StoreError::Internal { store, reason },
    }
}
