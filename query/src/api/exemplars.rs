//! `query_exemplars`: the exemplars of all series that a query looks at.

use super::Api;
use super::envelope::{Answer, ApiError};
use super::json;
use super::number::{push_time, push_value};
use super::params::Params;
use super::scope::Scope;
use crate::config::Flavour;
use axum::extract::State;
use model::Matcher;
use std::sync::Arc;
use tsdb::head::{Exemplar, ExemplarSeries};

/// The query is read and not evaluated: of its selectors only the matchers count. Times are in seconds; of Grafana, which
/// sends milliseconds where it asks whether there are exemplars at all, they are those of another age.
pub(super) async fn exemplars(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    let range = params.range()?;
    if range.is_none() && api.flavour == Flavour::Prometheus {
        return Err(ApiError::BadData("end timestamp must not be before start timestamp".to_owned()));
    }
    let expr = promql::parse(params.get("query").unwrap_or_default(), &api.config.features.parse_options())
        .map_err(|error| ApiError::BadData(error.to_string()))?;
    let scope = Scope::of_labels(&api, &params)?;
    let Some(range) = range else { return Ok(answer(&[], Vec::new())) };
    let matchers = |selector: &promql::ast::VectorSelector| scope.confined(selector.matchers.as_slice().into());
    let selectors: Arc<[Arc<[Matcher]>]> = expr.selectors().into_iter().map(matchers).collect();
    let asked = api.store.exemplars(scope.exemplars(selectors, range));
    let told = tokio::time::timeout(api.config.timeout, asked).await;
    let told = told.map_err(|_| ApiError::Timeout("exemplars took longer than a query may".to_owned()))?;
    let told = told.map_err(|error| ApiError::of_store(error, api.flavour, "retrieving exemplars: proxy Exemplars"))?;
    let told = scope.joined(told);
    Ok(answer(&told.series, told.warnings))
}

fn answer(series: &[ExemplarSeries], missing: Vec<String>) -> Answer {
    let mut data = Vec::new();
    json::push_list(series, &mut data, push_series);
    Answer { data, missing, ..Answer::default() }
}

fn push_series(series: &ExemplarSeries, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"seriesLabels":"#);
    json::push_labels(series.labels.as_ref(), out);
    out.extend_from_slice(br#","exemplars":"#);
    json::push_list(&series.exemplars, out, push_exemplar);
    out.push(b'}');
}

fn push_exemplar(exemplar: &Exemplar, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"labels":"#);
    json::push_labels(exemplar.labels.as_ref(), out);
    out.extend_from_slice(br#","value":""#);
    push_value(exemplar.value, out);
    out.extend_from_slice(br#"","timestamp":"#);
    push_time(exemplar.timestamp_ms, out);
    out.push(b'}');
}

#[cfg(test)]
mod tests;
