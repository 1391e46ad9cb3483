//! PromQL: text in, plan out; batches of series pushed in, columns out. Synchronous.
//!
//! A query is parsed ([`ast`]), checked, and planned into selects and operators. The driver (in `query`, async) opens the
//! selects in plan order and pushes what they yield; no worker here ever waits for input. A batch of whole series is
//! evaluated by a pure function on any thread, its output reduced in the order of the batches, so that sums are the same
//! bit for bit however many threads there are.

pub mod ast;
mod check;
mod error;
pub mod functions;
mod lexer;
mod limits;
mod parser;
mod print;
mod source;
mod support;

pub use error::{ParseError, ParseErrorKind};
pub use limits::{Limits, MAX_DEPTH};
pub use parser::{ParseOptions, parse, parse_selector, parse_syntax};
pub use source::{BatchError, SeriesBatch};
