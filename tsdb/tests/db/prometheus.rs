//! Debian's Prometheus opens a data directory of ours, answers from it, and gives it back.

use crate::rig::{Contents, append, check, contents, open_on, options};
use model::{Labels, TimeRange};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tsdb::db::{Db, DbOptions, Snapshots};
use tsdb::fs::StdFs;

const TWO_HOURS_MS: i64 = 2 * 3_600_000;
const START_MS: i64 = 1_700_000_000_000 / TWO_HOURS_MS * TWO_HOURS_MS;

/// A running Prometheus, which is killed if it is still there at the end.
struct Prometheus {
    child: Child,
    port: u16,
}

impl Prometheus {
    fn start(data: &Path, more: &[&str]) -> Self {
        let config = data.with_extension("yml");
        std::fs::write(&config, "global: {}\n").unwrap();
        // Free now; that nobody takes it meanwhile is hoped.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", data.display()))
            .arg("--storage.tsdb.retention.time=100y")
            .args(more)
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stderr(Stdio::from(std::fs::File::create(data.with_extension("log")).unwrap()))
            .spawn()
            .unwrap();
        let mut prometheus = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !prometheus.get("/-/ready").is_some_and(|answer| answer.starts_with("HTTP/1.0 200")) {
            let log = || std::fs::read_to_string(data.with_extension("log")).unwrap();
            assert!(prometheus.child.try_wait().unwrap().is_none(), "prometheus has ended: {}", log());
            assert!(Instant::now() < deadline, "prometheus does not get ready: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        prometheus
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// All samples of the metric `m` between the two.
    fn samples(&self, from_ms: i64, to_ms: i64) -> Contents {
        let range_s = (to_ms - from_ms) / 1000 + 1;
        let query = format!("/api/v1/query?query=m%5B{range_s}s%5D&time={}", to_ms / 1000);
        let answer = self.get(&query).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200"), "{answer}");
        let body: Value = serde_json::from_str(body).unwrap();
        let mut found = Contents::new();
        for series in body["data"]["result"].as_array().unwrap() {
            let pairs = series["metric"].as_object().unwrap().iter();
            let labels =
                Labels::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap()))).unwrap();
            for sample in series["values"].as_array().unwrap() {
                let at_ms = (sample[0].as_f64().unwrap() * 1000.0).round() as i64;
                let value: f64 = sample[1].as_str().unwrap().parse().unwrap();
                found.insert((labels.clone(), at_ms), value.to_bits());
            }
        }
        found
    }

    /// Ends it as an operator does.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn open(dir: &Path) -> Db {
    let snapshots = Snapshots { at_end: true, ..Snapshots::NEVER };
    open_on(Arc::new(StdFs), dir, DbOptions { block_range_ms: TWO_HOURS_MS, snapshots, ..options() }).unwrap()
}

#[test]
fn prometheus_opens_what_we_wrote_and_gives_it_back() {
    let test = "prometheus_opens_what_we_wrote_and_gives_it_back";
    if Command::new("prometheus").arg("--version").output().is_err() {
        return testkit::skip(test, "prometheus", "not on PATH");
    }
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let mut expected = Contents::new();
    let end_ms = START_MS + 5 * TWO_HOURS_MS / 2;
    {
        let db = open(&dir);
        for at_ms in (START_MS..end_ms).step_by(15_000) {
            append(&db, 4, at_ms, &mut expected);
            if at_ms % 600_000 == 0 {
                db.maintain().unwrap();
            }
        }
        let stats = db.stats();
        assert!(stats.blocks == 1 && stats.head_chunk_bytes > 0, "{stats:?}");
        // And goes without a word, as after a crash.
    }
    let lists = |name: &str| std::fs::read_dir(dir.join(name)).unwrap().count();
    assert!(lists("chunks_head") > 0 && lists("wal") > 1);

    let prometheus = Prometheus::start(&dir, &[]);
    let found = prometheus.samples(START_MS, end_ms);
    assert_eq!(found.len(), expected.len());
    assert!(found == expected);
    prometheus.stop();
    let log = std::fs::read_to_string(dir.with_extension("log")).unwrap();
    let complaints: Vec<_> =
        log.lines().filter(|line| !line.contains("level=info") && !line.contains("SIGTERM")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    assert!(log.contains("WAL checkpoint loaded"), "{log}");

    let db = open(&dir);
    assert_eq!(db.opened().set_aside, []);
    check(&db, &expected);
    append(&db, 4, end_ms, &mut expected);
    assert_eq!(contents(&db, TimeRange::ALL).len(), expected.len());
}

#[test]
fn prometheus_starts_from_our_snapshot_and_we_from_its() {
    let test = "prometheus_starts_from_our_snapshot_and_we_from_its";
    if Command::new("prometheus").arg("--version").output().is_err() {
        return testkit::skip(test, "prometheus", "not on PATH");
    }
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let (mut expected, end_ms) = (Contents::new(), START_MS + TWO_HOURS_MS / 2);
    let db = open(&dir);
    for at_ms in (START_MS..end_ms).step_by(15_000) {
        append(&db, 4, at_ms, &mut expected);
    }
    db.close().unwrap();
    drop(db);
    let snapshots = || {
        let found = tsdb::snapshot::SnapshotDirs::find(&StdFs, &dir).unwrap().published;
        found.into_iter().map(|found| found.path).collect::<Vec<_>>()
    };
    let ours = snapshots();
    assert!(ours.len() == 1 && ours[0].join("beside").is_dir(), "{ours:?}");

    let prometheus = Prometheus::start(&dir, &["--enable-feature=memory-snapshot-on-shutdown"]);
    assert!(prometheus.samples(START_MS, end_ms) == expected);
    prometheus.stop();
    let log = std::fs::read_to_string(dir.with_extension("log")).unwrap();
    let complaints: Vec<_> =
        log.lines().filter(|line| !line.contains("level=info") && !line.contains("SIGTERM")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    assert!(log.contains("chunk snapshot loaded") && log.contains("num_series=4"), "{log}");
    let theirs = snapshots();
    assert!(theirs.len() == 1 && theirs != ours && !theirs[0].join("beside").exists(), "{theirs:?}");

    let db = open(&dir);
    assert_eq!(db.opened().snapshot.as_ref().map(|used| &used.path), theirs.first(), "{:?}", db.opened().set_aside);
    check(&db, &expected);
    append(&db, 4, end_ms, &mut expected);
    db.close().unwrap();
    drop(db);
    check(&open(&dir), &expected);
}
