//! Server and client together, over sockets of this machine.

mod echo;
mod tls;

use super::{ClientOptions, Compression, GrpcLimits};
use bytes::Bytes;
use echo::{Client, LONG, SHORT, next, serve};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

fn snappy() -> ClientOptions {
    ClientOptions { compression: Compression::Snappy, ..ClientOptions::default() }
}

fn large() -> Bytes {
    let text = "the same again, and again ".repeat(200_000);
    text.into()
}

#[tokio::test]
async fn calls_of_every_kind_pass_compressed_or_not() {
    let served = serve(GrpcLimits::default()).await;
    for options in [ClientOptions::default(), snappy()] {
        let client = served.client(&options);
        for message in [Bytes::new(), Bytes::from_static(b"small"), large()] {
            assert_eq!(client.unary(message.clone()).await.unwrap(), message);
        }
        let message = Bytes::from("x".repeat(10_000));
        let mut repeated = client.stream("/test.Echo/Repeat", message.clone()).await.unwrap();
        for _ in 0..1000 {
            assert_eq!(next(&mut repeated).await.unwrap().unwrap(), message);
        }
        assert_eq!(next(&mut repeated).await.unwrap(), None);
        let (send, messages) = mpsc::channel(1);
        let mut answers = client.each(messages).await.unwrap();
        for number in 0..50usize {
            let message = Bytes::from(vec![7; number * 100]);
            send.send(message.clone()).await.unwrap();
            assert_eq!(next(&mut answers).await.unwrap().unwrap(), message);
        }
        drop(send);
        assert_eq!(next(&mut answers).await.unwrap(), None);
    }
    let labels = "grpc_method=\"Each\",grpc_service=\"test.Echo\",grpc_type=\"bidi_stream\"}";
    assert_eq!(served.metric(&format!("grpc_server_msg_received_total{{{labels}")), "100");
    assert_eq!(served.metric(&format!("grpc_server_msg_sent_total{{{labels}")), "100");
    assert_eq!(served.metric(&format!("grpc_server_handled_total{{grpc_code=\"OK\",{labels}")), "2");
    assert_eq!(served.metric(&format!("grpc_server_handling_seconds_count{{{labels}")), "2");
}

#[tokio::test]
async fn statuses_pass_and_are_counted() {
    let served = serve(GrpcLimits::default()).await;
    for options in [ClientOptions::default(), snappy()] {
        let client = served.client(&options);
        let status = client.unary("refuse").await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "not now: ü"));
        for path in ["/test.Echo/None", "/test.Other/Unary"] {
            let status = client.call(path, tonic::Request::new(Bytes::new())).await.unwrap_err();
            assert_eq!(status.code(), Code::Unimplemented, "{path}");
        }
        let line =
            "{grpc_code=\"FailedPrecondition\",grpc_method=\"Unary\",grpc_service=\"test.Echo\",grpc_type=\"unary\"}";
        assert_eq!(client.metric(&format!("grpc_client_handled_total{line}")), "1");
    }
    let line =
        "{grpc_code=\"FailedPrecondition\",grpc_method=\"Unary\",grpc_service=\"test.Echo\",grpc_type=\"unary\"}";
    assert_eq!(served.metric(&format!("grpc_server_handled_total{line}")), "2");
    let line = "{grpc_method=\"unknown\",grpc_service=\"unknown\",grpc_type=\"unknown\"}";
    assert_eq!(served.metric(&format!("grpc_server_started_total{line}")), "4");
}

