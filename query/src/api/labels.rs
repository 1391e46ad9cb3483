//! `labels` and `label/<name>/values`.

use super::Api;
use super::envelope::{Answer, ApiError};
use super::json;
use super::params::{Params, unescape_bytes};
use super::scope::Scope;
use super::selectors::Selectors;
use axum::extract::State;
use http::Uri;
use model::{Matcher, Quoted};
use std::future::Future;
use std::sync::Arc;
use storeapi::{LabelsAnswer, LabelsRequest, StoreError, join_strings};

pub(super) const TRUNCATED: &str = "results truncated due to limit";

pub(super) async fn names(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    union(&api, &params, "LabelNames", |request| api.store.label_names(request)).await
}

pub(super) async fn values(State(api): State<Arc<Api>>, uri: Uri, params: Params) -> Result<Answer, ApiError> {
    let name = name_in(uri.path())?;
    union(&api, &params, "LabelValues", |request| api.store.label_values(name.clone().into_bytes(), request)).await
}

/// Asks once for each selector and joins the answers.
async fn union<F>(
    api: &Api,
    params: &Params,
    method: &str,
    ask: impl Fn(LabelsRequest) -> F,
) -> Result<Answer, ApiError>
where
    F: Future<Output = Result<LabelsAnswer, StoreError>>,
{
    let limit = params.limit()?;
    let range = api.range(params)?;
    let scope = Scope::of_labels(api, params)?;
    let selectors = Selectors::parse(params, api.flavour).map_err(|fault| ApiError::BadData(fault.to_string()))?;
    let Some(range) = range else {
        return Ok(Answer { data: b"[]".to_vec(), ..Answer::default() });
    };
    let mut strings = Vec::new();
    let mut missing = Vec::new();
    for matchers in selectors.or_all() {
        // One more than wanted tells whether anything was cut.
        let limit = limit.map(|limit| limit.saturating_add(1));
        let request = LabelsRequest { limit, ..scope.labels(scope.confined(matchers), range) };
        let answer = ask(request).await;
        let answer = answer.map_err(|error| ApiError::of_store(error, api.flavour, &format!("proxy {method}()")))?;
        join_strings(&mut strings, answer.strings);
        missing.extend(answer.warnings);
    }
    let wanted = limit.unwrap_or(usize::MAX);
    if strings.len() > wanted {
        missing.push(TRUNCATED.to_owned());
    }
    let mut data = Vec::new();
    json::push_list(strings.iter().take(wanted), &mut data, |string, out| json::push_string(string, out));
    Ok(Answer { data, missing, ..Answer::default() })
}

/// The label name in `/api/v1/label/<name>/values`.
fn name_in(path: &str) -> Result<String, ApiError> {
    let name = path.strip_prefix("/api/v1/label/").and_then(|rest| rest.strip_suffix("/values"));
    // In a path a plus sign is one.
    let bytes = name.and_then(|name| unescape_bytes(name.replace('+', "%2B").as_bytes())).unwrap_or_default();
    let invalid = |name: &[u8]| ApiError::BadData(format!("invalid label name: {}", Quoted(name)));
    let name = String::from_utf8(bytes).map_err(|error| invalid(error.as_bytes()))?;
    match unescape_name(&name) {
        name if name.is_empty() => Err(invalid(b"")),
        name => Ok(name),
    }
}

/// Undoes the escaping of names that do not fit a path: `U__` in front, `_2e_` for a code point, `__` for `_`. A name that is
/// not properly escaped means itself.
fn unescape_name(name: &str) -> String {
    let escaped = name.strip_prefix("U__");
    escaped.and_then(unescape_runs).unwrap_or_else(|| name.to_owned())
}

fn unescape_runs(escaped: &str) -> Option<String> {
    let mut name = String::with_capacity(escaped.len());
    let mut rest = escaped;
    while let Some((plain, after)) = rest.split_once('_') {
        name.push_str(plain);
        if let Some(after) = after.strip_prefix('_') {
            name.push('_');
            rest = after;
            continue;
        }
        let (digits, after) = after.split_once('_')?;
        name.push(u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?);
        rest = after;
    }
    name.push_str(rest);
    Some(name)
}

/// The one list of matchers that accepts everything.
pub(super) fn everything() -> Arc<[Matcher]> {
    Arc::from([])
}

#[cfg(test)]
mod tests;
