//! What clients ask for and this server does not have: empty answers, so that they go on.

use super::envelope::{Answer, ApiError};
use super::params::Params;
use promql::ParseOptions;

fn empty(data: &str) -> Answer {
    Answer { data: data.as_bytes().to_vec(), ..Answer::default() }
}

/// `query_exemplars`: exemplars are not kept. The query must be one, whatever its times are (Grafana sends milliseconds).
pub(super) async fn exemplars(params: Params) -> Result<Answer, ApiError> {
    let range = params.range();
    promql::parse(params.get("query").unwrap_or_default(), &ParseOptions::default())
        .map_err(|error| ApiError::BadData(error.to_string()))?;
    match range? {
        Some(_) => Ok(empty("[]")),
        None => Err(ApiError::BadData("end timestamp must not be before start timestamp".to_owned())),
    }
}

/// `metadata`: what senders say of metrics is not kept.
pub(super) async fn metadata(params: Params) -> Result<Answer, ApiError> {
    for name in ["limit", "limit_per_metric"] {
        if params.get(name).is_some_and(|text| text.parse::<i64>().is_err()) {
            return Err(ApiError::BadData(format!("{name} must be a number")));
        }
    }
    Ok(empty("{}"))
}

/// `rules`: there is no ruler.
pub(super) async fn rules() -> Answer {
    empty(r#"{"groups":[]}"#)
}

/// `alerts`: there is no ruler.
pub(super) async fn alerts() -> Answer {
    empty(r#"{"alerts":[]}"#)
}

/// `targets`: nothing is scraped.
pub(super) async fn targets() -> Answer {
    empty(r#"{"activeTargets":[],"droppedTargets":[]}"#)
}
