//! The `gauntlet-store` binary: `gauntlet store` under a name of its own, the Store API over the blocks of a bucket.

use std::process::ExitCode;

fn main() -> ExitCode {
    gauntlet::run_as("store", std::env::args_os())
}
