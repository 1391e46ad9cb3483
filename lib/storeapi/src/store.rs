//! The trait that both transports implement.

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use model::{Labels, Matcher, SampleColumns, TimeRange};
use std::sync::Arc;
use tsdb::ChunkSeriesBatch;

/// What a store says of itself: what it may hold, for choosing whom to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreInfo {
    pub name: String,
    /// External label sets of what it holds. Empty: none.
    pub label_sets: Vec<Labels>,
    /// `None`: it holds nothing.
    pub time_range: Option<TimeRange>,
}

/// What is asked of `Series`.
#[derive(Debug, Clone)]
pub struct SeriesRequest {
    /// All must accept a series, external labels among its labels.
    pub matchers: Arc<[Matcher]>,
    pub range: TimeRange,
    /// Labels without chunks.
    pub skip_chunks: bool,
    /// At most so many series; `None`: all.
    pub limit: Option<usize>,
    /// Labels to be left out of the answer (and the answer sorted without them).
    pub without_labels: Arc<[Vec<u8>]>,
    pub hints: SelectHints,
}

/// What the query will do with a select; a store may use it or not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SelectHints {
    pub step_ms: i64,
    /// The width of the range selector, 0 for an instant one.
    pub range_ms: i64,
    /// The nearest enclosing function or aggregation.
    pub func: String,
}

/// One step of a `Series` answer.
#[derive(Debug, Clone)]
pub enum SeriesFrame {
    /// Whole series, in label order within and across frames.
    Series(SeriesBatch),
    /// The answer is not complete, and why.
    Warning(String),
}

/// Series with chunks as they were stored, or with columns already filled.
#[derive(Debug, Clone)]
pub enum SeriesBatch {
    Chunks(ChunkSeriesBatch),
    Columns(Vec<(Labels, SampleColumns)>),
}

/// The newest sample of a series in a lookback window.
#[derive(Debug, Clone, PartialEq)]
pub struct LastSample {
    pub labels: Labels,
    pub timestamp_ms: i64,
    pub value: f64,
}

/// Last samples, in label order.
pub type LastSampleBatch = Vec<LastSample>;

/// What is asked of `LabelNames` and `LabelValues`.
#[derive(Debug, Clone)]
pub struct LabelsRequest {
    pub matchers: Arc<[Matcher]>,
    pub range: TimeRange,
    pub limit: Option<usize>,
}

/// Names or values, sorted, each once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelsAnswer {
    pub strings: Vec<Vec<u8>>,
    pub warnings: Vec<String>,
}

/// Why a store did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{store}: {reason}")]
    Unavailable { store: String, reason: String },
    #[error("invalid request: {0}")]
    Invalid(String),
    #[error("limit exceeded: {0}")]
    LimitExceeded(String),
    #[error("{store}: {reason}")]
    Internal { store: String, reason: String },
}

/// A stream of frames. Dropping it cancels the request.
pub type SeriesStream = BoxStream<'static, Result<SeriesFrame, StoreError>>;

/// Anything that answers StoreAPI: an ingester's heads, a bucket, a process far away.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// What it may hold, now.
    fn info(&self) -> StoreInfo;

    /// The series that all matchers accept, sorted by labels.
    fn series(&self, request: SeriesRequest) -> SeriesStream;

    /// For instant selectors: of each series the newest sample in `(time − lookback, time]`, as range of the request,
    /// or nothing where that is a stale marker. `None`: this store cannot, ask for series.
    fn select_last(&self, request: SeriesRequest) -> Option<BoxStream<'static, Result<LastSampleBatch, StoreError>>>;

    /// Label names.
    fn label_names(&self, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>>;

    /// Values of one label.
    fn label_values(&self, name: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>>;
}
