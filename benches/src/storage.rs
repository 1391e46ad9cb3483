//! The comparison of storage engines: what they write, how they come back, and what they know of labels.
//!
//! One life of each system: the load, questions about labels, a backup with the head (which is a block from the head; not of
//! VictoriaMetrics), a kill, a start from the log, a clean stop, a start from what that left. After each start all samples
//! must be there.

use crate::answers;
use crate::asker::Asker;
use crate::cli::Ingest;
use crate::ingest::send_rounds;
use crate::process::pin_generator;
use crate::sender::now_ms;
use crate::systems::{Running, System, SystemKind};
use crate::workload::{Workload, metric_name};
use anyhow::{Context, ensure};
use bytes::Bytes;
use std::path::Path;

/// What one life gave. Figures a system has no notion of are `None`.
#[derive(Debug, Clone)]
struct Life {
    log_bytes_a_sample: Option<f64>,
    block: Option<BlockCost>,
    /// CPU seconds until ready, after a kill and after a clean stop.
    killed_s: f64,
    stopped_s: f64,
    /// CPU milliseconds a call, in the order of [`questions`].
    questions_ms: Vec<f64>,
    /// How many answers each gave, to be held against the other systems'.
    answers: Vec<usize>,
}

/// What a block from the head took, and what it takes.
#[derive(Debug, Clone, Copy)]
struct BlockCost {
    us_a_series: f64,
    peak_bytes_a_series: f64,
    chunk_bytes_a_sample: f64,
    index_bytes_a_series: f64,
}

/// What is asked of labels: how it is called, and the path behind `/api/v1`.
fn questions(end_ms: i64) -> Vec<(&'static str, String)> {
    let range = format!("start={}&end={}", end_ms / 1000 - 3600, end_ms / 1000);
    let in_namespace = "match[]=%7Bnamespace%3D%22namespace-03%22%7D";
    let by_regex = "match[]=%7Bjob%3D~%22.%2Aservice-1.%2A%22%7D";
    vec![
        ("values of pod in a namespace", format!("/label/pod/values?{in_namespace}&{range}")),
        ("values of pod under a regex", format!("/label/pod/values?{by_regex}&{range}")),
        ("values of __name__", format!("/label/__name__/values?{range}")),
        ("series of one metric", format!("/series?match[]={}&{range}", metric_name(7))),
    ]
}

/// A block's time. The last sample of a series is the first behind one, whatever the time of the day, so that figures do not depend
/// on it: all chunks before are full then, and nearly all of the log is in chunk files.
const RANGE_MS: i64 = 2 * 3_600_000;

/// A question is asked so often.
const CALLS: usize = 100;

/// The command `storage`.
pub(crate) fn run(bench: &Ingest) -> anyhow::Result<()> {
    pin_generator()?;
    let systems = System::find_all(bench)?;
    let end_ms = now_ms() / RANGE_MS * RANGE_MS;
    let mut lives: Vec<Vec<Life>> = vec![Vec::new(); systems.len()];
    for repetition in 0..bench.repetitions {
        for (system, lives) in systems.iter().zip(&mut lives) {
            let life = live(system, bench, end_ms).with_context(|| format!("measuring {}", system.name()))?;
            println!("run {}: {}: {life:?}", repetition + 1, system.name());
            lives.push(life);
        }
    }
    let all = |lives: &[Vec<Life>]| lives.iter().flatten().map(|life| life.answers.clone()).collect::<Vec<_>>();
    ensure!(all(&lives).windows(2).all(|pair| pair[0] == pair[1]), "answers differ: {:?}", all(&lives));
    print(bench, &systems, &lives);
    Ok(())
}

