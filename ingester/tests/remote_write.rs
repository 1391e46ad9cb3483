//! Routers writing over gRPC.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/rig.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod rig;

use bytes::Bytes;
use model::{HistogramLayout, HistogramRef, Labels, Numbers, ResetHint, Span};
use prost::Message;
use proto::grpc::{DESCRIPTORS, Raw};
use proto::prometheus_copy::histogram::{Count, ZeroCount};
use proto::prometheus_copy::{self, BucketSpan, Histogram, TimeSeries};
use proto::thanos::services::writeable_store_client::WriteableStoreClient;
use proto::thanos::{Label, TimeSeriesTenantTuple, WriteRequest};
use rig::{NOW_MS, Rig, Sample, Stored, one};
use serde_json::Value;
use service::{ClientMetrics, ClientOptions, Compression, Descriptors, GrpcChannel, GrpcLimits, GrpcServer, Stop};
use std::collections::BTreeMap;
use std::path::Path;
use telemetry::Registry;
use testkit::SimFs;
use tonic::service::Routes;
use tonic::{Code, Status};

/// An ingester behind a real server, and a client of it.
struct Served {
    rig: Rig,
    client: WriteableStoreClient<GrpcChannel>,
    stop: Stop,
    server: tokio::task::JoinSet<service::TaskResult>,
}

impl Served {
    async fn start(fs: &SimFs) -> Self {
        let rig = Rig::open(fs).await;
        let server = GrpcServer::bind("127.0.0.1:0", GrpcLimits::default(), &Registry::default()).await.unwrap();
        let address = server.address().to_string();
        let (stop, mut running) = (Stop::new(), tokio::task::JoinSet::new());
        running.spawn(server.serve(Routes::new(rig.app.remote_write()), stop.clone()));
        let options = ClientOptions { compression: Compression::Snappy, ..ClientOptions::default() };
        let metrics = ClientMetrics::new(&Registry::default(), &Descriptors::parse(DESCRIPTORS).unwrap());
        let client = WriteableStoreClient::new(GrpcChannel::new(&address, &options, &metrics).unwrap());
        Self { rig, client, stop, server: running }
    }

    async fn send(&mut self, message: impl Into<Bytes>) -> Result<(), Status> {
        self.client.remote_write(Raw::from(message.into())).await.map(drop)
    }

    async fn end(mut self) {
        self.stop.cancel();
        self.server.join_next().await.unwrap().unwrap().unwrap();
    }
}

fn series(name: &str, samples: &[(i64, f64)]) -> TimeSeries {
    TimeSeries {
        labels: vec![Label { name: "__name__".to_owned(), value: name.to_owned() }],
        samples: samples
            .iter()
            .map(|(timestamp, value)| prometheus_copy::Sample { value: *value, timestamp: *timestamp })
            .collect(),
        ..Default::default()
    }
}

#[tokio::test]
async fn both_forms_are_stored_and_refusals_leave_the_rest() {
    let fs = SimFs::default();
    let mut served = Served::start(&fs).await;
    let own = WriteRequest {
        timeseries: vec![series("a", &[(NOW_MS, 1.0)])],
        tenant: "t".to_owned(),
        replica: 1,
        ..Default::default()
    };
    served.send(own.encode_to_vec()).await.unwrap();
    let tuple = |tenant: &str, name: &str| TimeSeriesTenantTuple {
        timeseries: vec![series(name, &[(NOW_MS, 2.0)])],
        tenant: tenant.to_owned(),
    };
    let tuples = WriteRequest {
        timeseries_tenant_data: vec![tuple("t", "b"), tuple("u", "c")],
        replica: 3,
        ..Default::default()
    };
    served.send(tuples.encode_to_vec()).await.unwrap();

    let conflict = WriteRequest {
        timeseries: vec![series("a", &[(NOW_MS, 7.0)]), series("d", &[(NOW_MS, 3.0)])],
        tenant: "t".to_owned(),
        ..Default::default()
    };
    let status = served.send(conflict.encode_to_vec()).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists, "{status}");
    let elsewhere = WriteRequest { tenant: "..".to_owned(), ..own };
    assert_eq!(served.send(elsewhere.encode_to_vec()).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(served.send(vec![0x0a, 0xff]).await.unwrap_err().code(), Code::InvalidArgument);

    let mut want = Stored::new();
    for (tenant, name, value) in [("t", "a", 1.0), ("t", "b", 2.0), ("u", "c", 2.0), ("t", "d", 3.0)] {
        want.extend(one(tenant, &[("__name__", name)], &[(NOW_MS, value)]));
    }
    assert_eq!(served.rig.stored().await, want);
    served.end().await;
}

