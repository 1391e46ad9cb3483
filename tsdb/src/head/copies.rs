//! What a batch takes out of the shards: copies, made under their locks, little at a time.

use super::Head;
use super::chunk_list::{FullChunk, Place};
use super::damaged::ChunkKind;
use super::late::{join, place_of};
use super::selection::{Bunch, FAR_AHEAD, NEAR_AHEAD, View, Window};
use super::shard::Shard;
use super::shown::{PackedLabels, Shown};
use super::tombstones::DeletedCopies;
use crate::block::trim;
use crate::chunk;
use crate::deleted::{self, Deleted};
use crate::head_chunks::HeadChunkRef;
use crate::series::{Chunk, ChunkSeriesBatch, Encoding, SourceError};
use bytes::Bytes;
use model::{HistogramColumn, HistogramRef, LabelsRef, ResetHint, SampleColumns, TimeRange};
use std::ops::Range;

/// Copies of a few series: chunks that are in memory, places of the others. Used again for the next few.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// Positions in the bunch, by shard.
    by_shard: Vec<u32>,
    /// By position in the bunch; `None`: the series is gone, or nothing was wanted of it.
    series: Vec<Option<SeriesCopy>>,
    places: Vec<ChunkCopy>,
    /// Newest samples.
    histograms: HistogramColumn,
    /// Late samples that are in no chunk yet.
    buffered: SampleColumns,
    /// Chunks that are in memory.
    data: Vec<u8>,
    deleted: DeletedCopies,
    /// The floor of who reads.
    floor_ms: i64,
    /// After [`Copies::read_chunks`]: all chunks.
    chunks: Vec<Chunk>,
    /// Where the chunks of each place begin, and the last end.
    starts: Vec<usize>,
    columns: SampleColumns,
    /// After [`Copies::labels`]: of the series that are there, in order.
    labels: PackedLabels,
}

/// What was taken of a series, as parts of [`Copies`].
#[derive(Debug, Clone)]
pub(super) struct SeriesCopy {
    /// Of places first, after [`Copies::read_chunks`] of chunks.
    chunks: Range<usize>,
    /// There are late chunks among them, last.
    late: bool,
    /// A sample that needs no chunk.
    pub(super) last: Option<LastCopy>,
}

/// The newest sample of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastCopy {
    pub(super) timestamp_ms: i64,
    /// Of a histogram the sum.
    pub(super) value: f64,
    /// The row of a histogram.
    pub(super) row: Option<usize>,
}

#[derive(Debug, Clone)]
struct ChunkCopy {
    min_ms: i64,
    max_ms: i64,
    data: ChunkData,
    /// What is to be left out of the series, if any of it lies in the chunk.
    deleted: Range<usize>,
}

#[derive(Debug, Clone)]
enum ChunkData {
    InFile(HeadChunkRef),
    Copied(Encoding, Range<usize>),
    /// Late samples, not encoded yet.
    Buffered(Range<usize>),
}

/// How many series are copied while a shard is locked once.
pub(super) const SERIES_PER_LOCK: usize = 256;

impl Copies {
    /// Replaces what is held by what `take` copies of each series in the bunch that is still there. `with_chunks`: it mostly
    /// looks at chunks.
    pub(super) fn take(
        &mut self,
        view: &View,
        bunch: Bunch<'_>,
        with_chunks: bool,
        mut take: impl FnMut(&mut Self, &Shard, u32) -> Option<SeriesCopy>,
    ) {
        self.places.clear();
        self.data.clear();
        self.deleted.clear();
        self.histograms.clear();
        self.buffered.clear();
        self.floor_ms = view.floor_ms;
        let window = bunch.series;
        self.series.clear();
        self.series.resize(window.len(), None);
        let mut by_shard = std::mem::take(&mut self.by_shard);
        by_shard.clear();
        by_shard.extend(0..window.len() as u32);
        by_shard.sort_unstable_by_key(|&at| window[at as usize].place.shard);
        for run in
            by_shard.chunk_by(|&one, &other| window[one as usize].place.shard == window[other as usize].place.shard)
        {
            let shard = view.head.shards[window[run[0] as usize].place.shard as usize].lock();
            let number_of = |at: &u32| window[*at as usize].place.number;
            for (index, &at) in run.iter().enumerate() {
                run.get(index + FAR_AHEAD).into_iter().for_each(|far| shard.prefetch_series(number_of(far)));
                if with_chunks {
                    run.get(index + NEAR_AHEAD).into_iter().for_each(|near| shard.prefetch_chunks(number_of(near)));
                }
                let number = number_of(&at);
                if view.sees(&shard, number) {
                    self.deleted.begin(&view.head.tombstones, shard.lines[number].reference());
                    self.series[at as usize] = take(self, &shard, number);
                }
            }
        }
        self.by_shard = by_shard;
    }

