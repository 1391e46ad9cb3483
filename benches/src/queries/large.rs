//! Long ranges, many series, many buckets, joins with what describes a target, and expressions that say a thing twice.

use super::question::Question;
use crate::dataset::{Dataset, Metric, Values};

/// Samples a minute apart, for thirty days and an hour.
const MONTH_ROUNDS: usize = (30 * 24 + 1) * 60;
const MONTH_SERIES: u64 = 30;
/// Samples half a minute apart, for six hours and ten minutes.
const DAY_ROUNDS: usize = (6 * 60 + 10) * 2;
const BUCKETS: usize = 50;
const PODS_A_NODE: usize = 20;

/// A name, an expression, steps and the seconds between them; no step is an instant query.
const TABLE: [(&str, &str, usize, usize); 19] = [
    ("6 h, sum by rate", "sum by (pod) (rate(requests_total[5m]))", 361, 60),
    ("6 h, sum by few, rate", "sum by (namespace) (rate(requests_total[5m]))", 361, 60),
    ("6 h, rate of a node's pods", r#"rate(requests_total{instance="node-3"}[5m])"#, 361, 60),
    ("instant over all", "sum by (namespace) (requests_total)", 0, 0),
    ("instant rate over all", "sum by (namespace) (rate(requests_total[5m]))", 0, 0),
    ("instant alert over all", "requests_total > 1e12", 0, 0),
    ("30 d, selector", "month_total", 720, 3600),
    ("30 d, rate", "sum(rate(month_total[1h]))", 720, 3600),
    ("30 d, max_over_time", "max_over_time(month_total[1h])", 720, 3600),
    ("30 d, one window", "avg_over_time(month_total[30d])", 0, 0),
    ("buckets, instant", "histogram_quantile(0.99, sum by (le) (rate(duration_seconds_bucket[5m])))", 0, 0),
    ("buckets, 1 h", "histogram_quantile(0.99, sum by (le) (rate(duration_seconds_bucket[5m])))", 60, 60),
    ("buckets, 1 h, by pod", "histogram_quantile(0.99, rate(duration_seconds_bucket[5m]))", 60, 60),
    ("subquery over a day", "max_over_time(rate(month_total[5m])[1d:1m])", 0, 0),
    ("subquery over a day, 1 h", "max_over_time(rate(month_total[5m])[1d:1m])", 60, 60),
    ("subquery of sums over 5 h", "max_over_time(sum by (namespace) (rate(requests_total[5m]))[5h:1m])", 0, 0),
    (
        "ratio",
        "sum(rate(requests_total[5m])) / (sum(rate(requests_total[5m])) + sum(rate(failures_total[5m])))",
        60,
        60,
    ),
    ("info join", "rate(requests_total[5m]) * on (instance) group_left (version) node_info", 60, 60),
    (
        "info join, summed",
        "sum by (version) (rate(requests_total[5m]) * on (instance) group_left (version) node_info)",
        60,
        60,
    ),
];

pub(super) fn questions() -> Vec<Question> {
    let question = |(name, query, steps, step_s): (&str, &str, usize, usize)| match steps {
        0 => Question::instant(name, query),
        steps => Question::range(name, query, steps, step_s),
    };
    TABLE.map(question).into()
}

/// So many series of requests, half as many failures, and `buckets` buckets.
pub(super) fn data(series: usize, buckets: usize) -> Dataset {
    let target = |pod: usize| {
        let node = pod / PODS_A_NODE;
        vec![
            ("instance", format!("node-{node}")),
            ("namespace", format!("namespace-{:02}", pod % 20)),
            ("pod", format!("service-{}-{pod}", pod % 50)),
        ]
    };
    let infos = (0..series.div_ceil(PODS_A_NODE))
        .map(|node| vec![("instance", format!("node-{node}")), ("version", format!("1.{}.0", node % 7))]);
    let day = |name| Metric::new(name, 30, DAY_ROUNDS);
    let mut durations = Metric::new("duration_seconds_bucket", 30, 140);
    for pod in 0..buckets / BUCKETS {
        add_many_buckets(&mut durations, target(pod), pod as u64);
    }
    let month = (0..MONTH_SERIES).map(|number| vec![("l", number.to_string())]);
    Dataset::default()
        .with(Metric::new("month_total", 60, MONTH_ROUNDS).with(month, |seed| Values::counter(seed, 15.0)))
        .with(day("requests_total").with((0..series).map(target), |seed| Values::counter(seed, 40.0)))
        .with(day("failures_total").with((0..series / 2).map(target), |seed| Values::counter(seed << 20, 2.0)))
        .with(Metric::new("node_info", 30, 140).with(infos, |_| Values::One))
        .with(durations)
}

fn add_many_buckets(metric: &mut Metric, target: Vec<(&'static str, String)>, seed: u64) {
    for bucket in 1..=BUCKETS {
        let share = bucket as f64 / BUCKETS as f64;
        let le = if bucket == BUCKETS { "+Inf".to_owned() } else { format!("{}", bucket as f64 / 10.0) };
        let labels: Vec<_> = target.iter().cloned().chain([("le", le)]).collect();
        metric.add(&labels, Values::Counter { seed, slope: 100.0, share });
    }
}
