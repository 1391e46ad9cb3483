//! From the chunks of a series to its samples.

use super::options::{DedupFunc, ReadOptions, Reading};
use model::{ResetHint, SampleColumns, TimeRange};
use std::cell::RefCell;
use tsdb::chunk::{ChunkError, decode, decode_last};
use tsdb::dedup::{chain, overlap_split, penalty};
use tsdb::downsample::{CounterResets, average};
use tsdb::{Aggregate, Chunk, Encoding};

/// The columns of so many replicas are kept from one series to the next.
const KEPT_REPLICAS: usize = 16;

/// Why samples could not be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    #[error("downsampled chunk from {min_ms} to {max_ms} ms lacks its aggregate {aggregate:?}")]
    Missing { min_ms: i64, max_ms: i64, aggregate: Aggregate },
    #[error(
        "downsampled chunk of encoding {encoding:?} from {min_ms} to {max_ms} ms holds histograms: they cannot be evaluated"
    )]
    Histograms { min_ms: i64, max_ms: i64, encoding: Encoding },
}

/// Memory that is kept from one series to the next.
#[derive(Debug, Default)]
struct Scratch {
    chunk: SampleColumns,
    joined: SampleColumns,
    counts: SampleColumns,
    sums: SampleColumns,
    replicas: Replicas,
}

#[derive(Debug, Default)]
struct Replicas {
    /// Which replica each chunk is taken for.
    numbers: Vec<u32>,
    ends: Vec<i64>,
    samples: Vec<SampleColumns>,
    resets: Vec<CounterResets>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Appends the samples of chunks to `columns`, which are empty. Chunks are sorted by their range; the aggregates of a
/// downsampled one stand next to each other, in the order of [`Aggregate`].
pub(super) fn read(chunks: &[Chunk], options: &ReadOptions, columns: &mut SampleColumns) -> Result<(), ReadError> {
    let follows = |pair: &[Chunk]| matches!(pair, [left, right] if left.max_ms < right.min_ms);
    let is_raw = |chunk: &Chunk| chunk.aggregate == Aggregate::Raw;
    let is_raw = chunks.iter().all(is_raw);
    if is_raw && chunks.windows(2).all(follows) {
        if let Some(last) = chunks.last().filter(|last| options.newest_only && last.max_ms <= options.range.max_ms()) {
            decode_last(last.encoding, &last.data, columns)?;
            // What a chunk is said to end with is a peer's word.
            if columns.timestamps_ms.last().is_some_and(|&timestamp_ms| timestamp_ms <= options.range.max_ms()) {
                return Ok(());
            }
            columns.clear();
        }
        for chunk in chunks {
            decode(chunk.encoding, &chunk.data, columns)?;
        }
        return Ok(());
    }
    SCRATCH.with_borrow_mut(|scratch| match options.dedup {
        None => scratch.join(chunks, options.reading, is_raw, columns),
        Some(func) => scratch.dedup(chunks, options, func, columns),
    })
}

/// The chunks of each range: a raw one, or the aggregates of a downsampled one.
fn units(chunks: &[Chunk]) -> impl Iterator<Item = &[Chunk]> {
    chunks.chunk_by(|left, right| {
        left.aggregate != Aggregate::Raw
            && left.aggregate < right.aggregate
            && (left.min_ms, left.max_ms) == (right.min_ms, right.max_ms)
    })
}

impl Scratch {
    /// Joins what overlaps, each timestamp once.
    fn join(
        &mut self,
        chunks: &[Chunk],
        reading: Reading,
        is_raw: bool,
        columns: &mut SampleColumns,
    ) -> Result<(), ReadError> {
        let mut resets = CounterResets::default();
        let applies_resets = !is_raw && matches!(reading, Reading::Counter | Reading::Resets);
        for unit in units(chunks) {
            let first_ms = unit.first().map(|chunk| chunk.min_ms);
            if !applies_resets && columns.timestamps_ms.last() < first_ms.as_ref() {
                self.decode(unit, reading, columns)?;
                continue;
            }
            let mut chunk = std::mem::take(&mut self.chunk);
            chunk.clear();
            let decoded = self.decode(unit, reading, &mut chunk);
            self.chunk = chunk;
            decoded?;
            if applies_resets {
                apply(&mut resets, &self.chunk, columns);
            } else {
                merge(columns, &self.chunk, &mut self.joined);
                std::mem::swap(columns, &mut self.joined);
            }
        }
        Ok(())
    }

