//! The `gauntlet` binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    gauntlet::run(std::env::args_os())
}
