//! The comparison of queries over the head: CPU a query, shape by shape.
//!
//! All systems hold the same series; each shape is asked until it took enough CPU to be counted in clock ticks. Steps lie
//! between samples, so that it makes no difference which end of a window is inside it.

use crate::answers;
use crate::cli::Ingest;
use crate::ingest::send_rounds;
use crate::process::pin_generator;
use crate::sender::now_ms;
use crate::systems::{Running, System, SystemKind};
use crate::workload::{STEP_MS, Workload, metric_name};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::collections::BTreeMap;

/// A query: what it is called, its text, and whether it is one over the last hour, a step a minute.
struct Shape {
    name: &'static str,
    query: String,
    is_range: bool,
}

/// What a system made of a shape.
#[derive(Debug, Clone)]
struct Asked {
    cpu_ms: f64,
    /// By series and time.
    answer: BTreeMap<String, f64>,
}

fn shapes() -> Vec<Shape> {
    let shape = |name, is_range, query: &str| {
        let query = query.replace("ONE", &metric_name(3)).replace("TWO", &metric_name(4));
        Shape { name, query, is_range }
    };
    let le = r#"label_replace(label_replace(rate(ONE[5m]), "le", "$1", "node", "ip-10-0-([0-9]+)-.*"), "le", "+Inf", "node", "ip-10-0-9.*")"#;
    vec![
        shape("instant count of all", false, r#"count({cluster="production-eu-central-1"})"#),
        shape("instant sum by namespace", false, r#"sum by (namespace) ({__name__=~"component_0[0-2]_.*"})"#),
        shape("range sum, a fifth of all", true, r#"sum({__name__=~"component_0[0-2]_.*"})"#),
        shape("range sum by rate", true, "sum by (namespace) (rate(ONE[5m]))"),
        shape("instant topk", false, r#"topk(10, {__name__=~"component_0[3-5]_.*"})"#),
        shape("range histogram_quantile", true, &format!("histogram_quantile(0.9, sum by (le, namespace) ({le}))")),
        shape("instant regex on pod", false, r#"count({pod=~".*-1[0-9]-.*"})"#),
        shape("range join group_left", true, "rate(ONE[5m]) * on (pod) group_left (node) sum by (pod, node) (TWO)"),
        shape("instant avg_over_time", false, "avg by (namespace) (avg_over_time(ONE[1h]))"),
        shape("instant subquery", false, "max_over_time(sum by (namespace) (rate(ONE[5m]))[1h:1m])"),
        shape("range quantile by", true, r#"quantile by (namespace) (0.9, {__name__=~"component_0[0-2]_.*"})"#),
        shape("range label_replace", true, r#"label_replace(ONE, "short", "$1", "pod", "service-(.*)-.*-.*")"#),
    ]
}

/// CPU milliseconds that a shape takes at least, all calls together, unless there were too many.
const ENOUGH_MS: f64 = 300.0;
const CALLS: usize = 300;

/// The command `queries`.
pub(crate) fn run(bench: &Ingest) -> anyhow::Result<()> {
    pin_generator()?;
    let systems = System::find_all(bench)?;
    let end_ms = now_ms() / STEP_MS * STEP_MS;
    let mut running = Vec::new();
    for system in &systems {
        let log = std::env::temp_dir().join(format!("gauntlet-bench-{}.log", system.name()));
        let one = system.start(&log)?;
        let mut workload = Workload::new(&bench.shape, end_ms);
        let rounds = workload.rounds_left();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sent = runtime.block_on(send_rounds(&one.write_url, &mut workload, rounds))?;
        ensure!(sent.refused == 0, "{} samples were refused", sent.refused);
        answers::check(&one.query_url, &bench.shape, end_ms, sent.acknowledged)?;
        running.push(one);
    }
    println!(
        "workload: {} series, {} samples a series, seed {}; every sample acknowledged was read back; least of {} repetitions",
        bench.shape.series, bench.shape.samples, bench.shape.seed, bench.repetitions
    );
    systems.iter().for_each(|system| println!("{}: {}", system.name(), system.version));
    let mut logs: Vec<f64> = vec![0.0; systems.len()];
    let shapes = shapes();
    for shape in &shapes {
        let asked = ask_all(&running, shape, end_ms, bench.repetitions).with_context(|| shape.query.clone())?;
        let ours = &asked[0];
        let cells = systems.iter().zip(&asked).zip(&mut logs).map(|((system, asked), log)| {
            let ratio = asked.cpu_ms / ours.cpu_ms;
            *log += ratio.ln();
            match system.kind {
                SystemKind::Gauntlet => format!("{} {:.2} ms", system.name(), asked.cpu_ms),
                _ => {
                    let difference = difference(&ours.answer, &asked.answer);
                    format!("{} {:.2} ({ratio:.1}x; {difference})", system.name(), asked.cpu_ms)
                }
            }
        });
        println!("  {:<26} {}", shape.name, cells.collect::<Vec<_>>().join("   "));
    }
    for (system, log) in systems.iter().zip(&logs).skip(1) {
        println!("geometric mean against {}: {:.1}x", system.name(), (log / shapes.len() as f64).exp());
    }
    Ok(())
}

/// Asks all systems in turns; the least CPU of the repetitions counts.
fn ask_all(running: &[Running], shape: &Shape, end_ms: i64, repetitions: usize) -> anyhow::Result<Vec<Asked>> {
    let mut best: Vec<Option<Asked>> = vec![None; running.len()];
    for _ in 0..repetitions {
        for (running, best) in running.iter().zip(&mut best) {
            let asked = ask(running, shape, end_ms)?;
            if best.as_ref().is_none_or(|best| asked.cpu_ms < best.cpu_ms) {
                *best = Some(asked);
            }
        }
    }
    Ok(best.into_iter().flatten().collect())
}

fn ask(running: &Running, shape: &Shape, end_ms: i64) -> anyhow::Result<Asked> {
    let encoded: String = shape.query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    // Between two samples, and behind the last one.
    let end_s = (end_ms + STEP_MS / 2) as f64 / 1000.0;
    let url = match shape.is_range {
        true => format!(
            "{}_range?query={encoded}&start={}&end={end_s}&step=60&nocache=1",
            running.query_url,
            end_s - 3540.0
        ),
        false => format!("{}?query={encoded}&time={end_s}&nocache=1", running.query_url),
    };
    let answer = numbers(&serde_json::from_str(&answers::text(&url)?)?);
    let before = running.process.cpu_seconds()?;
    let mut calls = 0;
    loop {
        answers::text(&url)?;
        calls += 1;
        let spent_ms = (running.process.cpu_seconds()? - before) * 1000.0;
        if spent_ms >= ENOUGH_MS || calls == CALLS {
            return Ok(Asked { cpu_ms: spent_ms / calls as f64, answer });
        }
    }
}

/// All values of an answer by series and time; without names, which VictoriaMetrics takes away elsewhere, and without our
/// external labels.
fn numbers(answer: &Value) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for series in answer.pointer("/data/result").and_then(Value::as_array).into_iter().flatten() {
        let mut labels = series["metric"].as_object().cloned().unwrap_or_default();
        ["__name__", "replica", "tenant_id"].iter().for_each(|name| {
            labels.remove(*name);
        });
        let many = series["values"].as_array().into_iter().flatten();
        for sample in many.chain(series.get("value")) {
            let value = sample[1].as_str().and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN);
            *found.entry(format!("{labels:?} {}", sample[0])).or_insert(0.0) += value;
        }
    }
    found
}

/// How far two answers are apart, in words.
fn difference(ours: &BTreeMap<String, f64>, theirs: &BTreeMap<String, f64>) -> String {
    let missing =
        ours.keys().filter(|key| !theirs.contains_key(*key)).count() + theirs.len().saturating_sub(ours.len());
    let apart = |key: &String, own: &f64| {
        let other = theirs.get(key)?;
        let both_nan = own.is_nan() && other.is_nan();
        Some(if both_nan || own == other { 0.0 } else { (own - other).abs() / own.abs().max(other.abs()) })
    };
    let most = ours.iter().filter_map(|(key, own)| apart(key, own)).fold(0.0, f64::max);
    match missing {
        0 if most == 0.0 => "equal".to_owned(),
        0 => format!("within {most:.0e}"),
        missing => format!("{missing} of {} values missing or more, others within {most:.0e}", ours.len()),
    }
}
