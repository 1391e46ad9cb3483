//! Samples that are the answer themselves.

use super::{Partial, SAMPLE_BYTES};
use crate::QueryError;
use crate::ast::Boundary;
use crate::kernels::{Histograms, Samples, extend, margin};
use model::{Labels, LabelsRef, SampleColumns, is_stale};

/// The samples in `(start_ms, end_ms]`, without stale markers.
pub(super) fn within(samples: &SampleColumns, (start_ms, end_ms): (i64, i64)) -> SampleColumns {
    let first = samples.timestamps_ms.partition_point(|timestamp_ms| *timestamp_ms <= start_ms);
    let end = samples.timestamps_ms.partition_point(|timestamp_ms| *timestamp_ms <= end_ms);
    let mut kept = SampleColumns::default();
    (first..end).filter(|at| !is_stale(samples.values[*at])).for_each(|at| kept.push_from(samples, at));
    kept
}

/// The samples in `(start_ms, end_ms]`, and values at both bounds.
pub(super) fn extended(
    (floats, histograms): (Samples<'_>, Option<Histograms<'_>>),
    (start_ms, end_ms): (i64, i64),
    boundary: Boundary,
    lookback_ms: i64,
) -> Result<SampleColumns, QueryError> {
    let margin = margin(Some(boundary), lookback_ms);
    let (from_ms, to_ms) = (start_ms.saturating_sub(margin.before_ms), end_ms.saturating_add(margin.behind_ms));
    let in_sight = |times_ms: &[i64]| {
        let first = times_ms.partition_point(|time_ms| *time_ms <= from_ms);
        first..times_ms.partition_point(|time_ms| *time_ms <= to_ms).max(first)
    };
    if histograms.is_some_and(|histograms| !in_sight(histograms.timestamps_ms).is_empty()) {
        let modifier = if boundary == Boundary::Anchored { "anchored" } else { "smoothed" };
        return Err(QueryError::Execution(format!("{modifier} modifier is not supported with histograms")));
    }
    Ok(extend(floats.slice(in_sight(floats.timestamps_ms)), (start_ms, end_ms), boundary))
}

/// Keeps the samples of a series for the answer; answers how many bytes they are.
pub(super) fn keep(
    samples: SampleColumns,
    labels: LabelsRef<'_>,
    (partial, at): (&mut Partial, usize),
) -> Result<usize, QueryError> {
    if samples.is_empty() {
        return Ok(0);
    }
    let floats = samples.len() - samples.histograms.len();
    let histograms: usize = samples.histograms.iter().map(|histogram| histogram.size_samples()).sum();
    partial.samples.add(floats + histograms)?;
    let series = (labels.to_owned(), samples);
    let bytes = size_of_samples(&series);
    partial.uses[at].samples.push(series);
    Ok(bytes)
}

/// Bytes that the samples of a series are, labels included.
pub(crate) fn size_of_samples((labels, columns): &(Labels, SampleColumns)) -> usize {
    let fixed = size_of::<(Labels, SampleColumns)>() + labels.as_ref().as_packed().len();
    fixed + SAMPLE_BYTES * columns.len() + columns.histograms.cells() * size_of::<u64>()
}
