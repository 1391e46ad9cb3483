use super::{CommandLine, parse};
use crate::{ByteSize, GoDuration, PromDuration};
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::io::Write;

#[derive(Debug, Parser)]
#[command(name = "prog", version, long_version = "prog, version 1.2.3", propagate_version = true)]
struct Program {
    #[arg(long = "log.level", global = true, default_value = "info")]
    level: String,
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Run(Run),
    Other,
}

#[derive(Debug, Args)]
struct Run {
    #[arg(long = "data-dir", default_value = "./data")]
    dir: String,
    #[arg(long, default_value = "15d")]
    keep: PromDuration,
    #[arg(long, default_value = "5m", value_parser = GoDuration::parse_flag)]
    back: GoDuration,
    #[arg(long, default_value = "1GiB")]
    size: ByteSize,
    #[arg(long = "wal.compress", default_value_t = true)]
    compress: bool,
    #[arg(long)]
    verbose: bool,
    #[arg(long)]
    label: Vec<String>,
}

fn read(args: &[&str]) -> Result<CommandLine<Program>, super::Exit> {
    parse(std::iter::once("prog").chain(args.iter().copied()).map(OsString::from))
}

/// The whole of what was read, in one line.
#[track_caller]
fn check(args: &[&str], want: &str) {
    let line = read(args).unwrap_or_else(|exit| panic!("{args:?}: {}", exit.text));
    let Sub::Run(run) = line.flags.command else { panic!("{args:?}: not run") };
    let got = format!(
        "{} {} {} {} {} {} {} {:?}",
        line.flags.level, run.dir, run.keep, run.back, run.size, run.compress, run.verbose, run.label
    );
    assert_eq!(got, want, "{args:?}");
}

/// The exit code, and how the last line on stderr begins.
#[track_caller]
fn check_exit(args: &[&str], code: u8, last_line: &str) {
    let exit = read(args).err().unwrap_or_else(|| panic!("{args:?} were taken"));
    let last = exit.text.lines().last().unwrap_or_default();
    assert!(exit.code == code && last.starts_with(last_line), "{args:?}: {} {last:?}", exit.code);
    assert!(exit.text.ends_with('\n'));
}

#[test]
fn flags_and_defaults() {
    check(&["run"], "info ./data 15d 5m0s 1GiB true false []");
    check(
        &[
            "run",
            "--keep=2h",
            "--back",
            "1d",
            "--size=1.5MB",
            "--data-dir=",
            "--label=a",
            "--label=b,c",
            "--log.level=debug",
        ],
        "debug  2h 24h0m0s 1MiB512KiB true false [\"a\", \"b,c\"]",
    );
    check(&["--log.level=warn", "run"], "warn ./data 15d 5m0s 1GiB true false []");
}

#[test]
fn booleans_have_twins() {
    check(&["run", "--no-wal.compress", "--verbose"], "info ./data 15d 5m0s 1GiB false true []");
    check(&["run", "--wal.compress", "--no-verbose"], "info ./data 15d 5m0s 1GiB true false []");
    check_exit(&["run", "--verbose=true"], 1, "prog: error: unexpected true");
    check_exit(&["run", "--no-verbose=true"], 1, "prog: error: unexpected true");
    check_exit(&["run", "--verbose", "false"], 1, "prog: error: unexpected false");
    check_exit(&["run", "--no-keep"], 1, "prog: error: unknown long flag '--no-keep'");
}

#[test]
fn what_is_no_command_line_exits_with_1() {
    check_exit(&["nope"], 1, "prog: error: expected command but got \"nope\"; commands: run, other");
    check_exit(&["--nope"], 1, "prog: error: unknown long flag '--nope'");
    check_exit(
        &["run", "--data-dirs=x"],
        1,
        "prog: error: unknown long flag '--data-dirs', did you mean '--data-dir'?",
    );
    check_exit(&["run", "-x"], 1, "prog: error: unknown short flag '-x'");
    check_exit(&["run", "extra"], 1, "prog: error: unexpected extra");
    check_exit(&["run", "--keep"], 1, "prog: error: expected argument for flag '--keep'");
}

#[test]
fn a_bad_value_exits_with_2_and_names_the_flag() {
    let start = "error parsing commandline arguments: ";
    check_exit(&["run", "--keep=x"], 2, &format!("{start}--keep: not a valid duration string: \"x\""));
    check_exit(&["run", "--size=1kb"], 2, &format!("{start}--size: units: unknown unit kb in 1kb"));
    check_exit(&["run", "--size=\nMB"], 2, &format!("{start}--size: units: invalid \\nMB"));
    check_exit(&["run", "--keep=1h", "--keep=2h"], 2, &format!("{start}flag 'keep' cannot be repeated"));
}

#[test]
fn help_and_version_exit_with_0() {
    check_exit(&["--version"], 0, "prog, version 1.2.3");
    check_exit(&["run", "--version"], 0, "prog, version 1.2.3");
    let help = read(&["run", "--help"]).unwrap_err();
    assert!(
        help.code == 0 && help.text.contains("--[no-]wal.compress") && !help.text.contains("SWITCH"),
        "{}",
        help.text
    );
    assert!(help.text.contains("--data-dir <") && !help.text.contains("other"), "of the command only: {}", help.text);
    assert_eq!(read(&[]).unwrap_err().code, 0);
}

#[test]
fn values_are_listed_as_typed() {
    let line = read(&["run", "--keep=90m", "--no-wal.compress", "--label=a", "--label=b"]).unwrap();
    let values: Vec<String> = line.values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let want = "back=5m data-dir=./data keep=90m label=a,b log.level=info size=1GiB verbose=false wal.compress=false";
    assert_eq!(values.join(" "), want);
}

#[test]
fn files_hold_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| std::fs::File::create(path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    write("args", &format!("--data-dir=from file\n\n# comment\n--keep\n7d\n@{}\n", path("more")));
    write("more", "--no-wal.compress\n");
    write("loop", &format!("@{}\n", path("loop")));
    let at = |name: &str| format!("@{}", path(name));
    check(&["run", &at("args"), "--label=z"], "info from file 1w 5m0s 1GiB false false [\"z\"]");
    check_exit(&["run", &at("absent")], 1, "prog: error: failed to open arguments file");
    check_exit(&["run", &at("loop")], 1, "prog: error: arguments file");
    check_exit(&["run", "--", &at("args")], 1, "prog: error: unexpected @");
}
