//! `gauntlet tools promql-test` as a program.

#![allow(clippy::unwrap_used, reason = "test code")]

use std::process::Command;

/// What is printed of files with these texts, called `0.test` and so on, and whether all is as it should be.
#[track_caller]
fn check(flags: &[&str], files: &[&str], want: &str, is_right: bool) {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..files.len()).map(|at| format!("{at}.test")).collect();
    for (name, text) in names.iter().zip(files) {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_gauntlet"));
    command.args(["tools", "promql-test"]).args(flags).args(&names).current_dir(dir.path());
    let output = command.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, want, "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(i32::from(!is_right)));
}

const LOAD: &str = "load 1m\n  x{a=\"1\"} 0+1x10\n\n";

#[test]
fn files() {
    let right = format!("{LOAD}eval instant at 5m x\n  x{{a=\"1\"}} 5\n\neval instant at 0 1\n  1\n");
    let wrong = format!("{LOAD}eval instant at 5m -x\n  {{a=\"1\"}} 5\n");
    check(&[], &[&right], "ok   0.test: 2 passed, 0 failed\n1 files: 2 passed, 0 failed\n", true);
    let failed = "1.test:4: -x\n    - {a=\"1\"} 5\n    + {a=\"1\"} -5\nFAIL 1.test: 0 passed, 1 failed\n";
    let want = format!("ok   0.test: 2 passed, 0 failed\n{failed}2 files: 2 passed, 1 failed\n");
    check(&[], &[&right, &wrong], &want, false);
    let refused = "0.test:2:5: unexpected identifier \"y\" in series values, expected number or \"stale\"\n\
                   FAIL 0.test: no test was run\n1 files: 0 passed, 1 failed\n";
    check(&[], &["load 1m\n  x y\n"], refused, false);
}

#[test]
fn flags() {
    let named = |result: &str| {
        format!("{LOAD}eval instant at 5m label_replace(-x, \"n\", \"$1\", \"__name__\", \"(.*)\")\n  {result} -5\n")
    };
    let right = "ok   0.test: 1 passed, 0 failed\n1 files: 1 passed, 0 failed\n";
    check(&[], &[&named("{a=\"1\",n=\"x\"}")], right, true);
    check(&["--eager-names"], &[&named("{a=\"1\"}")], right, true);
    check(&["--enable-feature=promql-experimental-functions"], &[&named("{a=\"1\"}")], right, true);
    let limited = format!("{LOAD}eval instant at 5m limitk(1, x)\n  x{{a=\"1\"}} 5\n");
    check(&["--enable-feature=promql-experimental-functions"], &[&limited], right, true);
    let error = "it failed: 1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions";
    let want =
        format!("0.test:4: limitk(1, x)\n    {error}\nFAIL 0.test: 0 passed, 1 failed\n1 files: 0 passed, 1 failed\n");
    check(&["--enable-feature=type-and-unit-labels"], &[&limited], &want, false);
    let old = format!("{LOAD}eval instant at 12m x\n");
    check(&["--lookback-delta=1m"], &[&old], right, true);
    // Enough for one time, and not for the three of a range.
    let plain = format!("{LOAD}eval instant at 5m x\n  x{{a=\"1\"}} 5\n");
    check(&["--max-samples=1", "--once"], &[&plain], right, true);
    let want = "0.test:4: x\n    (as it is, as the middle of a range)\n    \
                query processing would load too many samples into memory in query execution\n\
                FAIL 0.test: 0 passed, 1 failed\n1 files: 0 passed, 1 failed\n";
    check(&["--max-samples=1"], &[&plain], want, false);
}
