//! StoreAPI over the blocks of a bucket.
//!
//! [`App`] looks at the bucket from time to time and keeps an index-header of each block that counts. [`BucketStore`]
//! answers: it chooses blocks by external labels, time and resolution, and reads all of them at once: lists of series, then
//! their entries, then chunks, each by ranged reads that were joined, and sends series as soon as it has merged them. What
//! is read, decoded or waits is [reserved](budget) before.
//!
//! Invariant: nothing is written to the bucket. Nothing here knows gRPC.

mod app;
mod block_error;
mod block_set;
pub mod budget;
mod chunk_reads;
mod config;
mod files;
mod gate;
mod header_files;
pub mod index_header;
mod limits;
mod live_block;
mod metrics;
pub mod partition;
mod pipeline;
pub mod postings;
mod reorder;
#[cfg(test)]
mod rig;
mod rows;
pub mod selection;
mod store;
mod sync;

pub use app::{App, Parts};
pub use budget::BudgetLimits;
pub use config::{Config, TimeBound, Within};
pub use limits::{RequestLimits, SAMPLES_PER_CHUNK};
pub use store::BucketStore;
