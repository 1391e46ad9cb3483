//! How the values of a series move. Each is a function of its place alone.

use crate::workload::Random;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    /// A whole number that never falls and grows by `slope` a sample on average; of it the part `share`: series of the same
    /// seed and slope are the buckets of one histogram, if their shares grow with their bounds.
    Counter { seed: u64, slope: f64, share: f64 },
    /// A counter that begins anew after every `places` places.
    Restarted { seed: u64, slope: f64, places: u64 },
    /// Anything from 0 up to below this, to a hundredth.
    Gauge { seed: u64, limit: f64 },
    /// What says something with its labels only.
    One,
    /// A native histogram that gets `slope` observations a sample on average.
    Native { seed: u64, slope: f64 },
}

impl Values {
    /// The counter of this seed that grows by `slope` a sample.
    pub(crate) fn counter(seed: u64, slope: f64) -> Self {
        Self::Counter { seed, slope, share: 1.0 }
    }

    /// At place `index`; of a native histogram its observations so far.
    pub(super) fn at(self, index: u64) -> f64 {
        match self {
            Self::Counter { seed, slope, share } => (count(seed, slope, index) * share).floor(),
            Self::Restarted { seed, slope, places } => count(seed, slope, index % places),
            Self::Gauge { seed, limit } => (unit(seed, index) * limit * 100.0).floor() / 100.0,
            Self::One => 1.0,
            Self::Native { seed, slope } => count(seed, slope, index),
        }
    }
}

/// Each place adds less than `slope` to where the last one began.
fn count(seed: u64, slope: f64, index: u64) -> f64 {
    (slope * (index as f64 + unit(seed, index))).floor()
}

fn unit(seed: u64, index: u64) -> f64 {
    Random::new(seed << 32 ^ index).unit()
}
