//! What tests of several crates share: golden files and how their absence is told, a simulated file system, a
//! head that is plain enough to be trusted.

mod chance;
pub mod fs_contract;
mod golden;
mod model_head;
mod sim_fs;

pub use chance::Chance;
pub use golden::{golden, skip};
pub use model_head::{ModelHead, ModelSeries};
pub use sim_fs::{Fault, Loss, SimFs, Step};
