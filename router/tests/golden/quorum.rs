//! What Thanos answers for what its replicas answered.

use router::quorum::{Quorum, Thresholds, Verdict, Vote};
use serde_json::Value;

fn golden(test: &str, file: &str) -> Option<Vec<Value>> {
    let path = testkit::golden(&format!("router {test}"), &format!("quorum/{file}.jsonl"))?;
    Some(std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn list(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

fn size(of: &Value) -> usize {
    usize::try_from(of.as_u64().unwrap()).unwrap()
}

/// What an outcome of the recordings is to the tracker. A local write that conflicts *and* is not in the log must be
/// repeated; Thanos calls it a conflict.
fn vote(outcome: &Value) -> Vote {
    match outcome.as_str().unwrap() {
        "ok" => Vote::Stored,
        "grpc AlreadyExists" | "local out of order" => Vote::Conflict,
        _ => Vote::Failed,
    }
}

fn status(verdict: Option<Verdict>) -> Option<(u64, &'static str)> {
    Some(match verdict? {
        Verdict::Stored(_) => (200, "OK"),
        Verdict::Conflict { .. } => (409, "AlreadyExists"),
        Verdict::Unavailable => (503, "Unavailable"),
    })
}

fn recorded(case: &Value) -> Vec<(u64, &str)> {
    let result = |result: &'_ Value| result["http"].as_u64().unwrap();
    list(&case["results"]).iter().map(|one| (result(one), one["grpc"].as_str().unwrap())).collect()
}

/// Why ours differs from every answer of Thanos; `None` where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Why {
    /// 500, and OK over gRPC, for a write that has no quorum.
    EvenFactor,
    /// 409 at a factor of 2 although one of both replicas only failed: a repeat may be stored.
    Factor2,
    /// 409 for a local write that conflicts and is not in the log either.
    ConflictNotLogged,
}

fn why(replication_factor: usize, outcomes: &[&Value], theirs: &[(u64, &str)]) -> Why {
    if outcomes.iter().any(|outcome| outcome.as_str() == Some("local out of bounds and disk error")) {
        return Why::ConflictNotLogged;
    }
    match replication_factor {
        2 => {
            assert!(theirs.iter().all(|answer| *answer == (409, "AlreadyExists")), "{outcomes:?}: {theirs:?}");
            Why::Factor2
        }
        4 => {
            assert!(theirs.contains(&(500, "OK")), "{outcomes:?}: {theirs:?}");
            Why::EvenFactor
        }
        _ => panic!("{replication_factor} {outcomes:?}: {theirs:?}"),
    }
}

#[test]
fn thresholds() {
    let Some(cases) = golden("thresholds", "quorum") else { return };
    for case in &cases {
        let of = Thresholds::new(size(&case["replication_factor"]));
        assert_eq!(
            (of.success, of.conflict),
            (size(&case["write_quorum"]), size(&case["failure_threshold"])),
            "{case}"
        );
    }
    assert!(cases.len() > 5);
}

#[test]
fn one_series() {
    let Some(cases) = golden("one_series", "one_series") else { return };
    let (mut same, mut other) = (0, std::collections::HashMap::new());
    for case in &cases {
        let factor = size(&case["replication_factor"]);
        let replicated = case["request_replica"].as_u64().is_some_and(|replica| replica > 0);
        let thresholds = if replicated { Thresholds::replicated() } else { Thresholds::new(factor) };
        let mut quorum = Quorum::new(1, thresholds);
        for outcome in list(&case["outcomes"]) {
            quorum.vote([0], vote(outcome));
        }
        let ours = status(quorum.verdict()).unwrap();
        let theirs = recorded(case);
        if theirs.contains(&ours) {
            same += 1;
        } else {
            let outcomes: Vec<_> = list(&case["outcomes"]).iter().collect();
            *other.entry(why(factor, &outcomes, &theirs)).or_insert(0) += 1;
        }
        assert_ne!((ours.0 == 200, theirs.iter().all(|(http, _)| *http == 200)), (true, false), "{case}");
    }
    println!("one series: {same} as Thanos, {other:?} otherwise");
    assert!(same > 600, "{same}, {other:?}");
}

#[test]
fn several_series() {
    let Some(cases) = golden("several_series", "several_series") else { return };
    let (mut same, mut other) = (0, std::collections::HashMap::new());
    for case in &cases {
        let factor = size(&case["replication_factor"]);
        let series = list(&case["series_replica_nodes"]);
        let mut quorum = Quorum::new(series.len(), Thresholds::new(factor));
        let mut outcomes = Vec::new();
        for (node, outcome) in case["node_outcome"].as_object().unwrap() {
            let has = |nodes: &Value| list(nodes).iter().any(|one| one.as_str() == Some(node));
            let of_node = (0u32..).zip(series).filter(|(_, nodes)| has(nodes)).map(|(number, _)| number);
            quorum.vote(of_node, vote(outcome));
            outcomes.push(outcome);
        }
        let (ours, theirs) = (status(quorum.verdict()).unwrap(), recorded(case));
        if theirs.contains(&ours) {
            same += 1;
        } else {
            *other.entry(why(factor, &outcomes, &theirs)).or_insert(0) += 1;
        }
        assert_ne!((ours.0 == 200, theirs.iter().all(|(http, _)| *http == 200)), (true, false), "{case}");
    }
    println!("several series: {same} as Thanos, {other:?} otherwise");
    assert!(same > 150, "{same}, {other:?}");
}
