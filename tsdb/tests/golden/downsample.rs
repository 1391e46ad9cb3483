//! Downsampled chunks written by Thanos: taken apart, and read.

use super::json;
use bytes::Bytes;
use model::SampleColumns;
use serde_json::Value;
use tsdb::chunk::{ChunkError, decode};
use tsdb::downsample::{CounterResets, average, split_aggregates};
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

#[test]
fn counters_lose_their_resets_as_in_thanos() {
    let test = "counters_lose_their_resets_as_in_thanos";
    let Some(path) = testkit::golden(test, "downsample/counter_reader.jsonl") else { return };
    let (mut equal, mut found, mut not_expressible) = (0, 0, 0);
    for vector in json::lines(&path) {
        let chunks: Vec<_> = vector["chunks"].as_array().into_iter().flatten().map(columns).collect();
        let (mut resets, mut out) = (CounterResets::default(), SampleColumns::default());
        chunks.iter().for_each(|chunk| resets.apply(chunk, &mut out));
        let out = json::bits(&out);
        let Some(seeks) = vector["seeks"].as_array() else {
            assert_eq!(Some(&out), json::pairs(&vector["out"]).as_ref(), "{}", vector["name"]);
            equal += 1;
            continue;
        };
        for (from_ms, want) in seeks.iter().zip(vector["out"].as_array().unwrap()) {
            let from_ms = from_ms.as_i64().unwrap();
            if from_ms <= 0 {
                // Their iterator believes that it stands at 0 before its first sample.
                not_expressible += 1;
                continue;
            }
            let first = out.iter().find(|(at_ms, _)| *at_ms >= from_ms);
            let want = json::pairs(&Value::from(vec![want.clone()])).unwrap_or_default();
            assert_eq!(first, want.first(), "{}, from {from_ms}", vector["name"]);
            found += 1;
        }
    }
    println!("counter_reader: {equal} cases and {found} seeks equal, {not_expressible} seeks not expressible");
    assert!(equal > 10 && found > 50, "{equal} cases, {found} seeks");
}

#[test]
fn averages_are_those_of_thanos() {
    let Some(path) = testkit::golden("averages_are_those_of_thanos", "downsample/average_reader.jsonl") else { return };
    let (mut equal, mut skipped) = (0, 0);
    for vector in json::lines(&path) {
        let Some((counts, sums)) = counts_and_sums(&vector) else {
            skipped += 1;
            continue;
        };
        let mut out = SampleColumns::default();
        match average(&counts, &sums, &mut out) {
            Ok(()) => assert_eq!((json::bits(&out), &vector["error"]), (pairs(&vector["out"]), &Value::Null)),
            // Theirs has told the samples before by then.
            Err(ChunkError::NotAligned { sample }) => {
                assert!(vector["error"].as_str().unwrap().contains("not aligned"));
                assert_eq!(sample, vector["out"].as_array().unwrap().len());
            }
            Err(other) => panic!("{other}"),
        }
        equal += 1;
    }
    println!("average_reader: {equal} equal, {skipped} of histograms skipped");
    assert!(equal > 30, "{equal} vectors");
}

/// Counts and sums of a vector, which has them as an aggregate chunk or as lists; none if sums are histograms.
fn counts_and_sums(vector: &Value) -> Option<(SampleColumns, SampleColumns)> {
    let Some(chunk) = vector["aggr_chunk"].as_str() else {
        return Some((columns(&vector["count"]), columns(&vector["sum"])));
    };
    let parts = split_aggregates(0, 0, &json::hex(chunk).into()).unwrap();
    let [Some(count), Some(sum), ..] = &parts else { panic!("count or sum is absent") };
    let decoded = |chunk: &Chunk| {
        let mut columns = SampleColumns::default();
        decode(chunk.encoding, &chunk.data, &mut columns).unwrap();
        columns
    };
    (sum.encoding == Encoding::Xor).then(|| (decoded(count), decoded(sum)))
}

fn columns(samples: &Value) -> SampleColumns {
    let mut columns = SampleColumns::default();
    pairs(samples).iter().for_each(|&(t, bits)| columns.push(t, f64::from_bits(bits)));
    columns
}
