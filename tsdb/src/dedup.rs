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

/// So many replicas are merged without taking memory for it.
const FEW: usize = 8;
