//! The comparison of stores over the same bucket.

use crate::answers;
use crate::bucket::Bucket;
use crate::cli::StoreBench;
use crate::components::Components;
use crate::ingest::send_rounds;
use crate::process::pin_generator;
use crate::sender::now_ms;
use crate::workload::{STEP_MS, Workload, metric_name};
use anyhow::{Context, ensure};
use futures::StreamExt;
use model::{MatchOp, Matcher, TimeRange};
use service::{ClientMetrics, ClientOptions, Descriptors, GrpcChannel};
use std::path::Path;
use storeapi::grpc::{RemoteOptions, RemoteStore, fetch_info};
use storeapi::{SeriesBatch, SeriesFrame, SeriesRequest, Store};
use telemetry::Registry;

/// What is asked: how it is called, and the matchers.
type Question = (&'static str, Vec<Matcher>);

/// What one answer cost.
#[derive(Debug, Clone, Copy)]
struct Measured {
    series: usize,
    chunks: usize,
    cpu_ms: f64,
    gets: f64,
    fetched_bytes: f64,
    anonymous_bytes: f64,
}

/// The command `store`.
pub(crate) fn run(bench: &StoreBench) -> anyhow::Result<()> {
    pin_generator()?;
    let data = tempfile::tempdir()?;
    let bucket = fill_bucket(bench, &Components::ours(bench.gauntlet.as_deref()), data.path())?;
    let systems = Components::find_all(bench.gauntlet.as_deref());
    println!("one block of {} series, {} samples each", bench.shape.series, bench.shape.samples);
    let mut counts: Vec<Vec<(usize, usize)>> = Vec::new();
    for system in &systems {
        let measured = measure(system, &bucket).with_context(|| format!("measuring {}", system.name))?;
        counts.push(measured.iter().map(|one| (one.series, one.chunks)).collect());
    }
    ensure!(counts.windows(2).all(|pair| pair[0] == pair[1]), "the systems answered with other series: {counts:?}");
    Ok(())
}

/// A bucket with what an ingester ships of the load when it stops.
fn fill_bucket(bench: &StoreBench, ours: &Components, dir: &Path) -> anyhow::Result<Bucket> {
    Bucket::filled(ours, dir, "1d", |write_url| {
        // Within one day, so that it becomes one block.
        let end_ms = now_ms() / DAY_MS * DAY_MS - STEP_MS;
        let mut workload = Workload::new(&bench.shape, end_ms);
        let rounds = workload.rounds_left();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sent = runtime.block_on(send_rounds(write_url, &mut workload, rounds))?;
        ensure!(sent.refused == 0, "{} samples were refused", sent.refused);
        Ok(())
    })
}

const DAY_MS: i64 = 24 * 3_600_000;

/// Asks a store that has just started, and again when it has answered once; prints each.
fn measure(system: &Components, bucket: &Bucket) -> anyhow::Result<Vec<Measured>> {
    let data = tempfile::tempdir()?;
    let args = [format!("--data-dir={}", data.path().display()), bucket.flag()];
    let store = system.start("store", "store", data.path(), &args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut all = Vec::new();
    for (what, matchers) in questions()? {
        for state in ["cold", "warm"] {
            let before = (store.process.cpu_seconds()?, counted(&store.url)?);
            let (series, chunks) = runtime.block_on(ask(&store.grpc, &matchers))?;
            let (cpu_s, (gets, bytes)) = (store.process.cpu_seconds()? - before.0, counted(&store.url)?);
            let one = Measured {
                series,
                chunks,
                cpu_ms: cpu_s * 1000.0,
                gets: gets - before.1.0,
                fetched_bytes: bytes - before.1.1,
                anonymous_bytes: store.process.memory()?.anonymous as f64,
            };
            println!("{}, {what} series, {state}: {}", system.name, line(one));
            all.push(one);
        }
    }
    Ok(all)
}

fn questions() -> anyhow::Result<Vec<Question>> {
    let matcher = |op, name: &str, value: &str| Matcher::new(op, name, value).context("a matcher");
    Ok(vec![
        (
            "1",
            vec![
                matcher(MatchOp::Equal, "__name__", &metric_name(0))?,
                matcher(MatchOp::Equal, "instance", "10.0.0.0:9090")?,
            ],
        ),
        ("1,000", vec![matcher(MatchOp::Regex, "instance", "10\\.0\\.0\\.[0-4]:9090")?]),
        ("all", vec![matcher(MatchOp::Regex, "__name__", ".+")?]),
    ])
}

/// Series and chunks of the answer.
async fn ask(address: &str, matchers: &[Matcher]) -> anyhow::Result<(usize, usize)> {
    let metrics = ClientMetrics::new(&Registry::default(), &Descriptors::parse(proto::grpc::DESCRIPTORS)?);
    let channel = GrpcChannel::new(address, &ClientOptions::default(), &metrics)?;
    let info = fetch_info(address, channel.clone()).await?;
    let store = RemoteStore::new(info, channel, RemoteOptions::default());
    let mut frames = store.series(SeriesRequest::new(matchers, TimeRange::ALL));
    let (mut series, mut chunks) = (0, 0);
    while let Some(frame) = frames.next().await {
        match frame? {
            SeriesFrame::Series(SeriesBatch::Chunks(batch)) => {
                series += batch.len();
                chunks += batch.iter().map(|(_, chunks)| chunks.len()).sum::<usize>();
            }
            SeriesFrame::Series(SeriesBatch::Columns(_)) => {}
            SeriesFrame::Warning(text) => anyhow::bail!("{text}"),
        }
    }
    Ok((series, chunks))
}

/// Reads of the bucket so far, and the bytes they gave, by the metrics that both systems have.
fn counted(url: &str) -> anyhow::Result<(f64, f64)> {
    let text = answers::text(&format!("{url}/metrics"))?;
    let sum = |name: &str| {
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains("operation=\"get"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>()
    };
    Ok((sum("thanos_objstore_bucket_operations_total{"), sum("thanos_objstore_bucket_operation_fetched_bytes_total{")))
}

fn line(one: Measured) -> String {
    format!(
        "{} series, {} chunks, {:.0} ms CPU ({:.2} us/series), {:.0} GETs, {:.2} MB fetched, {:.0} MB anonymous memory",
        one.series,
        one.chunks,
        one.cpu_ms,
        one.cpu_ms * 1000.0 / one.series.max(1) as f64,
        one.gets,
        one.fetched_bytes / 1e6,
        one.anonymous_bytes / 1e6
    )
}
