//! What a query takes at most while it runs, by how many series it reads. What it answers is small whatever it reads.

use super::PARTS;
use crate::asker::Asker;
use crate::cli::Shape;
use crate::process::Process;
use crate::queries::Call;
use crate::systems::Running;
use anyhow::ensure;
use std::time::Duration;

/// What a system that was asked gives back by itself, it gives back within this time.
const REST: Duration = Duration::from_secs(3);

/// Asks over more and more series, and prints by how much the process grew.
pub(super) fn measure(running: &Running, shape: &Shape, end_ms: i64, repetitions: usize) -> anyhow::Result<()> {
    let asker = Asker::new()?;
    for parts in 1..=PARTS.len() {
        let names: Vec<&str> = PARTS[..parts].iter().map(|(part, _)| *part).collect();
        let series: usize = PARTS[..parts].iter().map(|(_, percent)| shape.series * percent / 100).sum();
        let query = format!(r#"sum by (namespace) (rate(requests_total{{part=~"{}"}}[5m]))"#, names.join("|"));
        let url = Call::Range(query, 56, 60).url(&running.queried(), end_ms);
        let grown = (0..repetitions.max(1))
            .map(|_| growth(&asker, &running.process, &url))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let most = grown.iter().copied().max().unwrap_or_default() as f64;
        println!(
            "  sum by (namespace) (rate()) of {series:>7} series: {:>8.1} MB more at most, {:.0} B a series (MB run by run: {})",
            most / 1e6,
            most / series.max(1) as f64,
            grown.iter().map(|bytes| format!("{:.1}", *bytes as f64 / 1e6)).collect::<Vec<_>>().join(", ")
        );
    }
    Ok(())
}

/// Bytes by which the process grew at most, above what it had right before.
pub(crate) fn growth(asker: &Asker, process: &Process, url: &str) -> anyhow::Result<u64> {
    std::thread::sleep(REST);
    process.forget_peak()?;
    let before = process.peak()?;
    let (status, body) = asker.get(url)?;
    ensure!(status == 200, "{url}: answer {status}: {}", String::from_utf8_lossy(&body));
    Ok(process.peak()?.saturating_sub(before))
}
