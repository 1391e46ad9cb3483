//! Over real connections; what follows from answers is tested with the book.

use super::*;
use crate::grpc::{InfoServer, StoreServer};
use crate::store::{Component, SeriesBatch, SeriesFrame, SeriesRequest};
use crate::table::{TableSource, labels, row};
use crate::{LocalStore, Proxy, SourceGroup, SourceProvider};
use model::{Labels, ManualClock, MatchOp, Matcher, TimeRange};
use service::{ClientMetrics, ClientOptions, Descriptors, GrpcChannel, GrpcLimits, GrpcServer, Stop};
use tonic::service::Routes;
use tsdb::SeriesSource;

#[derive(Debug)]
struct One(SourceGroup);

impl SourceProvider for One {
    fn groups(&self, _: TimeRange) -> Vec<SourceGroup> {
        vec![self.0.clone()]
    }
}

/// A peer with one series, external label `replica` as told; its address, and what stops it.
async fn peer(replica: &str) -> (String, Stop) {
    let rows = vec![row(&[("__name__", "up")], &[(0, 9, replica)])];
    let source = Arc::new(TableSource { rows, panics: false }) as Arc<dyn SeriesSource>;
    let group = SourceGroup { external: labels(&[("replica", replica)]), sources: vec![source] };
    let store: Arc<dyn Store> = Arc::new(LocalStore::new("peer", Component::Receive, Arc::new(One(group))));
    let server = GrpcServer::bind("127.0.0.1:0", GrpcLimits::default(), &Registry::default()).await.unwrap();
    let (address, stop) = (server.address().to_string(), Stop::new());
    let routes = Routes::new(StoreServer::service(Arc::clone(&store))).add_service(InfoServer::service(store));
    #[allow(clippy::disallowed_methods, reason = "test code")]
    tokio::spawn(server.serve(routes, stop.clone()));
    (address, stop)
}

/// Real channels.
#[derive(Debug)]
struct Channels(ClientMetrics);

impl Dial for Channels {
    type Channel = GrpcChannel;

    fn dial(&self, address: &str) -> Result<GrpcChannel, String> {
        GrpcChannel::new(address, &ClientOptions::default(), &self.0).map_err(|error| error.to_string())
    }
}

fn endpoints(addresses: &[(&str, bool)], clock: Arc<ManualClock>) -> Arc<Endpoints<Channels>> {
    let fixed =
        |(address, strict): &(&str, bool)| EndpointAddress::Static { address: (*address).to_owned(), strict: *strict };
    let registry = Registry::default();
    let config = EndpointsConfig::new(addresses.iter().map(fixed).collect());
    let client_metrics = ClientMetrics::new(&registry, &Descriptors::parse(proto::grpc::DESCRIPTORS).unwrap());
    Endpoints::new(config, clock, Channels(client_metrics), &registry).unwrap()
}

/// Label sets of series, and warnings.
async fn ask(endpoints: &Arc<Endpoints<Channels>>) -> (Vec<String>, Vec<String>) {
    let provider = Arc::clone(endpoints) as Arc<dyn StoreProvider>;
    let proxy = Proxy::new("query", Component::Query, provider, Labels::empty(), &Registry::default());
    let up = Matcher::new(MatchOp::Equal, "__name__", "up").unwrap();
    let mut frames = proxy.series(SeriesRequest::new(vec![up], TimeRange::ALL));
    let (mut series, mut warnings) = (Vec::new(), Vec::new());
    while let Some(frame) = frames.next().await {
        match frame.unwrap() {
            SeriesFrame::Series(SeriesBatch::Chunks(batch)) => {
                series.extend(batch.iter().map(|(labels, _)| format!("{labels:?}")));
            }
            SeriesFrame::Series(SeriesBatch::Columns(_)) => panic!("no columns were sent"),
            SeriesFrame::Warning(text) => warnings.push(text),
        }
    }
    (series, warnings)
}

