//! A real Prometheus writes to us, and both are asked the same.

use crate::write_and_query::now_ms;
use e2e::{Process, Server};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long it scrapes before anybody is asked.
const SCRAPING: Duration = Duration::from_secs(40);
/// The widest window of the queries below.
const WIDEST_S: i64 = 10;

/// With the relative difference allowed: 1e-12 for selectors and + − * /, else 1e-9.
const QUERIES: [(&str, f64); 44] = [
    ("up", 1e-12),
    ("up{job=~\"n.*\"}", 1e-12),
    ("{__name__=~\"node_cpu_.*\",mode!=\"idle\"}", 1e-12),
    ("prometheus_http_requests_total offset 3s", 1e-12),
    ("-up", 1e-12),
    ("up * 3 + 0.5", 1e-12),
    ("node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", 1e-12),
    ("node_memory_MemTotal_bytes - on(instance) node_memory_MemFree_bytes", 1e-12),
    ("node_memory_MemTotal_bytes % 1000", 1e-12),
    ("node_memory_MemTotal_bytes ^ 0.5", 1e-9),
    ("node_cpu_seconds_total > 1", 1e-12),
    ("node_cpu_seconds_total > bool 1", 1e-12),
    ("go_goroutines == bool go_goroutines", 1e-12),
    ("sum(node_cpu_seconds_total)", 1e-9),
    ("sum by (mode) (node_cpu_seconds_total)", 1e-9),
    ("sum without (cpu) (node_cpu_seconds_total)", 1e-9),
    ("avg by (job) (up)", 1e-9),
    ("min by (mode) (node_cpu_seconds_total)", 1e-9),
    ("max without (mode) (node_cpu_seconds_total)", 1e-9),
    ("count by (job) ({__name__!=\"\"})", 1e-9),
    ("rate(prometheus_http_requests_total[10s])", 1e-9),
    ("increase(prometheus_tsdb_head_samples_appended_total[7s])", 1e-9),
    ("irate(node_cpu_seconds_total[5s])", 1e-9),
    ("delta(process_resident_memory_bytes[10s])", 1e-9),
    ("sum by (mode) (rate(node_cpu_seconds_total[10s]))", 1e-9),
    ("avg_over_time(go_memstats_alloc_bytes[10s])", 1e-9),
    ("min_over_time(go_memstats_alloc_bytes[10s])", 1e-9),
    ("max_over_time(go_memstats_alloc_bytes[10s])", 1e-9),
    ("sum_over_time(go_memstats_alloc_bytes[10s])", 1e-9),
    ("count_over_time(up[10s])", 1e-9),
    ("last_over_time(go_goroutines[10s])", 1e-9),
    ("present_over_time(up[10s])", 1e-9),
    ("stddev_over_time(go_goroutines[10s])", 1e-9),
    ("quantile_over_time(0.9, go_memstats_alloc_bytes[10s])", 1e-9),
    ("histogram_quantile(0.9, rate(prometheus_http_request_duration_seconds_bucket[10s]))", 1e-9),
    ("histogram_quantile(0.5, sum by (le) (prometheus_http_response_size_bytes_bucket))", 1e-9),
    ("label_replace(up, \"host\", \"$1\", \"instance\", \"(.*):.*\")", 1e-12),
    ("absent(nosuch{a=\"b\"})", 1e-12),
    ("absent(up)", 1e-12),
    ("time() - 5", 1e-12),
    ("vector(1) + 1", 1e-12),
    ("scalar(sum(up))", 1e-9),
    ("timestamp(up)", 1e-12),
    (
        "sum(rate(prometheus_http_requests_total{code=\"200\"}[5s])) / sum(rate(prometheus_http_requests_total[5s]))",
        1e-9,
    ),
];

/// Asked at one time only: over a range Prometheus keeps no order, and ties may fall otherwise at each step.
const INSTANT_QUERIES: [(&str, f64); 3] =
    [("topk(3, node_cpu_seconds_total)", 1e-12), ("sort(node_cpu_seconds_total)", 1e-12), ("up @ end()", 1e-12)];

