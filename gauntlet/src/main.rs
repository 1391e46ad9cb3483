//! The `gauntlet` binary: arguments in, exit code out.

use std::process::ExitCode;

/// Many threads allocate small things for long: what the system's allocator is not made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gauntlet::run(std::env::args_os())
}
