//! A chunk of histograms that is being written, with all that belongs to it.

use super::{CellState, Decision, HistogramState, layout_of, spread};
use crate::chunk::ChunkError;
use crate::series::Encoding;
use bytes::Bytes;
use model::{HistogramLayout, HistogramRef, ResetHint};

/// An open chunk that owns its layout, cells and words: for those who write a chunk from front to back. A head, which has
/// very many open at a time, keeps these elsewhere and uses [`HistogramState`].
#[derive(Debug, Clone)]
pub struct OpenHistograms {
    state: HistogramState,
    layout: HistogramLayout,
    cells: Vec<CellState>,
    words: Vec<u8>,
    /// The cells of a histogram that was spread.
    wide: Vec<u64>,
}

/// What became of a chunk to which a histogram was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    Appended,
    /// It was written anew with a layout that has the histogram's buckets as well.
    Recoded,
}

impl OpenHistograms {
    /// Begins a chunk with a histogram; see [`HistogramState::begin`].
    pub fn begin(header: ResetHint, timestamp_ms: i64, histogram: HistogramRef<'_>) -> Self {
        let layout = layout_of(histogram).clone();
        let (mut cells, mut words) = (vec![CellState::default(); layout.cells()], Vec::new());
        let state = HistogramState::begin(header, timestamp_ms, histogram, &mut cells, &mut words);
        Self { state, layout, cells, words, wide: Vec::new() }
    }

    /// Opens finished data again; see [`HistogramState::resume`].
    ///
    /// # Errors
    /// As there.
    pub fn resume(encoding: Encoding, data: &[u8]) -> Result<Self, ChunkError> {
        let mut words = Vec::new();
        let (state, layout, cells) = HistogramState::resume(encoding, data, &mut words)?;
        Ok(Self { state, layout, cells, words, wide: Vec::new() })
    }

    /// Appends a histogram with numbers of the chunk's kind, whatever its buckets are.
    ///
    /// # Errors
    /// It must begin a new chunk, whose header says what is given; this one is as it was.
    pub fn push(&mut self, timestamp_ms: i64, histogram: HistogramRef<'_>) -> Result<Pushed, ResetHint> {
        let (pushed, layout) = match self.state.decide(&self.layout, &self.cells, histogram) {
            Decision::Cut(header) => return Err(header),
            Decision::Append => {
                self.append(timestamp_ms, histogram);
                return Ok(Pushed::Appended);
            }
            Decision::Widen => (Pushed::Appended, None),
            Decision::Recode(layout) => (Pushed::Recoded, Some(layout)),
        };
        if let Some(layout) = layout {
            let (mut cells, mut words) = (vec![CellState::default(); layout.cells()], Vec::new());
            let data = self.state.finish(&self.words);
            // What was written here can be read.
            let recoded = self.state.recode(&data, &layout, &mut cells, &mut words);
            self.state = recoded.map_err(|_| ResetHint::Unknown)?;
            (self.layout, self.cells, self.words) = (layout, cells, words);
        }
        let mut wide = std::mem::take(&mut self.wide);
        wide.resize(self.layout.cells(), 0);
        spread(histogram, &self.layout, &mut wide);
        self.append(timestamp_ms, HistogramRef { cells: &wide, ..histogram });
        self.wide = wide;
        Ok(pushed)
    }

    /// The state, with its count and its header.
    pub fn state(&self) -> &HistogramState {
        &self.state
    }

    /// The layout of the chunk.
    pub fn layout(&self) -> &HistogramLayout {
        &self.layout
    }

    /// The size of the data if the chunk were finished now.
    pub fn size_bytes(&self) -> usize {
        self.state.size_bytes(self.words.len())
    }

    /// The data of the chunk, which stays open.
    pub fn finish(&self) -> Bytes {
        self.state.finish(&self.words)
    }

    fn append(&mut self, timestamp_ms: i64, histogram: HistogramRef<'_>) {
        let positive_buckets = self.layout.positive_buckets();
        self.state.append(timestamp_ms, histogram, positive_buckets, &mut self.cells, &mut self.words);
    }
}
