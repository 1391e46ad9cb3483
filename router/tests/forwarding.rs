//! Writes to several ingesters: who gets what, and when the answer is given.

#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "support/fake.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod fake;
#[path = "support/peers.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod peers;
#[path = "support/version_2.rs"]
#[allow(dead_code, reason = "shared by several test binaries")]
mod version_2;

use fake::FakeTarget;
use model::{Fingerprinter, ManualClock, TenantId};
use peers::{Rig, Script, ring};
use proto::{Rejection, RemoteWriteServer, RequestEncoder, WriteBatch, WriteError, WriteTarget};
use router::hashring::Algorithm;
use router::{Config, ForwardForm, ForwardOptions, Forwarder, ForwarderParts, GrpcDial, Inbound, LocalNode, RingFile};
use service::{ClientMetrics, ClientOptions, Compression, Descriptors, GrpcLimits, GrpcServer};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use telemetry::Registry;
use tonic::Code;
use tonic::service::Routes;
use version_2::{field, histogram, sample};

const ABC: [&str; 3] = ["a:1", "b:1", "c:1"];

fn options(replication_factor: usize) -> ForwardOptions {
    ForwardOptions {
        replication_factor,
        algorithm: Algorithm::Ketama,
        timeout: Duration::from_millis(500),
        ..ForwardOptions::default()
    }
}

