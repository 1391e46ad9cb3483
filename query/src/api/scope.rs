//! Whom a request asks, on whose behalf, and how the answers are read.

use super::Api;
use super::envelope::ApiError;
use super::params::{Params, parse_duration_ms};
use crate::config::{Flavour, Querier, Tenancy};
use crate::tenancy;
use model::{MatchOp, Matcher, TenantId, TimeRange};
use promql::ast::Expr;
use promql::{ParseOptions, Select};
use serde::Deserialize;
use std::sync::Arc;
use storeapi::{
    ExemplarsAnswer, ExemplarsRequest, LabelsRequest, MetadataRequest, PartialResponse, ReadOptions, Reading,
    SelectHints, SeriesRequest, Shard,
};

/// Where Thanos looks for a tenant besides the configured header.
const TENANT_HEADER: &str = "THANOS-TENANT";
/// The resolutions that downsampling makes, finest first, in milliseconds.
const RESOLUTIONS_MS: [i64; 3] = [0, 5 * 60 * 1000, 60 * 60 * 1000];
/// Functions that need two samples in their range.
const OF_TWO_SAMPLES: [&str; 9] =
    ["rate", "irate", "increase", "delta", "idelta", "deriv", "predict_linear", "xrate", "xincrease"];

/// What a request says besides what it asks for.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) flavour: Flavour,
    partial: PartialResponse,
    stores: Arc<[Arc<[Matcher]>]>,
    /// Empty if replicas are to be told apart.
    replica_labels: Arc<[Vec<u8>]>,
    dedup_func: storeapi::DedupFunc,
    tenant: Option<TenantId>,
    /// What every series has to be accepted by, where tenancy is enforced.
    tenant_matcher: Option<Matcher>,
    max_resolution_ms: i64,
    shard: Option<Arc<Shard>>,
    /// Whether it is asked what the operators of a query did.
    pub(super) analyze: bool,
}

#[derive(Deserialize)]
struct ShardInfo {
    #[serde(default)]
    shard_index: u64,
    #[serde(default)]
    total_shards: u64,
    #[serde(default)]
    by: bool,
    #[serde(default)]
    labels: Vec<String>,
}

impl Scope {
    /// Of a question about labels or series.
    pub(super) fn of_labels(api: &Api, params: &Params) -> Result<Self, ApiError> {
        Self::read(api.flavour, &api.querier, params)
    }

    /// Of a query with this step, 0 for an instant one.
    pub(super) fn of_query(api: &Api, params: &Params, step_ms: i64) -> Result<Self, ApiError> {
        let mut scope = Self::read(api.flavour, &api.querier, params)?;
        scope.max_resolution_ms = max_resolution_ms(api.flavour, &api.querier, params, step_ms)?;
        if let Some(text) = params.get("shard_info") {
            let fault = |error| ApiError::BadData(format!("could not unmarshal parameter shard_info: {error}"));
            let ShardInfo { shard_index: index, total_shards: total, by, labels } =
                serde_json::from_str(text).map_err(fault)?;
            let labels = labels.into_iter().map(String::into_bytes).collect();
            scope.shard = Some(Arc::new(Shard { index, total, by, labels }));
        }
        scope.analyze = flag(params, "analyze")?.unwrap_or_default();
        match params.get("engine") {
            None | Some("prometheus" | "thanos") => Ok(scope),
            Some(other) => Err(ApiError::parameter("engine", format!("'{other}' bad engine"))),
        }
    }

