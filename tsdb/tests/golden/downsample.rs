//! Downsampled chunks written by Thanos: taken apart, and read.

use super::json;
use bytes::Bytes;
use model::SampleColumns;
use serde_json::Value;
use tsdb::chunk::decode;
use tsdb::downsample::split_aggregates;
use tsdb::{Aggregate, Chunk, Encoding};

#[test]
fn chunks_of_thanos_are_taken_apart() {
    let Some(path) = testkit::golden("chunks_of_thanos_are_taken_apart", "downsample/series.jsonl") else { return };
    let (mut chunks, mut floats, mut skipped) = (0, 0, 0);
    for vector in json::lines(&path) {
        for resolution in ["5m", "1h", "1h_from_raw"] {
            for chunk in vector[resolution].as_array().into_iter().flatten() {
                let place = format!("{} {resolution} {}", vector["name"], chunk["mint"]);
                let (equal, histograms) = compare(chunk, &place);
                chunks += 1;
                floats += equal;
                skipped += histograms;
            }
        }
    }
    println!("{chunks} chunks, {floats} aggregates equal, {skipped} of histograms: samples not compared");
    assert!(chunks > 60 && floats > 300, "{chunks} chunks, {floats} aggregates");
}

/// Compares the parts of a chunk: how many are floats, and how many histograms, of which samples are not compared.
fn compare(chunk: &Value, place: &str) -> (usize, usize) {
    let (min_ms, max_ms) = (chunk["mint"].as_i64().unwrap(), chunk["maxt"].as_i64().unwrap());
    let data = Bytes::from(json::hex(chunk["bytes"].as_str().unwrap()));
    let parts = split_aggregates(min_ms, max_ms, &data).unwrap();
    let recorded = chunk["aggr"].as_object().unwrap().values().filter(|aggregate| aggregate.is_object()).count();
    assert_eq!(parts.iter().flatten().count(), recorded, "{place}");
    let mut histograms = 0;
    for part in parts.iter().flatten() {
        let want = &chunk["aggr"][name(part.aggregate)];
        assert_eq!((part.min_ms, part.max_ms), (min_ms, max_ms), "{place}");
        assert_eq!(part.encoding as u64, want["encoding"].as_u64().unwrap(), "{place} {:?}", part.aggregate);
        if part.encoding == Encoding::Xor {
            assert_eq!(samples(part), pairs(&want["samples"]), "{place} {:?}", part.aggregate);
        } else {
            histograms += 1;
        }
    }
    (recorded - histograms, histograms)
}

fn name(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Raw => "raw",
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Counter => "counter",
    }
}

fn samples(chunk: &Chunk) -> Vec<(i64, u64)> {
    let mut columns = SampleColumns::default();
    decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
    json::bits(&columns)
}

fn pairs(samples: &Value) -> Vec<(i64, u64)> {
    json::pairs(samples).unwrap()
}
