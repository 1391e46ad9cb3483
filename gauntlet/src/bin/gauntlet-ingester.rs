//! The `gauntlet-ingester` binary: `gauntlet receive` under a name of its own, what stores series and ships blocks.

use std::process::ExitCode;

fn main() -> ExitCode {
    gauntlet::run_as("receive", std::env::args_os())
}
