//! The simplest head there can be: what a replay must come to.

use model::{Labels, LabelsRef, SeriesRef, TimeRange};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use tsdb::wal::{PlacedSample, ReplayTarget};

/// Series with their samples in memory. Takes a sample that is newer than the last of its series, as a head does.
#[derive(Debug, Default)]
pub struct ModelHead {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    series: Vec<ModelSeries>,
    places: BTreeMap<Labels, usize>,
}

/// A series of a [`ModelHead`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSeries {
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
}

impl ReplayTarget for ModelHead {
    type Place = usize;

    fn series(&self, series: SeriesRef, labels: LabelsRef<'_>) -> (usize, SeriesRef) {
        let State { series: all, places } = &mut *self.state.lock();
        let place = *places.entry(labels.to_owned()).or_insert_with(|| {
            all.push(ModelSeries { reference: series, labels: labels.to_owned(), samples: BTreeMap::new() });
            all.len() - 1
        });
        (place, all[place].reference)
    }

    fn lane(&self, place: usize, lanes: usize) -> usize {
        place % lanes
    }

    fn samples(&self, samples: &[PlacedSample<usize>]) -> u64 {
        let mut state = self.state.lock();
        let mut new = 0;
        for sample in samples {
            let held = &mut state.series[sample.place].samples;
            if held.last_key_value().is_none_or(|(&last_ms, _)| last_ms < sample.timestamp_ms) {
                held.insert(sample.timestamp_ms, sample.value.to_bits());
                new += 1;
            }
        }
        new
    }

    fn delete(&self, place: usize, range: TimeRange) {
        self.state.lock().series[place].samples.retain(|&timestamp_ms, _| !range.contains(timestamp_ms));
    }
}
