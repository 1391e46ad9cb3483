//! `select.jsonl`: matchers, and what Prometheus' block querier answers.

use super::blocks::{collect, decode_all};
use super::json;
use model::{MatchOp, Matcher, TimeRange};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tsdb::SeriesSource;
use tsdb::block::Block;
use tsdb::fs::StdFs;

fn matchers(query: &Value) -> Vec<Matcher> {
    let matcher = |triple: &Value| {
        let op = match triple[0].as_str().unwrap() {
            "=" => MatchOp::Equal,
            "!=" => MatchOp::NotEqual,
            "=~" => MatchOp::Regex,
            "!~" => MatchOp::NotRegex,
            other => panic!("{other}"),
        };
        Matcher::new(op, triple[1].as_str().unwrap(), triple[2].as_str().unwrap()).unwrap()
    };
    query["m"].as_array().into_iter().flatten().map(matcher).collect()
}

#[test]
fn matchers_find_what_prometheus_finds() {
    let test = "matchers_find_what_prometheus_finds";
    let Some(path) = testkit::golden(test, "tsdb/select.jsonl") else { return };
    let cases: BTreeMap<_, _> = json::blocks(test).into_iter().map(|case| (case.name.clone(), case)).collect();
    let (mut selects, mut lists) = (0, 0);
    for query in json::lines(&path) {
        let case = &cases[query["block"].as_str().unwrap()];
        let block = Block::open(&StdFs, &case.dir).unwrap();
        let matchers = matchers(&query);
        match query["op"].as_str() {
            None => {
                selects += 1;
                check_select(&block, case, &query, &matchers);
            }
            Some("label_names") => check_strings(&query, &block.label_names(&matchers).unwrap()),
            Some("label_values") => {
                let name = query["label"].as_str().unwrap().as_bytes();
                check_strings(&query, &block.label_values(name, &matchers).unwrap());
            }
            Some(other) => panic!("{other}"),
        }
        lists += usize::from(query["op"].is_string());
    }
    assert!(selects > 200 && lists > 700, "{selects} selects, {lists} lists");
}

fn check_select(block: &Block, case: &json::Case, query: &Value, matchers: &[Matcher]) {
    let recorded = case.series();
    let range = TimeRange::new(query["mint"].as_i64().unwrap(), query["maxt"].as_i64().unwrap()).unwrap();
    let found = collect(block, matchers, range, false).unwrap();
    // By its samples in the range; a chunk that overlaps the range need not have any.
    let in_range = |series: &json::Series| {
        let samples = series.line["samples"].as_array().unwrap();
        samples.iter().filter(|sample| range.contains(sample[1].as_i64().unwrap())).count()
    };
    let mut got = Vec::new();
    for (labels, chunks) in found.iter() {
        let line = recorded.iter().position(|series| series.is(labels)).unwrap();
        let samples = decode_all(chunks).timestamps_ms.iter().filter(|&&time_ms| range.contains(time_ms)).count();
        assert_eq!(samples, in_range(&recorded[line]), "{query}");
        if samples > 0 {
            got.push((line, samples));
        }
    }
    if query["panic"].is_string() {
        let accepted = |series: &json::Series| {
            let value = |name| series.labels.get(name).unwrap_or_default();
            matchers.iter().all(|matcher| matcher.matches(value(matcher.name()))) && in_range(series) > 0
        };
        let want: Vec<_> = (0..recorded.len()).filter(|&line| accepted(&recorded[line])).collect();
        let got: Vec<_> = got.into_iter().map(|(line, _)| line).collect();
        assert!(!got.is_empty() && got == want, "{query}");
        return;
    }
    assert_eq!(got.len() as u64, query["count"].as_u64().unwrap(), "{query}");
    if query["series"].is_array() {
        let (lines, samples): (Vec<_>, Vec<_>) = got.into_iter().unzip();
        assert_eq!((json!(lines), json!(samples)), (query["series"].clone(), query["n"].clone()), "{query}");
    }
}

fn check_strings(query: &Value, got: &[Vec<u8>]) {
    if query["out"].is_array() {
        let want = json::strings(&query["out"]);
        assert_eq!(got.len(), want.len(), "{query}");
        for (got, want) in got.iter().zip(want) {
            // Long values are recorded by their sum.
            let sum = format!("crc:{:08x}", crc32c::crc32c(got));
            assert!(got == want.as_bytes() || sum == want, "{want:?} in {query}");
        }
        return;
    }
    assert_eq!(got.len() as u64, query["count"].as_u64().unwrap(), "{query}");
    assert_eq!(format!("{:08x}", crc32c::crc32c(&got.join(&b'\n'))), query["crc"].as_str().unwrap(), "{query}");
}
