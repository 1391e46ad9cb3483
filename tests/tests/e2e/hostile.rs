//! Requests that mean harm.

use e2e::Server;

/// Resident memory of a process, in bytes: now (`VmRSS`), or the most it ever had (`VmHWM`).
fn resident_bytes(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// A body of a few hundred KiB that becomes as much as is allowed, and then nonsense.
fn bomb() -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&vec![0; 32 << 20]).unwrap()
}

/// A body that claims to become `claim` bytes.
fn claim(mut claim: u64) -> Vec<u8> {
    let mut body = Vec::new();
    while claim >= 0x80 {
        body.push((claim & 0x7f) as u8 | 0x80);
        claim >>= 7;
    }
    body.push(claim as u8);
    body.extend_from_slice(&[0; 64]);
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snappy_bombs_are_refused_within_a_budget_of_memory() {
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(dir.path()).start().await;
    let before = resident_bytes(gauntlet.process.id(), "VmRSS:");
    for _ in 0..4 {
        let requests = (0..24).map(|number| {
            let body = if number % 2 == 0 { bomb() } else { claim(4 << 30) };
            gauntlet.send(gauntlet.write_request("/api/v1/receive", body))
        });
        for answer in futures::future::join_all(requests).await {
            assert!([400, 413, 503].contains(&answer.status), "{answer:?}");
        }
    }
    let risen = resident_bytes(gauntlet.process.id(), "VmHWM:").saturating_sub(before);
    println!("resident memory rose by {} KiB", risen / 1024);
    assert!(risen <= 64 << 20, "resident memory rose by {risen} bytes");
}

#[tokio::test]
async fn a_query_that_cannot_be_is_refused_politely() {
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(dir.path()).start().await;
    let deep = format!("{}1{}", "(".repeat(30_000), ")".repeat(30_000));
    let long = vec!["1"; 30_000].join("+");
    for query in [deep.as_str(), long.as_str(), "sum(", "nosuch(up)", "up{a=~\"(\"}", ""] {
        let asked = gauntlet.request(reqwest::Method::POST, "/api/v1/query").form(&[("query", query)]);
        let answer = gauntlet.send(asked).await;
        let shown: String = query.chars().take(20).collect();
        assert_eq!(
            (answer.status, answer.json()["errorType"].as_str()),
            (400, Some("bad_data")),
            "{shown}: {answer:?}"
        );
    }
    assert_eq!(gauntlet.query("1+1", 4_000).await[1], "2");
}
