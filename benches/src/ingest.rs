//! The comparison of ingestion.

use crate::answers;
use crate::cli::{Ingest, Shape};
use crate::process::{Memory, pin_generator};
use crate::report::{self, Measured};
use crate::sender::{Connection, Sent, now_ms, send_round};
use crate::systems::System;
use crate::workload::{STEP_MS, Workload};
use anyhow::{Context, ensure};
use std::time::Duration;

/// The command `ingest`.
pub(crate) fn run(ingest: &Ingest) -> anyhow::Result<()> {
    pin_generator()?;
    let systems = System::find_all(ingest)?;
    // One end for all, so that all get the same bytes.
    let end_ms = now_ms() / STEP_MS * STEP_MS;
    let mut measured: Vec<Vec<Measured>> = vec![Vec::new(); systems.len()];
    for repetition in 0..ingest.repetitions {
        for (system, measured) in systems.iter().zip(&mut measured) {
            let one = measure(system, ingest, end_ms).with_context(|| format!("measuring {}", system.name()))?;
            println!("run {}: {}", repetition + 1, report::line(&system.name(), &one));
            measured.push(one);
        }
    }
    report::print(ingest, &systems, &measured);
    Ok(())
}

fn measure(system: &System, ingest: &Ingest, end_ms: i64) -> anyhow::Result<Measured> {
    let log = std::env::temp_dir().join(format!("gauntlet-bench-{}.log", system.name()));
    let running = system.start(&log)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut workload = Workload::new(&ingest.shape, end_ms);
    let empty = running.process.memory()?;
    let idle_cpu = running.process.cpu_seconds()?;
    let first = runtime.block_on(send_rounds(&running.write_url, &mut workload, 1))?;
    let first_cpu = running.process.cpu_seconds()? - idle_cpu;
    let rounds = workload.rounds_left();
    let rest = runtime.block_on(send_rounds(&running.write_url, &mut workload, rounds))?;
    let rest_cpu = running.process.cpu_seconds()? - idle_cpu - first_cpu;
    let total = first + rest;
    ensure!(total.refused == 0, "{} samples were refused", total.refused);
    let before_idle = running.process.cpu_seconds()?;
    std::thread::sleep(Duration::from_secs(ingest.idle));
    let idle_share = (running.process.cpu_seconds()? - before_idle) / ingest.idle.max(1) as f64;
    let memory = running.process.memory()?;
    answers::check(&running.query_url, &ingest.shape, end_ms, total.acknowledged)?;
    let series = workload.created() as f64;
    Ok(Measured {
        sample_us: rest_cpu / rest.acknowledged.max(1) as f64 * 1e6,
        // The first round makes the series and appends a sample to each.
        series_us: first_cpu / first.acknowledged.max(1) as f64 * 1e6,
        memory: per_series(memory, empty, series),
        wire_bytes: total.bytes as f64 / total.acknowledged.max(1) as f64,
        idle_share,
    })
}

/// Sends so many rounds to `url`.
pub(crate) async fn send_rounds(url: &str, workload: &mut Workload, rounds: usize) -> anyhow::Result<Sent> {
    let Shape { connections, protocol, .. } = *workload.shape();
    let connections: Vec<_> =
        (0..connections.max(1)).map(|_| Connection::new(url, protocol)).collect::<Result<_, _>>()?;
    let mut sent = Sent::default();
    for _ in 0..rounds {
        sent = sent + send_round(&connections, workload).await?;
    }
    Ok(sent)
}

fn per_series(memory: Memory, empty: Memory, series: f64) -> (f64, f64) {
    let grown = |after: u64, before: u64| after.saturating_sub(before) as f64 / series;
    (grown(memory.anonymous, empty.anonymous), grown(memory.file, empty.file))
}
