//! The trait that both transports implement.

use crate::exemplars::{ExemplarsAnswer, ExemplarsRequest};
use crate::grpc::UnreadSeries;
use crate::metadata::{MetadataAnswer, MetadataRequest};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use model::{Labels, Matcher, TenantId, TimeRange};
use promql::UsedLabels;
use std::sync::Arc;
use tsdb::{Aggregate, ChunkSeriesBatch, ColumnSeriesBatch};

/// What a store says of itself: what it may hold, for choosing whom to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreInfo {
    /// Its address, or what it is called within the process; for messages and for `storeMatch[]` (`__address__`).
    pub name: String,
    pub component: Component,
    /// External label sets of what it holds, each once. Empty: none are known, so any series may be there.
    pub label_sets: Vec<Labels>,
    /// `None`: it holds nothing.
    pub time_range: Option<TimeRange>,
    /// The same by label set, where that is known: a tenant's head and blocks, or the blocks of a bucket.
    pub tsdbs: Vec<TsdbInfo>,
    /// It leaves [`SeriesRequest::without_labels`] out itself and sorts without them.
    pub drops_labels: bool,
    /// It applies [`SeriesRequest::shard`] itself.
    pub shards: bool,
    /// In which time it may have exemplars; `None`: it has none.
    pub exemplars: Option<TimeRange>,
    /// It tells what is said of metrics.
    pub metadata: bool,
}

/// The time in which series of one external label set have samples. Both ends inside.
#[derive(Debug, Clone, PartialEq)]
pub struct TsdbInfo {
    pub labels: Labels,
    pub range: TimeRange,
}

/// What kind of process a store is, by the names of Thanos' `ComponentType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    Query,
    Receive,
    Rule,
    Sidecar,
    Store,
    /// A name that is not known, or none.
    Unknown,
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
    /// The coarsest resolution that will do; 0: raw samples only.
    pub max_resolution_ms: i64,
    /// Which aggregates of downsampled chunks are wanted. Raw chunks come whatever this says.
    pub aggregates: Arc<[Aggregate]>,
    /// Only the series of this shard; `None`: all.
    pub shard: Option<Arc<Shard>>,
    pub partial: PartialResponse,
    /// Matchers on `__block_id`, all of which must accept a block of a bucket. Heads do not look.
    pub block_matchers: Arc<[Matcher]>,
    /// Which stores may be asked: those that all matchers of at least one of these lists accept, by their external labels
    /// and their name as `__address__`; empty: all. Whoever asks several stores looks; it is not sent on.
    pub stores: Arc<[Arc<[Matcher]>]>,
    /// Who asks; sent along, and enforced by nobody but the querier.
    pub tenant: Option<TenantId>,
    pub hints: SelectHints,
}

/// What happens when one of several stores, or one of several blocks, does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PartialResponse {
    /// A warning, and the rest.
    #[default]
    Warn,
    /// An error.
    Abort,
}

/// One of several parts into which the hash of some labels divides series. See Thanos' `ShardInfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    pub index: u64,
    pub total: u64,
    /// Whether `labels` are those that are hashed, or those that are not.
    pub by: bool,
    pub labels: Vec<Vec<u8>>,
}

/// What the query will do with a select; a store may use it or not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SelectHints {
    pub step_ms: i64,
    /// The width of the range selector, 0 for an instant one.
    pub range_ms: i64,
    /// The nearest enclosing function or aggregation.
    pub func: String,
    /// Of each series the newest sample in the range of the request (`(time − lookback, time]`) is all that is looked at, and
    /// nothing where that is a stale marker. Not for a store whose answer is merged with others', nor sent on.
    pub newest_only: bool,
    /// The labels that are all that is looked at. For walks, and as the one before.
    pub labels: Option<UsedLabels>,
}

/// One step of a `Series` answer.
#[derive(Debug, Clone)]
pub enum SeriesFrame {
    /// Whole series, in label order within and across frames.
    Series(SeriesBatch),
    /// The answer is not complete, and why.
    Warning(String),
}

/// What a warning takes that is kept until all has been answered.
pub(crate) fn size_of_warning(warning: &str) -> usize {
    size_of::<String>() + warning.len()
}

/// Series with chunks as they were stored, or with columns already filled.
#[derive(Debug, Clone)]
pub enum SeriesBatch {
    Chunks(ChunkSeriesBatch),
    Columns(Box<ColumnSeriesBatch>),
}

impl SeriesBatch {
    /// Bytes held.
    pub fn size_bytes(&self) -> usize {
        match self {
            Self::Chunks(batch) => batch.size_bytes(),
            Self::Columns(batch) => batch.size_bytes(),
        }
    }
}

/// What is asked of `LabelNames` and `LabelValues`.
#[derive(Debug, Clone)]
pub struct LabelsRequest {
    pub matchers: Arc<[Matcher]>,
    pub range: TimeRange,
    pub limit: Option<usize>,
    /// As in [`SeriesRequest`]: names that are not among the answer, nor values of theirs.
    pub without_labels: Arc<[Vec<u8>]>,
    pub partial: PartialResponse,
    pub block_matchers: Arc<[Matcher]>,
    /// As in [`SeriesRequest`].
    pub stores: Arc<[Arc<[Matcher]>]>,
    pub tenant: Option<TenantId>,
}

impl Component {
    /// As Thanos writes it; `unknown` for what has no name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Receive => "receive",
            Self::Rule => "rule",
            Self::Sidecar => "sidecar",
            Self::Store => "store",
            Self::Unknown => "unknown",
        }
    }
}

