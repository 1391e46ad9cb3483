//! What comes of windows that have histograms, and what is said; sums and differences of many are recorded (`tests/answers.rs`).

use crate::annotations::Annotations;
use crate::ast::{Boundary, Span};
use crate::column::FloatColumn;
use crate::kernels::windows::{Histograms, Samples};
use crate::kernels::{Kernel, KernelScratch, RangeCall, Speaker, smoothed_mixed};
use crate::plan::{ScalarId, Shift};
use crate::{Grid, fixture};
use model::{HistogramColumn, HistogramLayout, HistogramRef, Numbers, ResetHint, SampleColumns, Span as Buckets};
use std::sync::Arc;

/// The samples of a series, apart.
#[derive(Default)]
struct Series {
    floats: SampleColumns,
    column: HistogramColumn,
    rows: Vec<usize>,
    times_ms: Vec<i64>,
    starts_ms: Vec<i64>,
}

impl Series {
    /// A sample every ten seconds from 10 s on: `_` none, `5` a float, `h5` a histogram of five observations up to 2. Letters for
    /// the hint: `h` none, `g` gauge, `r` reset, `n` no reset; `c5` has custom bounds 1 and 2, `d5` 2 and 3. `5@12`: its counter
    /// began at 12 s. `w60` and `v60` are whole counts that come to the zero bucket and to three others, or to four.
    fn new(text: &str) -> Self {
        let mut series = Self::default();
        for (at, word) in text.split_whitespace().enumerate().filter(|(_, word)| *word != "_") {
            let (value, start) = word.split_once('@').unwrap_or((word, "0"));
            let time_ms = 10_000 * (at as i64 + 1);
            let start_ms = 1000 * start.parse::<i64>().unwrap();
            if let Ok(float) = value.parse() {
                series.floats.push(time_ms, float);
                series.floats.set_start(start_ms);
                continue;
            }
            let (kind, count) = value.split_at(1);
            let (schema, bounds) = match kind {
                "c" => (-53, vec![1.0, 2.0]),
                "d" => (-53, vec![2.0, 3.0]),
                _ => (0, Vec::new()),
            };
            let hint = match kind {
                "g" => ResetHint::Gauge,
                "r" => ResetHint::Reset,
                "n" => ResetHint::NotReset,
                _ => ResetHint::Unknown,
            };
            series.times_ms.push(time_ms);
            series.starts_ms.push(start_ms);
            series.rows.push(series.column.len());
            if let "w" | "v" = kind {
                series.push_whole(count.parse().unwrap(), if kind == "w" { 3 } else { 4 });
                continue;
            }
            let count = count.parse::<f64>().unwrap();
            let offset = if kind == "d" { 0 } else { 1 };
            let layout = HistogramLayout::new(schema, 0.0, vec![Buckets { offset, length: 1 }], Vec::new(), bounds);
            let (layout, cells) = (layout.unwrap(), [count, 0.0, count].map(f64::to_bits));
            let histogram = HistogramRef { layout: &layout, hint, numbers: Numbers::Float, cells: &cells, sum: count };
            series.column.push(histogram);
        }
        series
    }

    fn push_whole(&mut self, count: u64, length: u32) {
        let layout =
            HistogramLayout::new(0, 0.001, vec![Buckets { offset: 0, length }], Vec::new(), Vec::new()).unwrap();
        let cells = [count * 3, count, count / 2, count / 3, count / 4, count / 5];
        let (hint, sum) = (ResetHint::Unknown, count as f64 * 1.7);
        self.column.push(HistogramRef { layout: &layout, hint, numbers: Numbers::Integer, cells: &cells, sum });
    }

    fn samples(&self) -> (Samples<'_>, Histograms<'_>) {
        let Self { floats, column, rows, times_ms, starts_ms } = self;
        (floats.into(), Histograms { timestamps_ms: times_ms, rows, starts_ms, column })
    }
}

/// What is at each of `times_s`, and what is said.
fn run(kernel: Kernel, boundary: Option<Boundary>, series: &Series, times_s: [i64; 3]) -> String {
    let (column, notes) = evaluate(kernel, boundary, series, times_s);
    told(&column, &notes)
}