    /// Tells replicas apart by where their chunks overlap, and makes them one.
    fn dedup(
        &mut self,
        chunks: &[Chunk],
        options: &ReadOptions,
        func: DedupFunc,
        columns: &mut SampleColumns,
    ) -> Result<(), ReadError> {
        let mut replicas = std::mem::take(&mut self.replicas);
        let done = self.fill(chunks, options, func, &mut replicas);
        if let Ok((count, counter)) = done
            && let Some(samples) = replicas.samples.get_mut(..count)
        {
            match samples {
                [one] => std::mem::swap(columns, one),
                _ => {
                    samples.iter_mut().for_each(|samples| clip(samples, options.range));
                    match func {
                        DedupFunc::Penalty => penalty(samples, counter, columns),
                        DedupFunc::Chain => chain(samples, columns),
                    }
                }
            }
        }
        replicas.samples.truncate(KEPT_REPLICAS);
        self.replicas = replicas;
        done.map(|_| ())
    }

    /// Decodes the chunks of each replica. Returns how many there are, and whether they are counters without resets.
    fn fill(
        &mut self,
        chunks: &[Chunk],
        options: &ReadOptions,
        func: DedupFunc,
        replicas: &mut Replicas,
    ) -> Result<(usize, bool), ReadError> {
        let ranges = units(chunks).filter_map(|unit| unit.first()).map(|chunk| (chunk.min_ms, chunk.max_ms));
        let count = overlap_split(ranges, &mut replicas.ends, &mut replicas.numbers);
        if replicas.samples.len() < count {
            replicas.samples.resize_with(count, SampleColumns::default);
        }
        replicas.samples.iter_mut().for_each(SampleColumns::clear);
        replicas.resets.clear();
        replicas.resets.resize_with(count, CounterResets::default);

        let is_raw = chunks.iter().all(|chunk| chunk.aggregate == Aggregate::Raw);
        let applies_resets = match (options.reading, func) {
            (Reading::Counter, DedupFunc::Penalty) => count > 1 || !is_raw,
            (Reading::Counter, DedupFunc::Chain) | (Reading::Resets, _) => !is_raw,
            _ => false,
        };
        for (unit, &replica) in units(chunks).zip(&replicas.numbers) {
            let Some(samples) = replicas.samples.get_mut(replica as usize) else { continue };
            if !applies_resets {
                self.decode(unit, options.reading, samples)?;
                continue;
            }
            let mut chunk = std::mem::take(&mut self.chunk);
            chunk.clear();
            let decoded = self.decode(unit, options.reading, &mut chunk);
            self.chunk = chunk;
            decoded?;
            if let Some(resets) = replicas.resets.get_mut(replica as usize) {
                apply(resets, &self.chunk, samples);
            }
        }
        Ok((count, applies_resets))
    }