    fn read(flavour: Flavour, querier: &Querier, params: &Params) -> Result<Self, ApiError> {
        let dedup = flag(params, "dedup")?.unwrap_or(true);
        let partial = flag(params, "partial_response")?.unwrap_or(querier.partial_response);
        let given: Vec<_> = params.all("replicaLabels[]").collect();
        let replica_labels: Vec<Vec<u8>> = match given.is_empty() {
            true => querier.replica_labels.iter().map(|name| name.clone().into_bytes()).collect(),
            false => given.into_iter().filter(|name| !name.is_empty()).map(|name| name.as_bytes().to_vec()).collect(),
        };
        let tenant = match flavour {
            Flavour::Prometheus => None,
            Flavour::Thanos => Some(tenant(&querier.tenancy, params)?),
        };
        Ok(Self {
            flavour,
            partial: if partial { PartialResponse::Warn } else { PartialResponse::Abort },
            stores: stores(flavour, params)?,
            replica_labels: if dedup { replica_labels.into() } else { Arc::default() },
            dedup_func: querier.dedup_func,
            tenant_matcher: tenant.as_ref().and_then(|tenant| enforced(&querier.tenancy, tenant)),
            tenant,
            max_resolution_ms: 0,
            shard: None,
            analyze: false,
        })
    }

    /// How old a sample may be where `lookback_ms` is configured: downsampled ones are far apart.
    pub(super) fn lookback_ms(&self, lookback_ms: i64) -> i64 {
        let levels = RESOLUTIONS_MS.windows(2).rev();
        let suits = |pair: &&[i64]| self.max_resolution_ms > pair[0].max(lookback_ms);
        levels.into_iter().find(suits).map_or(lookback_ms, |pair| pair[1].max(lookback_ms))
    }

    /// Makes `expr` find series of the tenant only, where that is enforced.
    pub(super) fn confine(&self, expr: &mut Expr) {
        if let Some(matcher) = &self.tenant_matcher {
            tenancy::confine(expr, matcher);
        }
    }

    /// The same for the matchers of a selector.
    pub(super) fn confined(&self, matchers: Arc<[Matcher]>) -> Arc<[Matcher]> {
        let Some(matcher) = &self.tenant_matcher else {
            return matchers;
        };
        let mut matchers = matchers.to_vec();
        tenancy::replace(&mut matchers, matcher);
        matchers.into()
    }

    /// What a select of a query asks for.
    pub(crate) fn select(&self, select: &Select) -> SeriesRequest {
        let reading = Reading::of(&select.func);
        let needs_two = OF_TWO_SAMPLES.contains(&select.func.as_str()) && select.range_ms > 0;
        let most_ms = if needs_two { select.range_ms / 2 } else { i64::MAX };
        SeriesRequest {
            max_resolution_ms: self.max_resolution_ms.min(most_ms),
            aggregates: reading.aggregates().into(),
            shard: self.shard.clone(),
            hints: SelectHints {
                step_ms: select.step_ms,
                range_ms: select.range_ms,
                func: select.func.clone(),
                newest_only: select.newest_only,
                labels: select.labels.clone(),
            },
            ..self.series(select.matchers.as_slice().into(), select.range)
        }
    }

    /// Whether what a select gives depends on the function and the range it is for: replicas are followed from its start on,
    /// and of downsampled data it is the function that chooses.
    pub(super) fn reads_by_function(&self) -> bool {
        !self.replica_labels.is_empty() || self.max_resolution_ms > 0
    }

    /// How the answer to a select is read.
    pub(crate) fn reading(&self, select: &Select) -> ReadOptions {
        let dedup = (!self.replica_labels.is_empty()).then_some(self.dedup_func);
        let reading = Reading::of(&select.func);
        ReadOptions { dedup, reading, range: select.range, newest_only: select.newest_only }
    }

    /// A request for series.
    pub(super) fn series(&self, matchers: Arc<[Matcher]>, range: TimeRange) -> SeriesRequest {
        SeriesRequest {
            without_labels: Arc::clone(&self.replica_labels),
            stores: Arc::clone(&self.stores),
            partial: self.partial,
            tenant: self.tenant.clone(),
            ..SeriesRequest::new(matchers, range)
        }
    }

    /// A request for exemplars.
    pub(super) fn exemplars(&self, selectors: Arc<[Arc<[Matcher]>]>, range: TimeRange) -> ExemplarsRequest {
        ExemplarsRequest {
            stores: Arc::clone(&self.stores),
            partial: self.partial,
            tenant: self.tenant.clone(),
            ..ExemplarsRequest::new(selectors, range)
        }
    }

