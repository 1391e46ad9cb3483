//! What does reading 2.0 cost a series of eleven labels, and spelling it, beside the walk of the same series in 1.0?

#![allow(clippy::unwrap_used, reason = "bench code")]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::Fingerprinter;
use proto::{Outline, Request2, Spellings, WriteBatch, count_rows};
use std::collections::HashMap;
use std::hint::black_box;

const SERIES: usize = 2000;

/// A body of 2.0 while it is built: symbols, and series that refer to them.
#[derive(Default)]
struct Request {
    numbers: HashMap<String, u32>,
    symbols: Vec<u8>,
    series: Vec<u8>,
}

impl Request {
    fn symbol(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap();
        self.numbers.insert(text.to_owned(), number);
        push_len(&mut self.symbols, 0x22, text.as_bytes());
        number
    }

    fn series(&mut self, labels: &[(&str, &str)], timestamp_ms: u64, value: f64) {
        let mut refs = Vec::new();
        for text in labels.iter().flat_map(|(name, value)| [name, value]) {
            push_uvarint(&mut refs, u64::from(self.symbol(text)));
        }
        let mut sample = vec![0x09];
        sample.extend(value.to_le_bytes());
        sample.push(0x10);
        push_uvarint(&mut sample, timestamp_ms);
        let mut message = Vec::new();
        push_len(&mut message, 0x0a, &refs);
        push_len(&mut message, 0x12, &sample);
        push_len(&mut self.series, 0x2a, &message);
    }
}

fn push_len(out: &mut Vec<u8>, key: u8, bytes: &[u8]) {
    out.push(key);
    push_uvarint(out, bytes.len() as u64);
    out.extend(bytes);
}

fn push_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The series of the bench of the walk.
fn request() -> Vec<u8> {
    let mut request = Request::default();
    request.symbol("");
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
        request.series(&labels, 1_755_388_800_000, series as f64 * 0.5);
    }
    [request.symbols, request.series].concat()
}

fn rewrite(criterion: &mut Criterion) {
    let body = request();
    let fingerprinter = Fingerprinter::new(std::array::from_fn(|at| (at * 37) as u8));
    let body = Bytes::from(body);
    let spellings = Spellings::new(&fingerprinter);
    let read_by = |spellings: &Spellings| {
        let outline = Outline::of(&body).unwrap();
        Request2::read(black_box(&body).clone(), outline, spellings, 0, u32::MAX).unwrap()
    };
    let read = || read_by(&spellings);
    let mut out = vec![0; read().spelled_bytes()];
    let mut group = criterion.benchmark_group("series");
    group.throughput(Throughput::Elements(SERIES as u64));
    println!("{} bytes a series, {} spelled out", body.len() / SERIES, out.len() / SERIES);
    assert_eq!(read().batch.spell(&mut out).unwrap().len(), SERIES);
    let as_version_1 = Bytes::from(out.clone());
    group.bench_function("outline 2.0", |bencher| bencher.iter(|| Outline::of(black_box(&body)).unwrap()));
    group.bench_function("read 2.0", |bencher| bencher.iter(|| read().batch.series.len()));
    group.bench_function("read 2.0, nothing known", |bencher| {
        bencher.iter(|| read_by(&Spellings::new(&fingerprinter)).batch.series.len());
    });
    group.bench_function("read and spell 2.0", |bencher| bencher.iter(|| read().batch.spell(&mut out).unwrap().len()));
    group.bench_function("walk 1.0", |bencher| {
        bencher.iter(|| {
            let rows = count_rows(&as_version_1).unwrap();
            WriteBatch::walk(as_version_1.clone(), rows, &fingerprinter, 0).unwrap().0.series.len()
        });
    });
    group.finish();
}

criterion_group!(benches, rewrite);
criterion_main!(benches);
