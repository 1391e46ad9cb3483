//! Native histograms: samples every 30 s, questions about the last two hours.

use super::question::Question;
use crate::dataset::{Dataset, Metric, Values};

const STEP_S: usize = 30;
const STEPS: usize = 240;
/// Two hours, and what windows of the first step look back at.
const ROUNDS: usize = STEPS + 45;

const EXPRESSIONS: [&str; 17] = [
    "NH",
    "sum(NH)",
    "sum by (pod) (NH)",
    "rate(NH[1m])",
    "rate(NH[10m])",
    "sum(rate(NH[2m]))",
    "sum(rate(NH[20m]))",
    "histogram_sum(NH)",
    "histogram_count(NH)",
    "histogram_count(sum(rate(NH[2m])))",
    "histogram_count(sum(rate(NH[2m]))) + histogram_sum(sum(rate(NH[2m])))",
    "histogram_avg(sum(rate(NH[2m])))",
    "histogram_quantile(0.9, sum(NH))",
    "histogram_quantile(0.9, sum by (pod) (rate(NH[5m])))",
    "histogram_fraction(0, 10, sum(rate(NH[5m])))",
    "sum(NH * 60)",
    "histogram_stddev(NH)",
];

pub(super) fn questions() -> Vec<Question> {
    let range = |query: &str| Question::range(query, query.replace("NH", "native_histogram_series"), STEPS, STEP_S);
    EXPRESSIONS.map(range).into()
}

pub(super) fn data(series: usize) -> Dataset {
    let labels = |number: usize| vec![("container", format!("c{}", number % 5)), ("pod", format!("p{}", number / 5))];
    let values = |seed| Values::Native { seed, slope: 200.0 };
    let metric = Metric::new("native_histogram_series", STEP_S as i64, ROUNDS);
    Dataset::default().with(metric.with((0..series).map(labels), values))
}
