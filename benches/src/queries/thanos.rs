//! What Thanos benchmarks its engine with, over pods of three containers: samples every 30 s, questions about the last two
//! hours, and of single moments.

use super::question::Question;
use super::upstream::add_buckets;
use crate::dataset::{Dataset, Metric, Values};

/// Seconds between samples, and between steps.
const STEP_S: usize = 30;
const STEPS: usize = 240;
/// Eight hours: the last two, and six before each of them.
const ROUNDS: usize = 960;
const CONTAINERS: usize = 3;
/// Of a pod: its containers, its responses and eleven buckets.
const SERIES_A_POD: usize = CONTAINERS + 1 + 11;

/// A name and an expression over `REQ`, `RESP` and `BUCKET`.
const RANGES: [(&str, &str); 52] = [
    ("vector selector", "REQ"),
    ("sum", "sum(REQ)"),
    ("sum by pod", "sum by (pod) (REQ)"),
    ("topk", "topk(2, REQ)"),
    ("bottomk", "bottomk(2, REQ)"),
    ("limitk", "limitk(2, REQ)"),
    ("limit_ratio", "limit_ratio(0.2, REQ)"),
    ("rate", "rate(REQ[1m])"),
    ("rate over 10 minutes", "rate(REQ[10m])"),
    ("subquery", "sum_over_time(rate(REQ[1m])[10m:1m])"),
    ("rate with large range selection", "rate(REQ[6h])"),
    ("sum rate", "sum(rate(REQ[1m]))"),
    ("sum by rate", "sum by (pod) (rate(REQ[1m]))"),
    ("quantile", "quantile by (pod) (0.9, REQ)"),
    ("quantile with variable parameter", "quantile by (pod) (scalar(min(RESP)) / 1e6, REQ)"),
    ("one to one", r#"REQ{container="c1"} / ignoring (container) RESP"#),
    ("many to one", "REQ / on (pod) group_left () RESP"),
    ("vector and scalar", "REQ * 10"),
    ("unary negation", "-REQ"),
    ("vector and scalar comparison", "REQ > 10"),
    ("positive offset", "REQ offset 5m"),
    ("at modifier", "REQ @ AT"),
    ("at modifier with positive offset", "REQ @ AT offset 5m"),
    ("clamp", "clamp(REQ, 5, 10)"),
    ("clamp_min", "clamp_min(REQ, 10)"),
    ("complex function", "clamp(1 - REQ, 10 - 5, 10)"),
    ("function in a function", "clamp(irate(REQ[2m]), 10 - 5, 10)"),
    ("histogram_quantile", "histogram_quantile(0.9, BUCKET)"),
    ("sort", "sort(REQ)"),
    ("absent and there", "absent(REQ)"),
    ("absent and not there", "absent(nonexistent)"),
    ("double exponential smoothing", "double_exponential_smoothing(REQ[2m], 0.1, 0.1)"),
    ("unless", "REQ unless on (pod) RESP > 1000"),
    ("three sums in a chain", "sum(REQ) / sum(RESP) + sum(REQ)"),
    ("four sums in balance", "(sum by (pod) (REQ) + sum by (pod) (RESP)) / (sum by (pod) (REQ) - sum by (pod) (RESP))"),
    ("a part of the same selector", r#"sum(REQ{container="c0"}) / sum(REQ)"#),
    ("count_over_time 5m", "count_over_time(REQ[5m])"),
    ("count_over_time 6h", "count_over_time(REQ[6h])"),
    ("sum_over_time 5m", "sum_over_time(REQ[5m])"),
    ("sum_over_time 1h", "sum_over_time(REQ[1h])"),
    ("sum_over_time 6h", "sum_over_time(REQ[6h])"),
    ("avg_over_time 1h", "avg_over_time(REQ[1h])"),
    ("avg_over_time 6h", "avg_over_time(REQ[6h])"),
    ("min_over_time 1h", "min_over_time(REQ[1h])"),
    ("max_over_time 5m", "max_over_time(REQ[5m])"),
    ("max_over_time 6h", "max_over_time(REQ[6h])"),
    ("stddev_over_time 1h", "stddev_over_time(REQ[1h])"),
    ("stddev_over_time 6h", "stddev_over_time(REQ[6h])"),
    ("stdvar_over_time", "stdvar_over_time(REQ[5m])"),
    ("quantile_over_time 1h", "quantile_over_time(0.9, REQ[1h])"),
    ("last_over_time", "last_over_time(REQ[5m])"),
    ("present_over_time", "present_over_time(REQ[5m])"),
];

const INSTANTS: [(&str, &str); 20] = [
    ("vector selector", "REQ"),
    ("count", "count(REQ)"),
    ("count_values", r#"count_values("val", REQ)"#),
    ("round", "round(REQ)"),
    ("round with argument", "round(REQ, 0.5)"),
    ("avg", "avg(REQ)"),
    ("sum by pod", "sum by (pod) (REQ)"),
    ("rate", "rate(REQ[1m])"),
    ("rate over an hour", "rate(REQ[1h])"),
    ("sum by rate", "sum by (pod) (rate(REQ[1m]))"),
    ("many to one", "REQ / on (pod) group_left () RESP"),
    ("unary negation", "-REQ"),
    ("vector and scalar comparison", "REQ > 10"),
    ("sort", "sort(REQ)"),
    ("sort_desc", "sort_desc(REQ)"),
    ("subquery", "sum_over_time(count(REQ)[1h:10s])"),
    ("sum_over_time 6h", "sum_over_time(REQ[6h])"),
    ("max_over_time 6h", "max_over_time(REQ[6h])"),
    ("stddev_over_time 6h", "stddev_over_time(REQ[6h])"),
    ("present_over_time 6h", "present_over_time(REQ[6h])"),
];

pub(super) fn questions() -> Vec<Question> {
    let filled = |query: &str| {
        let query = query.replace("REQ", "http_requests_total").replace("RESP", "http_responses_total");
        query.replace("BUCKET", "http_response_seconds_bucket")
    };
    let ranges = RANGES.map(|(name, query)| Question::range(name, filled(query), STEPS, STEP_S));
    let instants = INSTANTS.map(|(name, query)| Question::instant(format!("instant {name}"), filled(query)));
    ranges.into_iter().chain(instants).collect()
}

/// About so many series.
pub(super) fn data(series: usize) -> Dataset {
    let pods = || (0..series.div_ceil(SERIES_A_POD)).map(|pod| ("pod", format!("p{pod}")));
    let containers = pods().flat_map(|pod| {
        (0..CONTAINERS).map(move |container| vec![("container", format!("c{container}")), pod.clone()])
    });
    let metric = |name| Metric::new(name, STEP_S as i64, ROUNDS);
    let mut buckets = metric("http_response_seconds_bucket");
    for (seed, pod) in (0..).zip(pods()) {
        add_buckets(&mut buckets, &[pod], seed);
    }
    Dataset::default()
        .with(metric("http_requests_total").with(containers, |seed| Values::counter(seed, 20.0)))
        .with(
            metric("http_responses_total")
                .with(pods().map(|pod| vec![pod]), |seed| Values::Gauge { seed, limit: 2_000.0 }),
        )
        .with(buckets)
}