/// `count` series of one sample.
fn body(count: usize) -> Vec<u8> {
    let mut request = RequestEncoder::default();
    for number in 0..count {
        let host = number.to_string();
        request.series([(&b"__name__"[..], &b"up"[..]), (b"host", host.as_bytes())], [(fake::NOW_MS, 1.0)]);
    }
    request.take()
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is() {
        assert!(began.elapsed() < Duration::from_secs(5), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn each_replica_of_each_series_is_sent_once() {
    for form in [ForwardForm::Tenant, ForwardForm::Tuples] {
        let rig = Rig::over(&["a:1", "b:1", "c:1", "d:1"], ForwardOptions { form, ..options(3) });
        let outcome = rig.write("t", &body(50)).await.unwrap();
        assert!(outcome.durable.is_some() && outcome.rejections.is_empty());
        assert_eq!(outcome.samples_accepted, 50);
        rig.forwarder.drain().await;
        let sent = rig.series();
        assert_eq!(sent.len(), 150);
        let placed: BTreeSet<_> = sent.iter().map(|(address, _, _, series)| (address, series)).collect();
        assert_eq!(placed.len(), 150, "no node has two replicas of a series");
        let numbered: BTreeSet<_> = sent.iter().map(|(_, _, replica, series)| (*replica, series)).collect();
        assert_eq!(numbered.len(), 150);
        assert!(numbered.iter().all(|(replica, _)| (1..=3).contains(replica)));
        let tuples = rig.sent().iter().all(|(_, request)| request.timeseries.is_empty());
        assert_eq!(tuples, form == ForwardForm::Tuples);
        assert_eq!(rig.metric(r#"thanos_receive_forward_requests_total{result="success"}"#), 12.0);
        assert_eq!(rig.metric(r#"thanos_receive_replications_total{result="error"}"#), 0.0);
    }
}

#[tokio::test]
async fn without_rings_nothing_is_taken() {
    let rig = Rig::new(options(1), None);
    assert!(matches!(rig.write("t", &body(1)).await, Err(WriteError::NotReady(_))));
}

#[tokio::test]
async fn one_of_three_may_hang_and_is_waited_for_in_the_background() {
    let rig = Rig::over(&ABC, options(3));
    rig.script("b:1", Script::Slow(200));
    let began = Instant::now();
    let outcome = rig.write("t", &body(20)).await.unwrap();
    assert!(outcome.durable.is_some());
    assert!(began.elapsed() < Duration::from_millis(150), "{:?}", began.elapsed());
    assert!(rig.sent().iter().all(|(address, _)| address != "b:1"));
    rig.forwarder.drain().await;
    assert_eq!(rig.series().len(), 60, "the slow one has it, too");
}

#[tokio::test]
async fn a_client_that_goes_does_not_stop_its_write() {
    let rig = Rig::over(&ABC, options(3));
    for address in ABC {
        rig.script(address, Script::Slow(50));
    }
    let body = body(5);
    let write = rig.write("t", &body);
    assert!(tokio::time::timeout(Duration::from_millis(10), write).await.is_err());
    until("all are sent", || rig.series().len() == 15).await;
}

#[tokio::test]
async fn two_of_three_down_is_unavailable() {
    let rig = Rig::over(&ABC, options(3));
    rig.script("a:1", Script::Fails(Code::Unavailable));
    rig.script("c:1", Script::Hangs);
    let error = rig.write("t", &body(20)).await.unwrap_err();
    let WriteError::Unavailable(text) = &error else { panic!("{error}") };
    assert!(text.contains("a:1: Unavailable: scripted answer") && text.contains("c:1: no answer in time"), "{text}");
}

#[tokio::test]
async fn conflicts_of_a_quorum_are_told() {
    let rig = Rig::over(&ABC, options(3));
    rig.script("a:1", Script::Fails(Code::AlreadyExists));
    assert!(rig.write("t", &body(4)).await.unwrap().rejections.is_empty());
    rig.script("b:1", Script::Fails(Code::AlreadyExists));
    let outcome = rig.write("t", &body(4)).await.unwrap();
    assert!(outcome.durable.is_none());
    assert_eq!(outcome.rejections.counts().collect::<Vec<_>>(), [(Rejection::Conflict, 4)]);
    assert!(outcome.rejections.examples()[0].detail.contains("scripted answer"));
}

#[tokio::test]
async fn a_peer_that_is_down_is_left_alone_for_a_while() {
    let rig = Rig::over(&["a:1"], options(1));
    rig.script("a:1", Script::Fails(Code::Unavailable));
    assert!(rig.write("t", &body(1)).await.is_err());
    rig.script("a:1", Script::Ok);
    let error = rig.write("t", &body(1)).await.unwrap_err().to_string();
    assert!(error.contains("left alone"), "{error}");
    assert_eq!(rig.sent().len(), 1);
    tokio::time::sleep(Duration::from_millis(110)).await;
    rig.write("t", &body(1)).await.unwrap();

    // Other rings, other luck.
    rig.script("a:1", Script::Fails(Code::Unavailable));
    assert!(rig.write("t", &body(1)).await.is_err());
    rig.script("a:1", Script::Ok);
    rig.forwarder.apply(ring(&["a:1", "b:1"]).as_bytes()).unwrap();
    rig.write("t", &body(9)).await.unwrap();
}

#[tokio::test]
async fn requests_beyond_the_workers_wait_and_then_fail() {
    let rig = Rig::over(&["a:1"], ForwardOptions { workers: 1, waiting: 1, ..options(1) });
    rig.script("a:1", Script::Slow(100));
    let bodies = body(1);
    let (first, second, third) =
        tokio::join!(rig.write("t", &bodies), rig.write("t", &bodies), rig.write("t", &bodies));
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    assert!(third.unwrap_err().to_string().contains("too many requests wait"));
}

#[tokio::test]
async fn series_go_to_the_tenants_they_name() {
    let named = ForwardOptions { split_tenant_label: Some("team".to_owned()), ..options(1) };
    let rig = Rig::over(&ABC, named);
    let mut request = RequestEncoder::default();
    for team in [&b"red"[..], b"blue", b""] {
        request.series([(&b"__name__"[..], &b"up"[..]), (b"team", team)], [(1, 1.0)]);
    }
    request.series([(&b"__name__"[..], &b"down"[..])], [(1, 1.0)]);
    request.series([(&b"team"[..], &b"red"[..])], [(1, 1.0)]);
    let outcome = rig.write("header", &request.take()).await.unwrap();
    assert_eq!(outcome.rejections.counts().collect::<Vec<_>>(), [(Rejection::InvalidLabels, 1)]);
    let sent = rig.series();
    let by = |tenant: &str| sent.iter().filter(|(_, of, ..)| of == tenant).count();
    assert_eq!((by("red"), by("blue"), by("header")), (1, 1, 2));
    assert!(sent.iter().all(|(_, tenant, _, series)| tenant == "header" || !series.contains("team")), "{sent:?}");

    let mut request = RequestEncoder::default();
    request.series([(&b"__name__"[..], &b"up"[..]), (b"team", b"..")], [(1, 1.0)]);
    assert!(matches!(rig.write("header", &request.take()).await, Err(WriteError::Tenant(_))));
}

#[tokio::test]
async fn a_node_that_is_this_process_is_written_to_directly() {
    let target = Arc::new(FakeTarget::default());
    let local = LocalNode { address: "b:1".to_owned(), target: Arc::clone(&target) as _ };
    let rig = Rig::new(options(3), Some(local));
    rig.forwarder.apply(ring(&ABC).as_bytes()).unwrap();
    rig.write("t", &body(10)).await.unwrap();
    rig.forwarder.drain().await;
    assert_eq!(target.lines().len(), 10);
    assert!(rig.sent().iter().all(|(address, _)| address != "b:1"));
    assert_eq!(rig.series().len(), 20);
}

/// A series of one label and fields as they are.
fn series(name: &str, value: &str, fields: &[Vec<u8>]) -> Vec<u8> {
    let label = field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat());
    field(1, &[&label[..], &fields.concat()].concat())
}

/// A histogram of `buckets` empty buckets.
fn histogram_of(buckets: usize) -> Vec<u8> {
    let mut span = vec![0x10];
    prost::encoding::encode_varint(buckets as u64, &mut span);
    field(4, &[field(11, &span), field(12, &vec![0; buckets])].concat())
}

/// What is refused when a write is planned is refused by the node in this process, too.
#[tokio::test]
async fn what_is_refused_twice_is_told_once() {
    let target: Arc<FakeTarget> = Arc::default();
    let local = LocalNode { address: "b:1".to_owned(), target: Arc::clone(&target) as _ };
    let rig = Rig::new(options(1), Some(local));
    rig.forwarder.apply(ring(&["b:1"]).as_bytes()).unwrap();
    let bodies =
        [(vec![70_000], 1, true), (vec![70_000, 70_000, 101], 3, false), (vec![101], 1, false), (vec![100], 0, true)];
    for (buckets, refused, is_stored) in bodies {
        let histograms: Vec<_> = buckets.iter().map(|buckets| histogram_of(*buckets)).collect();
        let body = [series("__name__", "h", &histograms), body(1)].concat();
        let outcome = rig.write("t", &body).await.unwrap();
        let counts = [Rejection::TooManyBuckets, Rejection::Conflict].map(|why| outcome.rejections.count(why));
        assert_eq!(counts, [refused, 0], "{buckets:?}");
        assert_eq!(outcome.durable.is_some(), is_stored, "{buckets:?}");
    }
}

/// Series that have no label but their tenant are refused, and with them their histograms.
#[tokio::test]
async fn histograms_that_are_sent_to_nobody_are_not_written() {
    let named = ForwardOptions { split_tenant_label: Some("team".to_owned()), ..options(1) };
    let rig = Rig::over(&ABC, named);
    let body = [
        series("__name__", "h", &[histogram(4, 5, 3)]),
        series("team", "red", &[histogram(4, 5, 3), histogram(4, 6, 3)]),
        series("team", "red", &[field(4, &[0x08, 9])]),
    ];
    let outcome = rig.write("t", &body.concat()).await.unwrap();
    assert_eq!((outcome.histograms_accepted, rig.series().len()), (1, 1));
    assert_eq!(outcome.rejections.counts().collect::<Vec<_>>(), [(Rejection::InvalidLabels, 2)]);
}

/// A ring of many nodes, and a request of more tenants than there may be in one.
#[tokio::test]
async fn tenants_of_one_request_are_limited() {
    let named = ForwardOptions { split_tenant_label: Some("team".to_owned()), ..options(1) };
    let rig = Rig::over(&ABC, named);
    let body = |tenants: usize| {
        let mut request = RequestEncoder::default();
        for team in 0..tenants {
            let team = team.to_string();
            request.series([(&b"__name__"[..], &b"up"[..]), (b"team", team.as_bytes())], [(1, 1.0)]);
        }
        request.take()
    };
    let refused = rig.write("t", &body(10_001)).await.unwrap_err();
    assert!(matches!(refused, WriteError::TooManyTenants { limit: 10_000 }), "{refused}");
    assert!(rig.sent().is_empty());
    rig.write("t", &body(100)).await.unwrap();
    assert_eq!(rig.series().len(), 100);
}

/// Series of one sample and an exemplar that is too long.
fn body_with_long_exemplars(count: usize) -> Vec<u8> {
    let trace = field(1, &[field(1, b"trace_id"), field(2, &[b'x'; 300])].concat());
    let series = (0..count).map(|number| {
        let label = |name: &[u8], value: &str| field(1, &[field(1, name), field(2, value.as_bytes())].concat());
        let labels = [label(b"__name__", "up"), label(b"host", &number.to_string())].concat();
        field(1, &[labels, sample(fake::NOW_MS, 1.0), field(3, &trace)].concat())
    });
    series.collect::<Vec<_>>().concat()
}

/// What `/api/v1/receive` and `/api/v1/write` answer for exemplars that the local node `b:1` refuses, when its peers answer as
/// scripted.
#[tokio::test]
async fn exemplars_refused_here_hide_nothing_that_was_refused_elsewhere() {
    let (no, ok) = (Script::Fails(Code::AlreadyExists), Script::Ok);
    for (replicas, scripts, codes, reason) in [
        (1, [ok, ok], (409, 204), "10 exemplars"),
        (1, [no, no], (409, 400), "series (refused by its ingesters)"),
        (3, [ok, ok], (200, 204), ""),
        (3, [ok, no], (200, 204), ""),
        (3, [no, no], (409, 400), "10 series (refused by its ingesters)"),
    ] {
        for (path, code) in [("/api/v1/receive", codes.0), ("/api/v1/write", codes.1)] {
            let target: Arc<FakeTarget> = Arc::default();
            let local = LocalNode { address: "b:1".to_owned(), target: Arc::clone(&target) as _ };
            let rig = Rig::new(options(replicas), Some(local));
            let nodes: &[&str] = if (replicas, scripts[0]) == (1, ok) { &["b:1"] } else { &ABC };
            rig.forwarder.apply(ring(nodes).as_bytes()).unwrap();
            rig.script("a:1", scripts[0]);
            rig.script("c:1", scripts[1]);
            let front = (fake::NOW_MS, Config { replication_factor: replicas, ..Config::default() });
            let front = fake::Rig::before(Arc::clone(&rig.forwarder) as _, front, target);
            let body = snap::raw::Encoder::new().compress_vec(&body_with_long_exemplars(10)).unwrap();
            let request = http::Request::post(path).header("content-type", "application/x-protobuf");
            let request = request.header("content-encoding", "snappy").body(body.into()).unwrap();
            let reply = front.send(request).await;
            let what = format!("{replicas} replicas, {scripts:?}, {path}: {}", reply.text);
            assert_eq!(reply.status, code, "{what}");
            assert!(code < 300 || reply.text.contains(reason), "{what}");
        }
    }
}

#[tokio::test]
async fn a_replica_is_stored_where_it_was_sent() {
    let target: Arc<FakeTarget> = Arc::default();
    let local = LocalNode { address: "b:1".to_owned(), target: Arc::clone(&target) as _ };
    let rig = Rig::new(options(3), Some(local));
    rig.forwarder.apply(ring(&ABC).as_bytes()).unwrap();
    let inbound = Inbound { forwarder: Arc::clone(&rig.forwarder), local: Some(Arc::clone(&target) as _) };
    let tenant = TenantId::parse("t").unwrap();
    let mut batch = rig.batch(&body(10));
    batch.replica = 2;
    inbound.write(&tenant, batch.clone()).await.unwrap();
    assert_eq!((target.lines().len(), rig.sent().len()), (10, 0));
    batch.replica = 4;
    assert!(matches!(inbound.write(&tenant, batch.clone()).await, Err(WriteError::Replica { replica: 4, .. })));
    batch.replica = 0;
    inbound.write(&tenant, batch.clone()).await.unwrap();
    // Over HTTP a replica goes to its node, alone.
    let before = (target.lines().len(), rig.series().len());
    batch.replica = 1;
    rig.forwarder.drain().await;
    rig.forwarder.write(&tenant, batch).await.unwrap();
    let after = (target.lines().len(), rig.series().len());
    assert!(after.1 - before.1 <= 10 && after.1 > before.1, "{before:?} {after:?}");
}

/// 300 swaps of rings under writes: each write has a whole ring, old or new.
#[tokio::test]
async fn rings_change_under_writes() {
    let rig = Rig::over(&ABC, options(2));
    for round in 0..300 {
        if round % 2 == 0 {
            rig.forwarder.apply(ring(&["b:1", "c:1", "d:1"]).as_bytes()).unwrap();
        } else {
            rig.forwarder.apply(ring(&ABC).as_bytes()).unwrap();
        }
        let outcome = rig.write("t", &body(3)).await.unwrap();
        assert!(outcome.durable.is_some());
    }
    rig.forwarder.drain().await;
    assert_eq!(rig.series().len(), 300 * 3 * 2);
}

#[tokio::test]
async fn rings_that_cannot_be_leave_the_last_ones() {
    let rig = Rig::over(&ABC, options(3));
    let hash = rig.forwarder.config_hash();
    for file in ["", "[]", &ring(&["a:1", "b:1"]), &ring(&["a:1", "b:1", "b:1"]), &ring(&["a:1", "b:1", "noport"])] {
        assert!(rig.forwarder.apply(file.as_bytes()).is_err(), "{file}");
        assert_eq!(rig.forwarder.config_hash(), hash);
    }
    rig.write("t", &body(5)).await.unwrap();
    assert_eq!(rig.metric(r#"thanos_receive_hashring_nodes"#), 3.0);
}

/// As Kubernetes mounts a ConfigMap: a link to a directory of the day, swapped at once.
#[tokio::test]
async fn a_file_is_followed_through_a_swapped_link() {
    let dir = tempfile::tempdir().unwrap();
    let put = |day: &str, content: &str| {
        std::fs::create_dir(dir.path().join(day)).unwrap();
        std::fs::write(dir.path().join(day).join("hashrings.json"), content).unwrap();
        let link = dir.path().join("..data_tmp");
        std::os::unix::fs::symlink(day, &link).unwrap();
        std::fs::rename(link, dir.path().join("..data")).unwrap();
    };
    put("..1", &ring(&["a:1"]));
    let path = dir.path().join("hashrings.json");
    std::os::unix::fs::symlink("..data/hashrings.json", &path).unwrap();

    let rig = Rig::new(options(1), None);
    let clock = Arc::new(ManualClock::at(5000));
    let hour = Duration::from_secs(3600);
    let mut file = RingFile::new(path, hour, Arc::clone(&rig.forwarder), clock, &rig.registry);
    file.refresh().unwrap();
    let (first, stop) = (rig.forwarder.config_hash(), service::Stop::new());
    assert_eq!(rig.metric("thanos_receive_config_last_reload_success_timestamp_seconds"), 5.0);
    let watching = file.run(stop.clone());
    let story = async {
        put("..2", &ring(&["a:1", "b:1"]));
        until("the second is live", || rig.forwarder.config_hash() != first).await;
        let second = rig.forwarder.config_hash();
        assert_eq!(rig.metric("thanos_receive_config_hash"), second.unwrap() as f64);
        put("..3", "[");
        until("the third is refused", || rig.metric("thanos_receive_config_last_reload_successful") == 0.0).await;
        assert_eq!(rig.forwarder.config_hash(), second);
        assert!(rig.metric("thanos_receive_hashrings_file_errors_total") >= 1.0);
        put("..4", &ring(&["c:1"]));
        until("the fourth is live", || rig.metric("thanos_receive_config_last_reload_successful") == 1.0).await;
        assert_eq!(rig.metric("thanos_receive_hashrings_file_changes_total"), 4.0);
        stop.cancel();
    };
    let (watched, ()) = tokio::join!(watching, story);
    watched.unwrap();
}

/// Three real servers behind real connections; then two of them go.
#[tokio::test]
async fn over_grpc() {
    let (clock, fingerprinter) = (Arc::new(ManualClock::at(fake::NOW_MS)), Arc::new(Fingerprinter::new([3; 192])));
    let mut stored: Vec<(Arc<FakeTarget>, service::Stop)> = Vec::new();
    let (mut addresses, mut servers) = (Vec::new(), tokio::task::JoinSet::new());
    for _ in 0..3 {
        let (target, stop) = (Arc::new(FakeTarget::default()), service::Stop::new());
        let service = RemoteWriteServer::service(
            Arc::clone(&target) as _,
            Arc::clone(&fingerprinter),
            Arc::clone(&clock) as _,
            RemoteWriteServer::MAX_BYTES,
        );
        let limits = GrpcLimits { grace: Duration::from_millis(100), ..GrpcLimits::default() };
        let server = GrpcServer::bind("127.0.0.1:0", limits, &Registry::default()).await.unwrap();
        addresses.push(server.address().to_string());
        servers.spawn(server.serve(Routes::new(service), stop.clone()));
        stored.push((target, stop));
    }
    let registry = Registry::default();
    let options_of = ClientOptions { compression: Compression::Snappy, ..ClientOptions::default() };
    let metrics = ClientMetrics::new(&registry, &Descriptors::parse(proto::grpc::DESCRIPTORS).unwrap());
    let dial = Arc::new(GrpcDial { options: options_of, metrics });
    let parts = ForwarderParts { dial, local: None, fingerprinter: Arc::clone(&fingerprinter), registry };
    let forwarder = Forwarder::new(ForwardOptions { timeout: Duration::from_secs(5), ..options(3) }, parts);
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    forwarder.apply(ring(&addresses).as_bytes()).unwrap();

    let body = body(2000);
    let batch = WriteBatch::walk(body.clone().into(), 2000, &fingerprinter, fake::NOW_MS).unwrap().0;
    let tenant = TenantId::parse("t").unwrap();
    let outcome = forwarder.write(&tenant, batch.clone()).await.unwrap();
    assert!(outcome.durable.is_some());
    until("all three have all", || stored.iter().all(|(target, _)| target.lines().len() == 2000)).await;

    for (_, stop) in &stored[..2] {
        stop.cancel();
    }
    for _ in 0..2 {
        servers.join_next().await.unwrap().unwrap().unwrap();
    }
    let error = forwarder.write(&tenant, batch).await.unwrap_err();
    assert!(matches!(&error, WriteError::Unavailable(text) if text.contains(addresses[0])), "{error}");
    stored[2].1.cancel();
}

/// Hashing many series, or copying a large body, would hold up everything else on the thread.
#[test]
fn large_writes_are_planned_on_another_thread() {
    let planned = |series: usize, padding: usize| {
        let started = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = Arc::clone(&started);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().on_thread_start(move || _ = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        runtime.build().unwrap().block_on(async {
            let rig = Rig::over(&ABC, ForwardOptions { timeout: Duration::from_secs(20), ..options(1) });
            let mut batch = rig.batch(&body(series));
            batch.body = [&batch.body[..], &vec![0; padding.saturating_sub(batch.body.len())]].concat().into();
            rig.forwarder.write(&TenantId::parse("t").unwrap(), batch).await.unwrap();
            rig.forwarder.drain().await;
        });
        started.load(std::sync::atomic::Ordering::Relaxed)
    };
    assert_eq!([(1, 0), (4096, 0), (1, 1 << 20)].map(|(series, bytes)| planned(series, bytes)), [0; 3]);
    assert_eq!([(4097, 0), (1, (1 << 20) + 1)].map(|(series, bytes)| planned(series, bytes)), [1; 2]);
}
