//! What a sample costs in the engine, from decoded columns to the partial result, and what it costs to accept that.
//!
//! 64 series of 720 samples, one every 30 seconds, over 700 steps: six hours of a panel. Decoding is left out, the columns are
//! copied. Times are per batch; the throughput is in raw samples (`elements`), so `1 / (elem/s)` is the cost of a sample.
//! The group `hour` is 61 steps of a minute over two hours of samples, one every 15 seconds: of whole numbers (`x`), of
//! others (`y`), and of times that are not regular (`z`).
//! The group `values` is the same steps, and its throughput is in points that are counted.
//! The group `long` is windows of an hour at those steps, and its throughput is in samples that windows see.
#![allow(clippy::unwrap_used, reason = "bench code")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::{Labels, LabelsRef, SampleColumns};
use promql::{BatchError, ParseOptions, Query, QueryLimits, QueryParams, SeriesBatch};
use std::hint::black_box;

const SERIES: usize = 64;
const SAMPLES: i64 = 720;
const SCRAPE_MS: i64 = 30_000;

/// Counters that are reset now and then.
#[derive(Debug)]
struct Counters(Vec<(Labels, SampleColumns)>);

impl Counters {
    /// Two hours of one metric.
    fn hours(name: &str) -> Self {
        let one = |n: usize| {
            let labels = Labels::from_pairs([("__name__", name.to_owned()), ("pod", format!("pod-{n:03}"))]).unwrap();
            let (mut columns, mut value, mut dice) = (SampleColumns::default(), 1e4, n as u64 + 1);
            for sample in 0..480 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                value += (dice >> 40) as f64 * if name == "y" { 1.1e-5 } else { 1.0 };
                let jitter_ms = if name == "z" { (dice >> 33) as i64 % 20 } else { 0 };
                columns.push(sample * 15_000 + n as i64 * 7 + jitter_ms, value);
            }
            (labels, columns)
        };
        Self((0..SERIES).map(one).collect())
    }

    fn new() -> Self {
        let one = |n: usize| {
            let labels =
                [("__name__", "x".to_owned()), ("pod", format!("pod-{n:03}")), ("zone", format!("z{}", n % 3))];
            let mut columns = SampleColumns::default();
            let mut value = 0.0;
            for sample in 0..SAMPLES {
                value =
                    if sample % 197 == n as i64 { 1.0 } else { value + ((sample * 31 + n as i64 * 17) % 23) as f64 };
                columns.push(sample * SCRAPE_MS + n as i64 * 7, value);
            }
            (Labels::from_pairs(labels).unwrap(), columns)
        };
        Self((0..SERIES).map(one).collect())
    }
}

impl SeriesBatch for Counters {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn labels(&self, index: usize) -> LabelsRef<'_> {
        self.0[index].0.as_ref()
    }

    fn samples(&self, index: usize, columns: &mut SampleColumns) -> Result<(), BatchError> {
        let own = &self.0[index].1;
        columns.clear();
        columns.timestamps_ms.extend_from_slice(&own.timestamps_ms);
        columns.values.extend_from_slice(&own.values);
        Ok(())
    }

    fn size_bytes(&self) -> usize {
        SERIES * SAMPLES as usize * 16
    }
}

fn query(text: &str) -> Query {
    let expr = promql::parse(text, &ParseOptions::default()).unwrap();
    let (start, end) = (600_000, 600_000 + 699 * SCRAPE_MS);
    // A bench pushes the same batch for ever.
    let limits = QueryLimits { max_samples: usize::MAX, ..QueryLimits::default() };
    Query::prepare(&expr, QueryParams { limits, ..QueryParams::range(start, end, SCRAPE_MS) }).unwrap()
}

fn evaluate(criterion: &mut Criterion) {
    let batch = Counters::new();
    let mut group = criterion.benchmark_group("evaluate");
    group.throughput(Throughput::Elements(SERIES as u64 * SAMPLES as u64));
    for text in [
        "x",
        "sum(x)",
        "sum(rate(x[5m]))",
        "sum(rate(x[1h]))",
        "irate(x[5m])",
        "resets(x[5m])",
        "sum_over_time(x[5m])",
        "sum_over_time(x[1h])",
        "avg_over_time(x[5m])",
        "max_over_time(x[5m])",
        "max_over_time(x[1h])",
        "count_over_time(x[5m])",
        "quantile_over_time(0.9, x[5m])",
        "stddev_over_time(x[5m])",
        "deriv(x[5m])",
        "abs(x) * 2 + 1",
        "max_over_time(rate(x[5m])[30m:1m])",
    ] {
        let evaluator = query(text).evaluator(0).unwrap();
        group.bench_function(text, |bencher| bencher.iter(|| black_box(evaluator.evaluate(&batch).unwrap())));
    }
    group.finish();
}

