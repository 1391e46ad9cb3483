//! Late samples become chunks, so that blocks can take them over.

use crate::head::Head;
use crate::head_chunks::{HeadChunkError, HeadChunkRef};
use std::collections::BTreeSet;

/// How many series' buffers are cut while a shard is locked once.
const SERIES_PER_LOCK: usize = 256;

impl Head {
    /// Makes chunks of all late samples that wait in buffers. Returns a place that the chunks of all late samples that were
    /// logged before are up to, and none that is written later: [`Head::truncate_late`] with it, once blocks have what
    /// [`Head::late_reader`] reads from then on.
    ///
    /// # Errors
    /// The files did not take all.
    pub fn cut_late(&self) -> Result<HeadChunkRef, HeadChunkError> {
        for shard in &self.shards {
            let lines: Vec<u32> = shard.lock().late.lines().collect();
            for some in lines.chunks(SERIES_PER_LOCK) {
                let mut shard = shard.lock();
                for &line in some {
                    let series = shard.lines[line].reference();
                    let (late, layouts) = shard.late_mut();
                    if late.buffered(line) > 0 && !late.cut(layouts, line, series, &self.files, |_| {}) {
                        return Err(HeadChunkError::Full { buffered_bytes: self.files.buffered_bytes() });
                    }
                }
                drop(shard);
                if self.files.wants_flush() {
                    self.files.flush()?;
                }
            }
        }
        // The next chunk may stand at the end itself.
        Ok(HeadChunkRef(self.files.end().0.saturating_sub(1)))
    }

    /// As [`Head::cut_late`], and has `cut_log` cut the log of late samples before, while no sample is appended: what is logged
    /// behind that cut is in none of the chunks up to the place. As it keeps appends waiting, call [`Head::cut_late`] first.
    ///
    /// # Errors
    /// As [`Head::cut_late`], or what `cut_log` says.
    pub fn end_late<T, E: From<HeadChunkError>>(
        &self,
        cut_log: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, HeadChunkRef), E> {
        let _none_comes = self.appending.write();
        let cut = cut_log()?;
        Ok((cut, self.cut_late()?))
    }

    /// The first milliseconds of those ranges of `range_ms`, from its multiples on, that late samples may lie in.
    pub fn late_ranges(&self, range_ms: i64) -> BTreeSet<i64> {
        let mut ranges = BTreeSet::new();
        let mut include = |min_ms: i64, max_ms: i64| {
            let first = min_ms.div_euclid(range_ms);
            ranges.extend((first..=max_ms.div_euclid(range_ms)).map(|number| number.saturating_mul(range_ms)));
        };
        for shard in &self.shards {
            let lines: Vec<u32> = shard.lock().late.lines().collect();
            for some in lines.chunks(SERIES_PER_LOCK) {
                let shard = shard.lock();
                for &line in some {
                    shard.late.ranges(line).for_each(|(min_ms, max_ms)| include(min_ms, max_ms));
                }
            }
        }
        ranges
    }
}
