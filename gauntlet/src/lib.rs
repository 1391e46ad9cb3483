//! One program: every component by its sub-command, `standalone`, which is all of them in one process, and tools.
//!
//! [`run`] reads the command line ([`cli`]), sets up logs, and hands over to the sub-command. A component is a library; what
//! is here only chooses, wires and reports. Whatever goes wrong, the last line on stderr is the cause and what to do.

mod cli;
mod common;
mod known;
mod query;
mod receive;
mod standalone;
mod store;
mod tools;

pub use cli::{run, run_as};

/// Many threads allocate small things for long: what the system's allocator is not made for. Built without huge pages: arenas
/// that grow little by little would be resident two megabytes at a time, nearly half of what a head takes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
