//! The clock that operators are timed by.

use super::{Query, QueryError};
use crate::analysis::Operator;
use crate::plan::Destination;
use std::time::Instant;

impl Query {
    /// What operators did so far, in no particular order; nothing if it is not written down.
    pub fn operators(&self) -> Vec<Operator> {
        self.analyzer.as_ref().map(|analyzer| analyzer.operators(&self.plan)).unwrap_or_default()
    }

    /// Lets rows flow to `to`, which takes its time.
    pub(super) fn timed<T>(
        &mut self,
        to: Destination,
        flow: impl FnOnce(&mut Self) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let began = self.analyzer.is_some().then(Instant::now);
        let flowed = flow(self);
        if let (Some(analyzer), Some(began)) = (&mut self.analyzer, began) {
            analyzer.flowed(self.plan.first_end(to), began);
        }
        flowed
    }
}