    /// Copies the chunks of a series that overlap `times`; nothing, not even that it is there, if there are none. With no time
    /// at all no chunk is wanted.
    pub(super) fn take_series(&mut self, shard: &Shard, number: u32, times: Window) -> Option<SeriesCopy> {
        let first = self.places.len();
        if let Some(range) = times.in_order {
            self.take_full_chunks(shard, number, range);
            self.take_open_chunk(shard, number, range);
        }
        let in_order = self.places.len();
        if let Some(range) = times.late.filter(|_| shard.late.has(number)) {
            self.take_late_chunks(shard, number, range, times.late_through);
        }
        let chunks = first..self.places.len();
        if times.whole().is_some() && chunks.is_empty() {
            return None;
        }
        let late = self.places.len() > in_order;
        Some(SeriesCopy { chunks, late, last: None })
    }

    /// Copies the newest sample of a series, which is all that is wanted of it.
    pub(super) fn take_last(&mut self, shard: &Shard, number: u32) -> SeriesCopy {
        let line = &shard.lines[number];
        let last = match line.is_histogram() {
            true => {
                shard.push_newest_histogram(number, &mut self.histograms);
                let row = self.histograms.len() - 1;
                let hint = self.histograms.get(row).map(|histogram| histogram.hint);
                // What stands before it in its chunk may not be the sample before it.
                let is_alone = shard.late.has(number) || !self.deleted.of_series(ChunkKind::InOrder).is_empty();
                if is_alone && hint == Some(ResetHint::NotReset) {
                    self.histograms.set_hint(row, ResetHint::Unknown);
                }
                last_row(&self.histograms, line.last_ms)
            }
            false => LastCopy { timestamp_ms: line.last_ms, value: f64::from_bits(line.value_bits), row: None },
        };
        SeriesCopy { chunks: 0..0, late: false, last: Some(last) }
    }

    /// Whether the sample in order of that time of the series that is being taken was deleted.
    pub(super) fn is_deleted(&self, timestamp_ms: i64) -> bool {
        deleted::holds(self.deleted.of_series(ChunkKind::InOrder), timestamp_ms)
    }

