//! The open chunk of a series, taken as it is or sample by sample.

use super::super::Replay;
use super::super::gaps::Cover;
use super::staged::Staged;
use crate::chunk::{self, histogram::HistogramState, xor::XorState};
use crate::cursor::Fault;
use crate::head::selection::Located;
use crate::head::shard::{RestoredHistograms, Rules, Shard, state_at};
use crate::series::Encoding;
use crate::snapshot::{ChunkEnd, LastSample, OpenChunk};
use model::{SampleColumns, TimeRange};
use std::ops::Range;
use std::sync::atomic::Ordering;

/// What a snapshot says of an open chunk, its data beside those of others.
#[derive(Debug, Clone)]
pub(super) struct StagedChunk {
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    encoding: Encoding,
    data: Range<usize>,
    /// The bits of the last value, if that is a float.
    last: Option<u64>,
    end: Option<ChunkEnd>,
}

impl Staged {
    /// Takes an open chunk: as it is if it can be gone on with, else sample by sample.
    pub(super) fn restore_chunk(
        &mut self,
        replay: &Replay<'_>,
        shard: &mut Shard,
        place: Located,
        open: &StagedChunk,
    ) -> Result<(), Fault> {
        let Self { columns, words, data, tally, .. } = self;
        let (number, data) = (place.number, data.get(open.data.clone()).unwrap_or_default());
        columns.clear();
        words.clear();
        let rules = replay.rules();
        let files = &replay.head.files;
        let line = &shard.lines[number];
        let is_newest = !line.has_sample() || line.last_ms < open.min_ms;
        let is_free = is_newest && !shard.has_open_chunk(number);
        if is_free
            && !line.is_histogram()
            && let Some((state, words, left_ms)) = open.go_on(data, &rules)
        {
            shard.go_on(number, (&state, words), left_ms);
            tally.restored(open, state.count.into());
            return Ok(());
        }
        const DAMAGED: Fault = Fault::Malformed("an open chunk cannot be decoded");
        let taken = match open.encoding {
            Encoding::Xor => {
                let state = XorState::resume_into(data, columns, words).map_err(|_| DAMAGED)?;
                open.check(columns)?;
                let fits = is_free && !line.is_histogram() && Shard::can_hold(&state, words, &columns.timestamps_ms);
                if fits {
                    shard.restore_floats(number, (&state, words), &columns.timestamps_ms, &rules);
                }
                fits
            }
            Encoding::Histogram | Encoding::FloatHistogram => {
                let resumed = HistogramState::resume_into(open.encoding, data, columns, words);
                let (state, layout, cells) = resumed.map_err(|_| DAMAGED)?;
                open.check(columns)?;
                let fits = is_free
                    && layout.reduction().is_none()
                    && Shard::can_hold_histograms(&state, words, &columns.timestamps_ms);
                if fits {
                    let chunk = RestoredHistograms { state, layout: &layout, cells: &cells, words };
                    shard.restore_histograms(number, &chunk, open.min_ms, &rules, files);
                }
                fits
            }
            Encoding::Xor2 | Encoding::HistogramSt | Encoding::FloatHistogramSt => false,
        };
        if taken {
            tally.restored(open, columns.len() as u64);
            return Ok(());
        }
        columns.clear();
        chunk::decode(open.encoding, data, columns).map_err(|_| DAMAGED)?;
        open.check(columns)?;
        replay.apply_columns(shard, place, columns);
        Ok(())
    }
}

impl StagedChunk {
    /// What is said of `open`, whose data goes behind what is in `data`.
    pub(super) fn new(open: &OpenChunk<'_>, data: &mut Vec<u8>) -> Self {
        let start = data.len();
        data.extend_from_slice(open.data);
        let last = match open.last {
            LastSample::Float(value) => Some(value.to_bits()),
            LastSample::Histogram(_) => None,
        };
        let &OpenChunk { min_ms, max_ms, encoding, end, .. } = open;
        Self { min_ms, max_ms, encoding, data: start..data.len(), last, end }
    }

    /// State, words and what is left of a chunk of floats, if the snapshot says how it ends and chunks end where they did.
    /// Its samples are not looked at: they are under the same checksum as what is said of them.
    fn go_on<'a>(&self, data: &'a [u8], rules: &Rules) -> Option<(XorState, &'a [u8], u32)> {
        let end =
            self.end.filter(|end| self.encoding == Encoding::Xor && end.chunk_range_ms == rules.chunk_range_ms)?;
        let (state, words) = state_at(&end, data, TimeRange::new(self.min_ms, self.max_ms)?, self.last?)?;
        Some((state, words, end.left_ms))
    }

    /// Whether the samples are what is said of them.
    fn check(&self, columns: &SampleColumns) -> Result<(), Fault> {
        let times = &columns.timestamps_ms;
        if !times.is_sorted_by(|earlier, later| earlier < later) {
            return Err(Fault::Malformed("times of an open chunk do not rise"));
        }
        if (times.first(), times.last()) != (Some(&self.min_ms), Some(&self.max_ms)) {
            return Err(Fault::Malformed("an open chunk does not begin and end when it should"));
        }
        let last = columns.values.last().map(|value| value.to_bits());
        if self.last.is_some_and(|want| last != Some(want)) {
            return Err(Fault::Malformed("an open chunk does not end with the last value"));
        }
        Ok(())
    }
}

impl Replay<'_> {
    /// Applies samples of one series as if they had been logged.
    fn apply_columns(&self, shard: &mut Shard, place: Located, columns: &SampleColumns) {
        let (rules, floor_ms, files) = (self.rules(), self.head.floor_ms(), &self.head.files);
        let (number, mut cover) = (place.number, Cover::NOTHING);
        for (at, (&timestamp_ms, &value)) in columns.timestamps_ms.iter().zip(&columns.values).enumerate() {
            if timestamp_ms < floor_ms {
                continue;
            }
            let line = &shard.lines[number];
            if line.has_sample() && timestamp_ms <= line.last_ms {
                if !cover.has(shard, number, timestamp_ms) {
                    self.gaps.put_aside(place, |samples| samples.push_from(columns, at));
                }
                continue;
            }
            let taken = match columns.histogram(at) {
                Some(histogram) => shard.append_histogram(number, (timestamp_ms, histogram), &rules, files),
                None => shard.append(number, (timestamp_ms, value), &rules, files),
            };
            if taken.is_ok() {
                self.head.times.include(timestamp_ms, timestamp_ms);
                self.counts.restored.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
