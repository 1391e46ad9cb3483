//! `gauntlet tools tsdb` as a program: blocks made and read back, damage found.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::path::Path;
use std::process::{Command, Output};

fn gauntlet(args: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gauntlet")).args(["tools", "tsdb"]).args(args).current_dir(dir).output().unwrap()
}

#[track_caller]
fn printed(args: &[&str], dir: &Path) -> String {
    let output = gauntlet(args, dir);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Four hours of a counter and of a gauge, as `dump-openmetrics` prints them.
fn text() -> String {
    let mut text = String::new();
    for (series, step) in [("requests_total{code=\"200\",job=\"a\"}", 7.5), ("up{job=\"a\"}", 0.0)] {
        for at in 0..960 {
            text += &format!("{series} {} {}.250\n", f64::from(at) * step + 1.0, 1_700_006_400 + at * 15);
        }
    }
    text + "# EOF\n"
}

#[test]
fn blocks_of_a_text_hold_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("text"), text()).unwrap();
    let list = printed(&["create-blocks-from-openmetrics", "text", "data"], dir.path());
    assert_eq!(list.lines().count(), 3, "{list}");
    assert_eq!(printed(&["dump-openmetrics", "data"], dir.path()), text());
    let verified = printed(&["verify", "data"], dir.path());
    assert!(verified.lines().count() == 8 && verified.lines().all(|line| line.starts_with("ok ")), "{verified}");

    let test = "blocks_of_a_text_hold_what_it_says";
    let promtool = |args: &[&str]| Command::new("promtool").arg("tsdb").args(args).current_dir(dir.path()).output();
    std::fs::create_dir(dir.path().join("data/wal")).unwrap();
    let Ok(theirs) = promtool(&["list", "data"]) else { return testkit::skip(test, "promtool", "not on PATH") };
    assert_eq!(String::from_utf8_lossy(&theirs.stdout), printed(&["list", "data"], dir.path()));
    let theirs = promtool(&["dump", "data"]).unwrap();
    assert_eq!(String::from_utf8_lossy(&theirs.stdout), printed(&["dump", "data"], dir.path()));
}

/// What promtool and we make of a text: the table, and what promtool reads in the blocks.
#[test]
fn blocks_of_a_text_are_those_that_promtool_makes() {
    let test = "blocks_of_a_text_are_those_that_promtool_makes";
    let Some(promtool) = std::env::var_os("PROMTOOL") else {
        return testkit::skip(test, "$PROMTOOL", "not set: Debian's knows fewer flags, and writes label indices");
    };
    let run = |args: &[&str], dir: &Path| Command::new(&promtool).arg("tsdb").args(args).current_dir(dir).output();
    let exemplars = "# TYPE a counter\na_total 17.0 1609954636 # {trace_id=\"x\"} 0.5\na_total 18.0 1609961836 # {} 0.5 1609961836\n# EOF\n";
    let far = "m 1 1609900000\nm 2 1609993600\nm 3 1610100000\nn 3 1610100000\nm 4 1610400000\n# EOF\n";
    let texts: [(&str, &str, &[&str]); 10] = [
        ("two hours", exemplars, &[]),
        ("readable", exemplars, &["-r"]),
        ("quiet", exemplars, &["-q"]),
        ("labels", exemplars, &["--label=x=y", "--label=replica=7"]),
        ("far apart", far, &["--max-block-duration=30m"]),
        ("wide", far, &["--max-block-duration=24h", "-r"]),
        ("wider", far, &["--max-block-duration=240h"]),
        ("nothing", "# EOF\n", &[]),
        ("no end", "up 1 1609954636\n", &[]),
        ("no time", "up 1\n# EOF\n", &[]),
    ];
    for (name, text, flags) in texts {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("text"), text).unwrap();
        let args = |command: &[&'static str], to| [command, flags, &["text", to]].concat();
        let theirs = run(&args(&["create-blocks-from", "openmetrics"], "theirs"), dir.path()).unwrap();
        let ours = gauntlet(&args(&["create-blocks-from-openmetrics"], "ours"), dir.path());
        assert_eq!(ours.status.code(), theirs.status.code(), "{name}: {}", String::from_utf8_lossy(&theirs.stderr));
        // Names are new.
        let table = |output: &Output| -> Vec<Vec<String>> {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let row = |line: &str| {
                let words = line.split_whitespace().filter(|word| word.len() != 26 || !word.starts_with("01"));
                words.map(str::to_owned).collect()
            };
            text.lines().map(row).collect()
        };
        assert_eq!(table(&ours), table(&theirs), "{name}");
        let dump = |of: &str| {
            std::fs::create_dir_all(dir.path().join(of).join("wal")).unwrap();
            run(&["dump", of], dir.path()).unwrap().stdout
        };
        assert_eq!(String::from_utf8_lossy(&dump("ours")), String::from_utf8_lossy(&dump("theirs")), "{name}");
    }
}

