//! What a snapshot of another program lacks, taken from the log.

use super::super::{Replay, ReplayScratch};
use crate::wal::ReplayTarget;
use model::{ExemplarRef, LabelsRef, MetadataRef, SeriesRef};
use std::sync::atomic::Ordering;

/// Takes of a log only what a snapshot of another program lacks: what was said of series, which references were given out,
/// and exemplars, if it has none: nothing in it says whether it should.
#[derive(Debug, Clone, Copy)]
pub struct Lacking<'a> {
    replay: &'a Replay<'a>,
}

impl Replay<'_> {
    /// What a snapshot of another program lacks and the log has.
    pub fn lacking(&self) -> Lacking<'_> {
        Lacking { replay: self }
    }
}

impl ReplayTarget for Lacking<'_> {
    type Scratch = ReplayScratch;

    fn series(&self, series: SeriesRef, _labels: LabelsRef<'_>, _scratch: &mut ReplayScratch) {
        self.replay.highest.fetch_max(series.0, Ordering::Relaxed);
    }

    fn exemplar(&self, series: SeriesRef, exemplar: ExemplarRef<'_>, scratch: &mut ReplayScratch) -> bool {
        if self.replay.lacks_exemplars.load(Ordering::Relaxed) && self.replay.head.exemplars.are_kept() {
            Replay::exemplar(self.replay, series, exemplar, scratch);
        }
        true
    }

    fn metadata(&self, series: SeriesRef, said: MetadataRef<'_>, _scratch: &mut ReplayScratch) -> bool {
        Replay::metadata(self.replay, series, said);
        true
    }
}