/// The labels we add, as the documents say.
const ADDED: [(&str, &str); 2] = [("replica", "standalone"), ("tenant_id", "default-tenant")];

/// The other side.
struct Prometheus {
    _processes: [Process; 2],
    address: String,
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

pub(crate) fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

impl Prometheus {
    /// Scrapes itself and a node exporter every second, and writes to `write_to`.
    fn start(dir: &Path, write_to: &str) -> Self {
        let (address, exporter) = (free_address(), free_address());
        let mut config = String::from("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n");
        for (job, target) in [("prometheus", &address), ("node", &exporter)] {
            writeln!(config, "  - {{job_name: {job}, static_configs: [{{targets: ['{target}']}}]}}").unwrap();
        }
        writeln!(
            config,
            "remote_write: [{{url: 'http://{write_to}/api/v1/receive', queue_config: {{batch_send_deadline: 300ms}}}}]"
        )
        .unwrap();
        let file = dir.join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let exporter =
            Process::start(Command::new("prometheus-node-exporter").arg(format!("--web.listen-address={exporter}")));
        let prometheus = Process::start(
            Command::new("prometheus")
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", dir.join("data").display()))
                .arg(format!("--web.listen-address={address}")),
        );
        Self { _processes: [exporter, prometheus], address }
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A result: for each label set its points, by time.
type Points = BTreeMap<BTreeMap<String, String>, BTreeMap<String, f64>>;

async fn ask(base: &str, path: &str, params: &[(&str, String)]) -> Value {
    let client = e2e::client();
    let response = client.get(format!("{base}{path}")).query(params).send().await.unwrap();
    let (status, body) = (response.status(), response.text().await.unwrap());
    assert!(status.is_success(), "{params:?}: {status} {body}");
    serde_json::from_str::<Value>(&body).unwrap()["data"].clone()
}

fn points(data: &Value) -> Points {
    let number = |value: &Value| match value.as_str().unwrap() {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().unwrap(),
    };
    let point = |pair: &Value| (pair[0].to_string(), number(&pair[1]));
    if data["resultType"] == "scalar" {
        return Points::from([(BTreeMap::new(), BTreeMap::from([point(&data["result"])]))]);
    }
    let series = data["result"].as_array().unwrap().iter().map(|series| {
        let labels = series["metric"].as_object().unwrap();
        let labels = labels.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        let many = series["values"].as_array().cloned().unwrap_or_default();
        let points = many.iter().chain(series.get("value")).map(point).collect();
        (labels, points)
    });
    series.collect()
}

/// Takes the labels we add off, after checking what they are.
fn without_added(points: Points) -> Points {
    let strip = |(mut labels, points): (BTreeMap<String, String>, _)| {
        for (name, value) in ADDED {
            if let Some(found) = labels.remove(name) {
                assert_eq!(found, value);
            }
        }
        (labels, points)
    };
    points.into_iter().map(strip).collect()
}

fn is_close(ours: f64, theirs: f64, relative: f64) -> bool {
    (ours.is_nan() && theirs.is_nan())
        || ours == theirs
        || (ours - theirs).abs() <= relative * ours.abs().max(theirs.abs())
}

/// What differs, in words; empty if nothing does.
fn differences(query: &str, ours: &Points, theirs: &Points, relative: f64) -> Vec<String> {
    let mut found = Vec::new();
    for labels in ours.keys().chain(theirs.keys()) {
        let (Some(one), Some(other)) = (ours.get(labels), theirs.get(labels)) else {
            let side = if ours.contains_key(labels) { "us" } else { "Prometheus" };
            found.push(format!("{query}: only {side} has {labels:?}"));
            continue;
        };
        if !one.keys().eq(other.keys()) {
            found.push(format!("{query} {labels:?}: we have points at {:?}, they at {:?}", one.keys(), other.keys()));
            continue;
        }
        let apart = one.iter().zip(other.values()).filter(|((_, ours), theirs)| !is_close(**ours, **theirs, relative));
        found.extend(apart.map(|((time, ours), theirs)| format!("{query} {labels:?} at {time}: {ours} and {theirs}")));
    }
    found.dedup();
    found
}

/// A fraction of a second at which no target was scraped: no step and no window edge then falls on a sample.
async fn quiet_fraction_ms(base: &str, at_ms: i64) -> i64 {
    let data = ask(base, "/api/v1/query", &[("query", format!("up[{WIDEST_S}s]")), ("time", seconds(at_ms))]).await;
    let taken: Vec<i64> = points(&data)
        .values()
        .flat_map(BTreeMap::keys)
        .map(|time| (time.parse::<f64>().unwrap() * 1000.0).round() as i64 % 1000)
        .collect();
    let distance =
        |fraction: i64, other: i64| (fraction - other).rem_euclid(1000).min((other - fraction).rem_euclid(1000));
    (1..1000).max_by_key(|fraction| taken.iter().map(|other| distance(*fraction, *other)).min()).unwrap()
}

fn seconds(time_ms: i64) -> String {
    format!("{}.{:03}", time_ms / 1000, time_ms % 1000)
}

/// The oldest and the newest time at which we have `up` of both targets.
async fn shared_range(gauntlet: &Server) -> (i64, i64) {
    let all = gauntlet.query("up[10m]", now_ms()).await;
    let series = all.as_array().unwrap();
    assert_eq!(series.len(), 2, "{all}");
    let ms = |pair: &Value| (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
    let ends = series
        .iter()
        .map(|one| one["values"].as_array().unwrap())
        .map(|values| (ms(&values[0]), ms(&values[values.len() - 1])));
    ends.reduce(|left, right| (left.0.max(right.0), left.1.min(right.1))).unwrap()
}

#[tokio::test]
async fn a_prometheus_that_writes_to_us_and_we_answer_alike() {
    const TEST: &str = "e2e a_prometheus_that_writes_to_us_and_we_answer_alike";
    for program in ["prometheus", "prometheus-node-exporter"] {
        if !is_there(program) {
            return testkit::skip(TEST, program, "not installed");
        }
    }
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let gauntlet = Server::standalone(ours.path()).start().await;
    let prometheus = Prometheus::start(theirs.path(), gauntlet.address());
    tokio::time::sleep(SCRAPING).await;
    let ours = format!("http://{}", gauntlet.address());

    let (first_ms, last_ms) = shared_range(&gauntlet).await;
    let fraction_ms = quiet_fraction_ms(&ours, last_ms).await;
    // One scrape more on both sides: what was in flight at the last one is acknowledged by the next.
    let end_ms = (last_ms / 1000 - 2) * 1000 + fraction_ms;
    let start_ms = (first_ms / 1000 + WIDEST_S + 2) * 1000 + fraction_ms;
    assert!(end_ms - start_ms >= 5_000, "only {} ms to compare", end_ms - start_ms);

    let mut differing = Vec::new();
    let mut compared = 0;
    let deadline = Instant::now() + Duration::from_secs(120);
    for (query, relative) in QUERIES.iter().chain(&INSTANT_QUERIES) {
        assert!(Instant::now() < deadline, "queries take too long");
        let instant = vec![("query", (*query).to_owned()), ("time", seconds(end_ms))];
        let range = vec![
            ("query", (*query).to_owned()),
            ("start", seconds(start_ms)),
            ("end", seconds(end_ms)),
            ("step", "1".to_owned()),
        ];
        for (path, params) in [("/api/v1/query", instant), ("/api/v1/query_range", range)] {
            if path.ends_with("range") && INSTANT_QUERIES.iter().any(|(instant, _)| instant == query) {
                continue;
            }
            let ours = without_added(points(&ask(&ours, path, &params).await));
            let theirs = points(&ask(&prometheus.base(), path, &params).await);
            compared += ours.values().map(BTreeMap::len).sum::<usize>();
            differing.extend(differences(query, &ours, &theirs, *relative));
        }
    }
    println!("{compared} points compared");
    assert!(compared > 1_500, "only {compared} points were compared");
    assert!(
        differing.is_empty(),
        "{} differences:\n{}",
        differing.len(),
        differing[..differing.len().min(20)].join("\n")
    );
    let up = gauntlet.query("up", end_ms).await;
    for (name, value) in ADDED {
        assert_eq!(up[0]["metric"][name], value);
    }
}
