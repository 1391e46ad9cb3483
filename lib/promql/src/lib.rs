//! PromQL: text in, plan out; batches of series pushed in, columns out. Synchronous.
//!
//! A query is parsed ([`ast`]), checked, and planned into selects and operators. The driver (in `query`, async) opens the
//! selects in plan order and pushes what they yield; no worker here ever waits for input. A batch of whole series is
//! evaluated by a pure function on any thread, its output reduced in the order of the batches, so that sums are the same
//! bit for bit however many threads there are.

mod aggregate;
mod analysis;
mod annotations;
pub mod ast;
mod binary;
mod budget;
mod chain;
mod check;
mod column;
mod date;
mod error;
mod evaluator;
#[cfg(test)]
mod fixture;
pub mod functions;
mod grid;
mod histogram;
mod info;
mod kernels;
mod labelset;
mod lexer;
mod limits;
mod maths;
mod natural;
mod number;
mod number_column;
mod output;
mod parser;
mod plan;
mod print;
mod query;
mod series;
mod source;
mod stage;
mod statistics;
pub mod testlang;

pub use analysis::{Operator, Selected};
pub use annotations::Annotations;
pub use budget::{Budget, OverBudget, Reservation};
pub use column::{Column, FloatColumn, HistogramSteps, Presence};
pub use error::{ParseError, ParseErrorKind};
pub use evaluator::{Evaluator, Partial};
pub use grid::Grid;
pub use limits::{Limits, MAX_DEPTH};
pub use output::{Output, Series, Value};
pub use parser::{ParseOptions, parse, parse_selector};
pub use plan::UsedLabels;
pub use print::Pretty;
pub use query::{Cancel, Passes, Query, QueryError, QueryLimits, QueryParams, Select};
pub use source::{BatchError, SeriesBatch};
pub use statistics::Statistics;