#[tokio::test]
async fn a_panic_is_internal_and_the_server_goes_on() {
    let served = serve(GrpcLimits::default()).await;
    let client = served.client(&snappy());
    let status = client.unary("panic").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "internal error: a bug, and logged"));
    let mut answers = client.stream("/test.Echo/Bug", Bytes::from_static(b"first")).await.unwrap();
    assert_eq!(next(&mut answers).await.unwrap().unwrap(), "first");
    assert_eq!(next(&mut answers).await.unwrap_err().code(), Code::Internal);
    assert_eq!(client.unary("still there").await.unwrap(), "still there");
    assert_eq!(served.metric("grpc_req_panics_recovered_total"), "2");
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_by_either_side() {
    let served = serve(GrpcLimits { message_bytes: 100_000, ..GrpcLimits::default() }).await;
    for options in [ClientOptions::default(), snappy()] {
        let client = served.client(&options);
        // Two hundred times the limit, and a tenth of it on the wire if compressed.
        let status = client.unary(vec![0; 20_000_000]).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("100000"), "{status}");
        assert_eq!(client.unary(vec![0; 100_000]).await.unwrap().len(), 100_000);
    }
    let served = serve(GrpcLimits::default()).await;
    for options in [ClientOptions::default(), snappy()] {
        let client = served.client(&ClientOptions { message_bytes: 100_000, ..options });
        let status = client.unary(vec![0; 100_001]).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
        assert!(status.message().contains("100000"), "{status}");
    }
}

