//! Blocks in object storage: the one place that speaks to a bucket.
//!
//! [`Config`] is Thanos' YAML; [`Bucket`] reads and writes objects below its prefix, and cannot delete: [`Deleter`] can, and
//! is for the component that may.
//!
//! Format of a bucket: a directory for each block, named by its ULID, with `meta.json`, `index`, `chunks/000001` and so on, and
//! marks. A block is there when its `meta.json` is, which is therefore written last and deleted first.

mod bucket;
mod config;
mod deleter;
#[cfg(test)]
mod faulty;
pub mod fetcher;
mod marks;
mod metrics;
mod open;
pub mod shipper;
mod upload;
mod upload_block;

pub use bucket::{Bucket, BucketError, ObjectInfo, ReadCost};
pub use config::{
    BucketLookup, Config, HttpConfig, InvalidConfig, Provider, S3Config, S3Fault, Secret, SseConfig, TlsConfig,
    TraceConfig,
};
pub use deleter::Deleter;
pub use fetcher::{FetchOptions, Fetched, Fetcher, FetcherMetrics};
pub use marks::{DeletionMark, InvalidMark, Mark, MarkError, NoCompactMark, NoDownsampleMark};
pub use metrics::Metrics;
pub use open::{OpenError, open};
pub use shipper::{ShipError, ShipOptions, ShipRules, Shipper, ShipperMetrics};
pub use upload_block::{HashFunction, is_uploaded, list_block_files, upload_block};

/// The name of a block's commit record: the block is there when this is.
pub const META: &str = "meta.json";
/// The name of a block's index.
pub const INDEX: &str = "index";
/// The directory of a block's chunk files.
pub const CHUNKS: &str = "chunks";
