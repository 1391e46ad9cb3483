//! Prometheus' own tool reads what we wrote.

use crate::sample::{Series, labels, spec, write};
use model::{Labels, MatchOp, Matcher, NORMAL_NAN, Quoted, STALE_NAN, TimeRange};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use tsdb::block::Block;
use tsdb::fs::StdFs;

fn series() -> Series {
    let mut all = Series::new();
    let awkward = [0.0, -0.0, 1.5, -1e300, 5e-324, f64::INFINITY, f64::NEG_INFINITY, NORMAL_NAN, STALE_NAN, 0.1, 1e21];
    let samples = (0..).map(|at| 1_700_000_000_000 + at * 15_000).zip(awkward.map(f64::to_bits)).collect();
    all.insert(labels(&[("__name__", "awkward"), ("text", "a \"quoted\"\n line \\ ü")]), samples);
    for number in 0..300_u64 {
        let value = number.to_string();
        let samples =
            (0..40).map(|at| (1_700_000_000_000 + at * 30_000 + at % 7, ((at as u64 * number) as f64).to_bits()));
        all.insert(labels(&[("__name__", "many"), ("job", "a"), ("number", &value)]), samples.collect());
    }
    all
}

fn promtool(args: &[&str], dir: &Path) -> String {
    let output = Command::new("promtool").arg("tsdb").args(args).arg(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Labels as Go prints them.
fn text(labels: &Labels) -> String {
    let label = |label: model::Label<'_>| format!("{}={}", String::from_utf8_lossy(label.name), Quoted(label.value));
    format!("{{{}}}", labels.iter().map(label).collect::<Vec<_>>().join(", "))
}

/// A value in a text, NaNs being equal.
fn same(text: &str, bits: u64) -> bool {
    let (read, value): (f64, f64) = (text.parse().unwrap(), f64::from_bits(bits));
    read.to_bits() == bits || (read.is_nan() && value.is_nan())
}

#[test]
fn promtool_leaves_out_what_was_deleted() {
    let test = "promtool_leaves_out_what_was_deleted";
    if Command::new("promtool").arg("--version").output().is_err() {
        return testkit::skip(test, "promtool", "not on PATH");
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("wal")).unwrap();
    let all = series();
    let meta = write(&StdFs, dir.path(), spec(&all), &all).unwrap();
    let mut block = Block::open(&StdFs, &dir.path().join(meta.ulid.to_string())).unwrap();
    let (start_ms, mut kept) = (1_700_000_000_000, all.clone());
    for (number, from_ms, to_ms) in
        [("7", 0, 300_000), ("8", i64::MIN, i64::MAX), ("9", 600_000, i64::MAX), ("9", 0, 0)]
    {
        let from_ms = if from_ms == i64::MIN { from_ms } else { from_ms + start_ms };
        let range = TimeRange::new(from_ms, to_ms.saturating_add(start_ms)).unwrap();
        let matcher = Matcher::new(MatchOp::Equal, "number", number).unwrap();
        block = block.delete(&StdFs, &[matcher], range).unwrap().unwrap();
        let is_meant = |labels: &Labels| labels.get(b"number") == Some(number.as_bytes());
        kept.iter_mut().filter(|(labels, _)| is_meant(labels)).for_each(|(_, samples)| {
            samples.retain(|(at_ms, _)| !range.contains(*at_ms));
        });
    }
    let dump = promtool(&["dump"], dir.path());
    for (labels, samples) in &kept {
        let prefix = format!("{} ", text(labels));
        assert_eq!(dump.lines().filter(|line| line.starts_with(&prefix)).count(), samples.len(), "{labels:?}");
    }
    assert!(kept.values().map(Vec::len).sum::<usize>() < all.values().map(Vec::len).sum());
}

#[test]
fn promtool_lists_analyzes_and_dumps_what_was_written() {
    let test = "promtool_lists_analyzes_and_dumps_what_was_written";
    if Command::new("promtool").arg("--version").output().is_err() {
        return testkit::skip(test, "promtool", "not on PATH");
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("wal")).unwrap();
    let all = series();
    let meta = write(&StdFs, dir.path(), spec(&all), &all).unwrap();

    let list = promtool(&["list"], dir.path());
    let row = list.lines().find(|line| line.contains(&meta.ulid.to_string())).unwrap();
    let numbers: Vec<_> = row.split_whitespace().filter_map(|word| word.parse::<u64>().ok()).collect();
    for number in [meta.stats.num_samples, meta.stats.num_chunks, meta.stats.num_series] {
        assert!(numbers.contains(&number), "{row}");
    }
    let analysis = promtool(&["analyze"], dir.path());
    // "Total Series" in newer ones.
    assert!(analysis.contains("Series: 301\nLabel names: 4\nPostings (unique label pairs): 304\n"), "{analysis}");
    assert!(analysis.contains("Highest cardinality metric names:\n300 many\n1 awkward"), "{analysis}");

    let mut dumped = BTreeMap::<&str, Vec<(i64, &str)>>::new();
    let dump = promtool(&["dump"], dir.path());
    for line in dump.lines() {
        let (rest, time) = line.rsplit_once(' ').unwrap();
        let (labels, value) = rest.rsplit_once(' ').unwrap();
        dumped.entry(labels).or_default().push((time.parse().unwrap(), value));
    }
    assert_eq!(dumped.len(), all.len());
    for (labels, samples) in &all {
        let got = &dumped[text(labels).as_str()];
        assert_eq!(got.len(), samples.len());
        let equal = got.iter().zip(samples).all(|(got, want)| got.0 == want.0 && same(got.1, want.1));
        assert!(equal, "{labels:?}: {got:?}");
    }
}