    /// Drops what was taken of the series that `keep` does not want, given their chunks.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut SeriesCopy, &[Chunk], &mut HistogramColumn) -> bool) {
        let Self { series, chunks, histograms, .. } = self;
        for series in series {
            let Some(copy) = series else { continue };
            let chunks = chunks.get(copy.chunks.clone()).unwrap_or_default();
            if !keep(copy, chunks, histograms) {
                *series = None;
            }
        }
    }

    /// A histogram that was taken.
    pub(super) fn histogram(&self, row: usize) -> Option<HistogramRef<'_>> {
        self.histograms.get(row)
    }

    /// Gets the chunks that were taken, from files where they are there, without what was deleted, and joins late ones with
    /// what they overlap. No lock is held.
    ///
    /// # Errors
    /// A chunk that cannot be read, from which nothing can be left out, or that cannot be joined.
    pub(super) fn read_chunks(&mut self, head: &Head) -> Result<(), SourceError> {
        // The next few series have about as much.
        let room = Vec::with_capacity(self.data.len());
        let memory = Bytes::from(std::mem::replace(&mut self.data, room));
        self.chunks.clear();
        self.starts.clear();
        head.files.prefetch(self.places.iter().filter_map(|copy| match copy.data {
            ChunkData::InFile(place) => Some(place),
            ChunkData::Copied(..) | ChunkData::Buffered(_) => None,
        }));
        for copy in &self.places {
            let start = self.chunks.len();
            self.starts.push(start);
            match &copy.data {
                ChunkData::InFile(place) => self.chunks.push(head.files.read(*place)?),
                ChunkData::Copied(encoding, place) => {
                    let data = memory.slice(place.clone());
                    self.chunks.push(Chunk::raw(copy.min_ms, copy.max_ms, *encoding, data));
                }
                ChunkData::Buffered(samples) => {
                    self.columns.clear();
                    samples.clone().for_each(|at| self.columns.push_from(&self.buffered, at));
                    self.chunks.append(&mut chunk::encode(&self.columns));
                }
            }
            if !copy.deleted.is_empty() {
                let whole = self.chunks.split_off(start);
                leave_out(&whole, self.deleted.get(&copy.deleted), &mut self.columns, &mut self.chunks)?;
            }
        }
        self.starts.push(self.chunks.len());
        for series in &mut self.series {
            let Some(copy) = series.as_mut().filter(|copy| !copy.chunks.is_empty()) else { continue };
            copy.chunks = self.starts[copy.chunks.start]..self.starts[copy.chunks.end];
            if copy.chunks.is_empty() {
                // All of it was deleted.
                *series = None;
            }
        }
        self.join_late()
    }

    /// Joins late chunks with what they overlap.
    fn join_late(&mut self) -> Result<(), SourceError> {
        for series in self.series.iter_mut().flatten().filter(|series| series.late) {
            let mut joined = Vec::new();
            join(self.chunks.get(series.chunks.clone()).unwrap_or_default(), &mut joined).map_err(|fault| {
                SourceError::Corrupt { file: "chunks_head".to_owned(), offset: 0, fault: fault.to_string() }
            })?;
            let start = self.chunks.len();
            self.chunks.append(&mut joined);
            series.chunks = start..self.chunks.len();
        }
        Ok(())
    }

    /// Packs the labels that are shown of the series that are there. `bunch` is what they were taken of.
    pub(super) fn labels(&mut self, head: &Head, bunch: Bunch<'_>, shown: &Shown) {
        let there = self.series.iter().zip(bunch.series).filter(|(series, _)| series.is_some());
        self.labels.pack(&head.dictionary.read(), shown, there.map(|(_, picked)| bunch.pairs(picked)));
    }

    /// The series that are there, in the order of the bunch: labels, and the sample that needs no chunk.
    pub(super) fn series(&self) -> impl Iterator<Item = (LabelsRef<'_>, Option<LastCopy>)> {
        self.labels.iter().zip(self.series.iter().flatten().map(|series| series.last))
    }

    /// Moves the series that are there to `batch`.
    pub(super) fn move_to(&mut self, batch: &mut ChunkSeriesBatch) {
        batch.reserve(self.labels.len(), self.labels.size_bytes(), self.chunks.len());
        for (labels, series) in self.labels.iter().zip(self.series.iter().flatten()) {
            let chunks = self.chunks[series.chunks.clone()].iter_mut();
            batch.push(labels, chunks.map(|chunk| Chunk { data: std::mem::take(&mut chunk.data), ..*chunk }));
        }
    }

    fn take_full_chunks(&mut self, shard: &Shard, number: u32, range: TimeRange) {
        self.take_listed(ChunkKind::InOrder, shard, shard.full_chunks(number), range);
    }

    fn take_listed(
        &mut self,
        kind: ChunkKind,
        shard: &Shard,
        chunks: impl Iterator<Item = FullChunk>,
        range: TimeRange,
    ) {
        for chunk in chunks {
            if chunk.min_ms > range.max_ms()
                || chunk.max_ms < range.min_ms()
                || self.is_deleted_whole(kind, chunk.min_ms, chunk.max_ms)
            {
                continue;
            }
            let data = match chunk.place {
                Place::File(place) => ChunkData::InFile(HeadChunkRef(place)),
                Place::Kept(kept) => {
                    let Some((encoding, data)) = shard.kept(kept) else { continue };
                    let start = self.data.len();
                    self.data.extend_from_slice(data);
                    ChunkData::Copied(encoding, start..self.data.len())
                }
            };
            self.push_place(kind, chunk.min_ms, chunk.max_ms, data);
        }
    }

    fn take_late_chunks(&mut self, shard: &Shard, number: u32, range: TimeRange, through: HeadChunkRef) {
        // Those that belong to blocks go, and their files with them, while the reader is at work.
        let chunks = shard.late.chunks(number).filter(|chunk| place_of(chunk) > through);
        self.take_listed(ChunkKind::Late, shard, chunks, range);
        let Some((min_ms, max_ms)) = shard.late.buffer_range(number) else { return };
        let kind = ChunkKind::Late;
        if min_ms <= range.max_ms() && max_ms >= range.min_ms() && !self.is_deleted_whole(kind, min_ms, max_ms) {
            let start = self.buffered.len();
            shard.late.read_buffer(shard.layouts(), number, &mut self.buffered);
            self.push_place(kind, min_ms, max_ms, ChunkData::Buffered(start..self.buffered.len()));
        }
    }

    fn take_open_chunk(&mut self, shard: &Shard, number: u32, range: TimeRange) {
        let max_ms = shard.lines[number].last_ms;
        let Some(min_ms) = shard.open_min_ms(number) else { return };
        let kind = ChunkKind::InOrder;
        if min_ms <= range.max_ms() && max_ms >= range.min_ms() && !self.is_deleted_whole(kind, min_ms, max_ms) {
            let start = self.data.len();
            let Some(encoding) = shard.write_open_chunk(number, &mut self.data) else { return };
            let data = ChunkData::Copied(encoding, start..self.data.len());
            self.push_place(kind, min_ms, max_ms, data);
        }
    }

    fn is_deleted_whole(&self, kind: ChunkKind, min_ms: i64, max_ms: i64) -> bool {
        deleted::cover(self.deleted.of_series(kind), min_ms, max_ms)
    }

    fn push_place(&mut self, kind: ChunkKind, min_ms: i64, max_ms: i64, data: ChunkData) {
        // Only after a restart, which takes chunks as it finds them and blocks for all that they say they have.
        let deleted = match kind == ChunkKind::InOrder && min_ms < self.floor_ms {
            true => self.deleted.with_all_before(self.floor_ms, kind),
            false => self.deleted.reaching(kind, min_ms, max_ms),
        };
        self.places.push(ChunkCopy { min_ms, max_ms, data, deleted });
    }
}

/// Appends `chunks` to `out` without what was deleted of them.
#[cold]
fn leave_out(
    chunks: &[Chunk],
    stones: &[Deleted],
    columns: &mut SampleColumns,
    out: &mut Vec<Chunk>,
) -> Result<(), SourceError> {
    for chunk in chunks {
        let rest = trim::retain(chunk, columns, |timestamp_ms| !deleted::holds(stones, timestamp_ms));
        out.append(&mut rest.map_err(|fault| SourceError::Corrupt {
            file: "chunks_head".to_owned(),
            offset: 0,
            fault: fault.to_string(),
        })?);
    }
    Ok(())
}

/// The sample that is the last of `histograms`.
pub(super) fn last_row(histograms: &HistogramColumn, timestamp_ms: i64) -> LastCopy {
    let row = histograms.len().checked_sub(1);
    let value = row.and_then(|row| histograms.get(row)).map_or(f64::NAN, |histogram| histogram.sum);
    LastCopy { timestamp_ms, value, row }
}
