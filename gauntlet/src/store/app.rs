//! The parts wired together, started and stopped.

use super::config::Config;
use crate::common::{Base, StartError};
use model::SystemClock;
use service::{WebOptions, admin, web};
use std::sync::Arc;
use storeapi::Store;
use storeapi::grpc::{InfoServer, StoreServer};
use tonic::service::Routes;
use tsdb::fs::StdFs;

/// Runs until a signal comes or a part fails.
///
/// # Errors
/// What kept it from starting, or ended it.
pub(crate) async fn run(config: Config) -> Result<(), StartError> {
    let mut base = Base::new("store")?;
    let http = base.http(&config.http_address, config.http).await?;
    let grpc = base.grpc(config.grpc).await?;
    let parts = store::Parts {
        bucket: base.bucket(&config.bucket, "objstore.config")?,
        fs: Arc::new(StdFs),
        clock: Arc::new(SystemClock),
        registry: base.registry.clone(),
    };
    let app = store::App::build(config.store, parts);
    let store: Arc<dyn Store> = Arc::new(app.store());
    let calls = Routes::new(StoreServer::service(Arc::clone(&store))).add_service(InfoServer::service(store));
    let pages = admin(&base.probes, &base.registry, "Gauntlet store", &[]);
    let pages = web(pages, &base.registry, WebOptions { cors: config.cors });
    let readiness = base.probes.part("blocks");
    app.start(&mut base.tasks, readiness);
    base.tasks.spawn("http server", move |stop| http.serve(pages, stop));
    base.tasks.spawn("grpc server", move |stop| grpc.serve(calls, stop));
    base.run(config.http.grace, "data-dir").await
}
