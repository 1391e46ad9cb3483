//! One program: every component by its sub-command, and `standalone`, which is all of them in one process.
//!
//! [`run`] reads the command line ([`cli`]), sets up logs, and hands over to the sub-command. A component is a library; what
//! is here only chooses, wires and reports. Whatever goes wrong, the last line on stderr is the cause and what to do.

mod cli;
mod standalone;

pub use cli::run;