#[tokio::test]
async fn a_deadline_ends_a_call_on_both_sides() {
    let served = serve(GrpcLimits::default()).await;
    let client = served.client(&ClientOptions::default());
    let mut request = tonic::Request::new(Bytes::from_static(b"wait"));
    request.set_timeout(SHORT);
    let status = client.call("/test.Echo/Unary", request).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let mut request = tonic::Request::new(Bytes::from_static(b"begun"));
    request.set_timeout(SHORT);
    let path = "/test.Echo/Endless".parse().unwrap();
    let mut answers = client.grpc().server_streaming(request, path, echo::Plain).await.unwrap().into_inner();
    assert_eq!(next(&mut answers).await.unwrap().unwrap(), "begun");
    assert_eq!(next(&mut answers).await.unwrap_err().code(), Code::DeadlineExceeded);
    let lines = [
        "Unary\",grpc_service=\"test.Echo\",grpc_type=\"unary\"}",
        "Endless\",grpc_service=\"test.Echo\",grpc_type=\"server_stream\"}",
    ];
    for line in lines {
        let line = format!("grpc_client_handled_total{{grpc_code=\"DeadlineExceeded\",grpc_method=\"{line}");
        assert_eq!(client.metric(&line), "1", "{line}");
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_is_canceled_on_the_server() {
    let served = serve(GrpcLimits::default()).await;
    let client = served.client(&ClientOptions::default());
    let mut answers = client.stream("/test.Echo/Endless", Bytes::from_static(b"begun")).await.unwrap();
    assert_eq!(next(&mut answers).await.unwrap().unwrap(), "begun");
    drop(answers);
    let line =
        "{grpc_code=\"Canceled\",grpc_method=\"Endless\",grpc_service=\"test.Echo\",grpc_type=\"server_stream\"}";
    let began = Instant::now();
    while served.metric(&format!("grpc_server_handled_total{line}")) != "1" {
        assert!(began.elapsed() < LONG, "still running");
        tokio::time::sleep(SHORT / 10).await;
    }
    assert_eq!(client.metric(&format!("grpc_client_handled_total{line}")), "1");
}

#[tokio::test]
async fn an_answer_outlives_its_channel() {
    let served = serve(GrpcLimits::default()).await;
    let client = served.client(&ClientOptions::default());
    let mut answers = client.stream("/test.Echo/Repeat", vec![7; 10_000].into()).await.unwrap();
    drop(client);
    let mut count = 0;
    while next(&mut answers).await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 1000);
}

#[tokio::test]
async fn a_connection_that_is_old_goes_and_the_next_call_makes_another() {
    let limits = GrpcLimits { connection_age: SHORT, connection_age_grace: SHORT * 2, ..GrpcLimits::default() };
    let served = serve(limits).await;
    let client = served.client(&ClientOptions::default());
    let began = Instant::now();
    // Calls one after another, over several lives of a connection, all pass.
    while began.elapsed() < SHORT * 5 {
        assert_eq!(client.unary("still there").await.unwrap(), "still there");
    }
    // One that does not end is ended.
    let mut answers = client.stream("/test.Echo/Endless", Bytes::from_static(b"begun")).await.unwrap();
    assert_eq!(next(&mut answers).await.unwrap().unwrap(), "begun");
    let status = next(&mut answers).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(status.message().starts_with(&served.address.to_string()), "{status}");
}

#[tokio::test]
async fn stopping_lets_calls_end_and_drops_those_that_do_not() {
    let served = serve(GrpcLimits { grace: SHORT * 5, ..GrpcLimits::default() }).await;
    let client = served.client(&ClientOptions::default());
    let (send, messages) = mpsc::channel(1);
    send.send(Bytes::from_static(b"one")).await.unwrap();
    let mut answers = client.each(messages).await.unwrap();
    assert_eq!(next(&mut answers).await.unwrap().unwrap(), "one");
    let mut stuck = client.stream("/test.Echo/Endless", Bytes::from_static(b"begun")).await.unwrap();
    assert_eq!(next(&mut stuck).await.unwrap().unwrap(), "begun");
    let (address, began) = (served.address, Instant::now());
    let stopped = served.stopped();
    tokio::pin!(stopped);
    assert!(tokio::time::timeout(SHORT, &mut stopped).await.is_err(), "a call is in flight");
    let late = Client::to(&address.to_string(), &ClientOptions::default()).unary("late").await.unwrap_err();
    assert_eq!(late.code(), Code::Unavailable);
    send.send(Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(next(&mut answers).await.unwrap().unwrap(), "two");
    drop(send);
    assert_eq!(next(&mut answers).await.unwrap(), None);
    tokio::time::timeout(LONG, stopped).await.expect("does not stop");
    assert!(began.elapsed() >= SHORT * 5 && began.elapsed() < LONG);
    assert_eq!(next(&mut stuck).await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn stopping_is_quick_when_nothing_runs() {
    let served = serve(GrpcLimits::default()).await;
    let client = served.client(&ClientOptions::default());
    client.unary("hello").await.unwrap();
    let began = Instant::now();
    served.stopped().await;
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn health_follows_the_probes() {
    let served = serve(GrpcLimits::default()).await;
    let client = served.client(&ClientOptions::default());
    let mut health = HealthClient::new(client.channel.clone());
    let whole = || HealthCheckRequest { service: String::new() };
    let mut watched = health.watch(whole()).await.unwrap().into_inner();
    let mut expect = async |want: ServingStatus| {
        let told = tokio::time::timeout(LONG, watched.message()).await.expect("not told").unwrap().unwrap();
        let asked = health.check(whole()).await.unwrap().into_inner();
        assert_eq!((told.status(), asked.status()), (want, want));
    };
    expect(ServingStatus::Serving).await;
    let part = served.probes.part("part");
    expect(ServingStatus::NotServing).await;
    part.ready();
    expect(ServingStatus::Serving).await;
    served.probes.unhealthy("broken");
    expect(ServingStatus::NotServing).await;
    let unknown = HealthCheckRequest { service: "nobody".to_owned() };
    assert_eq!(health.check(unknown).await.unwrap_err().code(), Code::NotFound);
    // A watcher does not hold the server up.
    let began = Instant::now();
    served.stopped().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(watched.message().await.unwrap().map(|last| last.status()), Some(ServingStatus::NotServing));
    assert!(watched.message().await.unwrap().is_none());
}

#[tokio::test]
async fn reflection_shows_what_was_handed_in() {
    let served = serve(GrpcLimits::default()).await;
    let client = served.client(&snappy());
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        // list_services: "", field 7 of the request.
        let request = tonic::Request::new(tokio_stream::iter([Bytes::from_static(&[0x3a, 0])]));
        let mut grpc = client.grpc();
        let mut answers = grpc.streaming(request, path.parse().unwrap(), echo::Plain).await.unwrap().into_inner();
        let answer = String::from_utf8_lossy(&next(&mut answers).await.unwrap().unwrap()).into_owned();
        for service in ["test.Echo", "grpc.health.v1.Health"] {
            assert!(answer.contains(service), "{version}: {answer:?}");
        }
    }
}
