//! `MetricMetadata` as Thanos' sidecar and querier were asked for it and answered.

use crate::calls::{Call, calls, string};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use parking_lot::Mutex;
use prost::Message;
use proto::thanos::metadata_client::MetadataClient;
use proto::thanos::{MetricMetadataRequest, MetricMetadataResponse, metadata_server};
use std::sync::Arc;
use storeapi::grpc::{MetadataServer, RemoteOptions, RemoteStore};
use storeapi::{
    Component, LabelsAnswer, LabelsRequest, MetadataAnswer, MetadataRequest, SeriesRequest, SeriesStream, Store,
    StoreError, StoreInfo,
};
use tonic::{Request, Response, Status};

/// Answers with recorded messages, and remembers the request.
#[derive(Debug, Clone, Default)]
struct Recorded {
    frames: Vec<MetricMetadataResponse>,
    asked: Arc<Mutex<Vec<u8>>>,
}

#[tonic::async_trait]
impl metadata_server::Metadata for Recorded {
    type MetricMetadataStream = BoxStream<'static, Result<MetricMetadataResponse, Status>>;

    async fn metric_metadata(
        &self,
        request: Request<MetricMetadataRequest>,
    ) -> Result<Response<Self::MetricMetadataStream>, Status> {
        *self.asked.lock() = request.into_inner().encode_to_vec();
        Ok(Response::new(stream::iter(self.frames.clone().into_iter().map(Ok)).boxed()))
    }
}

/// Answers with what was read.
#[derive(Debug)]
struct Read(MetadataAnswer);

impl Store for Read {
    fn info(&self) -> StoreInfo {
        info()
    }

    fn series(&self, _: SeriesRequest) -> SeriesStream {
        stream::empty().boxed()
    }

    fn label_names(&self, _: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        Box::pin(std::future::ready(Ok(LabelsAnswer::default())))
    }

    fn label_values(&self, _: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.label_names(request)
    }

    fn metadata(&self, _: MetadataRequest) -> BoxFuture<'_, Result<MetadataAnswer, StoreError>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

fn info() -> StoreInfo {
    StoreInfo {
        name: "recorded".to_owned(),
        component: Component::Sidecar,
        label_sets: Vec::new(),
        time_range: None,
        tsdbs: Vec::new(),
        drops_labels: false,
        shards: false,
        exemplars: None,
        metadata: true,
    }
}

/// What was recorded as asked, as a request.
fn request(call: &Call) -> MetadataRequest {
    let message = MetricMetadataRequest::decode(call.request.clone()).unwrap();
    MetadataRequest {
        metric: Some(message.metric).filter(|metric| !metric.is_empty()),
        limit: usize::try_from(message.limit).ok(),
        ..MetadataRequest::default()
    }
}

#[tokio::test]
async fn metadata_is_asked_read_and_written_as_recorded() {
    let Some(calls) = calls("metadata", None, "/thanos.Metadata/MetricMetadata") else { return };
    let (mut metrics, mut asked) = (0, 0);
    for call in calls.iter().filter(|call| call.code == "OK") {
        let frames = call.frames.iter().map(|(frame, _)| MetricMetadataResponse::decode(frame.clone()).unwrap());
        let recorded = Recorded { frames: frames.collect(), ..Recorded::default() };
        let service = metadata_server::MetadataServer::new(recorded.clone());
        let store = RemoteStore::new(info(), service, RemoteOptions::default());
        let answer = store.metadata(request(call)).await.unwrap();
        assert_eq!(*recorded.asked.lock(), call.request, "{}", call.name);
        check(call, &answer);
        metrics += answer.metrics.len();
        asked += 1;
        let mut client = MetadataClient::new(MetadataServer::service(Arc::new(Read(answer))));
        let frames = client.metric_metadata(MetricMetadataRequest::default()).await.unwrap().into_inner();
        let written: Vec<_> = frames.map(Result::unwrap).collect().await;
        // An answer of nothing needs no message.
        let nothing = MetricMetadataResponse::decode(&b"\x0a\0"[..]).unwrap();
        let want: Vec<_> = recorded.frames.into_iter().filter(|frame| *frame != nothing).collect();
        assert_eq!(written, want, "{}", call.name);
    }
    assert!(metrics > 10, "{metrics} metrics");
    eprintln!("{asked} calls: {metrics} metrics are as recorded");
}

fn check(call: &Call, answer: &MetadataAnswer) {
    let mut want = Vec::new();
    for (_, decoded) in &call.frames {
        for (metric, entry) in decoded["metadata"]["metadata"].as_object().into_iter().flatten() {
            for meta in entry["metas"].as_array().unwrap() {
                let text = |name: &str| meta.get(name).map(string).unwrap_or_default();
                want.push((metric.clone(), text("type"), text("help"), text("unit")));
            }
        }
    }
    want.sort();
    let said = answer.metrics.iter().flat_map(|(metric, said)| said.iter().map(move |one| (metric, one)));
    let found: Vec<_> = said
        .map(|(metric, one)| (metric.clone(), one.kind.as_str().to_owned(), one.help.clone(), one.unit.clone()))
        .collect();
    assert_eq!(found, want, "{}", call.name);
    assert_eq!(answer.warnings, Vec::<String>::new());
}
