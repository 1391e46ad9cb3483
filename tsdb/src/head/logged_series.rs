//! Series with their references: all for a checkpoint, some for the log.

use super::Head;
use super::dictionary::PairId;
use super::shard::Shard;
use crate::wal::{LogError, Records};
use model::{LabelsRef, SeriesRef};
use parking_lot::Mutex;

/// How many series are copied while a shard is locked once.
const SERIES_PER_LOCK: u32 = 1024;

/// Copies of a few series.
#[derive(Debug, Default)]
struct Few {
    series: Vec<(SeriesRef, usize)>,
    pairs: Vec<PairId>,
    labels: Vec<u8>,
}

impl Head {
    /// Hands every series to `visit`, in no order, and once more under each other reference by which the log may have
    /// samples of it. A series created while this runs may be left out.
    ///
    /// For a checkpoint: call it after the log was cut. Then what is left out has its series record behind the cut.
    pub fn for_each_series(&self, mut visit: impl FnMut(SeriesRef, LabelsRef<'_>)) {
        // Pairs stay what they are until their text was copied.
        let _pin = self.epochs.pin(i64::MAX);
        let mut few = Few::default();
        for shard in &self.shards {
            let end = shard.lock().lines.len();
            for start in (0..end).step_by(SERIES_PER_LOCK as usize) {
                few.clear();
                few.copy(shard, start..end.min(start + SERIES_PER_LOCK));
                few.visit(self, &mut visit);
            }
        }
        self.for_each_alias(&mut visit);
    }

    /// Hands every series that the log may name by another reference to `visit`, with that.
    pub(super) fn for_each_alias(&self, visit: &mut impl FnMut(SeriesRef, LabelsRef<'_>)) {
        let _pin = self.epochs.pin(i64::MAX);
        let mut few = Few::default();
        self.aliases.lock().retain(|alias| {
            let shard = self.shards[alias.place.shard as usize].lock();
            let line = &shard.lines[alias.place.number];
            let is_there = line.is_live() && line.reference() == alias.of;
            if is_there {
                few.push(&shard, alias.place.number, alias.alias);
            }
            is_there
        });
        few.visit(self, visit);
    }

    /// Logs every series once more that came under several references, durably. A snapshot may be the only one to know the reference
    /// by which such a series goes: it was gone when the log was cut, and came again under another.
    ///
    /// # Errors
    /// The log takes nothing.
    pub fn log_aliased(&self) -> Result<(), LogError> {
        let _pin = self.epochs.pin(i64::MAX);
        let (mut few, mut records) = (Few::default(), Records::default());
        let mut last = None;
        let mut places: Vec<_> = self.aliases.lock().iter().map(|alias| (alias.place, alias.of)).collect();
        places.dedup();
        for some in places.chunks(SERIES_PER_LOCK as usize) {
            few.clear();
            for (place, of) in some {
                let shard = self.shards[place.shard as usize].lock();
                let line = &shard.lines[place.number];
                if line.is_live() && line.reference() == *of {
                    few.push(&shard, place.number, *of);
                }
            }
            records.clear();
            few.visit(self, &mut |series, labels| records.series(series, labels));
            if !records.is_empty() {
                last = Some(self.log.sequence(&records)?);
            }
        }
        match last {
            Some(position) => self.log.commit(position).wait().map(drop),
            None => Ok(()),
        }
    }
}

impl Few {
    fn clear(&mut self) {
        self.series.clear();
        self.pairs.clear();
    }

    fn copy(&mut self, shard: &Mutex<Shard>, numbers: std::ops::Range<u32>) {
        let shard = shard.lock();
        for number in numbers.filter(|&number| shard.lines[number].is_live()) {
            self.push(&shard, number, shard.lines[number].reference());
        }
    }

    fn push(&mut self, shard: &Shard, number: u32, reference: SeriesRef) {
        self.pairs.extend(shard.pairs(number));
        self.series.push((reference, self.pairs.len()));
    }

    fn visit(&mut self, head: &Head, visit: &mut impl FnMut(SeriesRef, LabelsRef<'_>)) {
        let mut start = 0;
        for &(reference, end) in &self.series {
            self.labels.clear();
            {
                let dictionary = head.dictionary.read();
                for &pair in &self.pairs[start..end] {
                    self.labels.extend_from_slice(dictionary.packed(pair));
                }
            }
            start = end;
            visit(reference, LabelsRef::from_packed_unchecked(&self.labels));
        }
    }
}
