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
