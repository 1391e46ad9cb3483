//! Twelve shapes over pods: what people ask of a cluster's metrics.

use super::question::Question;
use crate::workload::metric_name;

pub(super) fn questions() -> Vec<Question> {
    let filled = |query: &str| query.replace("ONE", &metric_name(3)).replace("TWO", &metric_name(4));
    let instant = |name, query: &str| Question::instant(name, filled(query));
    // The last hour, a step a minute.
    let range = |name, query: &str| Question::range(name, filled(query), 60, 60);
    let le = r#"label_replace(label_replace(rate(ONE[5m]), "le", "$1", "node", "ip-10-0-([0-9]+)-.*"), "le", "+Inf", "node", "ip-10-0-9.*")"#;
    vec![
        instant("instant count of all", r#"count({cluster="production-eu-central-1"})"#),
        instant("instant sum by namespace", r#"sum by (namespace) ({__name__=~"component_0[0-2]_.*"})"#),
        range("range sum, a fifth of all", r#"sum({__name__=~"component_0[0-2]_.*"})"#),
        range("range sum by rate", "sum by (namespace) (rate(ONE[5m]))"),
        instant("instant topk", r#"topk(10, {__name__=~"component_0[3-5]_.*"})"#),
        range("range histogram_quantile", &format!("histogram_quantile(0.9, sum by (le, namespace) ({le}))")),
        instant("instant regex on pod", r#"count({pod=~".*-1[0-9]-.*"})"#),
        range("range join group_left", "rate(ONE[5m]) * on (pod) group_left (node) sum by (pod, node) (TWO)"),
        instant("instant avg_over_time", "avg by (namespace) (avg_over_time(ONE[1h]))"),
        instant("instant subquery", "max_over_time(sum by (namespace) (rate(ONE[5m]))[1h:1m])"),
        range("range quantile by", r#"quantile by (namespace) (0.9, {__name__=~"component_0[0-2]_.*"})"#),
        range("range label_replace", r#"label_replace(ONE, "short", "$1", "pod", "service-(.*)-.*-.*")"#),
    ]
}
