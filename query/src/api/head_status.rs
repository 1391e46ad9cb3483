//! `status/tsdb`: which metrics and labels make a head as large as it is.
//!
//! Prometheus tells it of its one head, Thanos' receiver of each tenant's. Neither tells more than a few of each list.

use super::Api;
use super::envelope::{Answer, ApiError};
use super::json;
use super::params::Params;
use super::whose::Whose;
use axum::Router;
use axum::extract::State;
use axum::routing::MethodFilter;
use model::TenantId;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tsdb::head::{Counted, HeadStatistics, LabelSize};

/// Whose heads are counted, and who counts them.
#[derive(Debug, Clone)]
pub struct Heads {
    pub counted: Arc<dyn HeadCounts>,
    pub whose: Whose,
}

/// Who knows what heads hold.
pub trait HeadCounts: Debug + Send + Sync {
    /// Of `tenant`, if there is one, or of all, sorted by name. Lists have at most `most` entries. An error is the reason why
    /// nobody can tell now.
    fn count<'a>(&'a self, tenant: Option<&'a TenantId>, most: usize, size: LabelSize) -> HeadCountsFuture<'a>;
}

/// What [`HeadCounts`] answers with.
pub type HeadCountsFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<(TenantId, HeadStatistics)>, String>> + Send + 'a>>;

/// As many are told of each list where nothing is said.
const DEFAULT_LIMIT: usize = 10;
/// The most that Prometheus tells, and that is kept of a list here.
const MAX_LIMIT: usize = 10_000;

/// As Prometheus answers: one head, that of the tenant of the request.
pub(super) async fn tsdb(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    let heads = api.heads.as_ref().ok_or(ApiError::Disabled("there is no head here"))?;
    let most = match params.get("limit").map(str::parse::<usize>) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit)) if limit > MAX_LIMIT => {
            return Err(ApiError::BadData(format!("limit must not exceed {MAX_LIMIT}")));
        }
        Some(Ok(limit)) if limit > 0 => limit,
        Some(_) => return Err(ApiError::BadData("limit must be a positive number".to_owned())),
    };
    let tenant = heads.whose.tenant(&params)?;
    let counted = heads.counted.count(Some(&tenant), most, LabelSize::Packed).await.map_err(ApiError::Unavailable)?;
    // A tenant that nobody has written for is an empty one.
    let (_, statistics) = counted.into_iter().next().unwrap_or((tenant, HeadStatistics::default()));
    let mut data = Vec::new();
    push_head(None, &statistics, &mut data);
    Ok(Answer { data, ..Answer::default() })
}

/// The route of Thanos' receiver, beside that of remote write.
pub fn receive_routes(heads: Heads) -> Router {
    let route = super::only(MethodFilter::GET, receive_tsdb);
    Router::new().route("/api/v1/status/tsdb", route).with_state(Arc::new(heads))
}

/// As Thanos' receiver answers: a list of heads.
async fn receive_tsdb(State(heads): State<Arc<Heads>>, params: Params) -> Result<Answer, ApiError> {
    let most = match params.get("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => most(text).map_err(|fault| {
            ApiError::BadData(format!("unable to parse 'limit' parameter: strconv.ParseInt: parsing {text:?}: {fault}"))
        })?,
    };
    let all = matches!(params.get("all_tenants"), Some("true"));
    let tenant = match (all, heads.whose.named(&params)?) {
        (true, Some(_)) => {
            let header = heads.whose.tenant_header.as_str().to_ascii_uppercase();
            let text = format!("using both the all_tenants parameter and the {header} header is not supported");
            return Err(ApiError::BadData(text));
        }
        (true, None) => None,
        (false, named) => Some(named.unwrap_or_else(|| heads.whose.default_tenant.clone())),
    };
    let counted = heads.counted.count(tenant.as_ref(), most, LabelSize::Strings).await.map_err(ApiError::Internal)?;
    let mut data = Vec::new();
    json::push_list(&counted, &mut data, |(tenant, head), out| push_head(Some(tenant), head, out));
    Ok(Answer { data, ..Answer::default() })
}

/// What was asked for, at most [`MAX_LIMIT`]; none below 1.
fn most(text: &str) -> Result<usize, &'static str> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("invalid syntax");
    }
    let limit: i64 = text.parse().map_err(|_| "value out of range")?;
    Ok(usize::try_from(limit).unwrap_or(0).min(MAX_LIMIT))
}

fn push_head(tenant: Option<&TenantId>, head: &HeadStatistics, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(tenant) = tenant {
        out.extend_from_slice(br#""tenant":"#);
        json::push_string(tenant.as_str().as_bytes(), out);
        out.push(b',');
    }
    let HeadStatistics { series, label_pairs, chunks, range, .. } = head;
    // As an empty head of either has it.
    let (min_ms, max_ms) = range.map_or((i64::MAX, i64::MIN), |range| (range.min_ms(), range.max_ms()));
    let stats = format!(
        r#""headStats":{{"numSeries":{series},"numLabelPairs":{label_pairs},"chunkCount":{chunks},"minTime":{min_ms},"maxTime":{max_ms}}}"#
    );
    out.extend_from_slice(stats.as_bytes());
    for (name, list) in [
        ("seriesCountByMetricName", &head.series_by_metric),
        ("labelValueCountByLabelName", &head.values_by_name),
        ("memoryInBytesByLabelName", &head.bytes_by_name),
        ("seriesCountByLabelValuePair", &head.series_by_pair),
    ] {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        json::push_list(list, out, push_counted);
    }
    out.push(b'}');
}

fn push_counted(one: &Counted, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"name":"#);
    json::push_string(&one.name, out);
    out.extend_from_slice(format!(",\"value\":{}}}", one.count).as_bytes());
}

#[cfg(test)]
mod tests;
