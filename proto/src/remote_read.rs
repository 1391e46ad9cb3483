//! Remote read: the request, and answers as samples or as streamed chunks, byte for byte as Prometheus writes them.
//!
//! Source: Prometheus 3.14, `prompb/remote.proto`, `prompb/types.proto`.

mod request;
mod response;

pub use request::{MalformedRead, ReadHints, ReadMatcher, ReadQuery, ReadRequest, ResponseKind};
pub use response::{ChunkSlice, FrameSplit, SeriesEncoder, frame_of_chunks, push_result};

#[cfg(test)]
mod tests;
