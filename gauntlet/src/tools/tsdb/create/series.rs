//! The samples of one block, on their way into it.

use super::CreateError;
use model::{LabelsRef, SampleColumns};
use std::collections::HashMap;
use std::path::Path;
use tsdb::block::BlockWriter;
use tsdb::chunk;
use tsdb::chunk::xor::XorState;
use tsdb::{Chunk, Encoding};

/// So many samples make a chunk, as in a head.
const CHUNK_SAMPLES: u16 = 120;

/// Series with their samples, which are encoded as they come.
#[derive(Debug, Default)]
pub(super) struct BlockSeries {
    series: HashMap<Box<[u8]>, Series>,
    range_ms: Option<(i64, i64)>,
}

#[derive(Debug, Default)]
struct Series {
    chunks: Vec<Chunk>,
    state: XorState,
    words: Vec<u8>,
    first_ms: i64,
    /// Samples that came after later ones.
    late: Vec<(i64, f64)>,
}

impl BlockSeries {
    pub(super) fn push(&mut self, labels: LabelsRef<'_>, timestamp_ms: i64, value: f64) {
        let (min_ms, max_ms) = self.range_ms.unwrap_or((timestamp_ms, timestamp_ms));
        self.range_ms = Some((min_ms.min(timestamp_ms), max_ms.max(timestamp_ms)));
        match self.series.get_mut(labels.as_packed()) {
            Some(series) => series.push(timestamp_ms, value),
            None => {
                let mut series = Series::default();
                series.push(timestamp_ms, value);
                self.series.insert(labels.as_packed().into(), series);
            }
        }
    }

    /// The times of the first and the last sample.
    pub(super) fn range_ms(&self) -> Option<(i64, i64)> {
        self.range_ms
    }

    /// Writes all series in order.
    ///
    /// # Errors
    /// A series with two values at one time, or a failed write.
    pub(super) fn write(self, writer: &mut BlockWriter<'_>, input: &Path) -> Result<(), CreateError> {
        let mut sorted: Vec<_> = self.series.into_iter().collect();
        sorted.sort_unstable_by(|(left, _), (right, _)| {
            LabelsRef::from_packed_unchecked(left).cmp(&LabelsRef::from_packed_unchecked(right))
        });
        for (packed, series) in sorted {
            let labels = LabelsRef::from_packed_unchecked(&packed);
            let chunks = series.finish().map_err(|timestamp_ms| CreateError::TwoValues {
                path: input.to_owned(),
                series: format!("{labels:?}"),
                timestamp_ms,
            })?;
            writer.add(labels, &chunks)?;
        }
        Ok(())
    }
}

impl Series {
    fn push(&mut self, timestamp_ms: i64, value: f64) {
        let is_first = self.state.count == 0 && self.chunks.is_empty();
        if !is_first && timestamp_ms <= self.last_ms() {
            self.late.push((timestamp_ms, value));
            return;
        }
        if self.state.count == CHUNK_SAMPLES {
            self.cut();
        }
        if self.state.count == 0 {
            self.first_ms = timestamp_ms;
        }
        self.state.append(timestamp_ms, value, &mut self.words);
    }

    /// The newest time, of a series that has a sample.
    fn last_ms(&self) -> i64 {
        match (self.state.count, self.chunks.last()) {
            (0, Some(chunk)) => chunk.max_ms,
            _ => self.state.last_ms,
        }
    }

    fn cut(&mut self) {
        let (min_ms, max_ms) = (self.first_ms, self.state.last_ms);
        self.chunks.push(Chunk::raw(min_ms, max_ms, Encoding::Xor, self.state.finish(&self.words)));
        self.state = XorState::default();
        self.words.clear();
    }

    /// Its chunks, in order. The error is a time at which it has two values.
    fn finish(mut self) -> Result<Vec<Chunk>, i64> {
        if self.state.count > 0 {
            self.cut();
        }
        if self.late.is_empty() {
            return Ok(self.chunks);
        }
        let mut columns = SampleColumns::default();
        for chunk in &self.chunks {
            // They were encoded a moment ago.
            let _ = chunk::decode(chunk.encoding, &chunk.data, &mut columns);
        }
        let mut samples: Vec<_> = columns.timestamps_ms.into_iter().zip(columns.values).collect();
        samples.append(&mut self.late);
        samples.sort_by_key(|(timestamp_ms, _)| *timestamp_ms);
        samples.dedup_by(|next, kept| next.0 == kept.0 && next.1.to_bits() == kept.1.to_bits());
        if let Some([(timestamp_ms, _), _]) = samples.array_windows().find(|[left, right]| left.0 == right.0) {
            return Err(*timestamp_ms);
        }
        let mut sorted = Self::default();
        samples.into_iter().for_each(|(timestamp_ms, value)| sorted.push(timestamp_ms, value));
        sorted.finish()
    }
}
