//! What does the walk cost a series of eleven labels, against generated structs?

#![allow(clippy::unwrap_used, reason = "bench code")]

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use model::Fingerprinter;
use prost::Message;
use proto::{LabelLimits, RequestEncoder, WriteBatch, count_rows, pack_labels};
use std::hint::black_box;

#[path = "../src/write/messages.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the unit tests, which use all of it")]
mod messages;

const SERIES: usize = 2000;

/// About 310 bytes of label text in eleven labels, as in a Kubernetes cluster.
fn request() -> Vec<u8> {
    let mut request = RequestEncoder::default();
    for series in 0..SERIES {
        let pod = format!("checkout-service-{:010x}-{:05x}", series / 200 * 0x9e37_79b9, series / 200 * 7919);
        let uid = format!("{:08x}-4f1c-{:012x}", series / 200 * 0x85eb_ca6b, series / 200 * 0xc2b2_ae35);
        let name = format!("http_request_duration_bucket_{}", series % 200);
        let labels: [(&str, &str); 11] = [
            ("__name__", &name),
            ("cluster", "prod-eu-1"),
            ("container", "checkout-service"),
            ("endpoint", "metrics"),
            ("instance", "10.128.37.214:9090"),
            ("job", "endpoints"),
            ("namespace", "storefront"),
            ("node", "ip-10-128-37-214.internal"),
            ("pod", &pod),
            ("prometheus", "monitoring/stack"),
            ("uid", &uid),
        ];
        let labels = labels.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        request.series(labels, [(1_755_388_800_000, series as f64 * 0.5)]);
    }
    request.take()
}

fn walk(criterion: &mut Criterion) {
    let body = Bytes::from(request());
    let fingerprinter = Fingerprinter::new(std::array::from_fn(|at| (at * 37) as u8));
    let walked = || {
        let rows = count_rows(&body).unwrap();
        WriteBatch::walk(body.clone(), rows, &fingerprinter, 0).unwrap().0
    };

    let mut group = criterion.benchmark_group("series");
    group.throughput(Throughput::Elements(SERIES as u64));
    println!("{} bytes a series", body.len() / SERIES);
    group.bench_function("count rows", |bencher| bencher.iter(|| count_rows(black_box(&body)).unwrap()));
    group.bench_function("walk", |bencher| bencher.iter(walked));
    let batch = walked();
    group.bench_function("hash regions", |bencher| {
        let region = |row: &proto::SeriesSlice| &body[row.labels.start as usize..row.labels.end as usize];
        bencher.iter(|| batch.series.iter().fold(0, |all, row| all ^ fingerprinter.of_region(region(row)).0));
    });
    group.bench_function("read samples", |bencher| {
        bencher
            .iter(|| (0..batch.series.len()).flat_map(|row| batch.samples(row)).map(|(_, value)| value).sum::<f64>());
    });
    group.bench_function("read labels", |bencher| {
        bencher.iter(|| (0..batch.series.len()).flat_map(|row| batch.labels(row)).filter(Result::is_ok).count());
    });
    group.bench_function("pack labels", |bencher| {
        let (mut order, mut packed) = (Vec::new(), Vec::new());
        bencher.iter(|| {
            packed.clear();
            for row in 0..batch.series.len() {
                pack_labels(batch.labels(row), &LabelLimits::default(), &mut order, &mut packed).unwrap();
            }
            packed.len()
        });
    });
    group.bench_function("generated structs", |bencher| {
        let decode = || messages::WriteRequest::decode(black_box(&*body)).unwrap();
        bencher.iter_batched(|| (), |()| decode(), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, walk);
criterion_main!(benches);
