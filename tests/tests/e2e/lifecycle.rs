//! How the process starts, shows itself, and ends.

use e2e::{Series, Server, binary};
use reqwest::Method;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs the program with arguments with which it must end by itself.
fn run(args: &[&str]) -> e2e::Ended {
    e2e::Process::start(Command::new(binary()).args(args)).ended()
}

#[tokio::test]
async fn it_starts_on_an_empty_directory_and_shows_itself() {
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(&dir.path().join("data")).start().await;
    for (method, path, status, body) in [
        (Method::GET, "/-/healthy", 200, "OK"),
        (Method::HEAD, "/-/healthy", 200, ""),
        (Method::GET, "/-/ready", 200, "OK"),
        (Method::HEAD, "/-/ready", 200, ""),
        (Method::GET, "/nowhere", 404, "404 page not found\n"),
        (Method::GET, "/api/v1/rules/nowhere", 404, "404 page not found\n"),
    ] {
        let answer = gauntlet.send(gauntlet.request(method, path)).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{path}");
    }
    let page = gauntlet.get("/").await;
    for path in ["/api/v1/receive", "/api/v1/query", "/metrics", "/-/ready"] {
        assert!(page.body.contains(path), "{path} is not on the first page");
    }
    let metrics = gauntlet.get("/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(gauntlet.metric("thanos_status{check=\"ready\"").await, Some(1.0));
    for name in ["process_resident_memory_bytes", "thanos_build_info", "gauntlet_build_info", "http_requests_total"] {
        // Requests to probes and metrics are not counted, as in Thanos; one is needed.
        gauntlet.get("/api/v1/status/buildinfo").await;
        assert!(gauntlet.metric(name).await.is_some_and(|value| value >= 1.0), "{name} in {}", metrics.body);
    }
    let ended = gauntlet.stop();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert!(ended.last_line().contains("msg=exiting"), "{}", ended.stderr);
    assert!(ended.stderr.contains("listening for grpc"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_api_is_served_with_its_headers() {
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(dir.path()).arg("--query.timeout=7s").start().await;
    let asked = gauntlet.request(Method::OPTIONS, "/api/v1/query").header("origin", "http://grafana");
    let answer = gauntlet.send(asked).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "http://grafana"));
    let flags = gauntlet.get("/api/v1/status/flags").await.json();
    assert_eq!(flags["data"]["query.timeout"], "7s");
    assert_eq!(flags["data"]["tsdb.retention"], "15d");
    assert_eq!(gauntlet.query("1+1", 4000).await[1], "2");
    // What Thanos and Prometheus both do.
    assert_eq!(gauntlet.send(gauntlet.request(Method::HEAD, "/api/v1/query")).await.status, 405);
    let counted = "http_requests_total{code=\"200\",handler=\"query\",method=\"get\",tenant=\"default-tenant\"";
    assert_eq!(gauntlet.metric(counted).await, Some(1.0));
}

#[tokio::test]
async fn a_json_log_is_json() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = e2e::Process::start(Command::new(binary()).args([
        "standalone",
        "--log.format=json",
        "--http-address=127.0.0.1:0",
        &format!("--data-dir={}", dir.path().display()),
    ]));
    process.hear(|line| line.contains("listening").then_some(()));
    process.terminate();
    let ended = process.ended();
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    for line in ended.stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|err| panic!("{err}: {line}"));
        assert!(line["ts"].is_string() && line["level"].is_string() && line["msg"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn two_processes_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::standalone(dir.path()).start().await;
    let second = Server::standalone(dir.path()).arg("--http-address=127.0.0.1:0").ended();
    assert_eq!(second.code(), Some(1), "{}", second.stderr);
    let last = second.last_line();
    assert!(last.starts_with("gauntlet: error: ") && last.contains("another process"), "{last}");
    assert!(last.contains(&dir.path().display().to_string()) && last.contains("--data-dir"), "{last}");
    assert_eq!(first.get("/-/ready").await.status, 200, "the first is not disturbed");
    assert_eq!(first.stop().code(), Some(0));
    // And when the first is gone, the next may have it.
    assert_eq!(Server::standalone(dir.path()).start().await.stop().code(), Some(0));
}

#[tokio::test]
async fn a_taken_port_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ended = Server::standalone(dir.path()).arg(format!("--http-address={address}")).ended();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    let want = format!("gauntlet: error: cannot listen on {address}: ");
    assert!(ended.last_line().starts_with(&want) && ended.last_line().contains("--http-address"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    for path in [file.as_path(), Path::new("/proc/gauntlet")] {
        let ended = Server::standalone(path).arg("--http-address=127.0.0.1:0").ended();
        assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
        let last = ended.last_line();
        assert!(last.contains(&path.display().to_string()) && last.contains("--data-dir"), "{last}");
    }
}

/// W08. As root may open everything, a directory stands where a file is to be opened.
#[tokio::test]
async fn a_tenant_that_cannot_be_opened_keeps_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let lock = dir.path().join("receive/bad/lock");
    std::fs::create_dir_all(&lock).unwrap();
    let gauntlet = Server::standalone(dir.path()).start().await;
    let now_ms = crate::write_and_query::now_ms();
    let body = e2e::body(&[Series::new("up", &[], &[(now_ms, 1.0)])]);
    let write = async |tenant: &str| {
        let request = gauntlet.write_request("/api/v1/receive", body.clone()).header("thanos-tenant", tenant);
        gauntlet.send(request).await
    };
    assert_eq!(write("good").await.status, 200);
    let refused = write("bad").await;
    assert!(refused.status == 503 && refused.body.contains(&lock.display().to_string()), "{refused:?}");
    assert_eq!(gauntlet.metric("gauntlet_tenant_not_open{tenant=\"bad\"").await, Some(1.0));
    let told = gauntlet.get("/api/v1/query?query=up").await.json();
    assert!(told["warnings"][0].as_str().is_some_and(|text| text.contains("tenant bad is missing")), "{told}");
    std::fs::remove_dir(&lock).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while write("bad").await.status != 200 {
        assert!(Instant::now() < until, "it never comes back");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let told = gauntlet.get("/api/v1/query?query=up").await.json();
    assert!(
        told["warnings"].is_null() && told["data"]["result"].as_array().is_some_and(|all| all.len() == 2),
        "{told}"
    );
}

#[test]
fn bad_command_lines_end_as_thanos_ends() {
    let check = |args: &[&str], code, last_line: &str| {
        let ended = run(args);
        assert_eq!(ended.code(), Some(code), "{args:?}: {}", ended.stderr);
        assert!(ended.last_line().starts_with(last_line), "{args:?}: {}", ended.last_line());
    };
    check(&["nope"], 1, "gauntlet: error: expected command but got \"nope\"");
    check(&["standalone", "--nope"], 1, "gauntlet: error: unknown long flag '--nope'");
    check(
        &["standalone", "--tsdb.retention=x"],
        2,
        "error parsing commandline arguments: --tsdb.retention: not a valid duration string: \"x\"",
    );
    check(
        &["standalone", "--log.level=zzz"],
        2,
        "error parsing commandline arguments: --log.level: enum value must be one of error,warn,info,debug, got 'zzz'",
    );
    check(&["standalone", "--query.timeout=0s"], 1, "gauntlet: error: --query.timeout must be longer than 0");
    check(&["--version"], 0, "  platform: ");
    assert!(run(&["standalone", "--help"]).stderr.contains("--[no-]tsdb.wal-compression"));
}

/// Replay takes long enough to be seen at work: health is there from the first moment, readiness and writes are not.
#[tokio::test]
async fn healthy_while_it_replays_and_ready_only_then() {
    let dir = tempfile::tempdir().unwrap();
    let first = Server::standalone(dir.path()).start().await;
    let now_ms = crate::write_and_query::now_ms();
    for part in 0..10 {
        let names: Vec<String> = (0..4000).map(|number| format!("{part}-{number}")).collect();
        let series = names.iter().map(|name| Series::new("many", &[("number", name)], &[(now_ms, 1.0)]));
        assert_eq!(first.write(&series.collect::<Vec<_>>()).await.status, 200);
    }
    first.kill();
    let second = Server::standalone(dir.path()).listen().await;
    let mut waited = 0;
    loop {
        assert_eq!(second.get("/-/healthy").await.status, 200);
        let ready = second.get("/-/ready").await;
        if ready.status == 200 {
            break;
        }
        assert!(ready.status == 503 && ready.body.starts_with("NOT OK\nstorage: "), "{ready:?}");
        if waited == 0 {
            let early = second.write(&[Series::new("early", &[], &[(now_ms, 1.0)])]).await;
            assert!(matches!(early.status, 200 | 503), "{early:?}");
        }
        waited += 1;
    }
    assert!(waited > 0, "it was ready at once: nothing was seen");
    assert_eq!(second.query("count(many)", now_ms).await[0]["value"][1], "40000");
}

#[tokio::test]
async fn a_signal_lets_requests_end() {
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(dir.path()).start().await;
    let body = e2e::body(&[Series::new("late", &[], &[(crate::write_and_query::now_ms(), 1.0)])]);
    let mut client = TcpStream::connect(gauntlet.address()).unwrap();
    let head = format!(
        "POST /api/v1/receive HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-encoding: snappy\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).unwrap();
    client.write_all(&body[..10]).unwrap();
    // The request is in flight when it is counted.
    while gauntlet.metric("http_inflight_requests{handler=\"receive\"").await != Some(1.0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gauntlet.process.terminate();
    while TcpStream::connect(gauntlet.address()).is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.write_all(&body[10..]).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(gauntlet.process.ended().code(), Some(0));
}

#[tokio::test]
async fn clients_that_never_end_do_not_keep_it() {
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(dir.path()).arg("--http-grace-period=500ms").start().await;
    let stuck: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut client = TcpStream::connect(gauntlet.address()).unwrap();
            client.write_all(b"POST /api/v1/receive HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
            client
        })
        .collect();
    while gauntlet.metric("gauntlet_http_connections").await.is_none_or(|open| open < 100.0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let began = Instant::now();
    assert_eq!(gauntlet.stop().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    drop(stuck);
}

/// The same signal twice in a moment is one: wrappers forward what the terminal already sent. Later it means "at once".
#[tokio::test]
async fn a_second_signal_ends_it_at_once_but_an_echo_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(dir.path()).start().await;
    let mut stuck = TcpStream::connect(gauntlet.address()).unwrap();
    stuck.write_all(b"POST /api/v1/receive HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
    while gauntlet.metric("http_inflight_requests{handler=\"receive\"").await != Some(1.0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut process = gauntlet.process;
    process.terminate();
    process.hear(|line| line.contains("msg=stopping").then_some(()));
    process.terminate();
    // Longer than an echo takes; the request has two minutes.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(process.is_running(), "the echo ended it");
    let began = Instant::now();
    process.terminate();
    let ended = process.ended();
    assert!(ended.stderr.contains("told again") && began.elapsed() < Duration::from_secs(20), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("signal=SIGTERM").count(), 2, "{}", ended.stderr);
    let told = ended.last_line().starts_with("gauntlet: error: http server");
    assert_eq!((ended.code(), told), (Some(1), true), "{}", ended.last_line());
}
