//! What a process tells about itself: log lines on stderr, numbers on `/metrics`, and which build it is.
//!
//! A program calls [`init_logs`] once, makes one [`Registry`], and hands clones of it to its parts; each part registers
//! what it counts under the exact name and help text that dashboards know. Nothing here opens a socket.

mod build;
mod exposition;
mod logging;
mod number;
mod process;
mod registry;

pub use build::BuildInfo;
pub use exposition::Format;
pub use logging::{LogConfig, LogFormat, LogLevel, LogsAlreadySet, init_logs};
pub use number::write_float;
pub use process::register_process;
pub use registry::Registry;
