//! Requests and infos as they were sent to Thanos, and its refusals.

use crate::calls::{Call, calls};
use futures::TryStreamExt;
use model::TimeRange;
use prost::Message;
use proto::thanos::info::{InfoRequest, InfoResponse, info_client::InfoClient, info_server};
use proto::thanos::services::store_client::StoreClient;
use proto::thanos::{LabelNamesRequest, LabelValuesRequest, SeriesRequest};
use std::collections::BTreeMap;
use std::sync::Arc;
use storeapi::grpc::{InfoServer, StoreServer, fetch_info};
use storeapi::{Component, LocalStore, SourceGroup, SourceProvider, Store, StoreInfo};
use tonic::{Code, Request, Response, Status};

#[derive(Debug)]
struct Nothing;

impl SourceProvider for Nothing {
    fn groups(&self, _: TimeRange) -> Vec<SourceGroup> {
        Vec::new()
    }
}

/// Code and text of the answer that a receiver of ours without any data gives.
async fn answer(call: &Call) -> (Code, String) {
    let store = LocalStore::new("receive", Component::Receive, Arc::new(Nothing)).needing_matchers();
    let mut client = StoreClient::new(StoreServer::service(Arc::new(store)));
    let request = call.request.clone();
    let answer = match call.method.as_str() {
        "/thanos.Store/LabelNames" => client.label_names(LabelNamesRequest::decode(request).unwrap()).await.map(|_| ()),
        "/thanos.Store/LabelValues" => {
            client.label_values(LabelValuesRequest::decode(request).unwrap()).await.map(|_| ())
        }
        _ => match client.series(SeriesRequest::decode(request).unwrap()).await {
            Ok(frames) => frames.into_inner().try_collect::<Vec<_>>().await.map(|_| ()),
            Err(status) => Err(status),
        },
    };
    answer.map_or_else(|status| (status.code(), status.message().to_owned()), |()| (Code::Ok, String::new()))
}

#[tokio::test]
async fn requests_are_taken_or_refused_as_a_receiver_does() {
    let mut counts = BTreeMap::<_, usize>::new();
    for method in ["/thanos.Store/Series", "/thanos.Store/LabelNames", "/thanos.Store/LabelValues"] {
        let test = "requests_are_taken_or_refused_as_a_receiver_does";
        let Some(calls) = calls(test, Some("receive"), method) else { return };
        for call in &calls {
            let (code, text) = answer(call).await;
            assert_eq!((format!("{code:?}"), &text), (call.code.replace("OK", "Ok"), &call.text), "{}", call.name);
            *counts.entry(call.code.clone()).or_default() += 1;
        }
    }
    assert!(counts["OK"] > 50 && counts["InvalidArgument"] > 3, "{counts:?}");
    eprintln!("answered with the recorded code and text: {counts:?}");
}

/// A peer with a recorded info.
#[derive(Debug)]
struct Recorded(InfoResponse);

#[tonic::async_trait]
impl info_server::Info for Recorded {
    async fn info(&self, _: Request<InfoRequest>) -> Result<Response<InfoResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}

/// A store that only has an info.
#[derive(Debug)]
struct Told(StoreInfo);

impl Store for Told {
    fn info(&self) -> StoreInfo {
        self.0.clone()
    }

    fn series(&self, _: storeapi::SeriesRequest) -> storeapi::SeriesStream {
        Box::pin(futures::stream::empty())
    }

    fn label_names(
        &self,
        _: storeapi::LabelsRequest,
    ) -> futures::future::BoxFuture<'_, Result<storeapi::LabelsAnswer, storeapi::StoreError>> {
        Box::pin(async { Ok(storeapi::LabelsAnswer::default()) })
    }

    fn label_values(
        &self,
        _: Vec<u8>,
        request: storeapi::LabelsRequest,
    ) -> futures::future::BoxFuture<'_, Result<storeapi::LabelsAnswer, storeapi::StoreError>> {
        self.label_names(request)
    }
}

/// What of an info concerns the store, sets in order.
fn of_store(mut message: InfoResponse) -> InfoResponse {
    message.label_sets.sort_by_key(Message::encode_to_vec);
    message.label_sets.dedup();
    let store = message.store.as_mut().unwrap();
    store.tsdb_infos.sort_by_key(Message::encode_to_vec);
    // A range that runs backwards is empty, wherever it stands.
    if store.min_time > store.max_time {
        (store.min_time, store.max_time) = (i64::MAX, i64::MIN);
    }
    InfoResponse {
        label_sets: message.label_sets,
        component_type: message.component_type,
        store: message.store,
        ..InfoResponse::default()
    }
}

#[tokio::test]
async fn infos_are_read_and_written_as_recorded() {
    let Some(calls) = calls("infos_are_read_and_written_as_recorded", None, "/thanos.info.Info/Info") else { return };
    let mut equal = 0;
    for call in &calls {
        let recorded = InfoResponse::decode(call.frames[0].0.clone()).unwrap();
        let service = info_server::InfoServer::new(Recorded(recorded.clone()));
        let info = fetch_info("peer", service).await.unwrap();
        assert_eq!(format!("{:?}", info.component).to_lowercase(), recorded.component_type, "{}", call.name);
        let mut client = InfoClient::new(InfoServer::service(Arc::new(Told(info))));
        let said = client.info(InfoRequest {}).await.unwrap().into_inner();
        assert_eq!(of_store(said), of_store(recorded), "{}", call.name);
        equal += 1;
    }
    assert!(equal > 0);
    eprintln!("{equal} infos are as recorded");
}