fn live(system: &System, bench: &Ingest, end_ms: i64) -> anyhow::Result<Life> {
    let data = tempfile::tempdir()?;
    let log = std::env::temp_dir().join(format!("gauntlet-bench-{}.log", system.name()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut workload = Workload::new(&bench.shape, end_ms);
    let running = system.start_on(data.path(), &log)?;
    let rounds = workload.rounds_left();
    let sent = runtime.block_on(send_rounds(&running.write_url, &mut workload, rounds))?;
    ensure!(sent.refused == 0, "{} samples were refused", sent.refused);
    let samples = sent.acknowledged as f64;
    answers::check(&running.query_url, &bench.shape, end_ms, sent.acknowledged)?;
    let log_bytes = sizes(data.path(), |path| path.components().any(|part| part.as_os_str() == "wal"))?;
    let (mut questions_ms, mut counts) = (Vec::new(), Vec::new());
    for (_, path) in questions(end_ms) {
        let (ms, count) = ask(&running, &path)?;
        questions_ms.push(ms);
        counts.push(count);
    }
    let block = match system.kind {
        SystemKind::VictoriaMetrics => None,
        SystemKind::Gauntlet | SystemKind::Prometheus => {
            Some(block_from_head(&running, data.path(), workload.created() as f64, samples)?)
        }
    };
    // Dropping it kills it.
    drop(running);
    let killed_s = start_again(system, bench, data.path(), (end_ms, sent.acknowledged), &log)?;
    let stopped_s = start_again(system, bench, data.path(), (end_ms, sent.acknowledged), &log)?;
    Ok(Life {
        log_bytes_a_sample: (log_bytes > 0).then_some(log_bytes as f64 / samples),
        block,
        killed_s,
        stopped_s,
        questions_ms,
        answers: counts,
    })
}

/// Starts the system on what is there, checks that all is there, and stops it; CPU seconds until it was ready.
fn start_again(
    system: &System,
    bench: &Ingest,
    data: &Path,
    (end_ms, samples): (i64, usize),
    log: &Path,
) -> anyhow::Result<f64> {
    let running = system.start_on(data, log)?;
    let ready_s = running.process.cpu_seconds()?;
    answers::check(&running.query_url, &bench.shape, end_ms, samples)?;
    running.process.stop()?;
    Ok(ready_s)
}

/// CPU milliseconds a call on one connection, and how many things the answer lists.
fn ask(running: &Running, path: &str) -> anyhow::Result<(f64, usize)> {
    let (asker, url) = (Asker::new()?, format!("{}{path}", running.api_url));
    let get = || -> anyhow::Result<Bytes> {
        let (status, body) = asker.get(&url)?;
        ensure!(status == 200, "{url}: answer {status}");
        Ok(body)
    };
    let answer: serde_json::Value = serde_json::from_slice(&get()?)?;
    let found = answer.pointer("/data").and_then(serde_json::Value::as_array).map_or(0, Vec::len);
    let before = running.process.thread_times()?;
    for _ in 0..CALLS {
        get()?;
    }
    let spent = running.process.thread_times()?.since(&before);
    Ok((spent.as_secs_f64() / CALLS as f64 * 1000.0, found))
}

/// A snapshot with the head: what it takes to write that block, and the bytes of its files.
fn block_from_head(running: &Running, data: &Path, series: f64, samples: f64) -> anyhow::Result<BlockCost> {
    running.process.forget_peak()?;
    let (before, began_s) = (running.process.peak()?, running.process.cpu_seconds()?);
    answers::post(&format!("{}/admin/tsdb/snapshot", running.api_url))?;
    let (took_s, peak) = (running.process.cpu_seconds()? - began_s, running.process.peak()?);
    let of = |name: &str| {
        sizes(data, |path| {
            let has = |name: &str| path.components().any(|part| part.as_os_str() == name);
            has("snapshots") && has(name)
        })
    };
    let (index_bytes, chunk_bytes) = (of("index")?, of("chunks")?);
    ensure!(index_bytes > 0 && chunk_bytes > 0, "the snapshot holds no block");
    Ok(BlockCost {
        us_a_series: took_s * 1e6 / series,
        peak_bytes_a_series: peak.saturating_sub(before) as f64 / series,
        chunk_bytes_a_sample: chunk_bytes as f64 / samples,
        index_bytes_a_series: index_bytes as f64 / series,
    })
}

/// Bytes of the files below `dir` that `counts` wants.
fn sizes(dir: &Path, counts: impl Fn(&Path) -> bool + Copy) -> anyhow::Result<u64> {
    let mut total = 0;
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            total += sizes(&path, counts)?;
        } else if counts(&path) {
            // A log is cut while we look: what is gone has no size.
            total += std::fs::metadata(&path).map_or(0, |file| file.len());
        }
    }
    Ok(total)
}

fn print(bench: &Ingest, systems: &[System], lives: &[Vec<Life>]) {
    let shape = &bench.shape;
    println!(
        "\nworkload: {} series, {} samples a series, churn {} %/h, seed {}; every sample acknowledged was read back after each start; answers about labels are of equal length",
        shape.series, shape.samples, shape.churn, shape.seed
    );
    for system in systems {
        println!("{}: {}; {}", system.name(), system.version, system.durability);
    }
    let rows = rows();
    for (what, of) in &rows {
        let minimum = |lives: &Vec<Life>| lives.iter().filter_map(of).reduce(f64::min);
        let ours = lives.first().and_then(minimum);
        let cells = systems.iter().zip(lives).map(|(system, lives)| match (minimum(lives), ours) {
            (None, _) => format!("{} -", system.name()),
            (Some(figure), Some(ours)) if system.kind != SystemKind::Gauntlet => {
                format!("{} {figure:.3} ({:.1}x)", system.name(), figure / ours)
            }
            (Some(figure), _) => format!("{} {figure:.3}", system.name()),
        });
        println!("  {what:<42} {}", cells.collect::<Vec<_>>().join("   "));
    }
}

/// A figure of a life.
type Figure = Box<dyn Fn(&Life) -> Option<f64>>;

/// The lines of the table.
fn rows() -> Vec<(String, Figure)> {
    let mut rows: Vec<(String, Figure)> = vec![
        ("log, bytes a sample".to_owned(), Box::new(|life| life.log_bytes_a_sample)),
        ("start after a kill, CPU s".to_owned(), Box::new(|life| Some(life.killed_s))),
        ("start after a clean stop, CPU s".to_owned(), Box::new(|life| Some(life.stopped_s))),
        ("block from head, CPU us a series".to_owned(), Box::new(|life| Some(life.block?.us_a_series))),
        ("block from head, peak bytes a series".to_owned(), Box::new(|life| Some(life.block?.peak_bytes_a_series))),
        ("block, chunk bytes a sample".to_owned(), Box::new(|life| Some(life.block?.chunk_bytes_a_sample))),
        ("block, index bytes a series".to_owned(), Box::new(|life| Some(life.block?.index_bytes_a_series))),
    ];
    for (at, (what, _)) in questions(0).into_iter().enumerate() {
        rows.push((format!("{what}, CPU ms"), Box::new(move |life| life.questions_ms.get(at).copied())));
    }
    rows
}
