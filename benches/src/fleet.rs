//! The comparison of the way from a router to its ingesters.

use crate::answers;
use crate::cli::Fleet;
use crate::ingest::send_rounds;
use crate::process::{Process, pin_generator};
use crate::sender::now_ms;
use crate::systems::{beside_this_program, free_address};
use crate::workload::{STEP_MS, Workload};
use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Ours or a peer's: a program that takes the flags of `thanos receive`.
struct System {
    name: &'static str,
    program: PathBuf,
}

/// How often the querier asks what ingesters have.
const POLL: Duration = Duration::from_secs(1);

/// A router, its ingesters, and a querier of ours that checks what they hold. Killed when dropped.
struct Running {
    write_url: String,
    query_url: String,
    /// The router, then the ingesters.
    receivers: Vec<Process>,
    ingester_ports: Vec<String>,
    _querier: Process,
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
    let ours = fleet.gauntlet.clone().unwrap_or_else(beside_this_program);
    let mut systems = vec![System { name: "gauntlet", program: ours.clone() }];
    match std::env::var_os("THANOS") {
        Some(program) => systems.push(System { name: "thanos", program: program.into() }),
        None => println!("SKIPPED: $THANOS names no program"),
    }
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

fn measure(system: &System, ours: &Path, fleet: &Fleet, replication: usize) -> anyhow::Result<Measured> {
    let running = start(system, ours, replication)?;
    let end_ms = now_ms() / STEP_MS * STEP_MS;
    let mut workload = Workload::new(&fleet.shape, end_ms);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let first = runtime.block_on(send_rounds(&running.write_url, &mut workload, 1))?;
    let (first_cpu, first_bytes) = (running.cpu_seconds()?, running.copied_bytes());
    let rounds = workload.rounds_left();
    let rest = runtime.block_on(send_rounds(&running.write_url, &mut workload, rounds))?;
    let cpu = running.cpu_seconds()? - first_cpu;
    let copied = running.copied_bytes().zip(first_bytes).map(|(after, before)| after - before);
    ensure!(first.refused + rest.refused == 0, "{} samples were refused", first.refused + rest.refused);
    // The querier asks for what the ingesters last said they have.
    std::thread::sleep(2 * POLL);
    answers::check(&running.query_url, &fleet.shape, end_ms, first.acknowledged + rest.acknowledged)?;
    let samples = rest.acknowledged.max(1) as f64;
    Ok(Measured {
        sample_us: cpu / samples * 1e6,
        copy_bytes: copied.map(|bytes| bytes / samples / replication as f64),
    })
}

fn start(system: &System, ours: &Path, replication: usize) -> anyhow::Result<Running> {
    let data = tempfile::tempdir()?;
    let (mut ingesters, mut ports) = (Vec::new(), Vec::new());
    for number in 0..replication {
        let grpc = free_address()?;
        let args = [format!("--tsdb.path={}/{number}", data.path().display())];
        let (process, _) = receive(system, &data, &format!("ingester-{number}"), &grpc, &args)?;
        ingesters.push(process);
        ports.push(grpc);
    }
    let ring = serde_json::json!([{ "algorithm": "ketama", "endpoints": ports }]).to_string();
    let args = [format!("--receive.hashrings={ring}"), format!("--receive.replication-factor={replication}")];
    let (router, write) = receive(system, &data, "router", &free_address()?, &args)?;
    let (http, grpc) = (free_address()?, free_address()?);
    let mut args = vec!["query".to_owned(), format!("--http-address={http}"), format!("--grpc-address={grpc}")];
    args.push("--query.replica-label=replica".to_owned());
    args.push("--query.max-samples=2000000000".to_owned());
    args.push(format!("--endpoint.info-timeout={}s", POLL.as_secs()));
    args.extend(ports.iter().map(|port| format!("--endpoint-strict={port}")));
    let mut querier = Process::start(ours, &args, &data.path().join("query.log"))?;
    querier.wait_until(|| answers::is_ok(&format!("http://{http}/-/ready")))?;
    Ok(Running {
        write_url: format!("http://{write}/api/v1/receive"),
        query_url: format!("http://{http}/api/v1/query"),
        receivers: std::iter::once(router).chain(ingesters).collect(),
        ingester_ports: ports,
        _querier: querier,
        _data: data,
    })
}

/// A `receive` process called `name`, and where it takes remote write.
fn receive(
    system: &System,
    data: &tempfile::TempDir,
    name: &str,
    grpc: &str,
    own: &[String],
) -> anyhow::Result<(Process, String)> {
    let (http, write, unused) = (free_address()?, free_address()?, free_address()?);
    let mut args = vec!["receive".to_owned(), format!("--http-address={http}"), format!("--grpc-address={grpc}")];
    args.push(format!("--remote-write.address={write}"));
    args.push(format!("--receive.capnproto-address={unused}"));
    args.push(format!("--label=replica=\"{name}\""));
    args.extend_from_slice(own);
    let log = data.path().join(format!("{name}.log"));
    let mut process = Process::start(&system.program, &args, &log)?;
    process.wait_until(|| answers::is_ok(&format!("http://{http}/-/ready"))).with_context(|| name.to_owned())?;
    Ok((process, write))
}

impl Running {
    fn cpu_seconds(&self) -> anyhow::Result<f64> {
        self.receivers.iter().map(Process::cpu_seconds).sum()
    }

    /// Bytes sent so far on the connections to the ingesters, as the kernel counts them.
    fn copied_bytes(&self) -> Option<f64> {
        let mut bytes = 0.0;
        for port in &self.ingester_ports {
            let told = Command::new("ss").args(["-tinH", "dst", port]).output().ok()?;
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

fn print(systems: &[System], runs: &[Vec<Measured>], replication: usize) {
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
