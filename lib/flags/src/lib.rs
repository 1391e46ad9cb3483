//! Command lines as Thanos takes them.
//!
//! Thanos' flags are read by kingpin; people's manifests lean on its habits. Programs declare flags with clap's derive and
//! hand their arguments to [`parse`], which adds those habits and gives errors Thanos' texts and exit codes. The types here
//! stand for values in Prometheus' units; they parse and print as they do there.

mod byte_size;
mod command_line;
mod content;
mod go_duration;
mod label_flag;
mod prom_duration;
mod time_or_duration;

pub use byte_size::{ByteSize, InvalidByteSize};
pub use command_line::{CommandLine, Exit, parse};
pub use content::{InvalidContent, content};
pub use go_duration::{GoDuration, InvalidGoDuration};
pub use label_flag::{InvalidLabelFlag, LabelFlag};
pub use prom_duration::{InvalidPromDuration, PromDuration};
pub use time_or_duration::{InvalidTimeOrDuration, TimeOrDuration};
