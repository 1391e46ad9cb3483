use super::Cli;
use clap::CommandFactory;
use std::collections::BTreeMap;

/// The commands of Thanos that `standalone` is made of; of a flag both have, the first counts.
const COMMANDS: [&str; 3] = ["", "receive", "query"];

/// Flags of ours whose defaults are not Thanos', and why.
const OTHER_DEFAULTS: [(&str, &str); 7] = [
    ("http-address", "127.0.0.1:10902"),           // on a laptop, not for everybody
    ("grpc-address", "127.0.0.1:10901"),           // the same
    ("tsdb.too-far-in-future.time-window", "10m"), // what Prometheus does; off in Thanos
    ("tsdb.max-block-duration", ""),               // follows the other
    ("query.lookback-delta", "5m"),                // the engine's default, not told by the flag
    ("tsdb.memory-snapshot-on-shutdown", "true"),  // a restart costs a tenth
    ("tsdb.max-exemplars", "100000"),              // as in a Prometheus that keeps exemplars; Thanos keeps none
];

#[test]
fn flags_that_thanos_has_are_as_in_thanos() {
    let Some(path) = testkit::golden("flags_that_thanos_has_are_as_in_thanos", "flags/flags.jsonl") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut thanos = BTreeMap::new();
    for command in COMMANDS {
        for row in rows.iter().filter(|row| row["command"] == command) {
            if let Some(name) = row["flag"].as_str() {
                thanos.entry(name).or_insert(row);
            }
        }
    }
    let mut cli = Cli::command();
    cli.build();
    let standalone = cli.find_subcommand("standalone").unwrap();
    let mut compared = Vec::new();
    for arg in standalone.get_arguments() {
        let name = arg.get_long().unwrap();
        let Some(row) = thanos.get(name).filter(|_| name != "help" && name != "version") else { continue };
        let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
        let switch = !arg.get_action().takes_values();
        let want = row["default"].as_array().map(|values| values.iter().map(|value| value.as_str().unwrap()).collect());
        let want: Vec<&str> = want.unwrap_or_default();
        let other = OTHER_DEFAULTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        assert_eq!(default.join(","), other.unwrap_or(&want.join(",")), "the default of --{name}");
        assert_eq!(switch, row["bool"].as_bool().unwrap(), "whether --{name} is on or off");
        compared.push(name);
    }
    assert!(compared.len() >= 18, "compared only {compared:?}");
    assert!(OTHER_DEFAULTS.iter().all(|(name, _)| compared.contains(name)), "{compared:?}");
}

/// Flags of Thanos' sub-commands of which ours differ in the default, and why.
const SUB_COMMAND_DEFAULTS: [(&str, &str, &str); 1] =
    // A restart costs a tenth; who goes back to Thanos has the whole log.
    [("receive", "tsdb.memory-snapshot-on-shutdown", "true")];

/// Every flag of `command` in Thanos is one here, with its default, and on or off where it is there.
fn check_command(test: &str, command: &str) {
    let Some(path) = testkit::golden(test, "flags/flags.jsonl") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut cli = Cli::command();
    cli.build();
    let ours = cli.find_subcommand(command).unwrap();
    let mut compared = 0;
    for row in rows.filter(|row| row["command"] == command) {
        let Some(name) = row["flag"].as_str() else { continue };
        let arg = ours.get_arguments().find(|arg| arg.get_long() == Some(name));
        let arg = arg.unwrap_or_else(|| panic!("thanos {command} has --{name}"));
        let own: Vec<_> = arg.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
        let want = row["default"].as_array().map(|values| values.iter().map(|value| value.as_str().unwrap()).collect());
        let want: Vec<&str> = want.unwrap_or_default();
        let other = SUB_COMMAND_DEFAULTS.iter().find(|row| (row.0, row.1) == (command, name)).map(|row| row.2);
        let switch = row["bool"].as_bool().unwrap();
        let unset = switch && own.is_empty() && want == ["false"];
        assert!(unset || own.join(",") == other.unwrap_or(&want.join(",")), "--{name}: {own:?}, {want:?}");
        assert_eq!(!arg.get_action().takes_values(), switch, "whether --{name} is on or off");
        let repeats = row["repeatable"].as_bool().unwrap_or_default();
        assert_eq!(matches!(arg.get_action(), clap::ArgAction::Append), repeats, "whether --{name} may be repeated");
        compared += 1;
    }
    assert!(compared > 50, "compared only {compared}");
}

#[test]
fn receive_has_every_flag_of_thanos() {
    check_command("receive_has_every_flag_of_thanos", "receive");
}

#[test]
fn store_has_every_flag_of_thanos() {
    check_command("store_has_every_flag_of_thanos", "store");
}

#[test]
fn query_has_every_flag_of_thanos() {
    check_command("query_has_every_flag_of_thanos", "query");
}
