//! What parsing a query costs, and whether a chain of operators costs the same a term however long it is.
#![allow(clippy::unwrap_used, reason = "bench code")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use promql::{Limits, ParseOptions, parse};
use std::hint::black_box;

const QUERIES: [(&str, &str); 4] = [
    ("name", "up"),
    ("selector", "http_requests_total{job=\"api\", code=~\"5..\", instance!=\"a:9090\"} offset 5m"),
    (
        "ratio",
        "sum by (job) (rate(http_requests_total{code=~\"5..\"}[5m])) / sum by (job) (rate(http_requests_total[5m]))",
    ),
    ("quantile", "histogram_quantile(0.99, sum by (le, handler) (rate(request_duration_seconds_bucket[5m]))) > 0.5"),
];

fn queries(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    for (name, text) in QUERIES {
        group.bench_function(name, |bencher| {
            bencher.iter(|| parse(black_box(text), &ParseOptions::default()).unwrap());
        });
    }
    group.finish();
}

fn chains(criterion: &mut Criterion) {
    let limits = Limits { length_bytes: 1 << 20, terms: 100_000 };
    let options = ParseOptions { limits, ..ParseOptions::default() };
    let mut group = criterion.benchmark_group("chain");
    for terms in [1_000, 10_000, 100_000] {
        let text = vec!["foo"; terms].join(" + ");
        group.throughput(Throughput::Elements(terms as u64));
        group.bench_function(terms.to_string(), |bencher| {
            bencher.iter(|| parse(black_box(&text), &options).unwrap());
        });
    }
    group.finish();
}

fn refusals(criterion: &mut Criterion) {
    let parentheses = "(".repeat(50_000);
    criterion.bench_function("50,000 parentheses refused", |bencher| {
        bencher.iter(|| parse(black_box(&parentheses), &ParseOptions::default()).unwrap_err());
    });
}

criterion_group!(benches, queries, chains, refusals);
criterion_main!(benches);
