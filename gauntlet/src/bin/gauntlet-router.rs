//! The `gauntlet-router` binary: `gauntlet receive` under a name of its own, what takes remote write in and routes it.

use std::process::ExitCode;

fn main() -> ExitCode {
    gauntlet::run_as("receive", std::env::args_os())
}
