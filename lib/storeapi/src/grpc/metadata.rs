//! `thanos.Metadata`, both ways.

use super::Channel;
use super::codes::status_of;
use super::remote_store::{RemoteOptions, in_time};
use super::request::{for_tenant, read_tenant};
use crate::metadata::{Collected, MAX_BYTES, MetadataAnswer, MetadataRequest, MetricSaid};
use crate::store::{PartialResponse, Store, StoreError, StoreInfo};
use futures::stream::{self, BoxStream, StreamExt};
use model::{MetricKind, TenantId};
use proto::thanos::metadata_client::MetadataClient;
use proto::thanos::metric_metadata_response::Result as Part;
use proto::thanos::{
    Meta, MetricMetadata, MetricMetadataEntry, MetricMetadataRequest, MetricMetadataResponse, PartialResponseStrategy,
    metadata_server,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// More metrics than this are told in several messages.
const MESSAGE_METRICS: usize = 1000;

/// Answers `thanos.Metadata` from a [`Store`].
#[derive(Debug, Clone)]
pub struct MetadataServer {
    store: Arc<dyn Store>,
}

impl MetadataServer {
    /// The service over `store`, to be added to a server's routes.
    pub fn service(store: Arc<dyn Store>) -> metadata_server::MetadataServer<Self> {
        metadata_server::MetadataServer::new(Self { store }).max_encoding_message_size(usize::MAX)
    }
}

#[tonic::async_trait]
impl metadata_server::Metadata for MetadataServer {
    type MetricMetadataStream = BoxStream<'static, Result<MetricMetadataResponse, Status>>;

    async fn metric_metadata(
        &self,
        request: Request<MetricMetadataRequest>,
    ) -> Result<Response<Self::MetricMetadataStream>, Status> {
        let tenant = read_tenant(request.metadata()).map_err(|error| status_of(&error))?;
        let asked = self.store.metadata(read_request(request.into_inner(), tenant));
        let answer = asked.await.map_err(|error| status_of(&error))?;
        let mut metrics = answer.metrics.into_iter().map(write_metric);
        let messages = std::iter::from_fn(move || {
            let metadata: std::collections::BTreeMap<_, _> = metrics.by_ref().take(MESSAGE_METRICS).collect();
            (!metadata.is_empty()).then_some(Part::Metadata(MetricMetadata { metadata }))
        });
        let parts = messages.chain(answer.warnings.into_iter().map(Part::Warning));
        Ok(Response::new(stream::iter(parts.map(|part| Ok(MetricMetadataResponse { result: Some(part) }))).boxed()))
    }
}

/// What `peer` says at the other end of `channel`.
pub(super) async fn fetch(
    peer: Arc<StoreInfo>,
    channel: impl Channel,
    options: RemoteOptions,
    request: MetadataRequest,
) -> Result<MetadataAnswer, StoreError> {
    if !peer.metadata {
        return Ok(MetadataAnswer::default());
    }
    // A sidecar tells all in one message.
    let mut client = MetadataClient::new(channel).max_decoding_message_size(MAX_BYTES);
    let message = for_tenant(write_request(&request), request.tenant.as_ref())?;
    let mut frames = in_time(&peer.name, options, client.metric_metadata(message)).await?.into_inner();
    let mut all = Collected::new(&peer.name, &request);
    while let Some(frame) = in_time(&peer.name, options, frames.message()).await? {
        match frame.result {
            Some(Part::Metadata(told)) => {
                for (metric, entry) in &told.metadata {
                    let mut metas = entry.metas.iter();
                    metas.try_for_each(|meta| all.add(metric, kind(&meta.r#type), &meta.help, &meta.unit))?;
                }
            }
            Some(Part::Warning(warning)) => all.warn(warning)?,
            None => {}
        }
    }
    Ok(all.finish())
}

fn read_request(message: MetricMetadataRequest, tenant: Option<TenantId>) -> MetadataRequest {
    let partial = match message.partial_response_strategy() {
        PartialResponseStrategy::Warn => PartialResponse::Warn,
        PartialResponseStrategy::Abort => PartialResponse::Abort,
    };
    MetadataRequest {
        metric: Some(message.metric).filter(|metric| !metric.is_empty()),
        limit: usize::try_from(message.limit).ok(),
        partial,
        tenant,
        ..MetadataRequest::default()
    }
}

fn write_request(request: &MetadataRequest) -> MetricMetadataRequest {
    let strategy = match request.partial {
        PartialResponse::Warn => PartialResponseStrategy::Warn,
        PartialResponse::Abort => PartialResponseStrategy::Abort,
    };
    MetricMetadataRequest {
        metric: request.metric.clone().unwrap_or_default(),
        limit: request.limit.map_or(-1, |limit| i32::try_from(limit).unwrap_or(i32::MAX)),
        partial_response_strategy: strategy as i32,
    }
}

fn write_metric((metric, said): (String, Vec<MetricSaid>)) -> (String, MetricMetadataEntry) {
    let meta = |one: MetricSaid| Meta { r#type: one.kind.as_str().to_owned(), help: one.help, unit: one.unit };
    (metric, MetricMetadataEntry { metas: said.into_iter().map(meta).collect() })
}

/// The kind of that name; those not known are [`MetricKind::Unknown`].
fn kind(name: &str) -> MetricKind {
    let mut kinds = (0..=7).map(MetricKind::from_number);
    kinds.find(|kind| kind.as_str() == name).unwrap_or_default()
}
