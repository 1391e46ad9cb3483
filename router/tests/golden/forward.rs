//! What recorded routers sent for recorded requests, and what they answered for scripted peers.

use super::peers::{Rig, Script};
use super::{read, request, unhex};
use axum::body::Body;
use http::Request;
use model::{Clock, ManualClock, TenantId};
use prost::Message;
use proto::{Rejection, RequestEncoder, WriteError, thanos};
use router::hashring::Algorithm;
use router::{App, Config, ForwardForm, ForwardOptions, Parts};
use serde_json::Value;
use service::{HttpMetrics, TenantLabel};
use std::sync::Arc;
use std::time::Duration;
use tonic::Code;
use tower::ServiceExt;

fn list(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

fn text(of: &Value) -> &str {
    of.as_str().unwrap()
}

/// Sends a request through a router over `rig`; returns the status.
async fn post(rig: &Rig, request: Request<Body>) -> u16 {
    post_with(rig, Config::default(), request).await
}

async fn post_with(rig: &Rig, config: Config, request: Request<Body>) -> u16 {
    let http_headers = vec![config.tenant_header.clone()];
    let http =
        HttpMetrics::new(&rig.registry, TenantLabel::Header { headers: http_headers, default: "default-tenant" });
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(super::NOW_MS));
    let parts = Parts {
        target: Arc::clone(&rig.forwarder) as _,
        clock,
        fingerprinter: Arc::clone(&rig.fingerprinter),
        registry: rig.registry.clone(),
        http,
    };
    let app = App::build(config, parts).unwrap();
    app.routes().oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn what_routers_send() {
    let Some(folder) = testkit::golden("router what_routers_send", "wire/grpc-write") else { return };
    let (mut calls, mut scenarios) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let recorded = read(&entry.unwrap().path());
        // Frames have no request.
        let Some(scenario) = recorded["scenario"].as_str() else { continue };
        // To 0.42 a request of 2.0 is an empty one.
        if scenario == "remote-write-2" && list(&recorded["grpc_calls"]).is_empty() {
            continue;
        }
        let split = list(&recorded["flags"])
            .iter()
            .find_map(|flag| text(flag).strip_prefix("--receive.split-tenant-label-name="));
        // Since 0.43 routers fill field 4.
        let form = if text(&recorded["router_version"]).starts_with("0.42") {
            ForwardForm::Tenant
        } else {
            ForwardForm::Tuples
        };
        let options = ForwardOptions {
            replication_factor: usize::try_from(recorded["replication_factor"].as_u64().unwrap()).unwrap(),
            algorithm: Algorithm::named(text(&recorded["algorithm"])),
            split_tenant_label: split.map(str::to_owned),
            form,
            ..ForwardOptions::default()
        };
        let addresses: Vec<_> = list(&recorded["hashring"]["endpoints"]).iter().map(text).collect();
        let rig = Rig::over(&addresses, options);
        let step = &recorded["http_request_and_response"];
        assert_eq!(u64::from(post(&rig, request(step)).await), step["status"].as_u64().unwrap(), "{scenario}");
        rig.forwarder.drain().await;

        let theirs = Rig::new(ForwardOptions::default(), None);
        for call in list(&recorded["grpc_calls"]) {
            let message = thanos::WriteRequest::decode(&*unhex(&call["message_hex"])).unwrap();
            let address = text(&recorded["hashring"]["peer_names"][text(&call["peer"])]);
            theirs.peers.push(address, message);
            calls += 1;
        }
        assert_eq!(rig.series(), theirs.series(), "{} {scenario}", recorded["router_version"]);
        assert_eq!(rig.sent().len(), theirs.sent().len(), "{} {scenario}: calls", recorded["router_version"]);
        scenarios += 1;
    }
    assert!(calls > 50 && scenarios > 30, "{calls} calls in {scenarios} scenarios");
}

/// Where we answer otherwise than recorded.
fn instead(answers: &[&str], status: u16) -> u16 {
    match (answers, status) {
        // A quorum that is not reached in time is one that is not reached: it may be tried again.
        (_, 500) => 503,
        // One of both replicas only failed: a repeat may be stored.
        ([one, other], 409) if one != other => 503,
        _ => status,
    }
}

