//! Units and command lines as Thanos read them.
#![allow(clippy::unwrap_used, reason = "test code")]

use clap::{Args, Parser, Subcommand};
use flags::{ByteSize, GoDuration, LabelFlag, PromDuration, TimeOrDuration};
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;

fn rows(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The number, and the printed form if there is one; or nothing if the text was refused.
type Read = Option<(i128, Option<String>)>;

fn recorded(row: &Value, key: &str) -> Read {
    let out = row.get("out")?;
    match out.get(key) {
        Some(number) => Some((integer(number), out.get("printed").map(|text| text.as_str().unwrap().to_owned()))),
        None => Some((integer(out), None)),
    }
}

fn integer(value: &Value) -> i128 {
    value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from)).unwrap()
}

/// 2000-01-01T00:00:00Z, which the recording takes for now.
const NOW_MS: i64 = 946_684_800_000;

#[test]
fn labels_are_read_as_thanos_does() {
    let Some(path) = testkit::golden("labels_are_read_as_thanos_does", "config/units.jsonl") else { return };
    let mut compared = 0;
    for row in rows(&path).iter().filter(|row| row["kind"] == "--label") {
        // Several are kept apart by an invisible character; none is an empty text.
        let given = row["in"].as_str().unwrap().split('\u{2063}').filter(|label| !label.is_empty());
        let read = given.map(|label| label.parse::<LabelFlag>().map(|label| (label.name, Value::from(label.value))));
        let got = read.collect::<Result<serde_json::Map<_, _>, _>>().ok().map(Value::from);
        assert_eq!(got.as_ref(), row.get("out"), "{row}");
        compared += 1;
    }
    assert!(compared >= 16, "compared only {compared}");
}

#[test]
fn units_are_read_and_printed_as_thanos_does() {
    let Some(path) = testkit::golden("units_are_read_and_printed_as_thanos_does", "config/units.jsonl") else { return };
    let mut compared = 0;
    for row in rows(&path) {
        let text = row["in"].as_str().unwrap();
        let (got, mut want): (Read, Read) = match row["kind"].as_str().unwrap() {
            "model.Duration (kingpin ModelDuration)" => {
                let got = text.parse::<PromDuration>().ok();
                let got = got.map(|read| (i128::from(read.as_ms()) * 1_000_000, Some(read.to_string())));
                (got, recorded(&row, "ns"))
            }
            "time.Duration (kingpin Duration, YAML time.Duration)" => {
                let got = text.parse::<GoDuration>().ok();
                (got.map(|read| (i128::from(read.as_ns()), Some(read.to_string()))), recorded(&row, "ns"))
            }
            "Bytes (kingpin Bytes: base 2)" => {
                let got = text.parse::<ByteSize>().ok();
                (got.map(|read| (i128::from(read.0), Some(read.to_string()))), recorded(&row, "bytes"))
            }
            "Bytes in YAML (model.Bytes)" => {
                let got = text.parse::<ByteSize>().ok();
                (got.map(|read| (i128::from(read.0), None)), recorded(&row, "bytes"))
            }
            "time or duration (now = 2000-01-01T00:00:00Z)" => {
                let got = text.parse::<TimeOrDuration>().ok().map(|read| (i128::from(read.at_ms(NOW_MS)), None));
                (got, recorded(&row, "ms").map(|(ms, _)| (ms, None)))
            }
            _ => continue,
        };
        // Thanos takes sizes below zero, and one of 2^63 comes out below zero there. Ours are never below zero.
        if text.starts_with("-1MB") {
            want = None;
        }
        if text == "8EB" && want.as_ref().is_some_and(|(bytes, _)| *bytes < 0) {
            want = Some((1 << 63, Some("8EiB".to_owned())));
        }
        assert_eq!(got, want, "{row}");
        compared += 1;
    }
    assert!(compared > 120, "compared only {compared}");
}

/// The recorded example program, as far as our types go.
#[derive(Debug, Parser)]
#[command(name = "example")]
struct Example {
    #[arg(long, global = true, default_value = "g")]
    global: String,
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Run(Run),
    #[command(subcommand)]
    Sub(Nested),
}

#[derive(Debug, Subcommand)]
enum Nested {
    One,
    Two,
}

#[derive(Debug, Args)]
struct Run {
    #[arg(long = "str", short = 's', default_value = "d")]
    text: String,
    #[arg(long = "bool", short = 'b', default_value_t = true)]
    switch: bool,
    #[arg(long)]
    list: Vec<String>,
    #[arg(long, default_value_t = 5.0, allow_negative_numbers = true)]
    num: f64,
    #[arg(long = "enum", default_value = "a", value_parser = ["a", "b"])]
    choice: String,
    #[arg(long, default_value = "1s", value_parser = GoDuration::parse_flag)]
    dur: GoDuration,
    #[arg(long, default_value = "1s")]
    mdur: PromDuration,
    #[arg(long, default_value = "1KB")]
    size: ByteSize,
    #[arg(long, hide = true, default_value = "h")]
    hidden: String,
}

impl Example {
    fn shown(&self) -> (String, Vec<(&'static str, Value)>) {
        let name = match &self.command {
            Sub::Run(_) => "run",
            Sub::Sub(Nested::One) => "sub one",
            Sub::Sub(Nested::Two) => "sub two",
        };
        let mut values = vec![("global", Value::from(self.global.as_str()))];
        if let Sub::Run(run) = &self.command {
            let list = if run.list.is_empty() { Value::Null } else { Value::from(run.list.clone()) };
            values.extend([
                ("str", Value::from(run.text.as_str())),
                ("bool", Value::from(run.switch.to_string())),
                ("list", list),
                ("num", Value::from(run.num.to_string())),
                ("enum", Value::from(run.choice.as_str())),
                ("dur", Value::from(run.dur.to_string())),
                ("mdur", Value::from(run.mdur.to_string())),
                ("size", Value::from(run.size.to_string())),
                ("hidden", Value::from(run.hidden.as_str())),
            ]);
        }
        (name.to_owned(), values)
    }
}

#[test]
fn command_lines_are_read_as_kingpin_does() {
    let Some(path) = testkit::golden("command_lines_are_read_as_kingpin_does", "config/command_line.jsonl") else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("args"), "--str=from file\n\n# comment\n--num\n7\n").unwrap();
    let mut compared = 0;
    for row in rows(&path) {
        let args: Vec<String> =
            row["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap().to_owned()).collect();
        // Kinds of value nothing here has yet; and the one form that clap reads otherwise: a short flag with an equals sign.
        let absent = ["--cfg", "--addr", "--url", "-s="];
        if args.iter().any(|arg| absent.iter().any(|start| arg.starts_with(start))) {
            continue;
        }
        let args = args.iter().map(|arg| arg.replace("<dir>", dir.path().to_str().unwrap()));
        let read = flags::parse::<Example>(std::iter::once("example".to_owned()).chain(args).map(OsString::from));
        match (read, row.get("error")) {
            (Ok(line), None) => {
                let (name, values) = line.flags.shown();
                assert_eq!(name, row["command"].as_str().unwrap(), "{row}");
                for (flag, value) in values {
                    assert_eq!(value, row["values"][flag], "{flag} in {row}");
                }
            }
            (Err(_), Some(_)) => {}
            (read, _) => panic!("{row}: {read:?}"),
        }
        compared += 1;
    }
    assert!(compared > 40, "compared only {compared}");
}
