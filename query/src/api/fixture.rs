//! The API over a store that answers what a test told it to, and remembers what it was asked.

use super::{Api, routes};
use crate::config::{Config, Querier};
use crate::driver::Driver;
use crate::metrics::Metrics;
use axum::Router;
use axum::body::{Body, Bytes};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use http_body_util::BodyExt;
use model::SystemClock;
use parking_lot::Mutex;
use service::CpuPool;
use std::sync::Arc;
use std::time::Duration;
use storeapi::{
    Component, ExemplarsAnswer, ExemplarsRequest, LabelsAnswer, LabelsRequest, MetadataAnswer, MetadataRequest,
    SeriesFrame, SeriesRequest, SeriesStream, Store, StoreError, StoreInfo,
};
use telemetry::Registry;
use tower::ServiceExt;

/// What the store answers, and what it was asked.
#[derive(Debug)]
pub(super) struct Fixture {
    pub(super) series: Vec<SeriesFrame>,
    pub(super) exemplars: Result<ExemplarsAnswer, StoreError>,
    pub(super) metadata: Result<MetadataAnswer, StoreError>,
    pub(super) asked_exemplars: Mutex<Vec<ExemplarsRequest>>,
    pub(super) asked_metadata: Mutex<Vec<MetadataRequest>>,
}

impl Default for Fixture {
    /// Nothing at all.
    fn default() -> Self {
        Self {
            series: Vec::new(),
            exemplars: Ok(ExemplarsAnswer::default()),
            metadata: Ok(MetadataAnswer::default()),
            asked_exemplars: Mutex::default(),
            asked_metadata: Mutex::default(),
        }
    }
}

impl Fixture {
    /// Code and body of the answer of a querier, or of a Prometheus.
    pub(super) async fn ask(self: &Arc<Self>, uri: &str, querier: Option<Querier>) -> (u16, String) {
        let request = http::Request::get(uri).body(Body::empty()).unwrap();
        let store: Arc<dyn Store> = self.clone();
        let api = api(store, CpuPool::start(1, &Registry::default()).unwrap());
        let api = match querier {
            Some(querier) => api.with_querier(querier, None),
            None => api,
        };
        get(routes(Arc::new(api)), request).await
    }

    /// The same, of what `change` makes of a Prometheus.
    pub(super) async fn ask_with(self, request: http::Request<Body>, change: impl FnOnce(Api) -> Api) -> (u16, String) {
        let api = api(Arc::new(self), CpuPool::start(1, &Registry::default()).unwrap());
        get(routes(Arc::new(change(api))), request).await
    }
}

/// The API of a Prometheus over `store`, computing on `pool`.
pub(super) fn api(store: Arc<dyn Store>, pool: CpuPool) -> Api {
    let driver = Driver::new(Arc::clone(&store), pool, 1, Metrics::new(&Registry::default()));
    Api::new(Config::default(), store, driver, Arc::new(SystemClock), crate::Status::default())
}

/// Code and body of an answer.
pub(super) async fn get(routes: Router, request: http::Request<Body>) -> (u16, String) {
    let response = routes.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Asks while the threads that compute have other work, for a little; and then lets them go on. Says whether it had to wait, and
/// what came.
#[allow(clippy::disallowed_methods, reason = "the task ends with the test")]
pub(super) async fn ask_busy(store: Fixture, request: http::Request<Body>) -> (bool, Bytes) {
    let pool = CpuPool::start(1, &Registry::default()).unwrap();
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let busy = pool.clone();
    let held = tokio::task::spawn(async move { busy.run(move || hold.recv().unwrap()).await });
    tokio::task::yield_now().await;
    let api = api(Arc::new(store), pool);
    let answered = async {
        let response = routes(Arc::new(api)).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        response.into_body().collect().await.unwrap().to_bytes()
    };
    let mut answered = std::pin::pin!(answered);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut answered).await;
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    match early {
        Ok(body) => (false, body),
        Err(_) => (true, answered.await),
    }
}

/// A store that cannot be reached.
pub(super) fn gone() -> StoreError {
    StoreError::Unavailable { store: "far".to_owned(), reason: "gone".to_owned() }
}

impl Store for Fixture {
    fn info(&self) -> StoreInfo {
        StoreInfo {
            name: "fixture".to_owned(),
            component: Component::Receive,
            label_sets: Vec::new(),
            time_range: None,
            tsdbs: Vec::new(),
            drops_labels: true,
            shards: true,
            exemplars: None,
            metadata: true,
        }
    }

    fn series(&self, _: SeriesRequest) -> SeriesStream {
        stream::iter(self.series.clone()).map(Ok).boxed()
    }

    fn label_names(&self, _: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        std::future::ready(Ok(LabelsAnswer::default())).boxed()
    }

    fn label_values(&self, _: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>> {
        self.label_names(request)
    }

    fn exemplars(&self, request: ExemplarsRequest) -> BoxFuture<'_, Result<ExemplarsAnswer, StoreError>> {
        self.asked_exemplars.lock().push(request);
        std::future::ready(self.exemplars.clone()).boxed()
    }

    fn metadata(&self, request: MetadataRequest) -> BoxFuture<'_, Result<MetadataAnswer, StoreError>> {
        self.asked_metadata.lock().push(request);
        std::future::ready(self.metadata.clone()).boxed()
    }
}
