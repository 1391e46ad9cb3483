//! Files in Prometheus' test language: those of upstream, and our own in `testdata`.
//!
//! What they do to a query is in `reference/promql.md` B.15. Each instant evaluation is run again as the middle of a range,
//! and at other times with `@` everywhere.
#![allow(clippy::unwrap_used, reason = "test code")]

#[path = "testlang/check.rs"]
mod check;
#[path = "testlang/script.rs"]
mod script;
#[allow(dead_code, reason = "nothing is scrambled here")]
#[path = "support/store.rs"]
mod store;
#[path = "testlang/values.rs"]
mod values;

use check::{Outcome, run};
use script::{Command, read};
use std::collections::BTreeMap;
use std::path::Path;
use store::{Store, StoredSeries};

/// Runs a file; gives how many evaluations were right, and why others were skipped.
///
/// # Errors
/// The evaluations that were wrong.
fn run_file(path: &Path) -> Result<(usize, BTreeMap<String, usize>), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut series: Vec<StoredSeries> = Vec::new();
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    let (mut right, mut wrong) = (0, Vec::new());
    for (line, command) in read(&text) {
        match command {
            Command::Clear => series.clear(),
            Command::Load(more) => values::add(&mut series, more),
            Command::Eval(eval) => match run(&Store::new(series.clone()), &eval) {
                Outcome::Right => right += 1,
                Outcome::Skipped(why) => *skipped.entry(why).or_default() += 1,
                Outcome::Wrong(how) => wrong.push(format!("line {line}: {}\n    {how}", eval.text)),
            },
        }
    }
    let name = path.file_name().unwrap().to_string_lossy();
    let all_skipped: usize = skipped.values().sum();
    println!("{name}: {right} right, {} wrong, {all_skipped} skipped: {skipped:?}", wrong.len());
    if wrong.is_empty() { Ok((right, skipped)) } else { Err(format!("{name}:\n{}", wrong.join("\n"))) }
}

/// The files of upstream.
#[test]
fn upstream() {
    // Beside the recordings, and not among them.
    let Some(golden) = testkit::golden("upstream test files", ".") else { return };
    let folder = golden.join("../promqltest");
    if !folder.exists() {
        testkit::skip("upstream test files", "promqltest", "not there");
        return;
    }
    let mut right = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // It is about start timestamps, which are not kept.
        if path.extension().is_some_and(|ext| ext == "test") && !path.ends_with("start_timestamps.test") {
            match run_file(&path) {
                Ok((file_right, _)) => right += file_right,
                Err(failure) => failures.push(failure),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    println!("{right} evaluations of upstream's files are right");
    assert!(right > 1000, "{right}");
}

/// Our own files: nothing in them is skipped.
#[test]
fn our_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut right = 0;
    let mut failures = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        match run_file(&entry.unwrap().path()) {
            Ok((file_right, skipped)) => {
                assert!(skipped.is_empty(), "{skipped:?}");
                right += file_right;
            }
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(right > 100, "{right}");
}