#[tokio::test]
async fn answers_for_scripted_peers() {
    let Some(path) = testkit::golden("router answers_for_scripted_peers", "receive-recorded/quorum.json") else {
        return;
    };
    let recorded = read(&path);
    let mut body = RequestEncoder::default();
    body.series([(&b"__name__"[..], &b"up"[..])], [(super::NOW_MS, 1.0)]);
    let body = snap::raw::Encoder::new().compress_vec(body.body()).unwrap();
    let mut differ = 0;
    for case in list(&recorded["results"]) {
        let answers: Vec<_> = list(&case["peer_answers"]).iter().map(text).collect();
        let addresses: Vec<_> = (0..answers.len()).map(|number| format!("peer{number}:1")).collect();
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        let options = ForwardOptions {
            replication_factor: answers.len(),
            algorithm: Algorithm::Ketama,
            timeout: Duration::from_millis(60),
            ..ForwardOptions::default()
        };
        let rig = Rig::over(&addresses, options);
        for (address, answer) in addresses.iter().zip(&answers) {
            rig.script(
                address,
                match *answer {
                    "OK" => Script::Ok,
                    "Hang" => Script::Hangs,
                    "AlreadyExists" => Script::Fails(Code::AlreadyExists),
                    "Unavailable" => Script::Fails(Code::Unavailable),
                    "Internal" => Script::Fails(Code::Internal),
                    other => panic!("{other}"),
                },
            );
        }
        let request = Request::post("/api/v1/receive").body(Body::from(body.clone())).unwrap();
        let theirs = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
        let want = instead(&answers, theirs);
        differ += usize::from(want != theirs);
        assert_eq!(post(&rig, request).await, want, "{answers:?}");
    }
    assert_eq!((list(&recorded["results"]).len(), differ), (55, 19));
}

#[tokio::test]
async fn tenants_in_labels() {
    let Some(path) = testkit::golden("router tenants_in_labels", "receive/split_tenant.jsonl") else { return };
    let mut looked_at = 0;
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let label = Some(text(&case["label"]).to_owned());
        let rig = Rig::over(&["a:1"], ForwardOptions { split_tenant_label: label, ..ForwardOptions::default() });
        let pairs = |of: &Value| -> Vec<(String, String)> {
            list(of).iter().map(|pair| (text(&pair[0]).to_owned(), text(&pair[1]).to_owned())).collect()
        };
        let mut body = RequestEncoder::default();
        let labels = pairs(&case["labels"]);
        body.series(labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())), [(1, 1.0)]);
        let written = rig.write(text(&case["request_tenant"]), &body.take()).await;
        looked_at += 1;
        let out = &list(&case["out"]).first().cloned().unwrap_or_default();
        // `..` is a tenant to Thanos.
        if !case["error"].is_null() || TenantId::parse(out["tenant"].as_str().unwrap_or_default()).is_err() {
            assert!(matches!(written, Err(WriteError::Tenant(_))), "{line}: {written:?}");
            continue;
        }
        if out["labels"].is_null() {
            let counts: Vec<_> = written.unwrap().rejections.counts().collect();
            assert_eq!(counts, [(Rejection::InvalidLabels, 1)], "{line}");
            continue;
        }
        let (_, sent) = rig.sent().remove(0);
        let labels = sent.timeseries[0].labels.iter().map(|label| (label.name.clone(), label.value.clone()));
        assert_eq!(
            (sent.tenant.as_str(), labels.collect::<Vec<_>>()),
            (text(&out["tenant"]), pairs(&out["labels"])),
            "{line}"
        );
    }
    assert!(looked_at > 20, "{looked_at} cases");
}

/// The replica header, as a router that also stores reads it, and as one that does not.
#[tokio::test]
async fn replica_headers() {
    let Some(path) = testkit::golden("router replica_headers", "quorum/replica_header.jsonl") else { return };
    let mut looked_at = 0;
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let config = Config { takes_replicas: case["mode"] == "RouterIngestor", ..Config::default() };
        let options = ForwardOptions {
            replication_factor: usize::try_from(case["replication_factor"].as_u64().unwrap()).unwrap(),
            ..ForwardOptions::default()
        };
        let rig = Rig::over(&["a:1", "b:1", "c:1"], options);
        let mut body = RequestEncoder::default();
        body.series([(&b"__name__"[..], &b"up"[..])], [(super::NOW_MS, 1.0)]);
        let body = snap::raw::Encoder::new().compress_vec(body.body()).unwrap();
        let mut request = Request::post("/api/v1/receive").body(Body::from(body)).unwrap();
        let header = text(&case["header"]);
        if !header.is_empty() {
            request.headers_mut().insert("thanos-replica", header.parse().unwrap());
        }
        assert_eq!(u64::from(post_with(&rig, config, request).await), case["http"].as_u64().unwrap(), "{line}");
        looked_at += 1;
    }
    assert!(looked_at > 20, "{looked_at} cases");
}
