//! Figures for people: ratios, with all that one must know to believe them.

use crate::cli::Ingest;
use crate::systems::System;

/// What one run of one system gave. Every answer was checked.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// CPU microseconds a sample, after the first round.
    pub(crate) sample_us: f64,
    /// CPU microseconds a new series, its first sample included.
    pub(crate) series_us: f64,
    /// Anonymous and file-backed bytes a series, above the empty process, after the idle time.
    pub(crate) memory: (f64, f64),
    /// Bytes a sample on the wire.
    pub(crate) wire_bytes: f64,
    /// Of a core, in the idle time.
    pub(crate) idle_share: f64,
}

pub(crate) fn line(name: &str, one: &Measured) -> String {
    format!(
        "{name}: {:.3} us/sample, {:.2} us/new series, {:.0} B/series anonymous, {:.0} B/series file-backed, idle {:.1} %, {:.1} B/sample on the wire",
        one.sample_us,
        one.series_us,
        one.memory.0,
        one.memory.1,
        one.idle_share * 100.0,
        one.wire_bytes
    )
}

/// Prints each system's minimum and spread, and our ratio to each peer.
pub(crate) fn print(ingest: &Ingest, systems: &[System], measured: &[Vec<Measured>]) {
    let shape = &ingest.shape;
    println!(
        "\nworkload: remote write {:?}, {} series, {} samples a series, {} a request, {} connections, {}, churn {} %/h, jitter {} ms, seed {}; limits off; every sample acknowledged was read back",
        shape.protocol,
        shape.series,
        shape.samples,
        shape.batch,
        shape.connections,
        if shape.shuffle { "shuffled" } else { "in order" },
        shape.churn,
        shape.jitter,
        shape.seed
    );
    for (system, runs) in systems.iter().zip(measured) {
        println!("\n{} ({}; {})", system.name(), system.version, system.durability);
        println!("  CPU us a sample        {}", spread(runs, |run| run.sample_us));
        println!("  CPU us a new series    {}", spread(runs, |run| run.series_us));
        println!("  anonymous B a series   {}", spread(runs, |run| run.memory.0));
        println!("  file-backed B a series {}", spread(runs, |run| run.memory.1));
        println!("  idle, per cent of core {}", spread(runs, |run| run.idle_share * 100.0));
    }
    let (Some(ours), peers) = (measured.first(), systems.iter().zip(measured).skip(1)) else {
        return;
    };
    for (system, runs) in peers {
        let ratio = |of: fn(&Measured) -> f64| minimum(runs, of) / minimum(ours, of);
        println!(
            "\n{} / gauntlet (minima): CPU a sample {:.1}x, CPU a new series {:.1}x, anonymous memory a series {:.1}x",
            system.name(),
            ratio(|run| run.sample_us),
            ratio(|run| run.series_us),
            ratio(|run| run.memory.0)
        );
    }
}

fn minimum(runs: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    runs.iter().map(of).fold(f64::INFINITY, f64::min)
}

fn spread(runs: &[Measured], of: impl Fn(&Measured) -> f64) -> String {
    let largest = runs.iter().map(&of).fold(f64::NEG_INFINITY, f64::max);
    format!("{:.3} … {:.3} ({} runs)", minimum(runs, &of), largest, runs.len())
}
