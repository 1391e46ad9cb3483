//! A dashboard: fifty small questions at once over pods, counted as one.

use super::question::{Call, Question, Right};
use crate::workload::metric_name;

/// Panels of one namespace: their expressions over `ONE` to `FOUR`, and whether the last hour is shown.
const PANELS: [(&str, bool); 5] = [
    ("sum by (pod) (rate(ONE{IN}[5m]))", true),
    ("sum(rate(ONE{IN}[5m])) / sum(rate(TWO{IN}[5m]))", true),
    ("topk(3, sum by (service) (THREE{IN}))", false),
    ("max by (node) (max_over_time(FOUR{IN}[5m]))", true),
    ("count(THREE{IN}) or vector(0)", false),
];
const NAMESPACES: usize = 10;

pub(super) fn questions() -> Vec<Question> {
    let panel = |namespace: usize, (query, is_range): (&str, bool)| {
        let inside = format!(r#"namespace="namespace-{namespace:02}""#);
        let names = [("ONE", 3), ("TWO", 4), ("THREE", 5), ("FOUR", 6)];
        let filled = |query: String, (from, metric)| query.replace(from, &metric_name(metric));
        let query = names.into_iter().fold(query.replace("IN", &inside), filled);
        if is_range { Call::Range(query, 60, 60) } else { Call::Instant(query) }
    };
    let all: Vec<Call> = (0..NAMESPACES).flat_map(|namespace| PANELS.map(|one| panel(namespace, one))).collect();
    let single = PANELS.map(|one| Question { name: one.0.to_owned(), calls: vec![panel(3, one)], right: Right::Same });
    let burst = Question { name: format!("a burst of {} questions", all.len()), calls: all, right: Right::Same };
    std::iter::once(burst).chain(single).collect()
}
