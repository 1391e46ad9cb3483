//! Replicas that Thanos made one series of. Native histograms are not read yet: what has some is passed over and counted.

use super::json;
use model::SampleColumns;
use serde_json::Value;
use std::collections::HashMap;
use tsdb::dedup::{chain, overlap_split, penalty};

/// Samples as columns; none if there is a histogram among them.
fn columns(samples: &Value) -> Option<SampleColumns> {
    let mut columns = SampleColumns::default();
    json::pairs(samples)?.iter().for_each(|&(t, bits)| columns.push(t, f64::from_bits(bits)));
    Some(columns)
}

fn replicas(vector: &Value) -> Option<Vec<SampleColumns>> {
    vector.as_array().unwrap().iter().map(columns).collect()
}

fn by_penalty(replicas: &[SampleColumns], counter: bool) -> Vec<(i64, u64)> {
    let mut out = SampleColumns::default();
    penalty(replicas, counter, &mut out);
    json::bits(&out)
}

fn by_chain(replicas: &[SampleColumns]) -> Vec<(i64, u64)> {
    let mut out = SampleColumns::default();
    chain(replicas, &mut out);
    json::bits(&out)
}

#[test]
fn replicas_become_what_thanos_makes_of_them() {
    let Some(path) = testkit::golden("replicas_become_what_thanos_makes_of_them", "dedup/penalty.jsonl") else {
        return;
    };
    let (mut equal, mut skipped) = (0, 0);
    for vector in json::lines(&path) {
        let Some(replicas) = replicas(&vector["replicas"]) else {
            skipped += 1;
            continue;
        };
        let name = &vector["name"];
        assert_eq!(Some(by_penalty(&replicas, false)), json::pairs(&vector["penalty"]), "{name}");
        assert_eq!(Some(by_penalty(&replicas, true)), json::pairs(&vector["penalty_counter"]), "{name}, counter");
        assert_eq!(Some(by_chain(&replicas)), json::pairs(&vector["chain"]), "{name}, chain");
        equal += 1;
    }
    println!("penalty: {equal} cases equal three times, {skipped} with histograms skipped");
    assert!(equal > 80, "{equal} cases");
}

/// Thanos' iterators are moved by seeks, ours is a column in which one can look. What they find is equal, but for one fault
/// of theirs: a seek before the first `next` finds the first replica where the second begins earlier.
#[test]
fn seeks_find_what_they_find_in_thanos() {
    let test = "seeks_find_what_they_find_in_thanos";
    let Some((cases, seeks)) =
        testkit::golden(test, "dedup/penalty.jsonl").zip(testkit::golden(test, "dedup/seek.jsonl"))
    else {
        return;
    };
    let cases: HashMap<_, _> = json::lines(&cases).into_iter().map(|case| (case["name"].to_string(), case)).collect();
    let (mut steps, mut vectors, mut before_next) = (0, 0, 0);
    for vector in json::lines(&seeks) {
        let replicas = replicas(&cases[&vector["case"].to_string()]["replicas"]).unwrap();
        let samples = by_penalty(&replicas, false);
        let mut at = None;
        for (op, want) in vector["ops"].as_array().unwrap().iter().zip(vector["out"].as_array().unwrap()) {
            let next = match op.as_i64() {
                Some(from_ms) => samples.partition_point(|(at_ms, _)| *at_ms < from_ms).max(at.unwrap_or(0)),
                None => at.map_or(0, |at: usize| at + 1),
            };
            let want = json::pairs(&Value::from(vec![want.clone()])).unwrap_or_default();
            if at.is_none() && samples.get(next) != want.first() && want.first() == json::bits(&replicas[0]).first() {
                before_next += 1;
                continue;
            }
            at = Some(next);
            assert_eq!(samples.get(next), want.first(), "{}, {op}", vector["case"]);
            steps += 1;
        }
        vectors += 1;
    }
    println!("seek: {vectors} cases, {steps} steps equal, {before_next} before the first next found another");
    assert!(vectors > 15 && steps > 150, "{vectors} cases, {steps} steps");
}

/// Neighbours of equal labels are one series.
#[test]
fn sets_of_series_become_what_thanos_makes_of_them() {
    let test = "sets_of_series_become_what_thanos_makes_of_them";
    let Some(path) = testkit::golden(test, "dedup/series_set.jsonl") else { return };
    let (mut sets, mut merged) = (0, 0);
    for vector in json::lines(&path) {
        let series: Vec<_> = vector["in"].as_array().unwrap().iter().collect();
        let equal: Vec<_> = series.chunk_by(|left, right| left["name"] == right["name"]).collect();
        let want = vector["out"].as_array().unwrap();
        assert_eq!(equal.len(), want.len());
        for (equal, want) in equal.iter().zip(want) {
            let replicas: Vec<_> = equal.iter().map(|series| columns(&series["samples"]).unwrap()).collect();
            assert_eq!(Some(by_penalty(&replicas, false)), json::pairs(&want["samples"]), "{}", want["name"]);
            assert_eq!(equal[0]["name"], want["name"]);
            merged += usize::from(replicas.len() > 1);
        }
        sets += 1;
    }
    println!("series_set: {sets} sets equal, {merged} series of several replicas");
    assert!(sets > 10 && merged > 3, "{sets} sets, {merged} merged");
}

#[test]
fn overlapping_chunks_are_split_as_in_thanos() {
    let Some(path) = testkit::golden("overlapping_chunks_are_split_as_in_thanos", "dedup/overlap_split.jsonl") else {
        return;
    };
    let (mut ends, mut numbers, mut vectors) = (Vec::new(), Vec::new(), 0);
    for vector in json::lines(&path) {
        let chunks = ranges(&vector["chunks"]);
        let replicas = overlap_split(chunks.iter().copied(), &mut ends, &mut numbers);
        let own = |replica| {
            let own = chunks.iter().zip(&numbers).filter(move |(_, of)| **of == replica as u32);
            own.map(|(range, _)| *range).collect::<Vec<_>>()
        };
        let got: Vec<_> = (0..replicas).map(own).collect();
        let mut want: Vec<_> = vector["series"].as_array().unwrap().iter().map(ranges).collect();
        // Of nothing, Thanos makes one series that is empty.
        want.retain(|series| !series.is_empty());
        assert_eq!(got, want);
        vectors += 1;
    }
    println!("overlap_split: {vectors} equal");
    assert!(vectors > 50, "{vectors} vectors");
}

fn ranges(list: &Value) -> Vec<(i64, i64)> {
    let range = |range: &Value| (range[0].as_i64().unwrap(), range[1].as_i64().unwrap());
    list.as_array().into_iter().flatten().map(range).collect()
}
