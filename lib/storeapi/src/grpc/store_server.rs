//! `thanos.Store` over any store.

use super::codes::status_of;
use super::frames::frames;
use super::labels::texts;
use super::request;
use crate::store::{LabelsAnswer, Store};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use proto::grpc::Raw;
use proto::series::FrameForm;
use proto::thanos::services::store_server;
use proto::thanos::{self, LabelNamesResponse, LabelValuesResponse};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The largest request that is taken: a matcher takes two bytes of it, and some dozens once it is read.
const REQUEST_BYTES: usize = 4 << 20;

/// Answers `thanos.Store` from a [`Store`].
#[derive(Debug, Clone)]
pub struct StoreServer {
    store: Arc<dyn Store>,
}

impl StoreServer {
    /// The service over `store`, to be added to a server's routes. Answers may have any size, requests [`REQUEST_BYTES`].
    pub fn service(store: Arc<dyn Store>) -> store_server::StoreServer<Self> {
        store_server::StoreServer::new(Self { store })
            .max_decoding_message_size(REQUEST_BYTES)
            .max_encoding_message_size(usize::MAX)
    }
}

#[tonic::async_trait]
impl store_server::Store for StoreServer {
    type SeriesStream = BoxStream<'static, Result<Raw, Status>>;

    async fn series(&self, request: Request<thanos::SeriesRequest>) -> Result<Response<Self::SeriesStream>, Status> {
        let tenant = request::read_tenant(request.metadata()).map_err(|error| status_of(&error))?;
        let message = request.into_inner();
        let batch_series = usize::try_from(message.response_batch_size).unwrap_or_default();
        let request = request::read_series(message, tenant).map_err(|error| status_of(&error))?;
        let Some(request) = request else { return Ok(Response::new(stream::empty().boxed())) };
        let form = FrameForm { batch_series, hashes: true };
        Ok(Response::new(frames(self.store.series(request), form)))
    }

    async fn label_names(&self, request: Request<thanos::LabelNamesRequest>) -> Result<Response<Raw>, Status> {
        let tenant = request::read_tenant(request.metadata()).map_err(|error| status_of(&error))?;
        let request = request::read_names(request.into_inner(), tenant).map_err(|error| status_of(&error))?;
        let answer = match request {
            Some(request) => self.store.label_names(request).await.map_err(|error| status_of(&error))?,
            None => LabelsAnswer::default(),
        };
        let names = texts(&answer.strings);
        Ok(raw(&LabelNamesResponse { names, warnings: answer.warnings, hints: None }))
    }

    async fn label_values(&self, request: Request<thanos::LabelValuesRequest>) -> Result<Response<Raw>, Status> {
        let tenant = request::read_tenant(request.metadata()).map_err(|error| status_of(&error))?;
        let request = request::read_values(request.into_inner(), tenant).map_err(|error| status_of(&error))?;
        let answer = match request {
            Some((label, request)) => {
                self.store.label_values(label, request).await.map_err(|error| status_of(&error))?
            }
            None => LabelsAnswer::default(),
        };
        let values = texts(&answer.strings);
        Ok(raw(&LabelValuesResponse { values, warnings: answer.warnings, hints: None }))
    }
}

fn raw(message: &impl prost::Message) -> Response<Raw> {
    Response::new(Bytes::from(message.encode_to_vec()).into())
}
