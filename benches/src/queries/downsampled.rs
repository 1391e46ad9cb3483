//! The comparison of queriers and stores over blocks that were downsampled to five minutes.

use super::ask_all;
use super::question::Question;
use super::table::{self, Row};
use crate::bucket::Bucket;
use crate::cli::Downsampled;
use crate::components::{Component, Components};
use crate::dataset::{Dataset, Metric, Values};
use crate::process::pin_generator;
use crate::sender::now_ms;
use crate::systems::Queried;
use anyhow::Context;

/// How long the ingester's blocks are. The head takes what is up to six days behind its newest sample: half of twelve, the most it reckons with.
const BLOCK: &str = "60d";
/// How long the data is. It ends at a multiple of this, and so lies in one block.
const SPAN_MS: i64 = 5 * 24 * 3_600_000;
const SAMPLE_S: i64 = 60;
const ROUNDS: usize = (SPAN_MS / 1000 / SAMPLE_S) as usize;
/// Counters begin anew after so many samples: within windows, and not at the same place in each chunk.
const RESTARTS_AFTER: u64 = 1_237;
const RESOLUTION_MS: i64 = 300_000;

const STEP_S: usize = 3_600;
const STEPS: usize = ROUNDS * SAMPLE_S as usize / STEP_S;

/// Expressions over `COUNTER` and `GAUGE`, once an hour over all days.
const RANGES: [&str; 19] = [
    "GAUGE",
    "sum by (namespace) (GAUGE)",
    "max by (namespace) (GAUGE)",
    "count(GAUGE)",
    "quantile by (namespace) (0.9, GAUGE)",
    "topk(3, GAUGE)",
    "rate(COUNTER[1h])",
    "sum by (namespace) (rate(COUNTER[1h]))",
    "increase(COUNTER[1h])",
    "irate(COUNTER[1h])",
    "resets(COUNTER[1d])",
    "avg_over_time(GAUGE[1h])",
    "max_over_time(GAUGE[1h])",
    "min_over_time(GAUGE[1h])",
    "count_over_time(GAUGE[1h])",
    "sum_over_time(GAUGE[1h])",
    "quantile_over_time(0.9, GAUGE[1h])",
    "last_over_time(GAUGE[1h])",
    "max_over_time(rate(COUNTER[1h])[6h:30m])",
];

/// The same of one moment.
const INSTANTS: [&str; 5] = [
    "GAUGE",
    "sum by (namespace) (rate(COUNTER[1h]))",
    "increase(COUNTER[4d])",
    "avg_over_time(GAUGE[4d])",
    "max_over_time(GAUGE[4d])",
];

/// Asked with what a fifth of the step allows: the same blocks.
const AUTO: [&str; 2] = ["sum by (namespace) (GAUGE)", "rate(COUNTER[1h])"];

/// A querier and the store that it asks. Killed when dropped.
struct Running {
    name: &'static str,
    querier: Component,
    store: Component,
    _data: tempfile::TempDir,
}

/// The command `downsampled`.
pub(crate) fn run(bench: &Downsampled) -> anyhow::Result<()> {
    pin_generator()?;
    let systems = Components::find_all(bench.gauntlet.as_deref());
    let [ours, thanos] = systems.as_slice() else {
        println!("SKIPPED: nobody is there to downsample");
        return Ok(());
    };
    let scratch = tempfile::tempdir()?;
    let end_ms = now_ms() / SPAN_MS * SPAN_MS - SAMPLE_S * 1000;
    let dataset = data(bench.series);
    let bucket = Bucket::filled(ours, scratch.path(), BLOCK, |write_url| dataset.write(write_url, end_ms))?;
    bucket.downsample(thanos, scratch.path(), RESOLUTION_MS)?;
    let mut running = Vec::new();
    for system in &systems {
        let one = start(system, &bucket).with_context(|| system.name)?;
        dataset.check(&one.querier.query_url(), end_ms).with_context(|| system.name)?;
        running.push(one);
    }
    println!(
        "one block of {} series, {} samples each, and what they are in 5 minutes; every sample acknowledged was read back; CPU ms a question, least of {}",
        dataset.series(),
        ROUNDS,
        bench.repetitions
    );
    let mut rows = ask(&running, "max_source_resolution=5m", questions(), bench, end_ms)?;
    rows.extend(ask(&running, "max_source_resolution=auto", auto_questions(), bench, end_ms)?);
    println!("both processes:");
    table::print_sums(&rows);
    for (index, who) in ["querier", "store"].into_iter().enumerate() {
        println!("{who}:");
        let rows: Vec<Row> = rows.iter().map(|row| row.of_process(index)).collect();
        rows.iter().for_each(|row| println!("  {row}"));
        table::print_sums(&rows);
    }
    Ok(())
}

fn ask(
    running: &[Running],
    params: &'static str,
    questions: Vec<Question>,
    bench: &Downsampled,
    end_ms: i64,
) -> anyhow::Result<Vec<Row>> {
    let queried: Vec<_> = running.iter().map(|one| (one.name.to_owned(), one.queried(params))).collect();
    let mut rows = Vec::new();
    for question in questions.into_iter().filter(|question| question.name.contains(&bench.only)) {
        let row = ask_all(&queried, &question, end_ms, bench.repetitions).context(question.name.clone())?;
        println!("  {row}");
        rows.push(row);
    }
    Ok(rows)
}

pub(super) fn questions() -> Vec<Question> {
    let ranges = RANGES.map(|query| Question::range(query, filled(query), STEPS, STEP_S));
    let instants = INSTANTS.map(|query| Question::instant(format!("instant {query}"), filled(query)));
    ranges.into_iter().chain(instants).collect()
}

pub(super) fn auto_questions() -> Vec<Question> {
    AUTO.map(|query| Question::range(format!("auto {query}"), filled(query), STEPS, STEP_S)).into()
}

fn filled(query: &str) -> String {
    query.replace("COUNTER", "requests_total").replace("GAUGE", "queue_length")
}

/// Half of `series` counters, half gauges.
fn data(series: usize) -> Dataset {
    let target = |pod: usize| {
        vec![
            ("instance", format!("node-{}", pod / 20)),
            ("namespace", format!("namespace-{:02}", pod % 20)),
            ("pod", format!("service-{}-{pod}", pod % 50)),
        ]
    };
    let metric = |name| Metric::new(name, SAMPLE_S, ROUNDS);
    let counter = |seed| Values::Restarted { seed, slope: 40.0, places: RESTARTS_AFTER + seed % 100 };
    Dataset::default()
        .with(metric("requests_total").with((0..series / 2).map(target), counter))
        .with(metric("queue_length").with((0..series / 2).map(target), |seed| Values::Gauge { seed, limit: 2_000.0 }))
}

/// A store over the bucket and a querier over the store.
fn start(system: &Components, bucket: &Bucket) -> anyhow::Result<Running> {
    let data = tempfile::tempdir()?;
    let dir = data.path();
    let store = system.start("store", "store", dir, &[format!("--data-dir={}", dir.display()), bucket.flag()])?;
    let querier = system.query(dir, [store.grpc.as_str()], &[])?;
    Ok(Running { name: system.name, querier, store, _data: data })
}

impl Running {
    fn queried(&self, params: &'static str) -> Queried<'_> {
        Queried {
            processes: vec![&self.querier.process, &self.store.process],
            query_url: self.querier.query_url(),
            ready_url: format!("{}/-/ready", self.querier.url),
            params,
        }
    }
}
