//! StoreAPI inside the process: the trait behind which a head, a block and a remote store look alike.
//!
//! A [`Store`] answers a [`SeriesRequest`] with a stream of [`SeriesFrame`]s sorted by labels. Protobuf exists only in
//! [`grpc`]; in process a chunk stays the bytes it was read as.

mod endpoints;
mod engine;
mod exemplars;
pub mod grpc;
mod local;
mod loser_tree;
mod merge;
mod metadata;
mod proxy;
mod relabel;
mod shard;
mod sort_key;
mod store;
#[cfg(test)]
mod table;

pub use endpoints::{
    Dial, DnsName, EndpointAddress, EndpointStatus, Endpoints, EndpointsConfig, EndpointsError, InvalidEndpoint,
    Lookup, StatusProvider,
};
pub use engine::{DedupFunc, EngineBatch, ReadOptions, Reading, aggregates_for};
pub use exemplars::{ExemplarsAnswer, ExemplarsRequest};
pub use local::{
    ExemplarGroup, HeadGroup, LocalStore, MetadataGroup, MissingGroup, SeriesLimits, SourceGroup, SourceProvider,
    matchers_left,
};
pub use loser_tree::LoserTree;
pub use merge::{MergedCursor, merge_frames_within};
pub use metadata::{MetadataAnswer, MetadataRequest, MetricSaid};
pub use proxy::{LiveStore, Proxy, StoreProvider};
pub use relabel::RelabeledCursor;
pub use sort_key::write_sort_key;
pub use store::{
    Component, LabelsAnswer, LabelsRequest, PartialResponse, SelectHints, SeriesBatch, SeriesFrame, SeriesRequest,
    SeriesStream, SeriesWalk, Shard, Store, StoreError, StoreInfo, TsdbInfo, UnreadFrame, UnreadStream, join_strings,
};
