//! Late chunks that cannot be read are set aside when blocks are to be made, and what the log has of them takes their place.

use crate::db::open::QUARANTINE;
use crate::db::{Db, DbError, SetAside};
use crate::head::{BadLateChunk, Part};
use crate::wal::{HistogramRun, Log, MmapMarker, ReplayProgress, ReplayTarget, SampleRun, replay};
use hashbrown::HashMap;
use model::{LabelsRef, SampleColumns, SeriesRef, TimeRange};
use parking_lot::Mutex;
use std::num::NonZeroUsize;

/// What a log has of some chunks.
struct Search<'a> {
    bad: &'a [BadLateChunk],
    /// Which of them a reference may stand for.
    by_series: HashMap<SeriesRef, Vec<usize>>,
    /// Of each of them, in the order it was logged.
    found: Mutex<Vec<SampleColumns>>,
}

impl Db {
    /// Sets aside what cannot be read of the late chunks that may have samples in `range`. Says how many chunks it was.
    pub(super) fn set_aside_late(&self, log: &Log, range: TimeRange) -> Result<usize, DbError> {
        let bad = self.head.bad_late_chunks(range)?;
        if bad.is_empty() {
            return Ok(0);
        }
        // What was logged is in the files then.
        let _durable = log.commit(log.sequenced()).wait()?;
        let search = Search::new(&bad);
        replay(&*self.fs, log.dir(), &search, NonZeroUsize::MIN, &ReplayProgress::default())?;
        for (bad, samples) in bad.iter().zip(search.found.into_inner()) {
            let (from, to, bytes) = self.head_chunks.copy_aside(bad.place, &self.dir.join(QUARANTINE))?;
            self.head.replace_late_chunk(bad, &samples);
            let fault = format!(
                "late samples from {} to {} ms: {}; the log had {} of that time",
                bad.min_ms,
                bad.max_ms,
                bad.fault,
                samples.len()
            );
            self.late_set_aside.lock().push(SetAside { from, to, bytes, fault });
        }
        Ok(bad.len())
    }

    /// The late chunks that were set aside since the directory was opened, oldest first.
    pub fn late_set_aside(&self) -> Vec<SetAside> {
        self.late_set_aside.lock().clone()
    }
}

impl<'a> Search<'a> {
    fn new(bad: &'a [BadLateChunk]) -> Self {
        let mut by_series = HashMap::<_, Vec<_>>::new();
        for (number, bad) in bad.iter().enumerate() {
            bad.references.iter().for_each(|series| by_series.entry(*series).or_default().push(number));
        }
        let found = bad.iter().map(|_| SampleColumns::default()).collect();
        Self { bad, by_series, found: Mutex::new(found) }
    }

    /// Has `put` add a sample to all chunks that may have had it.
    fn find(&self, series: SeriesRef, timestamp_ms: i64, mut put: impl FnMut(&mut SampleColumns)) {
        let Some(numbers) = self.by_series.get(&series) else { return };
        let mut found = self.found.lock();
        for &number in numbers {
            if let (Some(bad), Some(found)) = (self.bad.get(number), found.get_mut(number))
                && (bad.min_ms..=bad.max_ms).contains(&timestamp_ms)
            {
                put(found);
            }
        }
    }
}

impl ReplayTarget for Search<'_> {
    type Scratch = ();

    fn series(&self, _series: SeriesRef, _labels: LabelsRef<'_>, _scratch: &mut ()) {}

    fn samples(&self, run: SampleRun<'_>, _part: Part, _scratch: &mut ()) {
        for sample in run.samples {
            self.find(sample.series, sample.timestamp_ms, |found| found.push(sample.timestamp_ms, sample.value));
        }
    }

    fn histograms(&self, run: HistogramRun<'_>, _part: Part, _scratch: &mut ()) -> bool {
        for (entry, histogram) in run.iter() {
            self.find(entry.series, entry.timestamp_ms, |found| found.push_histogram(entry.timestamp_ms, histogram));
        }
        true
    }

    fn markers(&self, _markers: &[MmapMarker], _part: Part, _scratch: &mut ()) -> bool {
        true
    }
}
