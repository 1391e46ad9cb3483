//! `series`: label sets.

use super::envelope::{Answer, ApiError};
use super::labels::TRUNCATED;
use super::params::Params;
use super::scope::Scope;
use super::selectors::Selectors;
use super::{Api, json};
use axum::extract::State;
use futures::StreamExt;
use model::Labels;
use std::collections::BTreeSet;
use std::sync::Arc;
use storeapi::{SelectHints, SeriesBatch, SeriesFrame, SeriesRequest};

pub(super) async fn series(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    let limit = params.limit()?;
    let range = api.range(&params)?;
    let scope = Scope::of_labels(&api, &params)?;
    let selectors = Selectors::parse(&params, api.flavour).map_err(|fault| ApiError::parameter("match[]", fault))?;
    if selectors.is_empty() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let Some(range) = range else {
        return Ok(Answer { data: b"[]".to_vec(), ..Answer::default() });
    };
    let mut found = BTreeSet::new();
    let mut missing = Vec::new();
    for matchers in selectors.or_all() {
        let request = SeriesRequest {
            skip_chunks: true,
            // One more than wanted tells whether anything was cut.
            limit: limit.map(|limit| limit.saturating_add(1)),
            hints: SelectHints { func: "series".to_owned(), ..SelectHints::default() },
            ..scope.series(scope.confined(matchers), range)
        };
        let mut frames = api.store.series(request);
        while let Some(frame) = frames.next().await {
            let told = |error| ApiError::of_store(error, api.flavour, "proxy Series()");
            match frame.map_err(told)? {
                SeriesFrame::Series(batch) => found.extend(label_sets(batch)),
                SeriesFrame::Warning(warning) => missing.push(warning),
            }
        }
    }
    let wanted = limit.unwrap_or(usize::MAX);
    if found.len() > wanted {
        missing.push(TRUNCATED.to_owned());
    }
    let mut data = Vec::new();
    json::push_list(found.iter().take(wanted), &mut data, |labels, out| json::push_labels(labels.as_ref(), out));
    Ok(Answer { data, missing, ..Answer::default() })
}

fn label_sets(batch: SeriesBatch) -> Vec<Labels> {
    match batch {
        SeriesBatch::Chunks(batch) => batch.iter().map(|(labels, _)| labels.to_owned()).collect(),
        SeriesBatch::Columns(series) => series.into_iter().map(|(labels, _)| labels).collect(),
    }
}
