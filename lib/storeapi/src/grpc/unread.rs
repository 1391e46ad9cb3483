//! Series of a peer that are read where answers are merged.

use super::incoming::Incoming;
use super::joined::{check_held, chunk_of, malformed, not_sorted};
use super::remote_store::{RemoteOptions, in_time};
use crate::store::{StoreError, UnreadFrame, size_of_warning};
use model::{LabelsRef, PackedBuilder};
pub(crate) use proto::series::FoundSeries;
use proto::series::{FrameContent, ReadChunk, SeriesFields, read_frame};
use std::sync::Arc;
use tsdb::Chunk;

/// The most bytes that the warnings of one answer may take: series are passed on as they come, warnings are kept to the end
/// of the query.
const MAX_WARNING_BYTES: usize = 4 << 20;

/// The frames of an answer as they come.
pub(super) struct PeerFrames {
    pub(super) store: Arc<str>,
    pub(super) options: RemoteOptions,
    incoming: Incoming,
    /// What the warnings took so far.
    warning_bytes: usize,
}

/// The series of one frame. What another peer told in the same bytes need not be read again.
#[derive(Debug)]
pub struct UnreadSeries {
    pub(super) store: Arc<str>,
    /// The most bytes that a series may take.
    pub(super) held_bytes: usize,
    pub(super) fields: SeriesFields,
}

/// Reads the chunks of a series, and no more of one than it may have.
struct Taken<'a> {
    chunks: &'a mut Vec<Chunk>,
    bytes: usize,
    most: usize,
}

impl PeerFrames {
    pub(super) fn new(store: &str, options: RemoteOptions, incoming: Incoming) -> Self {
        Self { store: store.into(), options, incoming, warning_bytes: 0 }
    }

    /// The next frame that says something; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<UnreadFrame>, StoreError> {
        while let Some(message) = in_time(&self.store, self.options, self.incoming.message()).await? {
            match read_frame(&message).map_err(|error| malformed(&self.store, &error))? {
                FrameContent::Series(fields) => {
                    let (store, held_bytes) = (Arc::clone(&self.store), self.options.held_bytes);
                    return Ok(Some(UnreadFrame::Series(UnreadSeries { store, held_bytes, fields })));
                }
                FrameContent::Warning(text) => {
                    return self.warning(String::from_utf8_lossy(&text).into_owned()).map(Some);
                }
                FrameContent::Hints(_) | FrameContent::Nothing => {}
            }
        }
        Ok(None)
    }

    fn warning(&mut self, text: String) -> Result<UnreadFrame, StoreError> {
        self.warning_bytes += size_of_warning(&text);
        if self.warning_bytes > MAX_WARNING_BYTES {
            let text = format!("{}: its warnings take more than {MAX_WARNING_BYTES} bytes", self.store);
            return Err(StoreError::LimitExceeded(text));
        }
        Ok(UnreadFrame::Warning(text))
    }
}

impl UnreadSeries {
    /// Passes the next series; `None` at the end.
    pub(crate) fn find_next(&mut self) -> Result<Option<FoundSeries>, StoreError> {
        self.fields.find_next().map_err(|error| malformed(&self.store, &error))
    }

    /// The bytes of a series that was found.
    pub(crate) fn bytes(&self, found: &FoundSeries) -> &[u8] {
        self.fields.bytes(found)
    }

    /// What all series of the frame take.
    pub(crate) fn size_bytes(&self) -> usize {
        self.fields.size_bytes()
    }

    /// Reads a series that was found; appends its chunks. Gives its labels, how many of its bytes they are, if these lie at its
    /// front, and what its chunks take.
    pub(crate) fn read<'b>(
        &self,
        found: &FoundSeries,
        labels: &'b mut PackedBuilder,
        chunks: &mut Vec<Chunk>,
    ) -> Result<(LabelsRef<'b>, Option<usize>, usize), StoreError> {
        let mut taken = Taken { chunks, bytes: 0, most: self.held_bytes };
        let read = self.fields.read(found, labels, &mut |chunk| taken.push(chunk));
        let (labels, front) = read.map_err(|error| malformed(&self.store, &error))?;
        Ok((labels, front, taken.bytes))
    }

    /// Reads the chunks of a series whose first bytes are known to be its labels; appends them. Gives what they take; `None` if
    /// it has more labels.
    pub(crate) fn read_behind(
        &self,
        found: &FoundSeries,
        labels: usize,
        chunks: &mut Vec<Chunk>,
    ) -> Result<Option<usize>, StoreError> {
        let mut taken = Taken { chunks, bytes: 0, most: self.held_bytes };
        let read = self.fields.read_behind(found, labels, &mut |chunk| taken.push(chunk));
        let has_no_more = read.map_err(|error| malformed(&self.store, &error))?;
        Ok(has_no_more.then_some(taken.bytes))
    }

    /// Whether a series may take so many bytes.
    pub(crate) fn check_held(&self, bytes: usize) -> Result<(), StoreError> {
        check_held(&self.store, bytes, self.held_bytes)
    }

    /// A series that sorts before the one that it follows.
    #[cold]
    pub(crate) fn not_sorted(&self, labels: LabelsRef<'_>, before: LabelsRef<'_>) -> StoreError {
        not_sorted(&self.store, labels, before)
    }
}

impl Taken<'_> {
    fn push(&mut self, chunk: ReadChunk) {
        self.bytes += size_of::<Chunk>() + chunk.0.data.len();
        // Of what is refused afterwards no more is kept.
        if self.bytes <= self.most {
            self.chunks.push(chunk_of(chunk));
        }
    }
}
