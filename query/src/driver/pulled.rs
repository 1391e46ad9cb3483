//! A select that is walked and evaluated on one thread, others helping where they have nothing to do.

use super::{Driver, How, internal};
use crate::api::ApiError;
use crate::metrics::Metrics;
use promql::{Evaluator, Partial, Query, QueryError};
use service::InOrder;
use std::time::{Duration, Instant};
use storeapi::{EngineBatch, SeriesFrame, SeriesWalk};

/// How long it goes on before others have their turn.
const TURN: Duration = Duration::from_millis(10);

/// A select under way.
pub(super) struct Pulled {
    walk: SeriesWalk,
    query: Query,
    evaluator: Evaluator,
    evaluations: InOrder<Result<Partial, QueryError>>,
    /// Batches that may be evaluated, or wait to be accepted, while the walk goes on.
    ahead: usize,
    how: How,
    metrics: Metrics,
    warnings: Vec<String>,
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
        let evaluations = InOrder::new(driver.pool.clone());
        let (ahead, metrics) = (driver.pool.threads() - 1, driver.metrics.clone());
        Ok(Self { walk, query, evaluator, evaluations, ahead, how, metrics, warnings: Vec::new() })
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