fn evaluate(
    kernel: Kernel,
    boundary: Option<Boundary>,
    series: &Series,
    times_s: [i64; 3],
) -> (crate::column::Column, Annotations) {
    let grid = Grid::range(times_s[0] * 1000, times_s[1] * 1000, times_s[2] * 1000);
    let steps = grid.steps();
    let call = RangeCall {
        kernel,
        grid: Arc::new(grid),
        range_ms: 30_000,
        range_seconds: 30.0,
        shift: Shift::Back(0),
        boundary,
        lookback_ms: 20_000,
        use_starts: kernel.sees_starts(),
        typed: false,
        counted: crate::statistics::Counted::Steps,
        params: [ScalarId(0), ScalarId(0)].into_iter().collect(),
        node: Span::default(),
        blamed: Span::default(),
    };
    let labels = fixture::labels("__name__=x_total");
    let scalars = [Some(Arc::new(FloatColumn::from_parts(vec![0.5; steps], crate::column::Presence::all(steps))))];
    let (mut scratch, mut notes) = (KernelScratch::default(), Annotations::default());
    let (floats, histograms) = series.samples();
    let column =
        call.evaluate((floats, Some(histograms)), labels.as_ref(), &scalars, &mut scratch, &mut notes).unwrap();
    (column, notes)
}

fn told(column: &crate::column::Column, notes: &Annotations) -> String {
    let at = |step| match (column.floats.get(step), column.histograms.get(step)) {
        (Some(float), None) => float.to_string(),
        (None, Some(histogram)) => histogram.to_string(),
        (None, None) => "-".to_owned(),
        both => format!("{both:?}"),
    };
    let mut parts: Vec<String> = (0..column.steps()).map(at).collect();
    let (warnings, infos) = notes.render("x", 0);
    let short = |text: &String| {
        let text = text.replace("PromQL ", "").replace(" (1:1)", "");
        let text = [" for metric name", " for metric", ":"]
            .iter()
            .fold(text, |text, before| text.replace(&format!("{before} \"x_total\""), ""));
        text.replace("histograms with exponential and custom buckets schemas", "schemas")
    };
    parts.extend(warnings.iter().chain(&infos).map(short));
    parts.join("; ")
}

/// At 40 s, with a window of 30 s.
#[track_caller]
fn check(kernel: Kernel, cases: &[(&str, &str)]) {
    for (series, want) in cases {
        let mut samples = Series::new(series);
        assert_eq!(run(kernel, None, &samples, [40, 40, 1]), *want, "{kernel:?} of {series}");
        if !series.contains('@') {
            samples.starts_ms.clear();
            assert_eq!(run(kernel, None, &samples, [40, 40, 1]), *want, "{kernel:?} of {series} without starts");
        }
    }
}

/// Where it is known when counters began each histogram of a window is looked at, even if that is never.
#[test]
fn histograms_that_are_alike_have_the_rates_of_any() {
    for text in [
        "w12 w24 w36 w49 w72 w84 w120 w240 w360 w361 w480 w600",
        "w0 w12 w24 w36 w12 w24 w36 w60 w72 w1 w240",
        "w900 w960 w1020 w1021 w1200 w1260 v1320 v1380 v1440 v1500 w36 w48 w60",
        "w900 w960 _ _ w1020 w1080 _ w1200 _ _ _ _ w1320 w1321",
        "w900 w960 5 w1020 w1080 h60 h72 g80 w90 w120 w144",
    ] {
        for (kernel, step_s, late_ms) in [(Kernel::Rate, 7, 0), (Kernel::Increase, 7, 3000), (Kernel::Rate, 10, 0)] {
            let mut known = Series::new(text);
            known.times_ms.iter_mut().step_by(3).for_each(|time_ms| *time_ms += late_ms);
            let times_ms = known.times_ms.clone();
            let unknown = Series { starts_ms: Vec::new(), times_ms, ..Series::new(text) };
            let [known, unknown] = [&known, &unknown].map(|series| evaluate(kernel, None, series, [5, 150, step_s]));
            assert_eq!(known.0, unknown.0, "{kernel:?} of {text}");
            assert_eq!(told(&known.0, &known.1), told(&unknown.0, &unknown.1), "{kernel:?} of {text}");
        }
    }
}

const MIXED: &str = "-; warning: encountered a mix of histograms and floats";
const SCHEMAS: &str = "-; warning: vector contains a mix of schemas";

