//! The write-ahead log: what was acknowledged, in the order it happened, in Prometheus' format.
//!
//! A shard puts what it logs of a batch into [`Records`] and hands them to [`Log::sequence`] while it holds its lock; that
//! copies memory, no more. [`Log::commit`] gives a [`Commit`] to wait on. A committer thread ([`Committers`]) takes all
//! that is there as one group, compresses and frames it, writes and syncs it, and completes the commits. What came
//! meanwhile is the next group.
//!
//! **Order.** A series record precedes every sample that names its reference, even when the disk fails between the two: a
//! group that could not be written is reported to those who wait for it, stays in memory, and goes first into the next
//! segment.
//!
//! **Never here:** a retry inside a request, a sleep, a write to a segment of an earlier life, a second sync of a file whose
//! sync failed.

mod assemble;
mod checkpoint;
mod codec;
mod committers;
mod log;
mod page;
mod published;
mod reader;
mod record;
mod replay;
mod salvage;
mod segment;
mod writer;

pub(crate) use codec::Unpacker;
pub(crate) use published::{PublishedBatch, PublishedReader, SegmentsWriter, read_published};
#[cfg(test)]
pub(crate) use record::split_records;
pub(crate) use record::{
    BasedRun, HistogramReader, RecordRun, push_exemplar, push_histogram, push_labels, push_stone, read_exemplars,
    read_labels, series_ref,
};

pub use checkpoint::CheckpointWriter;
pub use codec::Compression;
pub use committers::Committers;
pub use log::{Commit, Log, LogError, LogOptions, LogStats, Position};
pub use published::PublishedError;
pub(crate) use reader::read_framed;
pub use reader::{Damage, ReadReport, read_segment};
pub use record::{
    Decoded, HistogramRun, LeftOut, LoggedHistogram, LoggedSample, LoggedSeries, MmapMarker, Next, PackedSamples,
    RecordKind, Records, Run, SampleRun, Tombstone, decode_record,
};
pub use replay::{LogPlace, ReplayProgress, ReplayTarget, Replayed, replay, replay_from, replay_late};
pub use salvage::{Salvaged, salvage};
pub(crate) use segment::number as segment_number;
pub use writer::Durability;
