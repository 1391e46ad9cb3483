//! A select that is walked and evaluated on one thread, others helping where they have nothing to do.

use super::{Driver, How, internal};
use crate::api::ApiError;
use crate::metrics::Metrics;
use promql::{Evaluator, Partial, Query, QueryError, Select};
use service::InOrder;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storeapi::{EngineBatch, SeriesFrame, SeriesWalk};

/// How long it goes on before others have their turn.
const TURN: Duration = Duration::from_millis(10);

/// What looks at fewer samples than this is done where it was asked for: to wake another thread, and to be woken by it, took 22 us
/// of the 110 of a query of one series.
const SMALL_SAMPLES: u64 = 10_000;
/// To find a series and its chunks is taken for as much work as to look at so many samples.
const SERIES_SAMPLES: u64 = 50;
/// How far apart samples are taken to be: how far they are is not known before they are read.
const USUAL_SPACING_MS: u64 = 15_000;

/// A select under way.
pub(super) struct Pulled {
    walk: SeriesWalk,
    query: Query,
    evaluator: Evaluator,
    evaluations: InOrder<Result<Partial, QueryError>>,
    /// Batches that may be evaluated, or wait to be accepted, while the walk goes on.
    ahead: usize,
    how: How,
    metrics: Arc<Metrics>,
    warnings: Vec<String>,
    is_small: bool,
}

/// What a turn came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    GoesOn,
    /// The query has accepted all of it.
    Ended,
}

impl Pulled {
    pub(super) fn new(
        walk: SeriesWalk,
        query: Query,
        select: usize,
        how: How,
        driver: &Driver,
    ) -> Result<Self, QueryError> {
        let evaluator = query.evaluator(select)?;
        let wanted = query.selects().get(select);
        let is_small = walk.at_most.zip(wanted).is_some_and(|(series, select)| is_small(series, select));
        let evaluations = InOrder::new(driver.pool.clone());
        let (ahead, metrics) = (driver.pool.threads() - 1, Arc::clone(&driver.metrics));
        Ok(Self { walk, query, evaluator, evaluations, ahead, how, metrics, warnings: Vec::new(), is_small })
    }

    /// Whether a thread that serves sockets may do all of it.
    pub(super) fn is_small(&self) -> bool {
        self.is_small
    }

    /// Goes on for a while. Blocks.
    pub(super) fn go_on(&mut self) -> Result<Turn, ApiError> {
        let until = Instant::now() + TURN;
        while let Some(frame) = self.walk.frames.next() {
            match frame.map_err(|error| self.how.failed(error))? {
                SeriesFrame::Warning(warning) => self.warnings.push(warning),
                SeriesFrame::Series(batch) => {
                    let batch = EngineBatch::new(batch)
                        .with(self.how.reading)
                        .with_used_labels_only(self.walk.has_used_labels_only);
                    self.metrics.read(&batch);
                    if self.is_small {
                        // Nobody is asked to help.
                        self.query.accept(self.evaluator.evaluate(&batch)?)?;
                        continue;
                    }
                    let evaluator = self.evaluator.clone();
                    self.evaluations.push(move || evaluator.evaluate(&batch));
                    self.accept_beyond(self.ahead)?;
                }
            }
            if Instant::now() >= until {
                return Ok(Turn::GoesOn);
            }
        }
        self.accept_beyond(0)?;
        Ok(Turn::Ended)
    }

    /// The query, and warnings.
    pub(super) fn into_parts(self) -> (Query, Vec<String>) {
        (self.query, self.warnings)
    }

    /// Accepts batches until no more than `open` are left.
    fn accept_beyond(&mut self, open: usize) -> Result<(), ApiError> {
        while self.evaluations.len() > open
            && let Some(partial) = self.evaluations.next()
        {
            self.query.accept(partial.map_err(internal)??)?;
        }
        Ok(())
    }
}

/// Whether few samples are looked at of `series` series at most: each once to be read, and once in each window.
fn is_small(series: u64, select: &Select) -> bool {
    let samples_in = |ms: u64| ms / USUAL_SPACING_MS;
    let whole_ms = select.range.max_ms().abs_diff(select.range.min_ms());
    let steps = whole_ms.checked_div(select.step_ms.unsigned_abs()).unwrap_or(0).saturating_add(1);
    let windows = steps.saturating_mul(samples_in(select.range_ms.unsigned_abs()).saturating_add(1));
    let read = if select.newest_only { 0 } else { samples_in(whole_ms) };
    let of_one = SERIES_SAMPLES.saturating_add(read).saturating_add(windows);
    series.saturating_mul(of_one) <= SMALL_SAMPLES
}

#[cfg(test)]
mod tests;
