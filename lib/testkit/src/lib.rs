//! What tests of several crates share: golden files and how their absence is told, a simulated file system.

mod golden;

pub use golden::{golden, skip};
