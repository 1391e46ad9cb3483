//! The syntax tree of a query. Every node knows where it stands in the text.
//!
//! How deep a tree can be: chains of operators (`a + b + c …`) hang to the left and are as long as the limit on terms
//! allows, everything else is nested no deeper than [`crate::MAX_DEPTH`]. Whoever walks a tree by recursion should
//! therefore walk down `lhs` in a loop; dropping, cloning, comparing and printing do.

use model::Matcher;

mod chain;
mod selectors;
mod value_type;

/// Where a node stands: byte offsets, the end outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// The type of an expression's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    Scalar,
    Vector,
    Matrix,
    String,
}

/// An expression and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub span: Span,
    pub kind: ExprKind,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    Number(Number),
    String(Vec<u8>),
    Paren(Box<Expr>),
    Unary(UnaryOp, Box<Expr>),
    Binary(Box<Binary>),
    Call(Call),
    Aggregate(Box<Aggregate>),
    Vector(VectorSelector),
    Matrix(MatrixSelector),
    Subquery(Box<Subquery>),
}

/// A number, which may have been written as a duration (`5m` is 300, and prints as `5m`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number {
    pub value: f64,
    pub is_duration: bool,
}

/// A sign in front of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    Plus,
    Minus,
}

/// An operator between two expressions, lowest precedence first where it matters (see `parser`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Or,
    And,
    Unless,
    Eql,
    Neq,
    Lte,
    Lss,
    Gte,
    Gtr,
    /// `</`: keeps the part of a histogram below a bound.
    TrimUpper,
    /// `>/`: keeps the part of a histogram above a bound.
    TrimLower,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Atan2,
    Pow,
}

/// Two operands, an operator, and how their series are paired.
pub struct Binary {
    pub op: BinaryOp,
    pub lhs: Expr,
    pub rhs: Expr,
    /// Always between two vectors, never otherwise.
    pub matching: Option<Matching>,
    /// A comparison that answers 0 or 1 instead of filtering.
    pub return_bool: bool,
}

/// How series of two vectors are paired.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    pub card: Cardinality,
    /// `on(labels)` if set, `ignoring(labels)` otherwise.
    pub on: bool,
    pub labels: Vec<Vec<u8>>,
    /// The labels named in `group_left(…)` or `group_right(…)`.
    pub include: Vec<Vec<u8>>,
    pub fill_left: Option<f64>,
    pub fill_right: Option<f64>,
}

/// How many series of each side may share a match key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cardinality {
    OneToOne,
    ManyToOne,
    OneToMany,
    /// Set operators.
    ManyToMany,
}

/// A call of a function of the table in `functions`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub name: String,
    pub args: Vec<Expr>,
}

/// An aggregation operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    Sum,
    Avg,
    Count,
    Min,
    Max,
    Group,
    Stddev,
    Stdvar,
    TopK,
    BottomK,
    CountValues,
    Quantile,
    LimitK,
    LimitRatio,
}

/// An aggregation over an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    pub op: AggregateOp,
    pub expr: Expr,
    pub param: Option<Expr>,
    /// `without (grouping)` if set, `by (grouping)` otherwise.
    pub without: bool,
    pub grouping: Vec<Vec<u8>>,
}

/// `name{matchers} offset … @ …`
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The name in front of the braces; also among the matchers.
    pub name: Option<Vec<u8>>,
    /// In the order they were written, the name last as in Prometheus.
    pub matchers: Vec<Matcher>,
    pub time: TimeShift,
    pub boundary: Option<Boundary>,
}

/// `selector[range]`; offset and `@` belong to the selector.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    pub selector: VectorSelector,
    /// Where the selector stands, without the brackets.
    pub selector_span: Span,
    pub range: Duration,
}

/// `expr[range:step] offset … @ …`
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    pub expr: Expr,
    pub range: Duration,
    /// `None` means the default step of the engine.
    pub step: Option<Duration>,
    pub time: TimeShift,
}

/// How a selector's time differs from the query's. An offset of zero is none; one below a millisecond is
/// printed as 0s.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeShift {
    /// Backwards if positive.
    pub offset: Option<Duration>,
    pub at: Option<At>,
}

/// What `@` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since the epoch.
    Timestamp(i64),
    /// `start()`
    Start,
    /// `end()`
    End,
}

/// `anchored` or `smoothed` behind a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    Anchored,
    Smoothed,
}

/// A duration, given or to be computed before evaluation.
#[derive(Debug, Clone, PartialEq)]
pub enum Duration {
    /// Nanoseconds; what is looked at is whole milliseconds of them.
    Nanos(i64),
    Expr(Box<DurationExpr>),
}

impl Duration {
    /// Whole milliseconds of a number of nanoseconds.
    pub(crate) fn millis_of(nanos: i64) -> i64 {
        nanos / 1_000_000
    }
}

/// Duration arithmetic inside brackets or behind `offset`. Its span is what Prometheus has for it, which leaves out
/// parentheses and the names of `min_of` and `max_of`.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationExpr {
    pub span: Span,
    pub kind: DurationExprKind,
}

/// What a duration expression is.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationExprKind {
    Number(Number),
    /// `step()`
    Step,
    /// `range()`
    Range,
    Unary(UnaryOp, Box<DurationExpr>),
    /// `Add Sub Mul Div Mod Pow` only.
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
    Paren(Box<DurationExpr>),
}
