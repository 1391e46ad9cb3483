//! The expressions that Prometheus benchmarks its own engine with, over windows of up to a day and up to
//! 10,000 steps, of samples every 10 s, and the
//! smallest questions there are.

use super::question::{Call, Question, Right};
use crate::dataset::{Dataset, Metric, Values};

/// Seconds between samples, and between steps.
const STEP_S: usize = 10;
const MANY_STEPS: usize = 1_000;
const MOST_STEPS: usize = 10_000;
/// As many as are asked for at most and a window before; a day and 1,000 steps are in it.
const ROUNDS: usize = MOST_STEPS + 100;
/// A series of `sparse` has this part of all samples.
const SPARSE: usize = 50;

/// `X` stands for `one` and `hundred`: how many series there are of the metric.
const EXPRESSIONS: [&str; 41] = [
    "a_X",
    "rate(a_X[1m])",
    "rate(sparse[1m])",
    "rate(a_X[1m] smoothed)",
    "rate(sparse[1m] smoothed)",
    "double_exponential_smoothing(a_X[1d], 0.3, 0.3)",
    "changes(a_X[1d])",
    "rate(a_X[1d])",
    "absent_over_time(a_X[1d])",
    "-a_X",
    "a_X - b_X",
    "a_X and b_X{l=~'.*[0-4]$'}",
    "a_X or b_X{l=~'.*[0-4]$'}",
    "a_X unless b_X{l=~'.*[0-4]$'}",
    "a_X and b_X{l='notfound'}",
    "abs(a_X)",
    "label_replace(a_X, 'l2', '$1', 'l', '(.*)')",
    "label_join(a_X, 'l2', '-', 'l', 'l')",
    "sum(a_X)",
    "avg(a_X)",
    "sum without (l)(h_X)",
    "sum without (le)(h_X)",
    "sum by (l)(h_X)",
    "sum by (le)(h_X)",
    "count_values('value', h_X)",
    "topk(1, a_X)",
    "topk(5, a_X)",
    "limitk(1, a_X)",
    "limitk(5, a_X)",
    "limit_ratio(0.1, a_X)",
    "limit_ratio(0.5, a_X)",
    "limit_ratio(-0.5, a_X)",
    "rate(a_X[1m]) + rate(b_X[1m])",
    "sum without (l)(rate(a_X[1m]))",
    "sum without (l)(rate(a_X[1m])) / sum without (l)(rate(b_X[1m]))",
    "histogram_quantile(0.9, rate(h_X[5m]))",
    "histogram_quantile(0.9, h_X)",
    "a_X + on(l) group_right a_one",
    "count({__name__!=''})",
    "count({__name__!='',l=''})",
    "timestamp(a_X)",
];

/// Of those, what is asked for even more steps.
const LONG: [&str; 5] =
    ["rate(a_X[1m])", "rate(sparse[1m])", "rate(a_X[1m] smoothed)", "rate(sparse[1m] smoothed)", "a_X - b_X"];

/// Asked for one step and for many.
pub(super) fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for expression in EXPRESSIONS {
        let sizes: &[&str] = if expression.contains('X') { &["one", "hundred"] } else { &[""] };
        for size in sizes {
            let most: &[usize] = if LONG.contains(&expression) { &[MOST_STEPS] } else { &[] };
            for &steps in [1, MANY_STEPS].iter().chain(most) {
                let query = expression.replace('X', size);
                questions.push(Question::range(format!("{query}, {steps} steps"), query, steps, STEP_S));
            }
        }
    }
    questions
}

/// What one pays for asking at all.
pub(super) fn tiny_questions() -> Vec<Question> {
    const EXPRESSIONS: [&str; 14] = [
        "vector(1)",
        "1 + 1",
        "time()",
        "a_one",
        "sum(a_one)",
        "rate(a_one[5m])",
        "a_one / b_one",
        "sum(rate(a_one[5m])) / sum(rate(b_one[5m]))",
        "a_one > 1e9",
        "absent(nothing)",
        "histogram_quantile(0.9, rate(h_one[5m]))",
        "sum(a_hundred)",
        "topk(3, a_hundred)",
        "a_hundred{l='42'}",
    ];
    let nothing =
        Question { name: "a request that asks nothing".to_owned(), calls: vec![Call::Ready], right: Right::Any };
    let instants = EXPRESSIONS.map(|query| Question::instant(format!("{query}, instant"), query));
    let ranges = EXPRESSIONS.map(|query| Question::range(format!("{query}, 60 steps"), query, 60, 60));
    std::iter::once(nothing).chain(instants).chain(ranges).collect()
}

/// Series of `a_X`, `b_X`, of the histograms `h_X` and of `sparse`.
pub(super) fn data() -> Dataset {
    data_of(ROUNDS)
}

/// The same for an hour.
pub(super) fn tiny_data() -> Dataset {
    data_of(400)
}

fn data_of(rounds: usize) -> Dataset {
    let metric = |name| Metric::new(name, STEP_S as i64, rounds);
    let number = |number: u64| vec![("l", number.to_string())];
    let counter = |first: u64| move |seed| Values::counter(first + seed, 10.0);
    let mut one_histogram = metric("h_one");
    add_buckets(&mut one_histogram, &[], 5_000);
    let mut histograms = metric("h_hundred");
    for seed in 0..100 {
        add_buckets(&mut histograms, &number(seed), seed);
    }
    let mut sparse = metric("sparse");
    for seed in 0..SPARSE {
        let present = rounds * seed / SPARSE..rounds * (seed + 1) / SPARSE;
        sparse.add_at(&number(seed as u64), present, Values::counter(seed as u64, 10.0));
    }
    Dataset::default()
        .with(metric("a_one").with([vec![]], counter(1_000)))
        .with(metric("b_one").with([vec![]], counter(2_000)))
        .with(metric("a_hundred").with((0..100).map(number), counter(3_000)))
        .with(metric("b_hundred").with((0..100).map(number), counter(4_000)))
        .with(one_histogram)
        .with(histograms)
        .with(sparse)
}

/// Ten bounds and infinity.
pub(super) fn add_buckets(metric: &mut Metric, labels: &[(&'static str, String)], seed: u64) {
    let bounds = (0..10).map(|bound| (bound.to_string(), f64::from(bound + 1) / 11.0));
    for (le, share) in bounds.chain([("+Inf".to_owned(), 1.0)]) {
        let labels: Vec<_> = labels.iter().cloned().chain([("le", le)]).collect();
        metric.add(&labels, Values::Counter { seed, slope: 20.0, share });
    }
}
