//! `metadata`: what is said of metrics, their kind, help and unit.

use super::Api;
use super::envelope::{Answer, ApiError};
use super::json;
use super::params::Params;
use super::scope::Scope;
use crate::config::Flavour;
use axum::extract::State;
use std::collections::BTreeMap;
use std::sync::Arc;
use storeapi::MetricSaid;

/// Where not all metrics, or not all that is said of one, are wanted, it is the first by name.
pub(super) async fn metadata(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    let limit = limit(&api, &params)?;
    let per_metric = number(&params, "limit_per_metric")?.and_then(|most| usize::try_from(most).ok());
    let scope = Scope::of_labels(&api, &params)?;
    let metric = params.get("metric").filter(|metric| !metric.is_empty());
    let asked = api.store.metadata(scope.metadata(metric, limit));
    let told = tokio::time::timeout(api.config.timeout, asked).await;
    let told = told.map_err(|_| ApiError::Timeout("metadata took longer than a query may".to_owned()))?;
    let told = told.map_err(|error| ApiError::of_store(error, api.flavour, "retrieving metadata"))?;
    let most = per_metric.filter(|most| *most > 0).unwrap_or(usize::MAX);
    Ok(Answer { data: write(&told.metrics, most, api.flavour), missing: told.warnings, ..Answer::default() })
}

/// At most so many metrics; `None`: all.
fn limit(api: &Api, params: &Params) -> Result<Option<usize>, ApiError> {
    let limit = number(params, "limit").map_err(|fault| match api.flavour {
        Flavour::Prometheus => fault,
        // Whatever was sent: it says what was read of it.
        Flavour::Thanos => ApiError::BadData("invalid metric metadata limit='0'".to_owned()),
    })?;
    Ok(limit.and_then(|limit| usize::try_from(limit).ok()))
}

fn number(params: &Params, name: &str) -> Result<Option<i64>, ApiError> {
    let parse = |text: &str| text.parse().map_err(|_| ApiError::BadData(format!("{name} must be a number")));
    params.get(name).filter(|text| !text.is_empty()).map(parse).transpose()
}

fn write(metrics: &BTreeMap<String, Vec<MetricSaid>>, per_metric: usize, flavour: Flavour) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (at, (metric, said)) in metrics.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::push_string(metric.as_bytes(), &mut out);
        out.push(b':');
        let said = said.get(..per_metric).unwrap_or(said);
        json::push_list(said, &mut out, |one, out| push_said(one, flavour, out));
    }
    out.push(b'}');
    out
}

/// Prometheus and Thanos have the members in an order of their own.
fn push_said(said: &MetricSaid, flavour: Flavour, out: &mut Vec<u8>) {
    let (help, unit) = (("help", &said.help), ("unit", &said.unit));
    let rest = match flavour {
        Flavour::Prometheus => [unit, help],
        Flavour::Thanos => [help, unit],
    };
    out.extend_from_slice(br#"{"type":""#);
    out.extend_from_slice(said.kind.as_str().as_bytes());
    out.push(b'"');
    for (name, text) in rest {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        json::push_string(text.as_bytes(), out);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests;
