//! What does a series of four chunks cost on the wire, against generated structs?

#![allow(clippy::unwrap_used, reason = "bench code")]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::{Labels, PackedBuilder};
use prost::Message;
use proto::grpc::Raw;
use proto::series::{Aggr, Encoding, FrameContent, FrameForm, FrameWriter, ReadChunk, WireChunk, read_frame};
use proto::thanos::{AggrChunk, Chunk, Label, Series, SeriesResponse, series_response};
use std::hint::black_box;

const SERIES: usize = 1000;
const CHUNKS: i64 = 4;
/// 120 samples of a counter.
const CHUNK_BYTES: usize = 180;

struct Input {
    labels: Labels,
    chunks: Vec<WireChunk<Vec<u8>>>,
}

fn input() -> Vec<Input> {
    let chunk = |series: usize, index: i64| WireChunk {
        min_ms: 1_755_388_800_000 + index * 1_800_000,
        max_ms: 1_755_388_800_000 + (index + 1) * 1_800_000 - 15_000,
        aggregate: Aggr::Raw,
        encoding: Encoding::Xor,
        data: (0..CHUNK_BYTES).map(|at| (at * 31 + series) as u8).collect(),
    };
    let series = |series: usize| Input {
        labels: Labels::from_pairs([
            ("__name__", "http_request_duration_seconds_bucket".to_owned()),
            ("cluster", "prod-eu-1".to_owned()),
            ("instance", format!("10.128.37.{}:9090", series / 10)),
            ("job", "storefront/checkout".to_owned()),
            ("le", format!("{}", series % 10)),
            ("namespace", "storefront".to_owned()),
            ("pod", format!("checkout-service-7d9c5b6f4-{:05x}", series / 10 * 7919)),
            ("replica", "r1".to_owned()),
        ])
        .unwrap(),
        chunks: (0..CHUNKS).map(|index| chunk(series, index)).collect(),
    };
    (0..SERIES).map(series).collect()
}

fn write(input: &[Input], form: FrameForm) -> Vec<Raw> {
    let (mut writer, mut frames) = (FrameWriter::new(form), Vec::new());
    for series in input {
        let chunks = series.chunks.iter().map(|chunk| WireChunk {
            min_ms: chunk.min_ms,
            max_ms: chunk.max_ms,
            aggregate: chunk.aggregate,
            encoding: chunk.encoding,
            data: chunk.data.as_slice(),
        });
        writer.write(series.labels.as_ref(), chunks, &mut |frame| frames.push(frame));
    }
    frames.extend(writer.finish());
    frames
}

fn write_generated(input: &[Input]) -> Vec<Vec<u8>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let series = |series: &Input| Series {
        labels: series.labels.iter().map(|l| Label { name: text(l.name), value: text(l.value) }).collect(),
        chunks: series
            .chunks
            .iter()
            .map(|chunk| AggrChunk {
                min_time: chunk.min_ms,
                max_time: chunk.max_ms,
                raw: Some(Chunk {
                    r#type: chunk.encoding as i32,
                    data: Bytes::copy_from_slice(&chunk.data),
                    hash: xxhash_rust::xxh64::xxh64(&chunk.data, 0),
                }),
                ..AggrChunk::default()
            })
            .collect(),
    };
    let frame = |series| SeriesResponse { result: Some(series_response::Result::Series(series)) };
    input.iter().map(|input| frame(series(input)).encode_to_vec()).collect()
}

fn read(frames: &[Bytes], labels: &mut PackedBuilder, chunks: &mut Vec<ReadChunk>) -> usize {
    let mut bytes = 0;
    for frame in frames {
        let FrameContent::Series(mut series) = read_frame(frame).unwrap() else { continue };
        chunks.clear();
        while let Some(labels) = series.next_series(labels, &mut |chunk| chunks.push(chunk)).unwrap() {
            bytes += labels.as_packed().len() + chunks.len();
        }
    }
    bytes
}

fn series(criterion: &mut Criterion) {
    let input = input();
    let single = FrameForm { batch_series: 1, hashes: true };
    let frames: Vec<Bytes> = write(&input, single).into_iter().map(Raw::into_bytes).collect();
    assert_eq!(frames, write_generated(&input));
    let batches = FrameForm { batch_series: 64, ..single };
    let batched: Vec<Bytes> = write(&input, batches).into_iter().map(Raw::into_bytes).collect();

    let mut group = criterion.benchmark_group("series frames");
    group.throughput(Throughput::Elements(SERIES as u64));
    println!("{} bytes a series", frames.iter().map(Bytes::len).sum::<usize>() / SERIES);
    let (mut labels, mut chunks) = (PackedBuilder::default(), Vec::new());
    group.bench_function("read", |bencher| bencher.iter(|| read(black_box(&frames), &mut labels, &mut chunks)));
    group
        .bench_function("read batches", |bencher| bencher.iter(|| read(black_box(&batched), &mut labels, &mut chunks)));
    group.bench_function("read, generated", |bencher| {
        bencher.iter(|| frames.iter().filter(|frame| SeriesResponse::decode((*frame).clone()).is_ok()).count());
    });
    group.bench_function("write", |bencher| bencher.iter(|| write(black_box(&input), single)));
    group.bench_function("write batches", |bencher| bencher.iter(|| write(black_box(&input), batches)));
    group.bench_function("write without hashes", |bencher| {
        bencher.iter(|| write(black_box(&input), FrameForm { hashes: false, ..single }));
    });
    group.bench_function("write, generated", |bencher| bencher.iter(|| write_generated(black_box(&input))));
    group.finish();
}

criterion_group!(benches, series);
criterion_main!(benches);
