//! What clients ask for and this server does not have: empty answers, so that they go on.

use super::envelope::{Answer, ApiError};
use super::params::Params;

fn empty(data: &str) -> Answer {
    Answer { data: data.as_bytes().to_vec(), ..Answer::default() }
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
