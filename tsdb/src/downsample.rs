//! Downsampled chunks, as they are read: what downsampling made of each window of samples, in place of these.
//!
//! Format: `tsdb/docs/format/chunks.md`.

mod average;
mod counter;
mod split;

pub use average::average;
pub use counter::CounterResets;
pub use split::{AGGREGATES, ENCODING, split_aggregates};