fn series(replica: &str) -> String {
    format!(r#"{{__name__="up", replica="{replica}"}}"#)
}

#[tokio::test]
async fn endpoints_are_found_asked_and_kept() {
    let ((a, stop_a), (b, _stop_b)) = (peer("a").await, peer("b").await);
    let clock = Arc::new(ManualClock::at(1000));
    let endpoints = endpoints(&[(&a, false), (&b, false)], Arc::clone(&clock));
    assert!(endpoints.stores().is_empty(), "nobody answered yet");
    endpoints.poll().await;
    assert_eq!(ask(&endpoints).await, (vec![series("a"), series("b")], vec![]));
    let statuses = endpoints.statuses();
    assert_eq!(statuses.len(), 2);
    assert_eq!((statuses[0].info.component, statuses[0].last_check_ms), (Component::Receive, Some(1000)));

    // Its absence shows until it was silent for long.
    stop_a.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    clock.set(2000);
    endpoints.poll().await;
    let (found, warnings) = ask(&endpoints).await;
    assert_eq!((found, warnings.len()), (vec![series("b")], 1));
    let start = format!(r#"fetch series for {{replica="a"}} Addr: {a} MinTime: 0 MaxTime: "#);
    assert!(warnings[0].starts_with(&start) && warnings[0].contains(": rpc error: code = Unavailable"), "{warnings:?}");
    clock.set(1000 + 300_000);
    endpoints.poll().await;
    assert_eq!(ask(&endpoints).await, (vec![series("b")], vec![]));
    assert_eq!(endpoints.statuses().len(), 1);
}

#[tokio::test]
async fn a_strict_endpoint_is_missed_from_the_start() {
    let (a, _stop) = peer("a").await;
    let endpoints = endpoints(&[(&a, false), ("127.0.0.1:1", true)], Arc::default());
    endpoints.poll().await;
    let (found, warnings) = ask(&endpoints).await;
    assert_eq!((found, warnings.len()), (vec![series("a")], 1));
    let at = "Addr: 127.0.0.1:1 MinTime: -9223372036854775808 MaxTime: 9223372036854775807";
    let start = format!("fetch series for Store Gateway {at}: rpc error: code = Unavailable desc = ");
    assert!(warnings[0].starts_with(&start), "{warnings:?}");
}

#[tokio::test]
async fn names_are_looked_up_and_told_apart() {
    let (a, _stop) = peer("a").await;
    let port = a.rsplit(':').next().unwrap();
    let registry = Registry::default();
    let client_metrics = ClientMetrics::new(&registry, &Descriptors::parse(proto::grpc::DESCRIPTORS).unwrap());
    let address = |text: &str| EndpointAddress::parse(text).unwrap();
    // The second names the same endpoint, and the third nothing.
    let addresses = vec![address(&format!("dns+localhost:{port}")), address(&a), address("dns+nothing.invalid:1")];
    let made = Endpoints::new(
        EndpointsConfig::new(addresses),
        Arc::new(ManualClock::at(0)),
        Channels(client_metrics),
        &registry,
    );
    let Ok(endpoints) = made else {
        testkit::skip("storeapi endpoints", "DNS configuration", "the system has none");
        return;
    };
    let stop = Stop::new();
    let (polled, told) = (Arc::clone(&endpoints), stop.clone());
    #[allow(clippy::disallowed_methods, reason = "test code")]
    let running = tokio::spawn(async move { polled.run(told.cancelled()).await });
    endpoints.first_update().await;
    assert_eq!(ask(&endpoints).await, (vec![series("a")], vec![]));
    let text = String::from_utf8(registry.encode(telemetry::Format::negotiate("")).unwrap()).unwrap();
    for line in [
        "thanos_query_duplicated_endpoint_addresses_total 1",
        "thanos_query_endpoints_dns_lookups_total 2",
        "thanos_query_store_apis_dns_failures_total 1",
        r#"thanos_store_nodes_grpc_connections{external_labels="{replica=\"a\"}",store_type="receive"} 1"#,
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
    }
    stop.cancel();
    running.await.unwrap();
}

#[test]
fn a_bad_address_is_refused_when_it_is_configured() {
    let registry = Registry::default();
    let client_metrics = ClientMetrics::new(&registry, &Descriptors::parse(proto::grpc::DESCRIPTORS).unwrap());
    let config = EndpointsConfig::new(vec![EndpointAddress::parse("no-port").unwrap()]);
    let made = Endpoints::new(config, Arc::new(ManualClock::at(0)), Channels(client_metrics), &registry);
    assert!(matches!(made, Err(EndpointsError::Address { .. })));
}
