//! The comparison of queriers over two replicas, which are merged and made one.

use super::question::Question;
use super::table;
use super::{Call, ask_all};
use crate::answers;
use crate::asker::Asker;
use crate::cli::Fleet;
use crate::components::{Component, Components, Receiver};
use crate::ingest::send_rounds;
use crate::limits::growth;
use crate::process::pin_generator;
use crate::sender::now_ms;
use crate::systems::{NO_CACHE, Queried};
use crate::workload::{STEP_MS, Workload, metric_name};
use anyhow::{Context, ensure};

/// A querier and those it asks. Killed when dropped.
struct Running {
    name: &'static str,
    replicas: Vec<Receiver>,
    querier: Component,
    _data: tempfile::TempDir,
}

/// The command `replicas`.
pub(crate) fn run(bench: &Fleet) -> anyhow::Result<()> {
    pin_generator()?;
    let end_ms = now_ms() / STEP_MS * STEP_MS;
    let mut running = Vec::new();
    for system in Components::find_all(bench.gauntlet.as_deref()) {
        running.push(start(&system, bench, end_ms).with_context(|| system.name)?);
    }
    println!(
        "two replicas of {} series, {} samples each, seed {}; every sample acknowledged was read back; CPU ms a question, least of {}",
        bench.shape.series, bench.shape.samples, bench.shape.seed, bench.repetitions
    );
    for (who, queried) in
        [("querier", Running::querier as fn(&Running) -> Queried<'_>), ("all processes", Running::all)]
    {
        println!("{who}:");
        let queried: Vec<_> = running.iter().map(|one| (one.name.to_owned(), queried(one))).collect();
        let mut rows = Vec::new();
        for question in questions() {
            let row = ask_all(&queried, &question, end_ms, bench.repetitions).context(question.name.clone())?;
            println!("  {row}");
            rows.push(row);
        }
        table::print_sums(&rows);
    }
    running.iter().try_for_each(|one| print_growth(one, bench, end_ms))
}

fn questions() -> Vec<Question> {
    let one = metric_name(3);
    vec![
        Question::instant("instant count of all", COUNT_OF_ALL),
        Question::instant("instant sum by namespace", r#"sum by (namespace) ({__name__=~"component_0[0-2]_.*"})"#),
        Question::range("range of one metric", one.clone(), 60, 60),
        Question::range("range sum by rate", format!("sum by (namespace) (rate({one}[5m]))"), 60, 60),
        Question::range("range sum, a fifth of all", r#"sum({__name__=~"component_0[0-2]_.*"})"#, 60, 60),
        Question::instant("instant avg_over_time", format!("avg by (namespace) (avg_over_time({one}[1h]))")),
    ]
}

const COUNT_OF_ALL: &str = r#"count({cluster="production-eu-central-1"})"#;

/// Two replicas that hold the same load, and a querier over both.
fn start(system: &Components, bench: &Fleet, end_ms: i64) -> anyhow::Result<Running> {
    let data = tempfile::tempdir()?;
    let dir = data.path();
    let replica = |name: &str| system.receive(name, dir, &[format!("--tsdb.path={}", dir.join(name).display())]);
    let replicas = ["a", "b"].map(replica).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let querier = system.query(dir, replicas.iter().map(|replica| replica.component.grpc.as_str()), &[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut acknowledged = 0;
    for replica in &replicas {
        let mut workload = Workload::new(&bench.shape, end_ms);
        let rounds = workload.rounds_left();
        let sent = runtime.block_on(send_rounds(&replica.write_url, &mut workload, rounds))?;
        ensure!(sent.refused == 0, "{} samples were refused", sent.refused);
        acknowledged = sent.acknowledged;
    }
    answers::check(&querier.query_url(), &bench.shape, end_ms, acknowledged)?;
    Ok(Running { name: system.name, replicas, querier, _data: data })
}

/// By how much the querier grows at most while it counts all series.
fn print_growth(running: &Running, bench: &Fleet, end_ms: i64) -> anyhow::Result<()> {
    let (asker, queried) = (Asker::new()?, running.querier());
    let url = Call::Instant(COUNT_OF_ALL.to_owned()).url(&queried, end_ms);
    let grown = (0..bench.repetitions.max(1)).map(|_| growth(&asker, &running.querier.process, &url));
    let most = grown.collect::<anyhow::Result<Vec<_>>>()?.into_iter().max().unwrap_or_default() as f64;
    let inputs = (running.replicas.len() * bench.shape.series).max(1) as f64;
    println!(
        "{}: the querier grows by {:.1} MB while it counts all series, {:.0} B for each of both replicas",
        running.name,
        most / 1e6,
        most / inputs
    );
    Ok(())
}

impl Running {
    fn querier(&self) -> Queried<'_> {
        let ready_url = format!("{}/-/ready", self.querier.url);
        Queried {
            processes: vec![&self.querier.process],
            query_url: self.querier.query_url(),
            ready_url,
            params: NO_CACHE,
        }
    }

    /// The same, but what the replicas do is counted, too.
    fn all(&self) -> Queried<'_> {
        let mut queried = self.querier();
        queried.processes.extend(self.replicas.iter().map(|replica| &replica.component.process));
        queried
    }
}