#[tokio::test]
async fn an_ingester_that_is_not_open_is_unavailable() {
    let fs = SimFs::default();
    let mut served = Served::start(&fs).await;
    served.rig.ingester.close().await;
    let request =
        WriteRequest { timeseries: vec![series("a", &[(NOW_MS, 1.0)])], tenant: "t".to_owned(), ..Default::default() };
    assert_eq!(served.send(request.encode_to_vec()).await.unwrap_err().code(), Code::Unavailable);
    served.end().await;
}

fn unhex(text: &Value) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_str().unwrap_or_default().as_bytes().chunks(2).map(digits).collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Notes what should be stored of `series`.
fn expect(stored: &mut Stored, tenant: &str, series: &TimeSeries) {
    let pairs = series.labels.iter().map(|label| (label.name.as_str(), label.value.as_str()));
    let external = [("replica", "standalone"), ("tenant_id", tenant)];
    let floats = series.samples.iter().map(|sample| (sample.timestamp, Sample::float(sample.value)));
    let all: Vec<_> = floats.chain(series.histograms.iter().map(|one| (one.timestamp, histogram(one)))).collect();
    if !all.is_empty() {
        stored.insert(Labels::from_pairs(pairs.chain(external)).unwrap(), all);
    }
}

fn histogram(of: &Histogram) -> Sample {
    let spans = |spans: &[BucketSpan]| {
        spans.iter().map(|span| Span { offset: span.offset, length: span.length }).collect::<Vec<_>>()
    };
    let sums = |deltas: &[i64]| {
        let sum = |count: &mut i64, delta: &i64| {
            *count += delta;
            Some(count.cast_unsigned())
        };
        deltas.iter().scan(0, sum).collect::<Vec<_>>()
    };
    let bits = |counts: &[f64]| counts.iter().map(|count| count.to_bits()).collect::<Vec<_>>();
    let (numbers, count, buckets) = match of.count {
        Some(Count::CountFloat(count)) => {
            (Numbers::Float, count.to_bits(), [bits(&of.positive_counts), bits(&of.negative_counts)].concat())
        }
        Some(Count::CountInt(count)) => {
            (Numbers::Integer, count, [sums(&of.positive_deltas), sums(&of.negative_deltas)].concat())
        }
        None => (Numbers::Integer, 0, Vec::new()),
    };
    let zero_count = match of.zero_count {
        Some(ZeroCount::ZeroCountInt(count)) => count,
        Some(ZeroCount::ZeroCountFloat(count)) => count.to_bits(),
        None => 0,
    };
    let (positive, negative, bounds) = (spans(&of.positive_spans), spans(&of.negative_spans), of.custom_values.clone());
    let layout = HistogramLayout::new(of.schema, of.zero_threshold, positive, negative, bounds).unwrap();
    let hint = ResetHint::from_number(u64::try_from(of.reset_hint).unwrap()).unwrap();
    let cells = [vec![count, zero_count], buckets].concat();
    Sample::histogram(HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum: of.sum })
}

/// What routers of Thanos 0.42 and later were recorded to send.
#[tokio::test]
async fn requests_of_thanos_routers() {
    let Some(folder) = testkit::golden("ingester requests_of_thanos_routers", "wire/grpc-write") else { return };
    let (mut calls, mut histograms) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let recorded = read(&entry.unwrap().path());
        let Some(recorded_calls) = recorded["grpc_calls"].as_array() else { continue };
        // Each peer is an ingester of its own, for none has two replicas of a series.
        let mut peers = BTreeMap::new();
        for call in recorded_calls {
            let peer = call["peer"].as_str().unwrap();
            if !peers.contains_key(peer) {
                peers.insert(peer, (Served::start(&SimFs::default()).await, Stored::new()));
            }
            let (served, want) = peers.get_mut(peer).unwrap();
            let message = unhex(&call["message_hex"]);
            let request = WriteRequest::decode(&*message).unwrap();
            let own = (&request.tenant, &request.timeseries);
            let tuples = request.timeseries_tenant_data.iter().map(|tuple| (&tuple.tenant, &tuple.timeseries));
            for (tenant, series) in tuples.chain([own]) {
                for one in series {
                    expect(want, tenant, one);
                    histograms += one.histograms.len();
                }
            }
            served.send(message).await.unwrap();
            calls += 1;
        }
        for (peer, (served, want)) in peers {
            let (version, scenario) = (&recorded["router_version"], &recorded["scenario"]);
            assert_eq!(served.rig.stored().await, want, "{version} {scenario} {peer}");
            served.end().await;
        }
    }
    println!("{calls} calls, {histograms} histograms");
    assert!(calls > 50 && histograms > 10, "{calls} calls");
}
