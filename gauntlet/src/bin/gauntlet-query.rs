//! The `gauntlet-query` binary: `gauntlet query` under a name of its own, PromQL over everything that speaks the Store API.

use std::process::ExitCode;

fn main() -> ExitCode {
    gauntlet::run_as("query", std::env::args_os())
}
