//! What clients ask for and this server does not have: empty answers, so that they go on.

use super::envelope::Answer;

fn empty(data: &str) -> Answer {
    Answer { data: data.as_bytes().to_vec(), ..Answer::default() }
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
