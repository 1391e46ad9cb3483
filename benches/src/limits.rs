//! What queries may not do, whatever they ask: take memory by how many series they read, and go on when nobody waits for
//! their answer any more.

mod cancellation;
mod memory;

use crate::cli::{Ingest, Shape};
use crate::dataset::{Dataset, Metric, Values};
use crate::process::pin_generator;
use crate::sender::now_ms;
use crate::systems::{System, SystemKind};
use crate::workload::STEP_MS;
use std::time::Duration;

pub(crate) use memory::growth;

/// Parts of all series: the value of their label `part`, and how many of a hundred they are.
const PARTS: [(&str, usize); 3] = [("small", 2), ("medium", 18), ("large", 80)];

/// The command `limits`.
pub(crate) fn run(bench: &Ingest) -> anyhow::Result<()> {
    pin_generator()?;
    let end_ms = now_ms() / STEP_MS * STEP_MS;
    let data = data(&bench.shape);
    println!("limits: {} series, {} samples each; every sample was read back", bench.shape.series, bench.shape.samples);
    for system in System::find_all(bench)?.into_iter().map(System::for_questions) {
        let log = std::env::temp_dir().join(format!("gauntlet-bench-{}.log", system.name()));
        let running = system.start(&log)?;
        if let Err(err) = data.load(&running.write_url, &running.query_url, end_ms) {
            anyhow::ensure!(system.kind != SystemKind::Gauntlet, err);
            println!("SKIPPED: {} does not hold the data: {err}", system.name());
            continue;
        }
        println!("{}: {}", system.name(), system.version);
        std::thread::sleep(Duration::from_secs(bench.idle));
        memory::measure(&running, &bench.shape, end_ms, bench.repetitions)?;
        cancellation::measure(&running, end_ms, bench.repetitions)?;
    }
    Ok(())
}

/// One metric, its series in parts.
fn data(shape: &Shape) -> Dataset {
    let parts = PARTS.iter().flat_map(|(part, percent)| std::iter::repeat_n(*part, shape.series * percent / 100));
    let labels = parts.enumerate().map(|(number, part)| {
        vec![
            ("container", format!("service-{}", number % 50)),
            ("instance", format!("10.0.{}.{}:9090", number >> 8 & 255, number & 255)),
            ("namespace", format!("namespace-{:02}", number % 20)),
            ("part", part.to_owned()),
            ("pod", format!("service-{}-{number:08x}", number % 50)),
        ]
    });
    let metric = Metric::new("requests_total", STEP_MS / 1000, shape.samples);
    Dataset::default().with(metric.with(labels, |seed| Values::counter(seed, 40.0)))
}