impl SeriesRequest {
    /// Asks for the raw samples of what `matchers` accept in `range`, of whoever has some.
    pub fn new(matchers: impl Into<Arc<[Matcher]>>, range: TimeRange) -> Self {
        Self {
            matchers: matchers.into(),
            range,
            skip_chunks: false,
            limit: None,
            without_labels: Arc::default(),
            max_resolution_ms: 0,
            aggregates: Arc::from([Aggregate::Raw]),
            shard: None,
            partial: PartialResponse::default(),
            block_matchers: Arc::default(),
            stores: Arc::default(),
            tenant: None,
            hints: SelectHints::default(),
        }
    }
}

impl LabelsRequest {
    /// Asks for what is among the series that `matchers` accept in `range`.
    pub fn new(matchers: impl Into<Arc<[Matcher]>>, range: TimeRange) -> Self {
        Self {
            matchers: matchers.into(),
            range,
            limit: None,
            without_labels: Arc::default(),
            partial: PartialResponse::default(),
            block_matchers: Arc::default(),
            stores: Arc::default(),
            tenant: None,
        }
    }
}

/// Names or values, sorted, each once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelsAnswer {
    pub strings: Vec<Vec<u8>>,
    pub warnings: Vec<String>,
}

impl LabelsAnswer {
    /// With `warnings` before its own.
    #[must_use]
    pub(crate) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings.splice(..0, warnings);
        self
    }
}

/// Adds `more` to `strings`, which are sorted, each once, and stay so. Of lists that are sorted both are only walked over.
pub fn join_strings(strings: &mut Vec<Vec<u8>>, mut more: Vec<Vec<u8>>) {
    if strings.is_empty() {
        *strings = more;
    } else {
        strings.append(&mut more);
    }
    // Not `sort_unstable`: this one sees sorted runs and merges them.
    strings.sort();
    strings.dedup();
}

/// Why a store did not answer. Each is one gRPC code, both ways.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be reached, or is not ready: `Unavailable`.
    #[error("{store}: {reason}")]
    Unavailable { store: String, reason: String },
    /// `InvalidArgument`.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// `ResourceExhausted`.
    #[error("limit exceeded: {0}")]
    LimitExceeded(String),
    /// A part failed where a partial answer was not wanted: `Aborted`.
    #[error("{store}: {reason}")]
    Aborted { store: String, reason: String },
    /// It took longer than it may: `DeadlineExceeded`.
    #[error("{store}: {reason}")]
    TimedOut { store: String, reason: String },
    /// Whoever asked went away: `Canceled`.
    #[error("canceled")]
    Canceled,
    /// `Unimplemented`.
    #[error("{store}: {reason}")]
    Unsupported { store: String, reason: String },
    /// All others.
    #[error("{store}: {reason}")]
    Internal { store: String, reason: String },
}

/// One step of an answer whose series are read where answers are merged.
#[derive(Debug)]
pub enum UnreadFrame {
    Series(UnreadSeries),
    /// As in [`SeriesFrame`].
    Warning(String),
}

/// A stream of these. Dropping it cancels the request.
pub type UnreadStream = BoxStream<'static, Result<UnreadFrame, StoreError>>;

/// A stream of frames. Dropping it cancels the request.
pub type SeriesStream = BoxStream<'static, Result<SeriesFrame, StoreError>>;

/// Frames that are read when they are pulled. Dropping it cancels the request.
pub struct SeriesWalk {
    /// Pulling blocks. The first error is the last one.
    pub frames: Box<dyn Iterator<Item = Result<SeriesFrame, StoreError>> + Send>,
    /// How many series there are at most, and it takes no time to find them; `None`: nobody knows before they are found.
    pub at_most: Option<u64>,
    /// Whether series come with those of their labels that [`SelectHints::labels`] names, and these alone.
    pub has_used_labels_only: bool,
}

impl std::fmt::Debug for SeriesWalk {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SeriesWalk").field("has_used_labels_only", &self.has_used_labels_only).finish_non_exhaustive()
    }
}

/// Anything that answers StoreAPI: an ingester's heads, a bucket, a process far away.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// What it may hold, now.
    fn info(&self) -> StoreInfo;

    /// The series that all matchers accept, sorted by labels.
    fn series(&self, request: SeriesRequest) -> SeriesStream;

    /// The same for who merges answers, where series come from afar: what several answers tell alike is read once. `None`: ask
    /// for series.
    fn unread(&self, request: &SeriesRequest) -> Option<UnreadStream> {
        let _ = request;
        None
    }

    /// The same for who may block, where that is the shorter way: frames are pulled where they are used. `None`: ask for
    /// series.
    fn walk(&self, request: &SeriesRequest) -> Option<SeriesWalk> {
        let _ = request;
        None
    }

    /// Label names.
    fn label_names(&self, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>>;

    /// Values of one label.
    fn label_values(&self, name: Vec<u8>, request: LabelsRequest) -> BoxFuture<'_, Result<LabelsAnswer, StoreError>>;

    /// Exemplars of the series that a selector accepts. Most stores have none.
    fn exemplars(&self, request: ExemplarsRequest) -> BoxFuture<'_, Result<ExemplarsAnswer, StoreError>> {
        let _ = request;
        std::future::ready(Ok(ExemplarsAnswer::default())).boxed()
    }

    /// What is said of metrics. Most stores know nothing of it.
    fn metadata(&self, request: MetadataRequest) -> BoxFuture<'_, Result<MetadataAnswer, StoreError>> {
        let _ = request;
        std::future::ready(Ok(MetadataAnswer::default())).boxed()
    }
}
