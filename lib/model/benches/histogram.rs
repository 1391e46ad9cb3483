//! What does it cost to add a histogram of some 60 buckets to a sum, by how its layout stands to that of the sum, and to compact
//! one?
#![allow(clippy::unwrap_used, reason = "the histograms fit")]

use criterion::{Criterion, criterion_group, criterion_main};
use model::{FloatHistogram, HistogramLayout, HistogramRef, KahanHistogram, Numbers, ResetHint, Span};
use std::hint::black_box;

fn histogram(schema: i32, zero_threshold: f64, spans: &[(i32, u32)]) -> FloatHistogram {
    let spans = spans.iter().map(|&(offset, length)| Span { offset, length }).collect();
    let layout = HistogramLayout::new(schema, zero_threshold, spans, Vec::new(), Vec::new()).unwrap();
    let cells: Vec<u64> = (0..layout.cells() as u64).collect();
    let (hint, numbers) = (ResetHint::NotReset, Numbers::Integer);
    FloatHistogram::from_ref(HistogramRef { layout: &layout, hint, numbers, cells: &cells, sum: 17.5 })
}

fn add(criterion: &mut Criterion) {
    let wide = histogram(3, 0.001, &[(-20, 40), (2, 20)]);
    let others = [
        ("the same layout", histogram(3, 0.001, &[(-20, 40), (2, 20)])),
        ("some of the buckets", histogram(3, 0.001, &[(-18, 10), (3, 20), (8, 15)])),
        ("buckets of its own", histogram(3, 0.001, &[(-25, 20), (25, 30)])),
        ("a finer schema", histogram(4, 0.001, &[(-30, 60)])),
        ("a smaller zero bucket", histogram(3, 0.0001, &[(-20, 40), (2, 20)])),
    ];
    let mut group = criterion.benchmark_group("add");
    for (name, other) in &others {
        let mut sum = wide.clone();
        group.bench_function(format!("plain, {name}"), |bencher| {
            bencher.iter(|| {
                sum.clone_from(&wide);
                sum.add(black_box(other).as_ref()).unwrap()
            });
        });
        let first = KahanHistogram::new(wide.clone());
        let mut sum = first.clone();
        group.bench_function(format!("Kahan, {name}"), |bencher| {
            bencher.iter(|| {
                sum.clone_from(&first);
                sum.add(black_box(other).as_ref()).unwrap()
            });
        });
    }
    group.finish();
}

fn compact(criterion: &mut Criterion) {
    let full = histogram(3, 0.001, &[(-20, 40), (2, 20)]);
    let mut half = full.clone();
    half.sub(histogram(3, 0.001, &[(-20, 40)]).as_ref()).unwrap();
    let mut group = criterion.benchmark_group("compact");
    for (name, one) in [("nothing to do", &full), ("most buckets empty", &half)] {
        let mut work = one.clone();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                work.clone_from(black_box(one));
                work.compact(0);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, add, compact);
criterion_main!(benches);
