//! What tests of several crates share: golden files and how their absence is told, a simulated file system.

pub mod fs_contract;
mod golden;
mod sim_fs;

pub use golden::{golden, skip};
pub use sim_fs::{Fault, Loss, SimFs, Step};
