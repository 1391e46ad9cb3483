//! Series in memory, and how they become a block and come back.

use model::{Labels, LabelsRef, Matcher, SampleColumns, TimeRange};
use std::collections::BTreeMap;
use std::path::Path;
use tsdb::block::{Block, BlockSpec, BlockWriter, Meta};
use tsdb::chunk::{self, xor::XorState};
use tsdb::fs::Fs;
use tsdb::{Chunk, ChunkSeriesBatch, Encoding, SeriesSource, SourceError};
use ulid::Ulid;

/// Samples as (milliseconds, bits), by label set.
pub(crate) type Series = BTreeMap<Labels, Vec<(i64, u64)>>;

/// One of the series that were found.
pub(crate) type Selected = (Labels, Vec<(i64, u64)>);

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

pub(crate) fn chunk(samples: &[(i64, u64)]) -> Chunk {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    samples.iter().for_each(|&(timestamp_ms, bits)| state.append(timestamp_ms, f64::from_bits(bits), &mut words));
    let (first, last) = (samples.first().unwrap(), samples.last().unwrap());
    Chunk::raw(first.0, last.0, Encoding::Xor, state.finish(&words))
}

/// The samples in chunks of at most `size`.
pub(crate) fn chunks(samples: &[(i64, u64)], size: usize) -> Vec<Chunk> {
    samples.chunks(size).map(chunk).collect()
}

pub(crate) fn spec(series: &Series) -> BlockSpec {
    let times = || series.values().flatten().map(|sample| sample.0);
    BlockSpec::new(Ulid(1 << 80 | 7), times().min().unwrap_or(0), times().max().unwrap_or(0) + 1)
}

pub(crate) fn write(fs: &dyn Fs, dir: &Path, spec: BlockSpec, series: &Series) -> Option<Meta> {
    let mut writer = BlockWriter::create(fs, dir, spec).unwrap();
    for (labels, samples) in series {
        writer.add(labels.as_ref(), &chunks(samples, 5)).unwrap();
    }
    writer.finish().unwrap()
}

pub(crate) fn open(fs: &dyn Fs, dir: &Path) -> Result<Block, SourceError> {
    Block::open(fs, &dir.join(Ulid(1 << 80 | 7).to_string()))
}

/// All selected series, in the order they came.
pub(crate) fn select(
    source: &dyn SeriesSource,
    matchers: &[Matcher],
    range: TimeRange,
) -> Result<Vec<Selected>, SourceError> {
    let mut cursor = source.select(matchers, range)?;
    let (mut all, mut batch) = (Vec::new(), ChunkSeriesBatch::default());
    loop {
        cursor.next_batch(3, false, &mut batch)?;
        if batch.is_empty() {
            return Ok(all);
        }
        all.extend(batch.iter().map(|(labels, chunks)| (LabelsRef::to_owned(labels), decode(chunks))));
    }
}

fn decode(chunks: &[Chunk]) -> Vec<(i64, u64)> {
    let mut columns = SampleColumns::default();
    chunks.iter().for_each(|each| chunk::decode(each.encoding, &each.data, &mut columns).unwrap());
    columns.timestamps_ms.iter().zip(&columns.values).map(|(&t, value)| (t, value.to_bits())).collect()
}