#[test]
fn increases() {
    check(
        Kernel::Increase,
        &[
            ("_ h1 h2 h4", "{count:4, sum:4, (1,2]:4}"),
            ("_ 1 h2 h4", MIXED),
            ("_ _ _ h4", "-"),
            ("_ h4 h1 h2", "{count:3, sum:3, (1,2]:3}"),
            ("_ c1 h2 h4", "{count:5, sum:5, (1,2]:5}"),
            ("_ h2 c1 c2", "{count:3, sum:3, (1,2]:3}"),
            ("_ h1 c2 h4", SCHEMAS),
            ("_ h1 g2 h4", "{count:4, sum:4, (1,2]:4}; warning: this native histogram metric is not a counter"),
            ("_ c1 d2 c4", "{count:4, sum:4, (1,2]:4}"),
            (
                "_ c1 d2 d4",
                "{count:4, sum:4, [-Inf,2]:4}; info: mismatched custom buckets were reconciled during subtraction",
            ),
            ("_ h3@15 h4@15 h5@15", "{count:5, sum:5, (1,2]:5}"),
            ("_ _ _ h5@35", "{count:5, sum:5, (1,2]:5}"),
            ("_ h3@15 h4@25 h5@25", "{count:8, sum:8, (1,2]:8}"),
            (
                "_ h1 h2@15 h4@16",
                "{count:4, sum:4, (1,2]:4}; warning: sample has start time that overlaps with previous sample timestamp",
            ),
        ],
    );
}

#[test]
fn differences_of_gauges() {
    check(
        Kernel::Delta,
        &[
            ("_ g4 g2 g1", "{count:-4.5, sum:-4.5, (1,2]:-4.5}"),
            ("_ h1 g2 g4", "{count:4.5, sum:4.5, (1,2]:4.5}; warning: this native histogram metric is not a gauge"),
            ("_ g1 g2 r4", "{count:4.5, sum:4.5, (1,2]:4.5}; warning: this native histogram metric is not a gauge"),
            ("_ 1 2 g4", MIXED),
            ("_ g1 c2 g4", "{count:4.5, sum:4.5, (1,2]:4.5}"),
            ("_ c1 g2 g4", SCHEMAS),
            (
                "_ c1 c2 d4",
                "{count:4.5, sum:4.5, [-Inf,2]:4.5}; warning: this native histogram metric is not a gauge; info: mismatched custom buckets were reconciled during subtraction",
            ),
        ],
    );
}

#[test]
fn the_last_two_of_whatever_kind() {
    check(
        Kernel::Irate,
        &[
            ("_ _ h2 h4", "{count:0.2, sum:0.2, (1,2]:0.2}"),
            ("_ 7 h4 h2", "{count:0.2, sum:0.2, (1,2]:0.2}"),
            ("_ _ g2 h4", "{count:0.2, sum:0.2, (1,2]:0.2}; warning: this native histogram metric is not a counter"),
            ("_ _ h2 r4", "{count:0.4, sum:0.4, (1,2]:0.4}"),
            ("_ h2 _ 4", MIXED),
            ("_ h2 4 8", "0.4"),
            ("_ 4 8 h2", MIXED),
            ("_ _ c2 h4", "{count:0.4, sum:0.4, (1,2]:0.4}"),
            ("_ _ h2 c4", "{count:0.4, sum:0.4, (1,2]:0.4}"),
            (
                "_ _ d2 c4",
                "{count:0.2, sum:0.2, [-Inf,2]:0.2}; info: mismatched custom buckets were reconciled during subtraction",
            ),
            ("_ _ h2@15 h4@35", "{count:0.4, sum:0.4, (1,2]:0.4}"),
            ("_ _ _ h4", "-"),
        ],
    );
    check(
        Kernel::Idelta,
        &[
            ("_ _ g4 g2", "{count:-2, sum:-2, (1,2]:-2}"),
            ("_ _ h4 g2", "{count:-2, sum:-2, (1,2]:-2}; warning: this native histogram metric is not a gauge"),
            (
                "_ _ g2 c4",
                "-; warning: this native histogram metric is not a gauge; warning: vector contains a mix of schemas",
            ),
            ("_ h2 _ 4", MIXED),
        ],
    );
}

#[test]
fn pairs_of_whatever_kind() {
    check(
        Kernel::Resets,
        &[
            ("_ h4 h2 h3", "1"),
            ("_ h1 2 h3", "2"),
            ("h5 h1 h2 h3", "0"),
            ("_ h1 r2 n1", "1"),
            ("_ h1@5 h2@25 h3@25", "1"),
            ("_ _ _ h1", "0"),
        ],
    );
    check(Kernel::Changes, &[("_ h1 g1 h2", "1"), ("_ h1 1 1", "1"), ("h5 h1 h1 h1", "0"), ("_ c1 d1 d1", "1")]);
}

