//! One series from the samples of its replicas, as Thanos answers it.
//!
//! [`overlap_split`] tells chunks of several replicas apart where nothing else does; [`penalty`] follows one replica and goes
//! over to another in its gaps, [`chain`] takes the samples of all.
//!
//! Source: Thanos 0.42, `pkg/dedup/iter.go`; Prometheus, `storage/merge.go` (chain).

mod chain;
mod overlap;
mod penalty;

pub use chain::chain;
pub use overlap::overlap_split;
pub use penalty::penalty;

use model::{ResetHint, SampleColumns};

/// Takes samples of several columns for one: what histograms know of the one before them holds only where that was taken, too.
#[derive(Debug, Default)]
struct Follow {
    /// Which sample of which replica would follow the one taken last.
    next: Option<(usize, usize)>,
}

impl Follow {
    /// Appends sample `at` of `samples`, which are those of `replica`.
    fn push(&mut self, (replica, at): (usize, usize), samples: &SampleColumns, out: &mut SampleColumns) {
        out.push_from(samples, at);
        if self.next != Some((replica, at))
            && let Some(histogram) = samples.histogram(at)
            && histogram.hint != ResetHint::Gauge
        {
            out.histograms.set_hint(out.histograms.len() - 1, ResetHint::Unknown);
        }
        self.next = Some((replica, at + 1));
    }
}

/// Whether there is more to the samples than times and values.
fn has_more(samples: &SampleColumns) -> bool {
    samples.has_histograms() || !samples.starts_ms.is_empty()
}

/// So many replicas are merged without taking memory for it.
const FEW: usize = 8;