    /// Appends the samples of one range to `columns`.
    fn decode(&mut self, unit: &[Chunk], reading: Reading, columns: &mut SampleColumns) -> Result<(), ReadError> {
        if let [chunk] = unit
            && chunk.aggregate == Aggregate::Raw
        {
            return Ok(decode(chunk.encoding, &chunk.data, columns)?);
        }
        match reading.aggregates() {
            [aggregate] => decode_aggregate(unit, *aggregate, columns),
            _ => {
                self.counts.clear();
                self.sums.clear();
                decode_aggregate(unit, Aggregate::Count, &mut self.counts)?;
                decode_aggregate(unit, Aggregate::Sum, &mut self.sums)?;
                Ok(average(&self.counts, &self.sums, columns)?)
            }
        }
    }
}

/// Appends the samples of the next chunk of a counter without its resets. Histograms stay as they are: who evaluates them
/// finds their resets.
fn apply(resets: &mut CounterResets, chunk: &SampleColumns, columns: &mut SampleColumns) {
    if !chunk.has_histograms() {
        return resets.apply(chunk, columns);
    }
    let last_ms = columns.timestamps_ms.last().copied();
    let told = chunk.timestamps_ms.partition_point(|at_ms| Some(*at_ms) <= last_ms);
    (told..chunk.len()).for_each(|at| columns.push_from(chunk, at));
    if let Some(row) = chunk.histogram(told)
        && told > 0
        && row.hint != ResetHint::Gauge
    {
        let first = columns.histograms.len() - (chunk.len() - told);
        columns.histograms.set_hint(first, ResetHint::Unknown);
    }
}

/// Appends the samples of an aggregate, which are floats. A histogram's sum must not be taken for a value.
fn decode_floats(chunk: &Chunk, columns: &mut SampleColumns) -> Result<(), ReadError> {
    decode(chunk.encoding, &chunk.data, columns)?;
    let Chunk { min_ms, max_ms, encoding, .. } = *chunk;
    if columns.has_histograms() { Err(ReadError::Histograms { min_ms, max_ms, encoding }) } else { Ok(()) }
}

fn decode_aggregate(unit: &[Chunk], aggregate: Aggregate, columns: &mut SampleColumns) -> Result<(), ReadError> {
    match unit.iter().find(|chunk| chunk.aggregate == aggregate) {
        Some(chunk) => decode_floats(chunk, columns),
        None => {
            let (min_ms, max_ms) = unit.first().map_or((0, 0), |chunk| (chunk.min_ms, chunk.max_ms));
            Err(ReadError::Missing { min_ms, max_ms, aggregate })
        }
    }
}

/// Leaves out what lies outside of `range`.
pub(super) fn clip(columns: &mut SampleColumns, range: TimeRange) {
    columns.truncate(columns.timestamps_ms.partition_point(|at_ms| *at_ms <= range.max_ms()));
    let before = columns.timestamps_ms.partition_point(|at_ms| *at_ms < range.min_ms());
    if before == 0 {
        return;
    }
    if columns.has_histograms() {
        let all = std::mem::take(columns);
        (before..all.len()).for_each(|at| columns.push_from(&all, at));
        return;
    }
    columns.timestamps_ms.drain(..before);
    columns.values.drain(..before);
    columns.starts_ms.drain(..before.min(columns.starts_ms.len()));
}

/// Replaces `joined` by the samples of both, in order; of two at one timestamp that of `first` stays. A histogram that does
/// not follow the one it followed where it comes from says nothing of a reset any more, unless it is a gauge.
fn merge(first: &SampleColumns, second: &SampleColumns, joined: &mut SampleColumns) {
    joined.clear();
    let (mut left, mut right) = (0, 0);
    let mut follows = None;
    loop {
        let is_left = match (first.timestamps_ms.get(left), second.timestamps_ms.get(right)) {
            (None, None) => return,
            (Some(one), Some(other)) if one == other => {
                right += 1;
                true
            }
            (Some(one), Some(other)) => one < other,
            (one, _) => one.is_some(),
        };
        let (source, at) = if is_left { (first, &mut left) } else { (second, &mut right) };
        joined.push_from(source, *at);
        if follows != Some((is_left, *at))
            && let Some(histogram) = source.histogram(*at)
            && histogram.hint != ResetHint::Gauge
        {
            joined.histograms.set_hint(joined.histograms.len() - 1, ResetHint::Unknown);
        }
        *at += 1;
        follows = Some((is_left, *at));
    }
}

#[cfg(test)]
pub(super) fn samples(columns: &SampleColumns) -> impl Iterator<Item = (i64, f64)> {
    columns.timestamps_ms.iter().copied().zip(columns.values.iter().copied())
}

#[cfg(test)]
mod tests;
