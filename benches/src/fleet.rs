//! The comparison of the way from a router to its ingesters.

use crate::answers;
use crate::cli::Fleet;
use crate::components::{Component, Components, Receiver};
use crate::ingest::send_rounds;
use crate::process::pin_generator;
use crate::sender::now_ms;
use crate::workload::{STEP_MS, Workload};
use anyhow::{Context, ensure};
use std::process::Command;
use std::time::Duration;

/// How often the querier asks what ingesters have.
const POLL: Duration = Duration::from_secs(1);

/// A router, its ingesters, and a querier of ours that checks what they hold. Killed when dropped.
struct Running {
    router: Receiver,
    ingesters: Vec<Receiver>,
    querier: Component,
    _data: tempfile::TempDir,
}

/// What one run gave.
#[derive(Debug, Clone, Copy)]
struct Measured {
    /// CPU microseconds an accepted sample, all processes together, after the first round.
    sample_us: f64,
    /// Bytes from router to ingesters, a sample and copy; `None`: `ss` is not there to tell.
    copy_bytes: Option<f64>,
}

/// The command `fleet`.
pub(crate) fn run(fleet: &Fleet) -> anyhow::Result<()> {
    pin_generator()?;
    let ours = Components::ours(fleet.gauntlet.as_deref());
    let systems = Components::find_all(fleet.gauntlet.as_deref());
    for replication in [1, 3] {
        let mut runs: Vec<Vec<Measured>> = vec![Vec::new(); systems.len()];
        for _ in 0..fleet.repetitions {
            for (system, runs) in systems.iter().zip(&mut runs) {
                let one = measure(system, &ours, fleet, replication);
                let one = one.with_context(|| format!("measuring {} at factor {replication}", system.name))?;
                println!("factor {replication}, {}: {}", system.name, line(one));
                runs.push(one);
            }
        }
        print(&systems, &runs, replication);
    }
    let shape = &fleet.shape;
    println!(
        "\nworkload: {} series, {} samples a series, {} a request, {} connections, seed {}; as many samples came back as were acknowledged, those of 20 series one by one",
        shape.series, shape.samples, shape.batch, shape.connections, shape.seed
    );
    Ok(())
}

fn measure(system: &Components, ours: &Components, fleet: &Fleet, replication: usize) -> anyhow::Result<Measured> {
    let running = start(system, ours, replication)?;
    let end_ms = now_ms() / STEP_MS * STEP_MS;
    let mut workload = Workload::new(&fleet.shape, end_ms);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let first = runtime.block_on(send_rounds(&running.router.write_url, &mut workload, 1))?;
    let (first_cpu, first_bytes) = (running.cpu_seconds()?, running.copied_bytes());
    let rounds = workload.rounds_left();
    let rest = runtime.block_on(send_rounds(&running.router.write_url, &mut workload, rounds))?;
    let cpu = running.cpu_seconds()? - first_cpu;
    let copied = running.copied_bytes().zip(first_bytes).map(|(after, before)| after - before);
    ensure!(first.refused + rest.refused == 0, "{} samples were refused", first.refused + rest.refused);
    // The querier asks for what the ingesters last said they have.
    std::thread::sleep(2 * POLL);
    answers::check(&running.querier.query_url(), &fleet.shape, end_ms, first.acknowledged + rest.acknowledged)?;
    let samples = rest.acknowledged.max(1) as f64;
    Ok(Measured {
        sample_us: cpu / samples * 1e6,
        copy_bytes: copied.map(|bytes| bytes / samples / replication as f64),
    })
}

fn start(system: &Components, ours: &Components, replication: usize) -> anyhow::Result<Running> {
    let data = tempfile::tempdir()?;
    let dir = data.path();
    let ingester = |number| {
        let args = [format!("--tsdb.path={}/{number}", dir.display())];
        system.receive(&format!("ingester-{number}"), dir, &args)
    };
    let ingesters: Vec<Receiver> = (0..replication).map(ingester).collect::<Result<_, _>>()?;
    let ports: Vec<&str> = ingesters.iter().map(|ingester| ingester.component.grpc.as_str()).collect();
    let ring = serde_json::json!([{ "algorithm": "ketama", "endpoints": ports }]).to_string();
    let args = [format!("--receive.hashrings={ring}"), format!("--receive.replication-factor={replication}")];
    let router = system.receive("router", dir, &args)?;
    let args = ["--query.max-samples=2000000000".to_owned(), format!("--endpoint.info-timeout={}s", POLL.as_secs())];
    let querier = ours.query(dir, ports, &args)?;
    Ok(Running { router, ingesters, querier, _data: data })
}

impl Running {
    fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let receivers = std::iter::once(&self.router).chain(&self.ingesters);
        receivers.map(|receiver| receiver.component.process.cpu_seconds()).sum()
    }

    /// Bytes sent so far on the connections to the ingesters, as the kernel counts them.
    fn copied_bytes(&self) -> Option<f64> {
        let mut bytes = 0.0;
        for ingester in &self.ingesters {
            let told = Command::new("ss").args(["-tinH", "dst", &ingester.component.grpc]).output().ok()?;
            let text = String::from_utf8_lossy(&told.stdout).into_owned();
            let sent = text.split_whitespace().filter_map(|word| word.strip_prefix("bytes_sent:")?.parse::<f64>().ok());
            bytes += sent.sum::<f64>();
        }
        Some(bytes)
    }
}

fn line(one: Measured) -> String {
    let bytes = one.copy_bytes.map_or_else(|| "not known".to_owned(), |bytes| format!("{bytes:.1}"));
    format!("{:.3} us/sample over all processes, {bytes} B/sample and copy between them", one.sample_us)
}

fn print(systems: &[Components], runs: &[Vec<Measured>], replication: usize) {
    let least = |runs: &[Measured]| runs.iter().map(|run| run.sample_us).fold(f64::INFINITY, f64::min);
    let Some(ours) = runs.first().map(|runs| least(runs)) else { return };
    for (system, runs) in systems.iter().zip(runs).skip(1) {
        println!(
            "\nfactor {replication}: {} / gauntlet (minima): CPU a sample {:.1}x",
            system.name,
            least(runs) / ours
        );
    }
}