#[test]
fn sums_and_means() {
    check(
        Kernel::Sum,
        &[
            ("_ h1 h2 h4", "{count:7, sum:7, (1,2]:7}"),
            ("_ h1 2 h4", MIXED),
            ("_ h1 c2 h4", SCHEMAS),
            (
                "_ r1 n2 h4",
                "{count:7, sum:7, (1,2]:7}; warning: conflicting counter resets during histogram aggregation",
            ),
            (
                "_ c1 d2 c4",
                "{count:7, sum:7, [-Inf,2]:7}; info: mismatched custom buckets were reconciled during aggregation",
            ),
            ("_ _ _ c4", "{count:4, sum:4, (1,2]:4}"),
        ],
    );
    check(
        Kernel::Avg,
        &[
            ("_ h1 h2 h3", "{count:2, sum:2, (1,2]:2}"),
            ("_ h1 2 h4", MIXED),
            ("_ h1 c2 h4", SCHEMAS),
            (
                "_ r1 n3 h5",
                "{count:3, sum:3, (1,2]:3}; warning: conflicting counter resets during histogram aggregation",
            ),
            (
                "_ c1 d2 c3",
                "{count:2, sum:2, [-Inf,2]:2}; info: mismatched custom buckets were reconciled during aggregation",
            ),
        ],
    );
}

/// Some see floats alone, and say so where there are both.
#[test]
fn histograms_that_do_not_count() {
    const IGNORED: &str = "info: ignored histograms in a range containing both floats and histograms";
    let kernels = [
        (Kernel::Min, "1"),
        (Kernel::Max, "3"),
        (Kernel::Stddev, "1"),
        (Kernel::Stdvar, "1"),
        (Kernel::Quantile, "2"),
        (Kernel::Mad, "1"),
        (Kernel::Deriv, "0.1"),
        (Kernel::PredictLinear, "3.05"),
        (Kernel::DoubleExponentialSmoothing, "3"),
        (Kernel::TsOfMin, "20"),
        (Kernel::TsOfMax, "40"),
    ];
    for (kernel, want) in kernels {
        check(kernel, &[("_ 1 h2 3", &format!("{want}; {IGNORED}")), ("_ h1 h2 h3", "-")]);
    }
    for kernel in [Kernel::Deriv, Kernel::PredictLinear, Kernel::DoubleExponentialSmoothing] {
        check(kernel, &[("_ 1 h2 h3", &format!("-; {IGNORED}"))]);
    }
}

#[test]
fn ends_and_counts() {
    for (kernel, want) in [
        (Kernel::Count, "3"),
        (Kernel::Present, "1"),
        (Kernel::First, "{count:1, sum:1, (1,2]:1}"),
        (Kernel::Last, "3"),
        (Kernel::TsOfFirst, "20"),
        (Kernel::TsOfLast, "40"),
    ] {
        check(kernel, &[("_ h1 h2 3", want)]);
    }
}

#[track_caller]
fn check_extended(kernel: Kernel, boundary: Boundary, end_s: i64, cases: &[(&str, &str)]) {
    for (series, want) in cases {
        let got = run(kernel, Some(boundary), &Series::new(series), [end_s, end_s, 1]);
        assert_eq!(got, *want, "{kernel:?} of {series}, {boundary:?}");
    }
}

#[test]
fn anchored_windows_begin_with_the_sample_before() {
    let check = |kernel, cases: &[_]| check_extended(kernel, Boundary::Anchored, 45, cases);
    check(
        Kernel::Increase,
        &[
            ("h1 h2 h3 h5", "{count:4, sum:4, (1,2]:4}"),
            ("h4 h1 h2 h5", "{count:5, sum:5, (1,2]:5}"),
            ("h4 _ _ r5", "{count:5, sum:5, (1,2]:5}"),
            ("1 h2 h3 h5", MIXED),
            ("h1 c2 h3 h5", SCHEMAS),
            ("h1 g2 h3 h5", "{count:4, sum:4, (1,2]:4}; warning: this native histogram metric is not a counter"),
            ("c1 d2 d3 c5", "{count:4, sum:4, (1,2]:4}"),
            ("h1 _ _ _", "-"),
        ],
    );
    check(Kernel::Rate, &[("h1 h2 h3 h7", "{count:0.2, sum:0.2, (1,2]:0.2}")]);
    check(
        Kernel::Delta,
        &[
            ("g5 _ _ g1", "{count:-4, sum:-4, (1,2]:-4}"),
            ("h5 _ _ g1", "{count:-4, sum:-4, (1,2]:-4}; warning: this native histogram metric is not a gauge"),
        ],
    );
    check(Kernel::Resets, &[("h4 h1 h2 h1", "2"), ("4 h1 h2 h1", "2"), ("h4 _ _ _", "-")]);
    check(Kernel::Changes, &[("h4 h1 h1 2", "2"), ("h4 _ _ _", "-")]);
}

