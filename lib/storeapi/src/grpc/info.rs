//! `thanos.info.Info`: how queriers learn what a store may hold.

use super::Channel;
use super::codes::error_of;
use crate::store::{Component, Store, StoreError, StoreInfo, TsdbInfo};
use model::{Labels, TimeRange};
use proto::thanos::info::{self, ExemplarsInfo, InfoRequest, InfoResponse, MetricMetadataInfo};
use proto::thanos::info::{info_client::InfoClient, info_server};
use proto::thanos::{Label, LabelSet};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The most that a peer may say of itself; that of a tenant with a few labels is some hundred bytes.
const INFO_BYTES: usize = 16 << 20;

/// Answers `thanos.info.Info` from what a [`Store`] says of itself.
#[derive(Debug, Clone)]
pub struct InfoServer {
    store: Arc<dyn Store>,
}

impl InfoServer {
    /// The service over `store`, to be added to a server's routes. Answers may have any size.
    pub fn service(store: Arc<dyn Store>) -> info_server::InfoServer<Self> {
        info_server::InfoServer::new(Self { store }).max_encoding_message_size(usize::MAX)
    }
}

#[tonic::async_trait]
impl info_server::Info for InfoServer {
    async fn info(&self, _: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        Ok(Response::new(write(&self.store.info())))
    }
}

/// Asks the peer called `name` what it holds.
///
/// # Errors
/// A peer that does not answer, that offers no StoreAPI ([`StoreError::Unsupported`]), or whose labels are no label sets.
pub async fn fetch_info(name: &str, channel: impl Channel) -> Result<StoreInfo, StoreError> {
    let mut client = InfoClient::new(channel).max_decoding_message_size(INFO_BYTES);
    let answer = client.info(InfoRequest {}).await;
    read(name, answer.map_err(|status| error_of(name, &status))?.into_inner())
}

/// The message of a store's info. A store that holds nothing has a range that runs backwards, so that nobody asks it.
fn write(store: &StoreInfo) -> InfoResponse {
    let tsdb = |tsdb: &TsdbInfo| info::TsdbInfo {
        labels: Some(write_labels(&tsdb.labels)),
        min_time: tsdb.range.min_ms(),
        max_time: tsdb.range.max_ms(),
    };
    let (min_time, max_time) = match store.time_range {
        Some(range) => (range.min_ms(), range.max_ms()),
        None => (i64::MAX, i64::MIN),
    };
    InfoResponse {
        label_sets: store.label_sets.iter().map(write_labels).collect(),
        component_type: component_name(store.component).to_owned(),
        store: Some(info::StoreInfo {
            min_time,
            max_time,
            supports_sharding: store.shards,
            supports_without_replica_labels: store.drops_labels,
            tsdb_infos: store.tsdbs.iter().map(tsdb).collect(),
            supports_projections: false,
        }),
        exemplars: store.exemplars.map(|range| ExemplarsInfo { min_time: range.min_ms(), max_time: range.max_ms() }),
        metric_metadata: store.metadata.then_some(MetricMetadataInfo {}),
        ..InfoResponse::default()
    }
}

fn read(name: &str, message: InfoResponse) -> Result<StoreInfo, StoreError> {
    let Some(store) = message.store else {
        return Err(StoreError::Unsupported { store: name.to_owned(), reason: "offers no StoreAPI".to_owned() });
    };
    let labels = |set: LabelSet| read_labels(name, set);
    let mut label_sets = message.label_sets.into_iter().map(labels).collect::<Result<Vec<_>, _>>()?;
    label_sets.sort_unstable();
    label_sets.dedup();
    let mut tsdbs = Vec::with_capacity(store.tsdb_infos.len());
    for tsdb in store.tsdb_infos {
        let labels = labels(tsdb.labels.unwrap_or_default())?;
        tsdbs.extend(TimeRange::new(tsdb.min_time, tsdb.max_time).map(|range| TsdbInfo { labels, range }));
    }
    Ok(StoreInfo {
        name: name.to_owned(),
        component: component(&message.component_type),
        label_sets,
        time_range: TimeRange::new(store.min_time, store.max_time),
        tsdbs,
        drops_labels: store.supports_without_replica_labels,
        shards: store.supports_sharding,
        exemplars: message.exemplars.and_then(|held| TimeRange::new(held.min_time, held.max_time)),
        metadata: message.metric_metadata.is_some(),
    })
}

fn write_labels(labels: &Labels) -> LabelSet {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let labels = labels.iter().map(|label| Label { name: text(label.name), value: text(label.value) });
    LabelSet { labels: labels.collect() }
}

fn read_labels(store: &str, set: LabelSet) -> Result<Labels, StoreError> {
    let labels = Labels::from_pairs(set.labels.into_iter().map(|label| (label.name, label.value)));
    labels.map_err(|error| StoreError::Internal { store: store.to_owned(), reason: format!("its info: {error}") })
}

fn component_name(component: Component) -> &'static str {
    match component {
        Component::Query => "query",
        Component::Receive => "receive",
        Component::Rule => "rule",
        Component::Sidecar => "sidecar",
        Component::Store => "store",
        Component::Unknown => "",
    }
}

fn component(name: &str) -> Component {
    match name {
        "query" => Component::Query,
        "receive" => Component::Receive,
        "rule" => Component::Rule,
        "sidecar" => Component::Sidecar,
        "store" => Component::Store,
        _ => Component::Unknown,
    }
}
