//! Requests as messages, both ways.

use crate::store::{LabelsRequest, PartialResponse, SelectHints, SeriesRequest, Shard, StoreError};
use model::{MatchOp, Matcher, TenantId, TimeRange};
use prost::Message;
use prost_types::Any;
use proto::series::Aggr;
use proto::thanos::{self, LabelMatcher, PartialResponseStrategy, label_matcher::Type};
use proto::{hintspb, thanos::QueryHints};
use std::sync::Arc;
use tonic::metadata::{MetadataMap, MetadataValue};
use tsdb::Aggregate;

/// The metadata that names the tenant.
const TENANT: &str = "thanos-tenant";

const TYPE_URL: &str = "type.googleapis.com/";
const SERIES_HINTS: &str = "hintspb.SeriesRequestHints";
const LABEL_NAMES_HINTS: &str = "hintspb.LabelNamesRequestHints";
const LABEL_VALUES_HINTS: &str = "hintspb.LabelValuesRequestHints";

/// What the requests of `LabelNames` and `LabelValues` have in common.
#[derive(Debug)]
struct LabelsFields {
    start: i64,
    end: i64,
    matchers: Vec<LabelMatcher>,
    without: Vec<String>,
    limit: i64,
    partial: PartialResponse,
    hints: Option<Any>,
}

// === read ===

/// A `Series` request; `None` if its range runs backwards, so that nothing is in it.
pub(super) fn read_series(
    message: thanos::SeriesRequest,
    tenant: Option<TenantId>,
) -> Result<Option<SeriesRequest>, StoreError> {
    let partial = partial(message.partial_response_disabled, message.partial_response_strategy());
    let aggregates = message.aggregates().map(aggregate).collect();
    let matchers = read_matchers(message.matchers)?;
    let block_matchers = read_block_matchers(message.hints.as_ref(), SERIES_HINTS)?;
    let Some(range) = TimeRange::new(message.min_time, message.max_time) else { return Ok(None) };
    Ok(Some(SeriesRequest {
        skip_chunks: message.skip_chunks,
        limit: read_limit(message.limit),
        without_labels: bytes_of(message.without_replica_labels),
        max_resolution_ms: message.max_resolution_window,
        aggregates,
        shard: message.shard_info.and_then(read_shard).map(Arc::new),
        partial,
        block_matchers,
        stores: Arc::from([]),
        tenant,
        hints: message.query_hints.map(read_query_hints).unwrap_or_default(),
        ..SeriesRequest::new(matchers, range)
    }))
}

/// A `LabelNames` request; `None` as in [`read_series`].
pub(super) fn read_names(
    message: thanos::LabelNamesRequest,
    tenant: Option<TenantId>,
) -> Result<Option<LabelsRequest>, StoreError> {
    let partial = partial(message.partial_response_disabled, message.partial_response_strategy());
    let fields = LabelsFields {
        start: message.start,
        end: message.end,
        matchers: message.matchers,
        without: message.without_replica_labels,
        limit: message.limit,
        partial,
        hints: message.hints,
    };
    fields.read(LABEL_NAMES_HINTS, tenant)
}

/// The label and the rest of a `LabelValues` request; `None` as in [`read_series`].
pub(super) fn read_values(
    message: thanos::LabelValuesRequest,
    tenant: Option<TenantId>,
) -> Result<Option<(Vec<u8>, LabelsRequest)>, StoreError> {
    let partial = partial(message.partial_response_disabled, message.partial_response_strategy());
    let fields = LabelsFields {
        start: message.start,
        end: message.end,
        matchers: message.matchers,
        without: message.without_replica_labels,
        limit: message.limit,
        partial,
        hints: message.hints,
    };
    let request = fields.read(LABEL_VALUES_HINTS, tenant)?;
    Ok(request.map(|request| (message.label.into_bytes(), request)))
}

impl LabelsFields {
    fn read(self, hints: &str, tenant: Option<TenantId>) -> Result<Option<LabelsRequest>, StoreError> {
        let matchers = read_matchers(self.matchers)?;
        let block_matchers = read_block_matchers(self.hints.as_ref(), hints)?;
        let Some(range) = TimeRange::new(self.start, self.end) else { return Ok(None) };
        Ok(Some(LabelsRequest {
            limit: read_limit(self.limit),
            without_labels: bytes_of(self.without),
            partial: self.partial,
            block_matchers,
            stores: Arc::from([]),
            tenant,
            ..LabelsRequest::new(matchers, range)
        }))
    }
}

/// What a failed part means, of the two fields that say so.
fn partial(disabled: bool, strategy: PartialResponseStrategy) -> PartialResponse {
    match strategy {
        PartialResponseStrategy::Warn if !disabled => PartialResponse::Warn,
        PartialResponseStrategy::Warn | PartialResponseStrategy::Abort => PartialResponse::Abort,
    }
}

