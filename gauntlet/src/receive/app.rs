//! The parts wired together, started and stopped.

use super::config::{Config, Ring, RingSource, Role, Storage};
use crate::common::{Base, StartError, fingerprinter, heads, write_budget};
use ingester::{Ingester, Shipping};
use model::{Clock, Fingerprinter, SystemClock};
use proto::{RemoteWriteServer, WriteTarget};
use router::{Forwarder, ForwarderParts, GrpcDial, Inbound, LocalNode, RingFile};
use service::{Entry, HttpMetrics, Stop, WebOptions, admin, web};
use std::sync::Arc;
use storeapi::grpc::{ExemplarsServer, InfoServer, MetadataServer, StoreServer};
use storeapi::{Component, Proxy, SeriesLimits, Store};
use tonic::service::Routes;
use tsdb::fs::StdFs;

/// What the page at `/` names, besides probes and metrics.
const ENTRIES: [Entry; 0] = [];

/// What takes writes in this process, and what answers with what it has.
struct Parts {
    /// Takes those of clients.
    clients: Arc<dyn WriteTarget>,
    /// Takes those of other routers.
    routers: Arc<dyn WriteTarget>,
    store: Arc<dyn Store>,
    /// Has the heads; `None`: there are none.
    ingester: Option<Arc<Ingester>>,
}

/// What the whole process shares.
struct Shared {
    clock: Arc<dyn Clock>,
    fingerprinter: Arc<Fingerprinter>,
    limits: SeriesLimits,
}

/// Who stores, and what answers with what is stored.
type Stored = (Arc<Ingester>, Arc<dyn Store>);

/// Runs until a signal comes or a part fails.
///
/// # Errors
/// What kept it from starting, or ended it.
pub(crate) async fn run(config: Config) -> Result<(), StartError> {
    let mut base = Base::new("receive")?;
    let http = base.http(&config.http_address, config.http).await?;
    let write = http.beside(&config.write_address).await.map_err(StartError::bind("remote-write.address"))?;
    let write = match config.write_tls {
        Some(tls) => write.with_tls(tls).map_err(StartError::part)?,
        None => write,
    };
    let grpc = base.grpc(config.grpc).await?;
    let shared = Shared { clock: Arc::new(SystemClock), fingerprinter: fingerprinter()?, limits: config.limits };
    let parts = parts(config.role, &shared, &mut base)?;
    let metrics = HttpMetrics::new(&base.registry, config.tenants);
    let router = router::Parts {
        target: parts.clients,
        clock: Arc::clone(&shared.clock),
        fingerprinter: Arc::clone(&shared.fingerprinter),
        registry: base.registry.clone(),
        http: metrics,
    };
    let max_message_bytes = config.router.max_decoded_bytes as usize;
    let write_budget = write_budget(&config.router);
    let router = router::App::build(config.router, router).map_err(StartError::part)?;
    let writes = RemoteWriteServer::service(parts.routers, shared.fingerprinter, shared.clock, max_message_bytes);
    let calls = Routes::new(write_budget.around(writes))
        .add_service(StoreServer::service(Arc::clone(&parts.store)))
        .add_service(ExemplarsServer::service(Arc::clone(&parts.store)))
        .add_service(MetadataServer::service(Arc::clone(&parts.store)))
        .add_service(InfoServer::service(parts.store));
    let pages = admin(&base.probes, &base.registry, "Gauntlet receive", &ENTRIES);
    let pages = web(pages, &base.registry, WebOptions { cors: false });
    let status = parts.ingester.map(|ingester| query::receive_routes(heads(ingester, config.whose)));
    let writes = router.routes().merge(status.unwrap_or_default());
    let writes = web(writes, &base.registry, WebOptions { cors: false });
    // The last started is the first to stop: what it still answers needs the rest.
    base.tasks.spawn("http server", move |stop| http.serve(pages, stop));
    base.tasks.spawn("grpc server", move |stop| grpc.serve(calls, stop));
    base.tasks.spawn("remote write server", move |stop| write.serve(writes, stop));
    base.run(config.http.grace, "tsdb.path").await
}

/// The parts of that role, started.
fn parts(role: Role, shared: &Shared, base: &mut Base) -> Result<Parts, StartError> {
    match role {
        Role::Ingester(storage) => {
            let (target, store) = storing(*storage, shared, base)?;
            Ok(Parts { clients: target.clone(), routers: target.clone(), store, ingester: Some(target) })
        }
        Role::Router(ring) => {
            let forwarder = routing(ring, None, shared, base)?;
            let inbound = Inbound { forwarder: Arc::clone(&forwarder), local: None };
            let nothing: Arc<Vec<Arc<dyn Store>>> = Arc::default();
            let store = Proxy::new("receive", Component::Receive, nothing, model::Labels::empty(), &base.registry);
            Ok(Parts { clients: forwarder, routers: Arc::new(inbound), store: Arc::new(store), ingester: None })
        }
        Role::RouterIngester { ring, local, storage } => {
            let (target, store) = storing(*storage, shared, base)?;
            let node = LocalNode { address: local, target: target.clone() };
            let forwarder = routing(ring, Some(node), shared, base)?;
            let inbound = Inbound { forwarder: Arc::clone(&forwarder), local: Some(target.clone()) };
            Ok(Parts { clients: forwarder, routers: Arc::new(inbound), store, ingester: Some(target) })
        }
    }
}

/// The ingester, which ships if there is a bucket.
fn storing(storage: Storage, shared: &Shared, base: &mut Base) -> Result<Stored, StartError> {
    let Storage { mut ingester, bucket } = storage;
    ingester.shipping = match bucket {
        Some(bucket) => Some(Shipping::new(base.bucket(&bucket, "objstore.config")?)),
        None => None,
    };
    let parts = ingester::Parts {
        fs: Arc::new(StdFs),
        clock: Arc::clone(&shared.clock),
        fingerprinter: Arc::clone(&shared.fingerprinter),
        registry: base.registry.clone(),
    };
    let app = ingester::App::build(ingester, parts).map_err(StartError::Threads)?;
    let target = app.ingester();
    let store = Arc::new(app.store().with_limits(shared.limits).needing_matchers());
    let readiness = base.probes.part("storage");
    app.start(&mut base.tasks, readiness);
    Ok((target, store))
}

/// The forwarder, with the ring that the flags tell.
fn routing(
    ring: Ring,
    local: Option<LocalNode>,
    shared: &Shared,
    base: &mut Base,
) -> Result<Arc<Forwarder>, StartError> {
    let parts = ForwarderParts {
        dial: Arc::new(GrpcDial { options: ring.client, metrics: base.client_metrics() }),
        local,
        fingerprinter: Arc::clone(&shared.fingerprinter),
        registry: base.registry.clone(),
    };
    let forwarder = Arc::new(Forwarder::new(ring.forward, parts));
    let sending = Arc::clone(&forwarder);
    base.tasks.spawn("forwarder", move |stop: Stop| async move {
        stop.cancelled().await;
        sending.drain().await;
        Ok(())
    });
    match ring.source {
        RingSource::Text(text) => forwarder.apply(text.as_bytes()).map_err(StartError::part)?,
        RingSource::File { path, refresh_interval } => {
            let clock = Arc::clone(&shared.clock);
            let mut file = RingFile::new(path, refresh_interval, Arc::clone(&forwarder), clock, &base.registry);
            file.refresh().map_err(StartError::part)?;
            base.tasks.spawn("hashring file", move |stop| file.run(stop));
        }
    }
    Ok(forwarder)
}
