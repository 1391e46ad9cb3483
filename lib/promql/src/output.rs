//! The answer to a query.

use crate::{Annotations, Column, Grid};
use model::{Labels, SampleColumns};
use std::sync::Arc;

/// The answer to a query, in columns: whoever writes it out needs no other form.
#[derive(Debug, Clone)]
pub struct Output {
    pub value: Value,
    pub annotations: Annotations,
}

/// What was computed.
#[derive(Debug, Clone)]
pub enum Value {
    /// Of an instant query, at its time.
    Scalar { time_ms: i64, value: f64 },
    /// Of an instant query, at its time.
    String { time_ms: i64, value: Vec<u8> },
    /// Of an instant query: series with one value each, at its time, in the order of the operators.
    Vector { time_ms: i64, series: Vec<Series> },
    /// Of a range query, or of an instant query that is a subquery: series over a grid, sorted by labels.
    Matrix { grid: Arc<Grid>, series: Vec<Series> },
    /// Of an instant query that is a range selector: samples at times of their own, sorted by labels.
    Samples { series: Vec<(Labels, SampleColumns)> },
}

/// A series of the answer. There is something in its column.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub labels: Labels,
    pub column: Column,
}