fn hour(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hour");
    for name in ["x", "y", "z"] {
        let batch = Counters::hours(name);
        for text in ["x", "rate(x[5m])", "avg_over_time(x[1h])", "sum_over_time(x[5m])", "max_over_time(x[5m])"] {
            let text = text.replace('x', name).replace(&format!("ma{name}_"), "max_");
            let expr = promql::parse(&text, &ParseOptions::default()).unwrap();
            let limits = QueryLimits { max_samples: usize::MAX, ..QueryLimits::default() };
            let params = QueryParams { limits, ..QueryParams::range(3_600_000, 7_200_000, 60_000) };
            let evaluator = Query::prepare(&expr, params).unwrap().evaluator(0).unwrap();
            group.bench_function(text, |bencher| bencher.iter(|| black_box(evaluator.evaluate(&batch).unwrap())));
        }
    }
    group.finish();
}

fn long(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("long");
    group.throughput(Throughput::Elements(SERIES as u64 * 61 * 240));
    for name in ["y", "z"] {
        let batch = Counters::hours(name);
        for text in [
            "double_exponential_smoothing(#[1h], 0.3, 0.3)",
            "stddev_over_time(#[1h])",
            "deriv(#[1h])",
            "predict_linear(#[1h], 600)",
            "changes(#[1h])",
            "resets(#[1h])",
            "mad_over_time(#[1h])",
            "quantile_over_time(0.9, #[1h])",
        ] {
            let text = text.replace('#', name);
            let options = ParseOptions { experimental_functions: true, ..ParseOptions::default() };
            let expr = promql::parse(&text, &options).unwrap();
            let limits = QueryLimits { max_samples: usize::MAX, ..QueryLimits::default() };
            let params = QueryParams { limits, ..QueryParams::range(3_600_000, 7_200_000, 60_000) };
            let evaluator = Query::prepare(&expr, params).unwrap().evaluator(0).unwrap();
            group.bench_function(text, |bencher| bencher.iter(|| black_box(evaluator.evaluate(&batch).unwrap())));
        }
    }
    group.finish();
}

/// Evaluated and accepted, as one thread does it.
fn push(criterion: &mut Criterion) {
    let batch = Counters::new();
    let mut group = criterion.benchmark_group("push");
    group.throughput(Throughput::Elements(SERIES as u64 * SAMPLES as u64));
    for text in ["sum(rate(x[5m]))", "sum by (zone) (x)", "max(x)", "avg(x)", "topk(3, x)"] {
        group.bench_function(text, |bencher| {
            let mut query = query(text);
            bencher.iter(|| query.push(0, &batch).unwrap());
        });
    }
    group.finish();
}

/// Parsed, planned and answered: what a small query costs beside its samples.
fn whole(criterion: &mut Criterion) {
    let batch = Counters::new();
    criterion.bench_function("whole/instant sum(rate(x[5m]))", |bencher| {
        bencher.iter(|| {
            let expr = promql::parse("sum(rate(x[5m]))", &ParseOptions::default()).unwrap();
            let mut query = Query::prepare(&expr, QueryParams::instant(10_000_000)).unwrap();
            query.push(0, &batch).unwrap();
            query.finish(0).unwrap();
            black_box(query.into_output().unwrap())
        });
    });
}

/// Answered: values of which few are ever the same, and some that come again and again.
fn values(criterion: &mut Criterion) {
    let batch = Counters::hours("x");
    let mut group = criterion.benchmark_group("values");
    group.throughput(Throughput::Elements(SERIES as u64 * 61));
    for text in ["count_values(\"v\", x)", "count_values(\"v\", x > bool 2e9)"] {
        let expr = promql::parse(text, &ParseOptions::default()).unwrap();
        group.bench_function(text, |bencher| {
            bencher.iter(|| {
                let params = QueryParams::range(3_600_000, 7_200_000, 60_000);
                let mut query = Query::prepare(&expr, params).unwrap();
                query.push(0, &batch).unwrap();
                query.finish(0).unwrap();
                black_box(query.into_output().unwrap())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, evaluate, hour, long, push, whole, values);
criterion_main!(benches);
