//! What does it cost to pack, check, search, compare and name a label set of eleven labels and some 310 bytes?
#![allow(clippy::unwrap_used, reason = "the labels are valid")]

use criterion::{Criterion, criterion_group, criterion_main};
use model::{Fingerprinter, Labels, LabelsRef, PackedBuilder, ring_hash};
use std::hint::black_box;

/// Labels as a scrape of a Kubernetes node gives them, in order.
const LABELS: [(&str, &str); 11] = [
    ("__name__", "container_network_receive_bytes_total"),
    ("cluster", "eu-west-1-production"),
    ("container", "payments-api"),
    ("id", "/kubepods/burstable/pod3f9e1c0a-0f0d-4f3c-9a55"),
    ("image", "registry.example.com/payments/api:1.24.7"),
    ("instance", "10.12.34.56:10250"),
    ("interface", "eth0"),
    ("job", "kubelet/cadvisor"),
    ("namespace", "payments"),
    ("node", "ip-10-12-34-56.eu-west-1.compute.internal"),
    ("pod", "payments-api-6f9c7d5b8d-x2x7k"),
];

fn pack(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pack");
    let shuffled = std::array::from_fn::<_, 11, _>(|i| LABELS[i * 7 % 11]);
    for (order, labels) in [("in order", LABELS), ("shuffled", shuffled)] {
        let mut builder = PackedBuilder::default();
        group.bench_function(format!("PackedBuilder, {order}"), |bencher| {
            bencher.iter(|| {
                builder.clear();
                for (name, value) in black_box(labels) {
                    builder.push(name.as_bytes(), value.as_bytes()).unwrap();
                }
                builder.finish().unwrap().as_packed().len()
            });
        });
        group.bench_function(format!("Labels::from_pairs, {order}"), |bencher| {
            bencher.iter(|| Labels::from_pairs(black_box(labels)).unwrap());
        });
    }
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let labels = Labels::from_pairs(LABELS).unwrap();
    let other =
        Labels::from_pairs(LABELS.map(|(name, value)| (name, if name == "pod" { "payments-api-z" } else { value })))
            .unwrap();
    let packed = labels.as_ref().as_packed();
    let mut group = criterion.benchmark_group("read");
    group.bench_function("check packed", |bencher| bencher.iter(|| LabelsRef::from_packed(black_box(packed)).unwrap()));
    group.bench_function("get the first", |bencher| bencher.iter(|| black_box(&labels).get(b"__name__")));
    group.bench_function("get the last", |bencher| bencher.iter(|| black_box(&labels).get(b"pod")));
    group.bench_function("compare, last label differs", |bencher| bencher.iter(|| black_box(&labels).cmp(&other)));
    group.bench_function("stable hash", |bencher| bencher.iter(|| black_box(&labels).as_ref().stable_hash()));
    group.bench_function("ring hash", |bencher| {
        bencher.iter(|| ring_hash(b"default-tenant", black_box(&labels).iter()));
    });
    group.finish();
}

fn name(criterion: &mut Criterion) {
    let fingerprinter = Fingerprinter::new([7; 192]);
    let labels = Labels::from_pairs(LABELS).unwrap();
    let mut region = Vec::new();
    fingerprinter.of_labels(labels.as_ref(), &mut region);
    let mut group = criterion.benchmark_group("fingerprint");
    group.bench_function("of a wire region", |bencher| bencher.iter(|| fingerprinter.of_region(black_box(&region))));
    let mut scratch = Vec::new();
    group.bench_function("of packed labels", |bencher| {
        bencher.iter(|| fingerprinter.of_labels(black_box(&labels).as_ref(), &mut scratch));
    });
    group.finish();
}

criterion_group!(benches, pack, read, name);
criterion_main!(benches);
