//! Why a block did not give what was asked of it.

use crate::budget::BudgetError;
use crate::limits::{LimitReached, What};
use bucket::BucketError;
use std::time::Duration;
use storeapi::{PartialResponse, StoreError};
use tsdb::{Aggregate, SourceError};
use ulid::Ulid;

/// What went wrong, where the file is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BlockError {
    #[error(transparent)]
    Limit(#[from] LimitReached),
    /// Queriers know by the code in the text that it is of no use to ask again in the same way.
    #[error("rpc error: code = ResourceExhausted desc = {0}")]
    Budget(#[from] BudgetError),
    /// As Thanos says it.
    #[error("load chunks: populate chunk: aggregate {} does not exist", name(*.0))]
    AbsentAggregate(Aggregate),
    #[error(transparent)]
    Damaged(#[from] SourceError),
    #[error(transparent)]
    Bucket(#[from] BucketError),
    #[error("{object}: nothing was read within {waited:?}")]
    TimedOut { object: String, waited: Duration },
}

/// The same with the block and what was done to it, in Thanos' words.
#[derive(Debug, thiserror::Error)]
#[error("{step} {block}: {error}")]
pub(crate) struct BlockFailure {
    pub(crate) step: &'static str,
    pub(crate) block: Ulid,
    #[source]
    pub(crate) error: BlockError,
}

/// What was done to a block when it failed.
pub(crate) const POSTINGS: &str = "fetch postings for block";
pub(crate) const SERIES: &str = "receive series from";
pub(crate) const LABEL_NAMES: &str = "label names for block";
pub(crate) const LABEL_VALUES: &str = "label values for block";

impl BlockFailure {
    /// For `map_err`: `step` failed for `block`.
    pub(crate) fn at(step: &'static str, block: Ulid) -> impl FnOnce(BlockError) -> Self {
        move |error| Self { step, block, error }
    }

    /// As what a refused request is counted; `None` if it was not refused.
    pub(crate) fn refused_for(&self) -> Option<&'static str> {
        match &self.error {
            BlockError::Limit(reached) => Some(match reached.what {
                What::Series => "series",
                What::Chunks => "chunks",
                What::Bytes(_) => "bytes",
            }),
            BlockError::Budget(_) => Some("memory"),
            _ => None,
        }
    }

    /// Whether the rest of the answer may be given without this block: that depends on who asks where a block is broken or
    /// out of reach; a request that asks too much, or for what was never made, is at fault itself.
    pub(crate) fn spoils_all(&self, partial: PartialResponse) -> bool {
        match self.error {
            BlockError::Limit(_) | BlockError::Budget(_) | BlockError::AbsentAggregate(_) => true,
            BlockError::Damaged(_) | BlockError::Bucket(_) | BlockError::TimedOut { .. } => {
                partial == PartialResponse::Abort
            }
        }
    }

    /// The error of the whole request.
    pub(crate) fn of_store(&self, store: &str) -> StoreError {
        let (store, reason) = (store.to_owned(), self.to_string());
        match self.error {
            BlockError::Limit(_) | BlockError::Budget(_) => StoreError::LimitExceeded(reason),
            BlockError::AbsentAggregate(_) => StoreError::Internal { store, reason },
            BlockError::Damaged(_) | BlockError::Bucket(_) | BlockError::TimedOut { .. } => {
                StoreError::Aborted { store, reason }
            }
        }
    }
}

fn name(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Raw => "raw",
        Aggregate::Count => "count",
        Aggregate::Sum => "sum",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Counter => "counter",
    }
}
