//! `/federate`: the newest samples, in the text format that Prometheus scrapes, names escaped as the client asks for it.
//!
//! Native histograms are left out, which that format cannot say: Prometheus leaves them out of it, too. Whoever scrapes sees
//! no warnings, so what is missing makes it an error.

mod escaping;

use super::Api;
use super::envelope::ApiError;
use super::language::plain_error;
use super::params::Params;
use super::scope::Scope;
use super::selectors::Selectors;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use escaping::{Escaping, push_escaped};
use futures::StreamExt;
use http::{StatusCode, header};
use model::{Labels, METRIC_NAME, SampleColumns, ShortFloat, TimeRange, is_stale};
use promql::SeriesBatch as _;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use storeapi::{EngineBatch, ReadOptions, SeriesFrame};

/// The newest sample of each series.
type Newest = BTreeMap<Labels, (i64, f64)>;

pub(super) async fn federate(State(api): State<Arc<Api>>, params: Params) -> Response {
    let selectors = params.check_form().map_err(|fault| fault.to_string());
    let selectors = selectors.and_then(|()| Selectors::parse_any(&params).map_err(|fault| fault.to_string()));
    let selectors = match selectors {
        Ok(selectors) => selectors,
        Err(fault) => return plain_error(StatusCode::BAD_REQUEST, &fault),
    };
    match tokio::time::timeout(api.config.timeout, newest(&api, &params, selectors)).await {
        Ok(Ok(found)) => {
            let accept = params.header(header::ACCEPT.as_str()).and_then(|value| value.to_str().ok());
            let escaping = Escaping::negotiate(accept.unwrap_or_default());
            let kind = format!("text/plain; version=0.0.4; charset=utf-8; escaping={}", escaping.name());
            ([(header::CONTENT_TYPE, kind)], text(found, escaping)).into_response()
        }
        Ok(Err(error)) => plain_error(error.status(), &error.to_string()),
        Err(_) => plain_error(StatusCode::SERVICE_UNAVAILABLE, "federation took longer than it may"),
    }
}

async fn newest(api: &Api, params: &Params, selectors: Selectors) -> Result<Newest, ApiError> {
    let scope = Scope::of_labels(api, params)?;
    let now_ms = api.clock.now_ms();
    let lookback_ms = i64::try_from(api.config.lookback.as_millis()).unwrap_or(i64::MAX);
    let mut found = Newest::new();
    let mut held = api.query_limits().memory.reserve(0).map_err(promql::QueryError::from)?;
    let Some(range) = TimeRange::new(now_ms.saturating_sub(lookback_ms).saturating_add(1), now_ms) else {
        return Ok(found);
    };
    if selectors.is_empty() {
        return Ok(found);
    }
    let _permit = api.driver.permit().await;
    let mut columns = SampleColumns::default();
    for matchers in selectors.or_all() {
        let mut frames = api.store.series(scope.series(scope.confined(matchers), range));
        while let Some(frame) = frames.next().await {
            let told = |error| ApiError::of_store(error, api.flavour, "proxy Series()");
            let batch = match frame.map_err(told)? {
                SeriesFrame::Series(batch) => batch,
                SeriesFrame::Warning(warning) => return Err(ApiError::Unavailable(warning)),
            };
            let batch = EngineBatch::new(batch).with(ReadOptions { range, ..ReadOptions::default() });
            for index in 0..batch.len() {
                batch.samples_within(index, &mut columns).map_err(promql::QueryError::from)?;
                let last = columns.len().checked_sub(1).filter(|last| columns.histogram(*last).is_none());
                let sample = columns.timestamps_ms.last().copied().zip(columns.values.last().copied());
                let Some(sample) = sample.filter(|(_, value)| last.is_some() && !is_stale(*value)) else { continue };
                let labels = batch.labels(index);
                held.grow(labels.as_packed().len() + size_of::<(Labels, i64, f64)>())
                    .map_err(promql::QueryError::from)?;
                found.insert(labels.to_owned(), sample);
            }
        }
    }
    Ok(found)
}

/// Metric by metric, of each its series in order.
fn text(found: Newest, escaping: Escaping) -> String {
    let name = |labels: &Labels| labels.get(METRIC_NAME).map(<[u8]>::to_vec).unwrap_or_default();
    let mut series: Vec<_> = found.into_iter().map(|(labels, sample)| (name(&labels), labels, sample)).collect();
    // A series without a name has none to be scraped by.
    series.retain(|(name, ..)| !name.is_empty());
    series.sort_by(|left, right| left.0.cmp(&right.0));
    let (mut out, mut before) = (String::new(), None);
    for (name, labels, (time_ms, value)) in &series {
        let (escaped, quoted) = escaping.escape(name);
        // Into memory: nothing can fail.
        if before != Some(name) {
            let _ = writeln!(out, "# TYPE {escaped} untyped");
            before = Some(name);
        }
        // A name in quotes stands among the labels.
        let mark = match quoted {
            true => {
                out.push('{');
                ','
            }
            false => '{',
        };
        out.push_str(&escaped);
        push_labels(labels, escaping, mark, &mut out);
        let _ = writeln!(out, " {} {time_ms}", ShortFloat(*value));
    }
    out
}

/// The labels behind `mark`, and an instance that says nothing where there is none: or the scraper would say its own.
fn push_labels(labels: &Labels, escaping: Escaping, mut mark: char, out: &mut String) {
    let mut push = |name: &[u8], value: &[u8], out: &mut String| {
        out.push(std::mem::replace(&mut mark, ','));
        out.push_str(&escaping.escape(name).0);
        out.push_str("=\"");
        push_escaped(&String::from_utf8_lossy(value), out);
        out.push('"');
    };
    labels.iter().filter(|label| label.name != METRIC_NAME).for_each(|label| push(label.name, label.value, out));
    if labels.get(b"instance").is_none() {
        push(b"instance", b"", out);
    }
    out.push('}');
}

#[cfg(test)]
mod tests;
