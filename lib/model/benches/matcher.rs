//! What does testing a value cost, by the way a matcher takes, and against the `regex` crate on the same expression? And
//! what does it cost to make a matcher?
#![allow(clippy::unwrap_used, reason = "the expressions are valid")]

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use model::{MatchOp, Matcher};
use std::hint::black_box;

/// Values like those of `pod` in a cluster.
fn pods() -> Vec<String> {
    let apps = ["checkout", "payments-api", "frontend", "kube-proxy", "node-exporter", "ingester", "cart-db", "search"];
    (0..4096u32)
        .map(|i| {
            format!("{}-{:08x}-{:05x}", apps[i as usize % apps.len()], i.wrapping_mul(2_654_435_761), i * 241 % 0xfffff)
        })
        .collect()
}

/// Name of the way, expression.
fn expressions(pods: &[String]) -> Vec<(&'static str, String)> {
    let some = |count: usize| pods.iter().step_by(pods.len() / count).cloned().collect::<Vec<_>>().join("|");
    vec![
        ("literal", pods[7].clone()),
        ("set of 8", some(8)),
        ("set of 512", some(512)),
        ("prefix", "payments-api-.*".to_owned()),
        ("suffix", ".*-0012c".to_owned()),
        ("contains", ".*api.*".to_owned()),
        ("contains one of 4", ".*(api|proxy|db|cart).*".to_owned()),
        ("one of 4 prefixes", "(checkout|search|cart-db|kube-proxy)-.*".to_owned()),
        ("any", ".+".to_owned()),
        ("table", "[a-z]+-[0-9a-f]{8}-[0-9a-f]{5}".to_owned()),
        ("table, literal prefix", "payments-api-[0-9a-f]+-.*[0-9]".to_owned()),
        ("table, case ignored", "(?i)payments-.*".to_owned()),
        ("table, dots not escaped", "cart.db.*".to_owned()),
        ("filled on the way", "\\pL+(-\\pN+|-\\pL+|-[a-f0-9]+){1,4}".to_owned()),
    ]
}

fn test_values(criterion: &mut Criterion) {
    let pods = pods();
    let mut group = criterion.benchmark_group("test 4096 values");
    group.throughput(Throughput::Elements(pods.len() as u64));
    for (way, expression) in expressions(&pods) {
        let matcher = Matcher::new(MatchOp::Regex, "pod", &expression).unwrap();
        group.bench_function(BenchmarkId::new("matcher", way), |bencher| {
            bencher.iter(|| pods.iter().filter(|pod| black_box(&matcher).matches(pod.as_bytes())).count());
        });
        let regex = regex::bytes::Regex::new(&format!("^(?s:{expression})$")).unwrap();
        group.bench_function(BenchmarkId::new("regex crate", way), |bencher| {
            bencher.iter(|| pods.iter().filter(|pod| black_box(&regex).is_match(pod.as_bytes())).count());
        });
    }
    group.finish();
}

fn make(criterion: &mut Criterion) {
    let pods = pods();
    let mut group = criterion.benchmark_group("make");
    for (way, expression) in expressions(&pods) {
        group.bench_function(way, |bencher| {
            bencher.iter_batched(
                || expression.clone(),
                |expression| Matcher::new(MatchOp::Regex, "pod", &expression).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, test_values, make);
criterion_main!(benches);
