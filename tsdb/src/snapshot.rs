//! Snapshots of a head: its series with their open chunks, so that a start need not read the log that led to them.
//!
//! A snapshot is a directory `chunk_snapshot.NNNNNN.NNNNNNNNNN` of segments, named after the place in the log up to which it
//! stands for what was logged. It is Prometheus' (`tsdb/head_wal.go`), each reads the other's; the byte tables are in
//! `docs/format/snapshot.md`. Here are only the bytes; what a head writes and takes back is in
//! [`head`](crate::head), when it does so in [`db`](crate::db).
//!
//! A snapshot is whole or of no use: whoever meets a fault in one begins anew with the log.

mod beside;
mod chunk_end;
mod dir;
mod items;
mod label_reader;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use beside::BESIDE;
pub use beside::{Relied, read_beside};
pub use chunk_end::ChunkEnd;
pub use dir::{SnapshotDir, SnapshotDirs, place_before};
pub(crate) use items::{DELETIONS, SERIES};
pub use items::{LastSample, OpenChunk, SnapshotDecoder, SnapshotItem, SnapshotSeries};
pub(crate) use label_reader::Alike;
pub use reader::{SnapshotError, read_snapshot};
pub use writer::SnapshotWriter;
