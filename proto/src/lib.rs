//! The wire between clients, routers and ingesters.
//!
//! A remote write body becomes a [`WriteBatch`]: the decompressed bytes, and for each series the two slices of them that
//! matter. Nothing is copied and nothing is owned per series. A [`WriteTarget`] takes the batch: an ingester in the same
//! process, or (later) a connection to one.

mod write;

pub use write::{Rejected, Rejection, SeriesSlice, WriteBatch, WriteError, WriteOutcome, WriteTarget};
