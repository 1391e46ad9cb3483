//! `series`: label sets.

use super::envelope::{Answer, ApiError};
use super::labels::TRUNCATED;
use super::params::Params;
use super::scope::Scope;
use super::selectors::Selectors;
use super::{Api, json};
use axum::extract::State;
use futures::StreamExt;
use model::LabelsRef;
use std::collections::BTreeSet;
use std::sync::Arc;
use storeapi::{SelectHints, SeriesBatch, SeriesFrame, SeriesRequest};

pub(super) async fn series(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    params.check_form()?;
    if params.all("match[]").next().is_none() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let limit = params.limit()?;
    let range = api.range(&params)?;
    let scope = Scope::of_labels(&api, &params)?;
    let selectors = Selectors::parse(&params, api.flavour).map_err(|fault| ApiError::parameter("match[]", fault))?;
    let Some(range) = range else {
        return Ok(Answer { data: b"[]".to_vec(), ..Answer::default() });
    };
    let selectors = selectors.or_all();
    let mut list = List { left: limit.unwrap_or(usize::MAX), ..List::default() };
    // What several selectors find has to be put in order; the series of one are.
    let mut several = (selectors.len() > 1).then(BTreeSet::new);
    let mut missing = Vec::new();
    for matchers in selectors {
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
                SeriesFrame::Series(batch) => for_each(&batch, |labels| match &mut several {
                    Some(found) => _ = found.insert(labels.to_owned()),
                    None => list.push(labels),
                }),
                SeriesFrame::Warning(warning) => missing.push(warning),
            }
        }
    }
    several.iter().flatten().for_each(|labels| list.push(labels.as_ref()));
    if list.is_cut {
        missing.push(TRUNCATED.to_owned());
    }
    Ok(Answer { data: list.finish(), missing, ..Answer::default() })
}

/// Label sets as JSON, so many of them.
#[derive(Debug, Default)]
struct List {
    json: Vec<u8>,
    left: usize,
    /// There were more.
    is_cut: bool,
}

impl List {
    fn push(&mut self, labels: LabelsRef<'_>) {
        if self.left == 0 {
            self.is_cut = true;
            return;
        }
        self.left -= 1;
        self.json.push(if self.json.is_empty() { b'[' } else { b',' });
        json::push_labels(labels, &mut self.json);
    }

    fn finish(mut self) -> Vec<u8> {
        if self.json.is_empty() {
            self.json.push(b'[');
        }
        self.json.push(b']');
        self.json
    }
}

fn for_each(batch: &SeriesBatch, mut take: impl FnMut(LabelsRef<'_>)) {
    match batch {
        SeriesBatch::Chunks(batch) => batch.iter().for_each(|(labels, _)| take(labels)),
        SeriesBatch::Columns(batch) => batch.iter().for_each(|(labels, _)| take(labels)),
    }
}
