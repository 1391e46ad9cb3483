//! How series leave the engine: batches of label sets with their chunks, sorted by labels.

mod columns;

use bytes::Bytes;
use model::{Labels, LabelsRef, Matcher, TimeRange};

pub use columns::ColumnSeriesBatch;

/// How the samples of a chunk are encoded: the numbers of the chunk files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Encoding {
    Xor = 1,
    Histogram = 2,
    FloatHistogram = 3,
    Xor2 = 4,
    HistogramSt = 5,
    FloatHistogramSt = 6,
}

/// What the samples of a chunk are of the samples that were taken: these themselves, or what downsampling made of each
/// window of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aggregate {
    #[default]
    Raw,
    Count,
    Sum,
    Min,
    Max,
    Counter,
}

/// One chunk: encoded samples and the range they lie in, both ends inside. A downsampled chunk is several of these, one an
/// aggregate, of equal range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub min_ms: i64,
    pub max_ms: i64,
    pub aggregate: Aggregate,
    pub encoding: Encoding,
    /// The encoded samples, without length, encoding byte and checksum.
    pub data: Bytes,
}

/// Whole series, in order of their labels. Label sets lie packed in one buffer, chunks in one vector.
#[derive(Debug, Default, Clone)]
pub struct ChunkSeriesBatch {
    labels: Vec<u8>,
    chunks: Vec<Chunk>,
    ends: Vec<SeriesEnd>,
}

#[derive(Debug, Clone, Copy)]
struct SeriesEnd {
    labels: usize,
    chunks: usize,
}

/// Why series could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("{file} at byte {offset}: {fault}")]
    Corrupt { file: String, offset: u64, fault: String },
    #[error("{file}: {source}")]
    Io { file: String, source: std::io::Error },
}

/// Something that holds series: a head, a block.
pub trait SeriesSource: Send + Sync + std::fmt::Debug {
    /// The time its samples lie in, both ends inside; `None` if it has none.
    fn time_range(&self) -> Option<TimeRange>;

    /// Finds the series that all `matchers` accept and that have a chunk overlapping `range`, sorted by labels. Chunks
    /// come whole: they may reach beyond `range`.
    ///
    /// # Errors
    /// A corrupt or unreadable file.
    fn select(&self, matchers: &[Matcher], range: TimeRange) -> Result<Box<dyn SeriesCursor>, SourceError>;

    /// The same source with `added` among the labels of each series that is selected, and series in the order of all of
    /// these; matchers still are for the labels it has itself. `None`: it leaves that to whoever reads it, as where a series
    /// has a label of one of these names, or one of `without`.
    fn with_labels(&self, added: &Labels, without: &[Vec<u8>]) -> Option<Box<dyn SeriesSource>> {
        let _ = (added, without);
        None
    }

    /// The same source, whose series have of their labels those in `names` (sorted), in the order that all labels give them.
    /// `None`: it has no shorter way, or a series has a label of `absent`.
    fn with_labels_only(&self, names: &[Vec<u8>], absent: &[&[u8]]) -> Option<Box<dyn SeriesSource>> {
        let _ = (names, absent);
        None
    }

    /// How many series `matchers` accept at most. `None`: it takes time to tell, or to find them.
    fn at_most(&self, matchers: &[Matcher]) -> Option<u64> {
        let _ = matchers;
        None
    }

    /// The label names of the series that `matchers` accept (of all, if there is none), sorted.
    ///
    /// # Errors
    /// As [`SeriesSource::select`].
    fn label_names(&self, matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError>;

    /// The values of `name` among the series that `matchers` accept, sorted; answered from postings.
    ///
    /// # Errors
    /// As [`SeriesSource::select`].
    fn label_values(&self, name: &[u8], matchers: &[Matcher]) -> Result<Vec<Vec<u8>>, SourceError>;
}

/// A walk over selected series.
pub trait SeriesCursor: Send {
    /// Replaces the contents of `batch` by the next at most `max_series` series; leaves it empty at the end. With
    /// `skip_chunks` the chunks are left out, not read.
    ///
    /// # Errors
    /// As [`SeriesSource::select`]; the cursor is at its end afterwards.
    fn next_batch(
        &mut self,
        max_series: usize,
        skip_chunks: bool,
        batch: &mut ChunkSeriesBatch,
    ) -> Result<(), SourceError>;
}

impl Encoding {
    /// The encoding of that number; `None` for one not known.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Xor,
            2 => Self::Histogram,
            3 => Self::FloatHistogram,
            4 => Self::Xor2,
            5 => Self::HistogramSt,
            6 => Self::FloatHistogramSt,
            _ => return None,
        })
    }
}

impl Chunk {
    /// A chunk of samples as they were taken.
    pub fn raw(min_ms: i64, max_ms: i64, encoding: Encoding, data: Bytes) -> Self {
        Self { min_ms, max_ms, aggregate: Aggregate::Raw, encoding, data }
    }
}

impl ChunkSeriesBatch {
    /// Adds a series, whose labels must not sort before those of the last one.
    pub fn push(&mut self, labels: LabelsRef<'_>, chunks: impl IntoIterator<Item = Chunk>) {
        self.labels.extend_from_slice(labels.as_packed());
        self.chunks.extend(chunks);
        self.ends.push(SeriesEnd { labels: self.labels.len(), chunks: self.chunks.len() });
    }

    /// Has room for so many more series, bytes of packed labels and chunks.
    pub(crate) fn reserve(&mut self, series: usize, label_bytes: usize, chunks: usize) {
        self.ends.reserve(series);
        self.labels.reserve(label_bytes);
        self.chunks.reserve(chunks);
    }

    /// Takes all series out, and has room for as many again.
    pub fn take(&mut self) -> Self {
        let room = Self {
            labels: Vec::with_capacity(self.labels.len()),
            chunks: Vec::with_capacity(self.chunks.len()),
            ends: Vec::with_capacity(self.ends.len()),
        };
        std::mem::replace(self, room)
    }

    /// Forgets all series, keeps the memory.
    pub fn clear(&mut self) {
        self.labels.clear();
        self.chunks.clear();
        self.ends.clear();
    }

    /// Keeps the first `len` series.
    pub fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        let end = self.ends.last().copied().unwrap_or(SeriesEnd { labels: 0, chunks: 0 });
        self.labels.truncate(end.labels);
        self.chunks.truncate(end.chunks);
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The labels and chunks of series `index`; `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<(LabelsRef<'_>, &[Chunk])> {
        let end = self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = start.copied().unwrap_or(SeriesEnd { labels: 0, chunks: 0 });
        let packed = self.labels.get(start.labels..end.labels)?;
        Some((LabelsRef::from_packed_unchecked(packed), self.chunks.get(start.chunks..end.chunks)?))
    }

    /// The series in order.
    pub fn iter(&self) -> impl Iterator<Item = (LabelsRef<'_>, &[Chunk])> {
        (0..self.len()).map_while(|index| self.get(index))
    }

    /// Bytes of labels and chunk data held.
    pub fn size_bytes(&self) -> usize {
        self.labels.len() + self.chunks.iter().map(|chunk| chunk.data.len() + size_of::<Chunk>()).sum::<usize>()
    }
}