/// A log alone is told in the order in which series were created, as promtool does; with blocks, or more selectors than one, by
/// their labels.
#[test]
fn a_log_alone_is_dumped_as_it_was_written() {
    let test = "a_log_alone_is_dumped_as_it_was_written";
    let dir = tempfile::tempdir().unwrap();
    let (name, fs) = (dir.path().join("data/wal"), tsdb::fs::StdFs);
    std::fs::create_dir_all(&name).unwrap();
    let committers = tsdb::wal::Committers::start(std::num::NonZeroUsize::MIN).unwrap();
    let log =
        tsdb::wal::Log::open(std::sync::Arc::new(fs), &name, tsdb::wal::LogOptions::default(), &committers).unwrap();
    let jobs = ["z", "a", "m", "b", "y", "c", "x", "d", "w"];
    for (number, job) in (1..).zip(jobs) {
        let mut records = tsdb::wal::Records::default();
        let labels = model::Labels::from_pairs([("__name__", "up"), ("job", job)]).unwrap();
        records.series(model::SeriesRef(number), labels.as_ref());
        records.sample(model::SeriesRef(number), 1_609_954_636_000, 1.0);
        drop(log.commit(log.sequence(&records).unwrap()).wait().unwrap());
    }
    log.close().unwrap();
    let told = |args: &[&str]| -> Vec<String> {
        let text = printed(&[&["dump"], args, &["data"]].concat(), dir.path());
        text.lines().map(|line| line.split('"').nth(3).unwrap().to_owned()).collect()
    };
    let mut sorted = jobs;
    sorted.sort_unstable();
    assert_eq!(told(&[]), jobs);
    assert_eq!(told(&["--match={job=~'[a-m]'}"]), ["a", "m", "b", "c", "d"]);
    assert_eq!(told(&["--match={job=~'[a-m]'}", "--match={job=~'[n-z]'}"]), sorted);
    let Some(promtool) = std::env::var_os("PROMTOOL") else {
        return testkit::skip(test, "$PROMTOOL", "not set: Debian's sorts");
    };
    for args in [&["data"][..], &["--match={job=~'[a-m]'}", "data"]] {
        let theirs =
            Command::new(&promtool).args(["tsdb", "dump"]).args(args).current_dir(dir.path()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&theirs.stdout), printed(&[&["dump"], args].concat(), dir.path()));
    }
}

#[test]
fn what_is_damaged_is_told_and_the_exit_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("text"), text()).unwrap();
    printed(&["create-blocks-from-openmetrics", "--quiet", "--label=source=x", "text", "data"], dir.path());
    let block = std::fs::read_dir(dir.path().join("data")).unwrap().next().unwrap().unwrap().path();
    let chunks = block.join("chunks/000001");
    let mut bytes = std::fs::read(&chunks).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&chunks, bytes).unwrap();
    let output = gauntlet(&["verify", "data"], dir.path());
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("chunks/000001 at byte ") && told.contains("checksum is"), "{told}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("1 faults were found") || told.contains("meta.json"),
        "{told}"
    );
    let refused = gauntlet(&["create-blocks-from-openmetrics", "data", "other"], dir.path());
    assert_eq!(refused.status.code(), Some(1));
}
