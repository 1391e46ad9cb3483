//! The simplest head there can be: what a replay must come to.

use model::{Labels, LabelsRef, SeriesRef};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tsdb::head::Part;
use tsdb::wal::{ReplayTarget, SampleRun, Tombstone};

/// Series with their samples in memory. Takes a sample that is newer than the last of its series, as a head does.
#[derive(Debug, Default)]
pub struct ModelHead {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    series: Vec<ModelSeries>,
    by_labels: BTreeMap<Labels, usize>,
    by_ref: BTreeMap<SeriesRef, usize>,
    highest: Option<SeriesRef>,
    orphans: u64,
}

/// A series of a [`ModelHead`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSeries {
    /// The first reference it came under.
    pub reference: SeriesRef,
    pub labels: Labels,
    /// Values by time in milliseconds, as bits.
    pub samples: BTreeMap<i64, u64>,
}

impl ModelHead {
    /// All series, in the order of their labels.
    pub fn into_series(self) -> Vec<ModelSeries> {
        let State { mut series, .. } = self.state.into_inner();
        series.sort_by(|left, right| left.labels.cmp(&right.labels));
        series
    }

    /// The highest reference that was named.
    pub fn highest_ref(&self) -> Option<SeriesRef> {
        self.state.lock().highest
    }

    /// References beyond the first of each label set.
    pub fn aliases(&self) -> Vec<(SeriesRef, Labels)> {
        let State { series, by_ref, .. } = &*self.state.lock();
        let labels = |(&reference, &place): (&SeriesRef, &usize)| (reference, series[place].labels.clone());
        by_ref.iter().filter(|(reference, place)| series[**place].reference != **reference).map(labels).collect()
    }

    /// Samples that named a reference of no series.
    pub fn orphans(&self) -> u64 {
        self.state.lock().orphans
    }
}

impl ReplayTarget for ModelHead {
    type Scratch = ();

    fn series(&self, series: SeriesRef, labels: LabelsRef<'_>, (): &mut ()) {
        let State { series: all, by_labels, by_ref, highest, .. } = &mut *self.state.lock();
        *highest = (*highest).max(Some(series));
        let place = *by_labels.entry(labels.to_owned()).or_insert_with(|| {
            all.push(ModelSeries { reference: series, labels: labels.to_owned(), samples: BTreeMap::new() });
            all.len() - 1
        });
        by_ref.entry(series).or_insert(place);
    }

    fn samples(&self, run: SampleRun<'_>, part: Part, (): &mut ()) {
        let State { series, by_ref, highest, orphans, .. } = &mut *self.state.lock();
        for sample in run.samples {
            *highest = (*highest).max(Some(sample.series));
            let Some(&place) = by_ref.get(&sample.series) else {
                *orphans += u64::from(part.index == 0);
                continue;
            };
            let held = &mut series[place].samples;
            let is_newer = held.last_key_value().is_none_or(|(&last_ms, _)| last_ms < sample.timestamp_ms);
            if place % part.of == part.index && is_newer {
                held.insert(sample.timestamp_ms, sample.value.to_bits());
            }
        }
    }

    fn deletions(&self, deletions: &[Tombstone], part: Part, (): &mut ()) -> bool {
        let State { series, by_ref, .. } = &mut *self.state.lock();
        for &Tombstone { series: reference, range } in deletions {
            if let Some(&place) = by_ref.get(&reference).filter(|place| *place % part.of == part.index) {
                series[place].samples.retain(|&timestamp_ms, _| !range.contains(timestamp_ms));
            }
        }
        true
    }
}