#[test]
fn smoothed_windows_end_between_samples() {
    let check = |kernel, cases: &[_]| check_extended(kernel, Boundary::Smoothed, 45, cases);
    check(
        Kernel::Increase,
        &[
            ("h2 h4 h6 h8 h10", "{count:6, sum:6, (1,2]:6}"),
            ("h8 h4 h6 h8 h2", "{count:7, sum:7, (1,2]:7}"),
            ("h8 h4 h2 h8 h10", "{count:11, sum:11, (1,2]:11}"),
            ("h8 _ _ _ h4", "{count:3, sum:3, (1,2]:3}"),
            ("h2 h4 h6 8 h10", MIXED),
            ("h2 h4 h6 h8 c10", SCHEMAS),
            ("h2 h4 h6 g8 h10", "{count:6, sum:6, (1,2]:6}; warning: this native histogram metric is not a counter"),
            ("_ _ _ _ h10", "-"),
        ],
    );
    check(
        Kernel::Delta,
        &[("g8 _ _ _ g4", "{count:-3, sum:-3, (1,2]:-3}"), ("g8 _ _ _ h4", "{count:-3, sum:-3, (1,2]:-3}")],
    );
}

#[test]
fn smoothed_instants() {
    let cases = [
        ("h2 h4", "-; {count:3, sum:3, (1,2]:3}; {count:4, sum:4, (1,2]:4}; {count:4, sum:4, (1,2]:4}"),
        ("h4 h2", "-; {count:1, sum:1, (1,2]:1}; {count:2, sum:2, (1,2]:2}; {count:2, sum:2, (1,2]:2}"),
        ("g4 g2", "-; {count:3, sum:3, (1,2]:3}; {count:2, sum:2, (1,2]:2}; {count:2, sum:2, (1,2]:2}"),
        ("n2 _", "-; {count:2, sum:2, (1,2]:2}; {count:2, sum:2, (1,2]:2}; -"),
        ("h2 4", "-; -; -; 4; warning: encountered a mix of histograms and floats"),
        (
            "h2 c4",
            "-; -; {count:4, sum:4, (1,2]:4}; {count:4, sum:4, (1,2]:4}; warning: vector contains a mix of schemas",
        ),
        (
            "c2 d4",
            "-; {count:3, sum:3, [-Inf,2]:3}; {count:4, sum:4, [-Inf,2]:4}; {count:4, sum:4, [-Inf,2]:4}; info: mismatched custom buckets were reconciled during subtraction; info: mismatched custom buckets were reconciled during addition",
        ),
    ];
    for (text, want) in cases {
        let series = Series::new(text);
        let (labels, mut notes) = (fixture::labels("__name__=x_total"), Annotations::default());
        let speaker = Speaker::new(labels.as_ref(), (Span::default(), Span::default()), &mut notes);
        let grid = Grid::range(5_000, 35_000, 10_000);
        let column = smoothed_mixed(series.samples(), &grid, (Shift::Back(0), 20_000), speaker);
        assert_eq!(told(&column, &notes), want, "{text}");
    }
}

/// What is found once for the series, and what is used again for the next window, is seen in each as if it were the only one.
#[test]
fn windows_do_not_see_each_other() {
    let texts = [
        "h1 h2 _ h1 h4 h6 r9 c3 c4 d5 c2 h4",
        "h1@5 h2@5 3@5 4@5 h5@45 h2@55 h4@55 h8@75 h9@85 1 2",
        "g1 g4 h2 h3 c3 d4 d5 h1 1 h2 _ _ _ _ h3",
    ];
    let kernels =
        [Kernel::Rate, Kernel::Delta, Kernel::Irate, Kernel::Resets, Kernel::Changes, Kernel::Sum, Kernel::Avg];
    for text in texts {
        let series = Series::new(text);
        for kernel in kernels {
            let values = |told: String| -> Vec<String> {
                told.split("; ")
                    .map(str::to_owned)
                    .filter(|part| !part.contains(": ") || part.starts_with('{'))
                    .collect()
            };
            let whole = values(run(kernel, None, &series, [0, 160, 5]));
            let alone = (0..=160).step_by(5).map(|at| values(run(kernel, None, &series, [at, at, 1])));
            assert_eq!(whole, alone.flatten().collect::<Vec<_>>(), "{kernel:?} of {text}");
        }
    }
}
