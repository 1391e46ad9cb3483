//! `thanos.WriteableStore` over any [`WriteTarget`].

use super::{RemoteWrite, TenantBatch, WriteError, WriteOutcome, WriteTarget};
use crate::Rejection;
use crate::grpc::Raw;
use crate::thanos::WriteResponse;
use crate::thanos::services::writeable_store_server::{WriteableStore, WriteableStoreServer};
use bytes::Bytes;
use futures::future::join_all;
use model::{Clock, Fingerprinter};
use std::sync::Arc;
use tonic::{Code, Extensions, Request, Response, Status};

/// Takes series from routers: those of a Thanos of any version, and ours. OK means that everything is durable; a request of
/// which something was refused for good is `AlreadyExists`, and the rest of it is durable.
#[derive(Debug, Clone)]
pub struct RemoteWriteServer {
    target: Arc<dyn WriteTarget>,
    fingerprinter: Arc<Fingerprinter>,
    clock: Arc<dyn Clock>,
}

impl RemoteWriteServer {
    /// How large a request may be where nobody says otherwise.
    pub const MAX_BYTES: usize = 32 << 20;

    /// The service, to be added to a server's routes. `fingerprinter` must be the one by which `target` names series; requests
    /// over `max_bytes` are `ResourceExhausted`.
    pub fn service(
        target: Arc<dyn WriteTarget>,
        fingerprinter: Arc<Fingerprinter>,
        clock: Arc<dyn Clock>,
        max_bytes: usize,
    ) -> WriteableStoreServer<Self> {
        WriteableStoreServer::new(Self { target, fingerprinter, clock }).max_decoding_message_size(max_bytes)
    }

    /// Writes the series of one tenant.
    async fn write(&self, part: TenantBatch) -> Result<(), Status> {
        let TenantBatch { tenant, batch, tally } = part;
        let written = self.target.write(&tenant, batch.into_batch()).await;
        let WriteOutcome { durable, mut rejections, .. } = written.map_err(|error| status(&error))?;
        rejections.add(None, Rejection::InvalidLabels, tally.unlabelled, || "a series has no label".to_owned());
        // A router of Thanos, and so one of ours, would take another answer for a conflict.
        if rejections.counts().all(|(why, _)| why.is_passed_over_by_thanos()) {
            let owed = (tally.samples + tally.histograms).saturating_sub(rejections.count(Rejection::InvalidHistogram));
            return match durable {
                None if owed > 0 => {
                    Err(Status::unavailable(format!("tenant {tenant}: nobody vouches for the samples")))
                }
                Some(_) | None => Ok(()),
            };
        }
        let mut text = format!("tenant {tenant}: not stored:");
        for (why, count) in rejections.counts() {
            text.push_str(&format!(" {count} {} ({})", why.unit(), why.describe()));
        }
        if let Some(example) = rejections.examples().first() {
            text.push_str(&format!("; {}", example.detail));
        }
        Err(Status::already_exists(text))
    }
}

/// A message with what a layer put beside it: memory that was taken for it goes back with its last slice.
struct Body {
    bytes: Bytes,
    _beside: Extensions,
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[tonic::async_trait]
impl WriteableStore for RemoteWriteServer {
    async fn remote_write(&self, request: Request<Raw>) -> Result<Response<WriteResponse>, Status> {
        let (_, beside, message) = request.into_parts();
        let body = Bytes::from_owner(Body { bytes: message.into_bytes(), _beside: beside });
        let write = RemoteWrite::walk(&body, &self.fingerprinter, self.clock.now_ms());
        let write = write.map_err(|error| Status::invalid_argument(error.to_string()))?;
        drop(body);
        let written = join_all(write.parts.into_iter().map(|part| self.write(part))).await;
        match written.into_iter().filter_map(Result::err).min_by_key(|status| rank(status.code())) {
            None => Ok(Response::new(WriteResponse {})),
            Some(worst) => Err(worst),
        }
    }
}

/// Of several tenants, whoever must be written again decides before whoever need not.
fn rank(code: Code) -> u8 {
    match code {
        Code::Unavailable => 0,
        Code::Internal => 1,
        Code::ResourceExhausted => 2,
        Code::InvalidArgument => 3,
        _ => 4,
    }
}

/// The status of a write that was not taken.
fn status(error: &WriteError) -> Status {
    let text = error.to_string();
    match error {
        WriteError::Malformed(_)
        | WriteError::Replica { .. }
        | WriteError::Tenant(_)
        | WriteError::TooManyTenants { .. } => Status::invalid_argument(text),
        WriteError::LogFailed(_)
        | WriteError::DiskFull { .. }
        | WriteError::NotReady(_)
        | WriteError::Unavailable(_) => Status::unavailable(text),
        WriteError::SeriesLimit { .. } | WriteError::TenantLimit { .. } => Status::resource_exhausted(text),
        WriteError::NoPlace(_) => Status::internal(text),
    }
}

#[cfg(test)]
mod tests;