/// Who asks.
pub(super) fn read_tenant(metadata: &MetadataMap) -> Result<Option<TenantId>, StoreError> {
    let Some(value) = metadata.get(TENANT) else { return Ok(None) };
    let text = value.to_str().map_err(|_| StoreError::Invalid("tenant name is not ASCII".to_owned()))?;
    TenantId::parse(text).map(Some).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn read_matchers(messages: Vec<LabelMatcher>) -> Result<Arc<[Matcher]>, StoreError> {
    messages.into_iter().map(read_matcher).collect()
}

fn read_matcher(message: LabelMatcher) -> Result<Matcher, StoreError> {
    let op = match Type::try_from(message.r#type) {
        Ok(Type::Eq) => MatchOp::Equal,
        Ok(Type::Neq) => MatchOp::NotEqual,
        Ok(Type::Re) => MatchOp::Regex,
        Ok(Type::Nre) => MatchOp::NotRegex,
        Err(_) => return Err(StoreError::Invalid(format!("unrecognized label matcher type {}", message.r#type))),
    };
    Matcher::new(op, message.name, message.value).map_err(|error| StoreError::Invalid(error.to_string()))
}

/// The block matchers of hints of type `name`, all of whose types have these as field 1. Hints of other types are for
/// others.
fn read_block_matchers(hints: Option<&Any>, name: &str) -> Result<Arc<[Matcher]>, StoreError> {
    let Some(any) = hints.filter(|any| any.type_url.rsplit('/').next() == Some(name)) else {
        return Ok(Arc::from([]));
    };
    let hints = hintspb::LabelNamesRequestHints::decode(any.value.as_slice());
    let hints = hints.map_err(|error| StoreError::Invalid(format!("unmarshal {name}: {error}")))?;
    read_matchers(hints.block_matchers)
}

fn read_limit(limit: i64) -> Option<usize> {
    usize::try_from(limit).ok().filter(|limit| *limit > 0)
}

fn read_shard(message: thanos::ShardInfo) -> Option<Shard> {
    // One part of less than one is everything.
    let total = u64::try_from(message.total_shards).ok().filter(|total| *total > 0)?;
    let labels = message.labels.into_iter().map(String::into_bytes).collect();
    Some(Shard { index: message.shard_index.cast_unsigned(), total, by: message.by, labels })
}

fn read_query_hints(message: QueryHints) -> SelectHints {
    SelectHints {
        step_ms: message.step_millis,
        range_ms: message.range.map(|range| range.millis).unwrap_or_default(),
        func: message.func.map(|func| func.name).unwrap_or_default(),
        newest_only: false,
        labels: None,
    }
}

fn bytes_of(strings: Vec<String>) -> Arc<[Vec<u8>]> {
    strings.into_iter().map(String::into_bytes).collect()
}

// === write ===

/// The message of a `Series` request that takes batches of `batch_series`.
pub(super) fn write_series(request: &SeriesRequest, batch_series: usize) -> Result<thanos::SeriesRequest, StoreError> {
    let hints = match request.block_matchers.is_empty() {
        true => None,
        false => Some(write_block_matchers(&request.block_matchers, SERIES_HINTS)?),
    };
    let (partial_response_disabled, partial_response_strategy) = write_partial(request.partial);
    let shard_info = match &request.shard {
        Some(shard) => Some(write_shard(shard)?),
        None => None,
    };
    Ok(thanos::SeriesRequest {
        min_time: request.range.min_ms(),
        max_time: request.range.max_ms(),
        matchers: write_matchers(&request.matchers)?,
        max_resolution_window: request.max_resolution_ms,
        aggregates: request.aggregates.iter().map(|wanted| aggr(*wanted) as i32).collect(),
        partial_response_disabled,
        partial_response_strategy,
        skip_chunks: request.skip_chunks,
        hints,
        query_hints: write_query_hints(&request.hints),
        shard_info,
        without_replica_labels: strings(&request.without_labels)?,
        limit: write_limit(request.limit),
        response_batch_size: i64::try_from(batch_series).unwrap_or(i64::MAX),
        ..thanos::SeriesRequest::default()
    })
}

/// The message of a `LabelNames` request.
pub(super) fn write_names(request: &LabelsRequest) -> Result<thanos::LabelNamesRequest, StoreError> {
    let fields = write_labels(request, LABEL_NAMES_HINTS)?;
    let (partial_response_disabled, partial_response_strategy) = write_partial(request.partial);
    Ok(thanos::LabelNamesRequest {
        partial_response_disabled,
        partial_response_strategy,
        start: fields.start,
        end: fields.end,
        hints: fields.hints,
        matchers: fields.matchers,
        without_replica_labels: fields.without,
        limit: fields.limit,
    })
}

/// The message of a `LabelValues` request.
pub(super) fn write_values(label: Vec<u8>, request: &LabelsRequest) -> Result<thanos::LabelValuesRequest, StoreError> {
    let fields = write_labels(request, LABEL_VALUES_HINTS)?;
    let (partial_response_disabled, partial_response_strategy) = write_partial(request.partial);
    Ok(thanos::LabelValuesRequest {
        label: string(&label)?,
        partial_response_disabled,
        partial_response_strategy,
        start: fields.start,
        end: fields.end,
        hints: fields.hints,
        matchers: fields.matchers,
        without_replica_labels: fields.without,
        limit: fields.limit,
    })
}

/// A request with a message, in the name of `tenant`.
pub(super) fn for_tenant<T>(message: T, tenant: Option<&TenantId>) -> Result<tonic::Request<T>, StoreError> {
    let mut request = tonic::Request::new(message);
    if let Some(tenant) = tenant {
        let value = MetadataValue::try_from(tenant.as_str());
        let value = value.map_err(|_| StoreError::Invalid(format!("tenant name {tenant:?} is not ASCII")))?;
        request.metadata_mut().insert(TENANT, value);
    }
    Ok(request)
}

fn write_labels(request: &LabelsRequest, hints: &str) -> Result<LabelsFields, StoreError> {
    let hints = match request.block_matchers.is_empty() {
        true => None,
        false => Some(write_block_matchers(&request.block_matchers, hints)?),
    };
    Ok(LabelsFields {
        start: request.range.min_ms(),
        end: request.range.max_ms(),
        matchers: write_matchers(&request.matchers)?,
        without: strings(&request.without_labels)?,
        limit: write_limit(request.limit),
        partial: request.partial,
        hints,
    })
}

fn write_partial(partial: PartialResponse) -> (bool, i32) {
    match partial {
        PartialResponse::Warn => (false, PartialResponseStrategy::Warn as i32),
        PartialResponse::Abort => (true, PartialResponseStrategy::Abort as i32),
    }
}

fn write_matchers(matchers: &[Matcher]) -> Result<Vec<LabelMatcher>, StoreError> {
    matchers.iter().map(write_matcher).collect()
}

fn write_matcher(matcher: &Matcher) -> Result<LabelMatcher, StoreError> {
    let op = match matcher.op() {
        MatchOp::Equal => Type::Eq,
        MatchOp::NotEqual => Type::Neq,
        MatchOp::Regex => Type::Re,
        MatchOp::NotRegex => Type::Nre,
    };
    Ok(LabelMatcher { r#type: op as i32, name: string(matcher.name())?, value: string(matcher.value())? })
}

fn write_block_matchers(matchers: &[Matcher], name: &str) -> Result<Any, StoreError> {
    let hints = hintspb::LabelNamesRequestHints { block_matchers: write_matchers(matchers)? };
    Ok(Any { type_url: format!("{TYPE_URL}{name}"), value: hints.encode_to_vec() })
}

fn write_limit(limit: Option<usize>) -> i64 {
    limit.map_or(0, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
}

fn write_shard(shard: &Shard) -> Result<thanos::ShardInfo, StoreError> {
    Ok(thanos::ShardInfo {
        shard_index: shard.index.cast_signed(),
        total_shards: shard.total.cast_signed(),
        by: shard.by,
        labels: strings(&shard.labels)?,
    })
}

fn write_query_hints(hints: &SelectHints) -> Option<QueryHints> {
    let said = hints.step_ms != 0 || hints.range_ms != 0 || !hints.func.is_empty();
    said.then(|| QueryHints {
        step_millis: hints.step_ms,
        func: (!hints.func.is_empty()).then(|| thanos::Func { name: hints.func.clone() }),
        range: (hints.range_ms != 0).then_some(thanos::Range { millis: hints.range_ms }),
        ..QueryHints::default()
    })
}

fn strings(all: &[Vec<u8>]) -> Result<Vec<String>, StoreError> {
    all.iter().map(|bytes| string(bytes)).collect()
}

/// Messages carry text only.
fn string(bytes: &[u8]) -> Result<String, StoreError> {
    let text = String::from_utf8(bytes.to_vec());
    text.map_err(|error| StoreError::Invalid(format!("{:?} is not UTF-8", String::from_utf8_lossy(error.as_bytes()))))
}

// === aggregates ===

pub(super) fn aggregate(aggr: Aggr) -> Aggregate {
    match aggr {
        Aggr::Raw => Aggregate::Raw,
        Aggr::Count => Aggregate::Count,
        Aggr::Sum => Aggregate::Sum,
        Aggr::Min => Aggregate::Min,
        Aggr::Max => Aggregate::Max,
        Aggr::Counter => Aggregate::Counter,
    }
}

pub(super) fn aggr(aggregate: Aggregate) -> Aggr {
    match aggregate {
        Aggregate::Raw => Aggr::Raw,
        Aggregate::Count => Aggr::Count,
        Aggregate::Sum => Aggr::Sum,
        Aggregate::Min => Aggr::Min,
        Aggregate::Max => Aggr::Max,
        Aggregate::Counter => Aggr::Counter,
    }
}
