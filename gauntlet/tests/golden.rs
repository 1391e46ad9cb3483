//! What promtool printed of recorded blocks, printed by `gauntlet tools tsdb`.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::path::Path;
use std::process::{Command, Output};

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_tree(&entry.path(), &to),
            // Not `fs::copy`: recordings may be read-only.
            false => std::fs::write(to, std::fs::read(entry.path()).unwrap()).unwrap(),
        }
    }
}

/// A directory with those blocks and an empty log.
fn data(blocks: &Path, cases: &serde_json::Value) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("wal")).unwrap();
    for case in cases.as_array().unwrap() {
        for entry in std::fs::read_dir(blocks.join(case.as_str().unwrap())).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                copy_tree(&entry.path(), &dir.path().join(entry.file_name()));
            }
        }
    }
    dir
}

fn gauntlet(args: &[String]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gauntlet")).arg("tools").args(args).output().unwrap()
}

/// A list of `analyze`: its title, and its items with their numbers.
type Section = (String, Vec<(u64, String)>);

fn sections(text: &str) -> Vec<Section> {
    let mut sections = Vec::<Section>::new();
    for line in text.lines() {
        let item = line.split_once(' ').and_then(|(number, item)| Some((number.parse().ok()?, item.to_owned())));
        match (item, sections.last_mut()) {
            (Some(item), Some((title, items))) if title.ends_with(':') => items.push(item),
            _ => sections.push((line.to_owned(), Vec::new())),
        }
    }
    sections
}

/// Equal but for the order of items with equal numbers, and for which of these a list that is cut shows.
fn check_analysis(name: &str, got: &str, want: &str) {
    let (got, want) = (sections(got), sections(want));
    assert_eq!(got.len(), want.len(), "{name}: {got:#?}");
    for ((got_title, got), (title, want)) in got.into_iter().zip(want) {
        assert_eq!(got_title, title, "{name}");
        let numbers = |items: &[(u64, String)]| items.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        assert_eq!(numbers(&got), numbers(&want), "{name}: {title}");
        let least = want.last().map_or(0, |(number, _)| *number);
        let sure = |items: Vec<(u64, String)>| {
            let mut sure: Vec<_> = items.into_iter().filter(|(number, _)| *number > least).collect();
            sure.sort();
            sure
        };
        assert_eq!(sure(got), sure(want), "{name}: {title}");
    }
}

/// Equal line by line, but for the first histograms of series: promtool 3.14.0 loses one or two of each
/// (prometheus/prometheus#18051).
fn check_lines(name: &str, got: &str, want: &str) {
    let mut want_lines = want.lines().peekable();
    let (mut series, mut samples) = (String::new(), 0);
    for line in got.lines() {
        let of = line.split_once("} ").map_or(line, |(of, _)| of);
        samples = if of == series { samples + 1 } else { 0 };
        series = of.to_owned();
        if want_lines.next_if_eq(&line).is_none() {
            let lost = line.contains("} {count:") && samples < 2;
            assert!(lost, "{name}: {line}\nwant {:?}", want_lines.peek());
        }
    }
    assert_eq!(want_lines.next(), None, "{name}");
    assert_eq!(got.ends_with('\n'), want.ends_with('\n'), "{name}");
}

#[test]
fn recordings_of_promtool() {
    let Some(root) = testkit::golden("recordings_of_promtool", "tsdb/promtool") else { return };
    let Some(blocks) = testkit::golden("recordings_of_promtool", "tsdb/blocks") else { return };
    let index: Vec<serde_json::Value> =
        serde_json::from_slice(&std::fs::read(root.join("index.json")).unwrap()).unwrap();
    let sandbox = tempfile::tempdir().unwrap();
    for recorded in &index {
        let name = recorded["file"].as_str().unwrap();
        let dir = data(&blocks, &recorded["blocks"]);
        let args: Vec<String> = recorded["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(|arg| match arg.as_str().unwrap() {
                "DIR" => dir.path().display().to_string(),
                "SANDBOX" => format!("--sandbox-dir-root={}", sandbox.path().display()),
                arg => arg.to_owned(),
            })
            .collect();
        let output = gauntlet(&args);
        let got = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let want = std::fs::read_to_string(root.join(name)).unwrap();
        if args.get(1).is_some_and(|command| command == "analyze") {
            check_analysis(name, &got, &want);
            continue;
        }
        check_lines(name, &got, &want);
    }
    assert!(index.len() >= 12, "{} recordings", index.len());
    assert_eq!(std::fs::read_dir(sandbox.path()).unwrap().count(), 0, "something is left in the sandbox");
}
