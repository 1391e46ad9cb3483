//! The comparison of queries over the head: CPU a query, question by question.
//!
//! All systems hold the same series; each question is asked until it took enough CPU to be counted. A group of questions has
//! its own data and its own processes.

mod answer;
mod dashboards;
mod downsampled;
mod group;
mod histograms;
mod large;
mod question;
mod replicas;
mod shapes;
mod table;
mod thanos;
mod upstream;

use crate::asker::Asker;
use crate::cli::Queries;
use crate::process::{ThreadTimes, pin_generator};
use crate::sender::now_ms;
use crate::systems::{Queried, System, SystemKind};
use crate::workload::STEP_MS;
use anyhow::Context;
use question::Question;
use std::time::Duration;
use table::{Asked, Row};

pub(crate) use downsampled::run as run_downsampled;
pub(crate) use group::Group;
pub(crate) use question::Call;
pub(crate) use replicas::run as run_replicas;

/// CPU time that a question takes at least, all calls together, unless there were too many.
const ENOUGH: Duration = Duration::from_millis(200);
const CALLS: u32 = 3_000;

/// The command `queries`.
pub(crate) fn run(bench: &Queries) -> anyhow::Result<()> {
    pin_generator()?;
    let systems: Vec<System> = System::find_all(&bench.ingest)?.into_iter().map(System::for_questions).collect();
    bench.group.iter().try_for_each(|group| run_group(*group, &systems, bench))
}

fn run_group(group: Group, systems: &[System], bench: &Queries) -> anyhow::Result<()> {
    let end_ms = now_ms() / STEP_MS * STEP_MS;
    let data = group.data(&bench.ingest.shape);
    let mut running = Vec::new();
    for system in systems {
        let log = std::env::temp_dir().join(format!("gauntlet-bench-{}.log", system.name()));
        let one = system.start(&log)?;
        match data.load(&one, end_ms) {
            Ok(()) => running.push((system, one)),
            Err(err) if system.kind != SystemKind::Gauntlet => {
                println!("SKIPPED: {} does not hold the data of {}: {err}", system.name(), group.name());
            }
            Err(err) => return Err(err),
        }
    }
    let (series, samples) = data.size();
    println!(
        "{}: {series} series, {samples} samples, seed {}; every sample acknowledged was read back; CPU ms a question, least of {}",
        group.name(),
        bench.ingest.shape.seed,
        bench.ingest.repetitions
    );
    running.iter().for_each(|(system, _)| println!("{}: {}", system.name(), system.version));
    let queried: Vec<_> = running.iter().map(|(system, running)| (system.name(), running.queried())).collect();
    let mut rows = Vec::new();
    for question in group.questions().into_iter().filter(|question| question.name.contains(&bench.only)) {
        let row = ask_all(&queried, &question, end_ms, bench.ingest.repetitions).context(question.name.clone())?;
        println!("  {row}");
        rows.push(row);
    }
    table::print_sums(&rows);
    Ok(())
}

/// Asks all systems in turns; the least CPU of the repetitions counts.
fn ask_all(
    queried: &[(String, Queried<'_>)],
    question: &Question,
    end_ms: i64,
    repetitions: usize,
) -> anyhow::Result<Row> {
    let asker = Asker::new()?;
    let mut best: Vec<Option<Asked>> = vec![None; queried.len()];
    for repetition in 0..repetitions.max(1) {
        for ((_, queried), best) in queried.iter().zip(&mut best) {
            let asked = ask(&asker, queried, question, end_ms, repetition == 0)?;
            match best {
                Some(best) => best.keep_least(&asked),
                None => *best = Some(asked),
            }
        }
    }
    let names = queried.iter().map(|(name, _)| name.clone());
    Ok(Row { question: question.clone(), asked: names.zip(best.into_iter().flatten()).collect() })
}

fn ask(
    asker: &Asker,
    queried: &Queried<'_>,
    question: &Question,
    end_ms: i64,
    is_compared: bool,
) -> anyhow::Result<Asked> {
    let urls: Vec<String> = question.calls.iter().map(|call| call.url(queried, end_ms)).collect();
    let mut asked = Asked::default();
    let times =
        || queried.processes.iter().map(|process| ThreadTimes::of(&[process])).collect::<anyhow::Result<Vec<_>>>();
    let since = |before: &[ThreadTimes]| -> anyhow::Result<Vec<Duration>> {
        Ok(times()?.iter().zip(before).map(|(now, before)| now.since(before)).collect())
    };
    let mut before = times()?;
    for (request, url) in urls.iter().enumerate() {
        let (status, body) = asker.get(url)?;
        if status != 200 {
            asked.refused =
                Some(format!("{status} {}", String::from_utf8_lossy(&body).chars().take(200).collect::<String>()));
        }
        if is_compared {
            asked.answer.add(request, &body);
        }
    }
    // The first one counts only where it alone was enough: what it found cold is no part of a question.
    let mut spent = since(&before)?;
    let mut calls = 1;
    if total(&spent) < ENOUGH {
        (before, calls) = (times()?, 0);
        spent.fill(Duration::ZERO);
    }
    while total(&spent) < ENOUGH && calls < CALLS && asked.refused.is_none() {
        for url in &urls {
            asker.get(url)?;
        }
        calls += 1;
        spent = since(&before)?;
    }
    asked.process_ms = spent.iter().map(|spent| spent.as_secs_f64() * 1e3 / f64::from(calls.max(1))).collect();
    asked.cpu_ms = asked.process_ms.iter().sum();
    Ok(asked)
}

fn total(spent: &[Duration]) -> Duration {
    spent.iter().sum()
}

#[cfg(test)]
mod tests;
