//! The storage format and engine: head → WAL → block. Synchronous, without network and without tenants.
//!
//! A sample enters through [`Head`](head::Head), is appended to its series' open chunk and to the log in one step, and is
//! acknowledged when the log says so. Full chunks go to `chunks_head`; a closed range becomes a block. A query reads head
//! and blocks through one interface: matchers in, [`ChunkSeriesBatch`]es out, sorted by labels.
//!
//! All file access goes through [`fs::Fs`], where every step whose durability matters is a call of its own.

mod append;
mod bitstream;
pub mod block;
pub mod chunk;
pub mod cursor;
pub mod db;
pub mod dedup;
mod deleted;
pub mod downsample;
mod file_error;
pub mod floor;
pub mod fs;
pub mod head;
pub mod head_chunks;
pub mod index;
mod prefetch;
mod samples;
pub mod segment;
mod series;
pub mod snapshot;
pub mod verify;
pub mod wal;

pub use append::{AppendLimits, AppendSource, Appended, ExemplarRefusals, MAX_EXEMPLAR_RUNES, Refused, RefusedBecause};
pub use file_error::FileError;
pub use samples::{SampleCursor, SampleError};
pub use series::{
    Aggregate, Chunk, ChunkSeriesBatch, ColumnSeriesBatch, Encoding, SeriesCursor, SeriesSource, SourceError,
};
