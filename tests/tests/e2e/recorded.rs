//! Writes that a ring of three Thanos receivers was recorded with, sent to three of ours.

use e2e::{Ports, Server, binary, free_ports};
use serde_json::Value;
use std::path::Path;

/// The nodes that are up, of three that all hold every series; the first takes the writes.
async fn nodes(dir: &Path, up: &[usize]) -> Vec<Server> {
    let ports = free_ports(3);
    let endpoints: Vec<_> = ports.iter().map(|of| of.grpc.as_str()).collect();
    let ring = serde_json::json!([{ "algorithm": "ketama", "endpoints": endpoints }]).to_string();
    let mut nodes = Vec::new();
    for &number in up {
        let Ports { http, grpc, write, .. } = &ports[number];
        let launch = Server::command(binary(), "receive", http, Some(write))
            .arg(format!("--grpc-address={grpc}"))
            .arg(format!("--receive.local-endpoint={grpc}"))
            .arg(format!("--receive.hashrings={ring}"))
            .arg("--receive.replication-factor=3")
            .arg(format!("--tsdb.path={}", dir.join(number.to_string()).display()))
            .arg(format!("--label=receive_replica=\"n{number}\""));
        nodes.push(launch.start().await);
    }
    nodes
}

/// Whether we answer `ours` on purpose where Thanos answered something else; each is on the page of the router.
fn on_purpose(step: &Value, ours: u64) -> bool {
    let series: Vec<&Value> = step["decoded"]["timeseries"].as_array().into_iter().flatten().collect();
    let has = |series: &Value, what: &str| series[what].as_array().is_some_and(|items| !items.is_empty());
    let version_2 = step["headers"]["X-Prometheus-Remote-Write-Version"].as_str().is_some_and(|of| of.starts_with('2'));
    match ours {
        // Nothing to store, or only what Thanos has against the order of labels, which we sort.
        200 => !series.iter().any(|series| has(series, "samples")) || series.iter().any(|series| is_unsorted(series)),
        // Of a request of 2.0 that Thanos stores nothing and says 200, where we store what is sound and refuse the rest.
        400 => version_2,
        // The same, or labels that are no text.
        409 => version_2 || step["decoded"]["undecodable"].is_string(),
        // Which node is the one replica's depends on the nodes' addresses; and so it does which series share a request with one
        // that is refused, so that a replica's answer to both is a conflict.
        503 => step["headers"].get("THANOS-REPLICA").is_some() || series.len() > 1,
        _ => false,
    }
}

fn is_unsorted(series: &Value) -> bool {
    let names: Vec<_> = series["labels"].as_array().into_iter().flatten().map(|label| label["name"].as_str()).collect();
    !names.is_sorted()
}

async fn check(test: &str, file: &str) {
    let Some(path) = testkit::golden(test, &format!("receive-recorded/{file}")) else { return };
    let recording: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let setup = recording["setup"].as_str().unwrap();
    let up = setup.split(['[', ']']).nth(1).unwrap().split(", ").map(|number| number.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let nodes = nodes(dir.path(), &up.collect::<Vec<_>>()).await;
    let (mut equal, mut differences) = (0, Vec::new());
    for case in recording["cases"].as_array().unwrap() {
        for step in case["steps"].as_array().unwrap() {
            let theirs = step["status"].as_u64().unwrap();
            let answer = nodes[0].send(request(&nodes[0], step)).await;
            let ours = u64::from(answer.status);
            match ours == theirs || on_purpose(step, ours) {
                true => equal += 1,
                false => differences.push(format!("{}: {theirs} recorded, {answer:?}", case["name"])),
            }
            assert!(ours != 503 || !answer.header("retry-after").is_empty(), "{answer:?}");
        }
    }
    assert!(differences.is_empty(), "{equal} as recorded, but:\n{}", differences.join("\n"));
    assert!(equal > 20, "compared only {equal}");
}

fn request(node: &Server, step: &Value) -> reqwest::RequestBuilder {
    let hex = step["plain_hex"].as_str().or(step["body_hex"].as_str()).unwrap_or_default();
    let plain: Vec<u8> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect();
    let body = match step["body_encoding"].as_str() {
        Some("snappy-block") => snap::raw::Encoder::new().compress_vec(&plain).unwrap(),
        _ => plain,
    };
    let headers = step["headers"].as_object().unwrap();
    let request = node.bare_write_request(step["path"].as_str().unwrap(), body);
    headers.iter().fold(request, |request, (name, value)| request.header(name, value.as_str().unwrap()))
}

#[tokio::test]
async fn a_whole_ring_answers_as_recorded() {
    check("e2e a_whole_ring_answers_as_recorded", "http-rf3-all-up.json").await;
}

#[tokio::test]
async fn a_ring_with_one_node_down_answers_as_recorded() {
    check("e2e a_ring_with_one_node_down_answers_as_recorded", "http-rf3-one-down.json").await;
}

#[tokio::test]
async fn a_ring_with_two_nodes_down_answers_as_recorded() {
    check("e2e a_ring_with_two_nodes_down_answers_as_recorded", "http-rf3-two-down.json").await;
}