    /// The exemplars of replicas as those of one series.
    pub(super) fn joined(&self, exemplars: ExemplarsAnswer) -> ExemplarsAnswer {
        exemplars.without(&self.replica_labels)
    }

    /// A request for what is said of metrics.
    pub(super) fn metadata(&self, metric: Option<&str>, limit: Option<usize>) -> MetadataRequest {
        MetadataRequest {
            metric: metric.map(str::to_owned),
            limit,
            external: self.tenant_matcher.iter().cloned().collect(),
            partial: self.partial,
            stores: Arc::clone(&self.stores),
            tenant: self.tenant.clone(),
        }
    }

    /// A request for label names or values, replica labels among them.
    pub(super) fn labels(&self, matchers: Arc<[Matcher]>, range: TimeRange) -> LabelsRequest {
        LabelsRequest {
            stores: Arc::clone(&self.stores),
            partial: self.partial,
            tenant: self.tenant.clone(),
            ..LabelsRequest::new(matchers, range)
        }
    }
}

/// `storeMatch[]`.
fn stores(flavour: Flavour, params: &Params) -> Result<Arc<[Arc<[Matcher]>]>, ApiError> {
    let parse = |text: &str| match flavour {
        Flavour::Prometheus => Err(ApiError::parameter("storeMatch[]", "stores cannot be chosen: there is one")),
        Flavour::Thanos => promql::parse_selector(text, &ParseOptions::default())
            .map(Arc::from)
            .map_err(|error| ApiError::parameter("storeMatch[]", error)),
    };
    params.all("storeMatch[]").map(parse).collect()
}

/// `max_source_resolution`.
fn max_resolution_ms(flavour: Flavour, querier: &Querier, params: &Params, step_ms: i64) -> Result<i64, ApiError> {
    const NAME: &str = "max_source_resolution";
    match params.get(NAME) {
        None if querier.auto_downsampling => Ok(step_ms / 5),
        None => Ok(0),
        Some("auto") if flavour == Flavour::Prometheus => Ok(0),
        Some("auto") => Ok(step_ms / 5),
        Some(text) => match parse_duration_ms(text).map_err(|fault| ApiError::parameter(NAME, fault))? {
            asked if asked < 0 => {
                let fault = format!("negative '{NAME}' is not accepted. Try a positive integer");
                Err(ApiError::parameter(NAME, fault))
            }
            asked if asked > 0 && flavour == Flavour::Prometheus => {
                let fault = format!("{text:?} asks for downsampled data, of which there is none; use 0s or auto");
                Err(ApiError::parameter(NAME, fault))
            }
            asked => Ok(asked),
        },
    }
}

/// Who asks: as the headers say, or by default.
fn tenant(tenancy: &Tenancy, params: &Params) -> Result<TenantId, ApiError> {
    let invalid = || ApiError::BadData("tenant name not valid".to_owned());
    let named = [tenancy.header.as_str(), TENANT_HEADER].into_iter().find_map(|header| params.header(header));
    match named {
        Some(name) => name.to_str().ok().and_then(|name| TenantId::parse(name).ok()).ok_or_else(invalid),
        None => tenancy.default_tenant.clone().ok_or_else(invalid),
    }
}

fn enforced(tenancy: &Tenancy, tenant: &TenantId) -> Option<Matcher> {
    let matcher = || Matcher::new(MatchOp::Equal, tenancy.label.as_str(), tenant.as_str()).ok();
    tenancy.enforce.then(matcher).flatten()
}

/// What Go's `strconv.ParseBool` takes.
fn flag(params: &Params, name: &str) -> Result<Option<bool>, ApiError> {
    match params.get(name) {
        None => Ok(None),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
        Some(other) => Err(ApiError::parameter(name, format!("strconv.ParseBool: parsing {other:?}: invalid syntax"))),
    }
}

#[cfg(test)]
mod tests;
