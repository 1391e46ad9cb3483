//! The `gauntlet` binary: arguments in, exit code out.

use std::process::ExitCode;

/// Many threads allocate small things for long: what the system's allocator is not made for. Built without huge pages: arenas
/// that grow little by little would be resident two megabytes at a time, nearly half of what a head takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    gauntlet::run(std::env::args_os())
}
