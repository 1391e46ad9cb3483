//! Sums and means of the histograms of a window.

use super::{Speaker, WorkingHistograms};
use crate::annotations::{HistogramStep, Remark};
use crate::kernels::windows::Histograms;
use model::{Added, HistogramRef, IncompatibleBuckets, ResetHint};

/// What there is to say of the histograms that were added up.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    reset: bool,
    no_reset: bool,
    reconciled: bool,
}

/// The sum becomes the result; `None` if there is none.
pub(super) fn sum(
    histograms: Histograms<'_>,
    working: &mut WorkingHistograms,
    speaker: &mut Speaker<'_>,
) -> Option<()> {
    let sum = &mut working.sum;
    sum.assign(histograms.get(0)?);
    add_up(histograms, |term| sum.add(term), speaker)?;
    working.result = sum.total();
    Some(())
}

/// The mean becomes the result; `None` if there is none.
pub(super) fn average(
    histograms: Histograms<'_>,
    working: &mut WorkingHistograms,
    speaker: &mut Speaker<'_>,
) -> Option<()> {
    let mean = &mut working.mean;
    mean.assign(histograms.get(0)?);
    add_up(histograms, |term| mean.add(term), speaker)?;
    working.result = mean.mean();
    Some(())
}

/// Hands all histograms but the first to `add`.
fn add_up(
    histograms: Histograms<'_>,
    mut add: impl FnMut(HistogramRef<'_>) -> Result<Added, IncompatibleBuckets>,
    speaker: &mut Speaker<'_>,
) -> Option<()> {
    let mut seen = Seen::default();
    for (at, histogram) in histograms.iter().enumerate() {
        seen.reset |= histogram.hint == ResetHint::Reset;
        seen.no_reset |= histogram.hint == ResetHint::NotReset;
        if at == 0 {
            continue;
        }
        match add(histogram) {
            Ok(added) => seen.reconciled |= added.bounds_reconciled,
            // Nothing else is said then.
            Err(err) => {
                speaker.incompatible(err);
                return None;
            }
        }
    }
    if seen.reset && seen.no_reset {
        speaker.say(Remark::CollidingResets(HistogramStep::Aggregation));
    }
    if seen.reconciled {
        speaker.say(Remark::ReconciledBounds(HistogramStep::Aggregation));
    }
    Some(())
}

impl Speaker<'_> {
    /// Says why two histograms were not put together.
    pub(super) fn incompatible(&mut self, err: IncompatibleBuckets) {
        // Of too many buckets Prometheus knows nothing.
        if matches!(err, IncompatibleBuckets::Mixed) {
            self.say(Remark::MixedSchemas(self.name));
        }
    }
}
