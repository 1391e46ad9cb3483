//! Samples of a batch that are not taken in order: late ones, or refused.

use super::Batch;
use crate::append::{AppendSource, RefusedBecause};
use crate::head::Head;
use crate::head::late::{Inserted, LateLog, LateSample};
use crate::head::shard::Shard;
use crate::head_chunks::HeadChunkRef;
use crate::wal::{LogError, Position, Records};

/// What holds for late samples, for the whole batch.
pub(super) struct LateBatch<'a> {
    log: &'a LateLog,
    /// Those before this are too old.
    min_ms: i64,
}

/// What of one shard's share came late.
#[derive(Debug, Default)]
pub(super) struct LateShare {
    records: Records,
    /// The line whose sample was put into the records last.
    newest: Option<u32>,
}

/// What a marker says where a buffer begins: that what came before it, if anything, waits in no other. Prometheus writes
/// it, and forgets what it has.
const NO_CHUNK: HeadChunkRef = HeadChunkRef(0);

/// Where a sample would be that its series does not take in order.
pub(super) struct NotInOrder {
    pub(super) index: u32,
    /// The line of its series.
    pub(super) number: u32,
    pub(super) timestamp_ms: i64,
    pub(super) why: RefusedBecause,
}

impl Head {
    /// Late samples may be so far behind the newest sample of the head.
    pub(super) fn late_batch<S: AppendSource>(&self, source: &S) -> Option<LateBatch<'_>> {
        let log = self.late.as_ref().filter(|late| late.options.is_on())?;
        Some(LateBatch { log, min_ms: self.newest_ms(source).saturating_sub(log.options.window_ms) })
    }
}

impl LateShare {
    /// Forgets what a batch left that was given up.
    pub(super) fn clear(&mut self) {
        self.records.begin_batch();
        self.newest = None;
    }

    pub(super) fn shrink_to(&mut self, keep_bytes: usize) {
        self.records.shrink_to(keep_bytes);
    }
}

impl<S: AppendSource> Batch<'_, S> {
    /// Whether a sample of that time is taken at all, whatever its series holds.
    pub(super) fn bound(&self, timestamp_ms: i64) -> Result<(), RefusedBecause> {
        match (self.rules.bound(timestamp_ms), &self.late) {
            (Err(RefusedBecause::OutOfBounds), Some(late)) => match timestamp_ms >= late.min_ms {
                true => Ok(()),
                false => Err(RefusedBecause::TooOld),
            },
            (bound, _) => bound,
        }
    }

    /// Takes a sample late, or refuses it. One that is there already is accepted and logged again: its first log write may
    /// have failed.
    #[cold]
    pub(super) fn take_late(
        &mut self,
        shard: &mut Shard,
        place: NotInOrder,
        sample: LateSample<'_>,
        share: &mut LateShare,
    ) {
        let NotInOrder { index, number, timestamp_ms, why } = place;
        let Some(late) = &self.late else { return self.refuse(index, timestamp_ms, why) };
        if !matches!(why, RefusedBecause::OutOfOrder | RefusedBecause::OutOfBounds) {
            return self.refuse(index, timestamp_ms, why);
        }
        if timestamp_ms < late.min_ms {
            return self.refuse(index, timestamp_ms, RefusedBecause::TooOld);
        }
        let series = shard.lines[number].reference();
        let (buffers, layouts) = shard.late_mut();
        let (before, records) = (buffers.len(), &mut share.records);
        let buffered = buffers.buffered(number);
        if buffered >= late.log.options.cap() {
            if share.newest == Some(number) {
                // They are in the chunk that is cut now, so they go before its marker.
                records.barrier();
            }
            buffers.cut(layouts, number, series, &self.head.files, |place| records.marker(series, place));
        } else if buffered == 0 {
            records.marker(series, NO_CHUNK);
        }
        let inserted = buffers.insert(layouts, number, timestamp_ms, sample);
        self.head.times.add_late((buffers.len() - before) as u64);
        if inserted == Inserted::Other {
            return self.refuse(index, timestamp_ms, RefusedBecause::DuplicateTimestamp);
        }
        match sample {
            LateSample::Float(value) => {
                records.sample(series, timestamp_ms, value);
                self.appended.accepted += 1;
            }
            LateSample::Histogram(histogram) => {
                records.histogram(series, timestamp_ms, histogram);
                self.appended.histograms += 1;
            }
        }
        share.newest = Some(number);
        self.appended.late += 1;
    }

    /// Puts what of the share came late into its log's buffer, while the shard is still locked.
    pub(super) fn sequence_late(&self, share: &mut LateShare) -> Result<Option<Position>, LogError> {
        let Some(late) = self.late.as_ref().filter(|_| !share.records.is_empty()) else { return Ok(None) };
        let sequenced = late.log.log.sequence(&share.records);
        share.records.next_share();
        share.newest = None;
        sequenced.map(Some)
    }
}
