//! The wire between clients, routers and ingesters.
//!
//! A remote write body becomes a [`WriteBatch`]: the decompressed bytes, and for each series the two slices of them that
//! matter. Nothing is copied and nothing is owned per series. A [`WriteTarget`] takes the batch: an ingester in the same
//! process, or (later) a connection to one.
//!
//! A body becomes a batch by [`count_rows`] (what it will need) and [`WriteBatch::walk`]; one of version 2.0 by [`Outline`] and
//! [`Request2::read`]. Labels stay unread until a target meets a series it does not know; then [`pack_labels`] checks and sorts
//! them. Where series are to be sent on, those of 2.0 are spelled out before.

#[allow(
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    clippy::too_many_lines,
    clippy::allow_attributes_without_reason,
    reason = "the build writes it"
)]
mod generated;
pub mod grpc;
pub mod labels;
pub mod messages;
pub mod openmetrics;
pub mod remote_read;
pub mod series;
mod wire;
mod write;

pub use generated::{hintspb, prometheus_copy, thanos};

pub use write::{
    BadHistogram, Excerpt, ExemplarField, ExemplarFields, ForwardPart, HistogramAt, HistogramFault, HistogramFields,
    HistogramScratch, InvalidLabelSet, InvalidRemoteWrite, InvalidRequest2, LabelFields, LabelLimits, Malformed,
    Outline, Rejected, Rejection, Rejections, RemoteWrite, RemoteWriteServer, Request2, RequestEncoder, SampleFields,
    SeriesSlice, SpelledBatch, Spellings, Symbols, Tally, TenantBatch, WriteBatch, WriteError, WriteOutcome,
    WriteTarget, count_rows, forward_request, forward_tuples, pack_labels,
};
