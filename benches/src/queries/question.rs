//! What is asked: one expression or several, at one time or over a range.

use crate::asker::percent_encoded;
use crate::systems::Queried;
use crate::workload::STEP_MS;

/// What is asked and counted as one.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) right: Right,
}

/// Which answers are right beside the one we give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// None.
    Same,
    /// Those that choose another series of the same value.
    SameValues,
    /// Those that choose any series.
    Any,
}

/// One request. In an expression `AT` stands for a time an hour before the last sample.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Instant(String),
    /// So many steps, so many seconds apart, the last of them behind the last sample.
    Range(String, usize, usize),
    /// Whether the system is ready: what a request costs in which nothing is asked.
    Ready,
}

/// Questions are about times between two samples, so that it makes no difference which end of a window is inside it; the
/// last is behind the last sample.
const BEHIND_LAST_MS: i64 = STEP_MS / 2;

impl Question {
    pub(crate) fn instant(name: impl Into<String>, query: impl Into<String>) -> Self {
        Self { name: name.into(), calls: vec![Call::Instant(query.into())], right: Right::Same }.judged()
    }

    pub(crate) fn range(name: impl Into<String>, query: impl Into<String>, steps: usize, step_s: usize) -> Self {
        Self { name: name.into(), calls: vec![Call::Range(query.into(), steps, step_s)], right: Right::Same }.judged()
    }

    /// By its expression, what may be chosen.
    fn judged(self) -> Self {
        let begins = |names: [&str; 2]| names.iter().any(|name| self.text().starts_with(name));
        let right = if begins(["limitk(", "limit_ratio("]) {
            Right::Any
        } else if begins(["topk(", "bottomk("]) {
            Right::SameValues
        } else {
            Right::Same
        };
        Self { right, ..self }
    }

    /// What is asked, for people.
    pub(crate) fn text(&self) -> &str {
        match self.calls.first() {
            Some(Call::Instant(query) | Call::Range(query, ..)) => query,
            _ => "",
        }
    }
}

impl Call {
    /// Where `queried`, whose last samples are at `end_ms`, is asked this.
    pub(crate) fn url(&self, queried: &Queried<'_>, end_ms: i64) -> String {
        let end_s = (end_ms + BEHIND_LAST_MS) as f64 / 1000.0;
        let encoded = |query: &str| percent_encoded(&query.replace("AT", &format!("{}", end_s - 3600.0)));
        match self {
            Self::Instant(query) => {
                format!("{}?query={}&time={end_s}&{}", queried.query_url, encoded(query), queried.params)
            }
            Self::Range(query, steps, step_s) => {
                let start_s = end_s - (steps.saturating_sub(1) * step_s) as f64;
                let times = format!("start={start_s}&end={end_s}&step={step_s}");
                format!("{}_range?query={}&{times}&{}", queried.query_url, encoded(query), queried.params)
            }
            Self::Ready => queried.ready_url.clone(),
        }
    }
}
