//! Whether an answer is the one that is expected.

use super::SequenceValue;
use super::script::{Expect, ExpectedSeries, Times};
use crate::{Column, Value};
use model::{
    FloatHistogram, HistogramRef, Labels, LabelsRef, METRIC_NAME, PlainFloat, Quoted, QuotedName, SampleColumns,
    is_stale,
};

/// An answer in the form in which it is compared.
#[derive(Debug)]
pub(super) enum Answer<'a> {
    String(&'a [u8]),
    Scalar(f64),
    /// With one point each.
    Vector(Vec<Row<'a>>),
    Matrix(Vec<Row<'a>>),
}

/// A series and its points, rising in time.
#[derive(Debug)]
pub(super) struct Row<'a> {
    labels: &'a Labels,
    points: Vec<(i64, Point<'a>)>,
}

#[derive(Debug, Clone, Copy)]
enum Point<'a> {
    Float(f64),
    Histogram(HistogramRef<'a>),
}

/// So many lines of differences are shown.
const MAX_LINES: usize = 40;
/// Relative difference from which on numbers are not the same.
const EPSILON: f64 = 1e-6;

impl<'a> Answer<'a> {
    /// The answer of a query.
    ///
    /// # Errors
    /// Series that are not sorted, or there twice, where they must not be.
    pub(super) fn new(value: &'a Value) -> Result<Self, String> {
        let of_series = |series: &'a [crate::Series], time: &dyn Fn(usize) -> i64| {
            series.iter().map(|series| Row { labels: &series.labels, points: points(&series.column, time) }).collect()
        };
        let rows: Vec<Row<'a>> = match value {
            Value::Scalar { value, .. } => return Ok(Self::Scalar(*value)),
            Value::String { value, .. } => return Ok(Self::String(value)),
            Value::Vector { time_ms, series } => return Ok(Self::Vector(of_series(series, &|_| *time_ms))),
            Value::Matrix { grid, series } => of_series(series, &|step| grid.time_ms(step)),
            Value::Samples { series } => {
                series.iter().map(|(labels, columns)| Row { labels, points: samples(columns) }).collect()
            }
        };
        if !rows.is_sorted_by(|one, other| one.labels < other.labels) {
            return Err("the series of a matrix should be sorted by labels, each once, and are not".to_owned());
        }
        Ok(Self::Matrix(rows))
    }
}

fn points<'a>(column: &'a Column, time: &dyn Fn(usize) -> i64) -> Vec<(i64, Point<'a>)> {
    let floats = column.floats.iter().map(|(step, value)| (time(step), Point::Float(value)));
    let histograms = column.histograms.iter().map(|(step, value)| (time(step), Point::Histogram(value)));
    let mut points: Vec<_> = floats.chain(histograms).collect();
    points.sort_by_key(|(time, _)| *time);
    points
}

fn samples(columns: &SampleColumns) -> Vec<(i64, Point<'_>)> {
    let point = |at: usize| match columns.histogram(at) {
        Some(histogram) => Point::Histogram(histogram),
        None => Point::Float(columns.values[at]),
    };
    columns.timestamps_ms.iter().enumerate().map(|(at, time)| (*time, point(at))).collect()
}

// === comparing ===

/// Compares the middle step of a range of three with what is expected of one time.
///
/// # Errors
/// How they differ.
pub(super) fn compare_middle(expect: &Expect, value: &Value, is_scalar: bool) -> Result<(), String> {
    let Value::Matrix { grid, .. } = value else { return Err("a range query should give a matrix".to_owned()) };
    let middle = grid.time_ms(1);
    let Answer::Matrix(rows) = Answer::new(value)? else { return Ok(()) };
    let rows = rows.into_iter().filter_map(|row| {
        let points: Vec<_> = row.points.into_iter().filter(|(time, _)| *time == middle).collect();
        (!points.is_empty()).then_some(Row { labels: row.labels, points })
    });
    let rows: Vec<Row<'_>> = rows.collect();
    let times = Times { start_ms: middle, end_ms: middle, step_ms: 0, is_range: false };
    match rows.first().map(|row| row.points.as_slice()) {
        Some([(_, Point::Float(value))]) if is_scalar => compare(expect, times, &Answer::Scalar(*value)),
        _ => compare(expect, times, &Answer::Vector(rows)),
    }
}

/// Compares an answer with what is expected.
///
/// # Errors
/// How they differ.
pub(super) fn compare(expect: &Expect, times: Times, answer: &Answer<'_>) -> Result<(), String> {
    match answer {
        Answer::String(got) => match &expect.string {
            Some(want) if want == got => Ok(()),
            want => {
                let want = want.as_ref().map_or_else(|| "no string".to_owned(), |want| Quoted(want).to_string());
                Err(format!("- {want}\n+ {}", Quoted(got)))
            }
        },
        Answer::Scalar(got) => match expect.scalar {
            Some(want) if almost_equal(want, *got) => Ok(()),
            Some(want) => Err(format!("- {}\n+ {}", PlainFloat(want), PlainFloat(*got))),
            None => Err(format!("- a vector or a matrix\n+ the scalar {}", PlainFloat(*got))),
        },
        Answer::Vector(_) | Answer::Matrix(_) if expect.scalar.is_some() => {
            Err("- a scalar\n+ a vector or a matrix".to_owned())
        }
        Answer::Matrix(_) if expect.ordered => Err("a matrix is not ordered by anything but labels".to_owned()),
        Answer::Vector(rows) => rows_differ(expect, times, rows, true),
        Answer::Matrix(rows) => rows_differ(expect, times, rows, false),
    }
}

fn rows_differ(expect: &Expect, times: Times, rows: &[Row<'_>], is_vector: bool) -> Result<(), String> {
    let mut lines = Vec::new();
    let mut seen = vec![false; expect.series.len()];
    for (at, row) in rows.iter().enumerate() {
        let Some(wanted) = expect.series.iter().position(|want| want.series.labels == *row.labels) else {
            lines.push(format!("+ {}", RowText(row, times)));
            continue;
        };
        let want = &expect.series[wanted];
        seen[wanted] = true;
        let wanted_points = want.points(times, is_vector)?;
        if !same_points(&wanted_points, &row.points, is_vector) {
            let points = wanted_points.iter().map(|point| (point.time_ms, point.point)).collect();
            lines.push(format!("- {}", RowText(&Row { labels: row.labels, points }, times)));
            lines.push(format!("+ {}", RowText(row, times)));
        } else if expect.ordered && is_vector && want.position != at + 1 {
            lines.push(format!("- {} at position {}", LabelsText(row.labels.as_ref()), want.position));
            lines.push(format!("+ {} at position {}", LabelsText(row.labels.as_ref()), at + 1));
        }
    }
    for (want, _) in expect.series.iter().zip(seen).filter(|(_, seen)| !seen) {
        // Prometheus expects no series of a line without a value at any time either: it has to be there nevertheless.
        let points = want.points(times, is_vector)?.into_iter().map(|point| (point.time_ms, point.point)).collect();
        lines.push(format!("- {}", RowText(&Row { labels: &want.series.labels, points }, times)));
    }
    if lines.is_empty() {
        return Ok(());
    }
    if lines.len() > MAX_LINES {
        let more = lines.len() - MAX_LINES;
        lines.truncate(MAX_LINES);
        lines.push(format!("  and {more} lines more"));
    }
    Err(lines.join("\n"))
}

/// A point that is expected.
struct Wanted<'a> {
    time_ms: i64,
    point: Point<'a>,
    hint_set: bool,
}

impl ExpectedSeries {
    fn points(&self, times: Times, is_vector: bool) -> Result<Vec<Wanted<'_>>, String> {
        let mut points = Vec::new();
        for (at, value) in self.series.values.iter().enumerate() {
            let time_ms = i64::try_from(at).ok().and_then(|at| times.step_ms.checked_mul(at));
            let time_ms = time_ms.and_then(|after| times.start_ms.checked_add(after)).unwrap_or(i64::MAX);
            if time_ms > times.end_ms {
                let (values, labels) = (self.series.values.len(), LabelsText(self.series.labels.as_ref()));
                return Err(format!("{values} values are expected of {labels}, and the range has fewer steps"));
            }
            let (point, hint_set) = match *value {
                // At one time there is no way to expect nothing.
                SequenceValue::Omitted if is_vector => (Point::Float(0.0), false),
                SequenceValue::Omitted => continue,
                SequenceValue::Float(value) => (Point::Float(value), false),
                SequenceValue::Histogram { row, hint_set } => match self.series.histograms.get(row) {
                    Some(histogram) => (Point::Histogram(histogram), hint_set),
                    None => continue,
                },
            };
            points.push(Wanted { time_ms, point, hint_set });
        }
        Ok(points)
    }
}

/// `anywhen`: whatever their times are, since there is one only.
fn same_points(wanted: &[Wanted<'_>], got: &[(i64, Point<'_>)], anywhen: bool) -> bool {
    wanted.len() == got.len()
        && wanted.iter().zip(got).all(|(want, (time_ms, got))| {
            (anywhen || want.time_ms == *time_ms)
                && match (want.point, *got) {
                    (Point::Float(want), Point::Float(got)) => almost_equal(want, got),
                    (Point::Histogram(wanted), Point::Histogram(got)) => same_histogram(wanted, got, want.hint_set),
                    _ => false,
                }
        })
}

/// Whether two histograms are the same after compaction; their hints only if `with_hint`.
fn same_histogram(want: HistogramRef<'_>, got: HistogramRef<'_>, with_hint: bool) -> bool {
    let compact = |histogram: HistogramRef<'_>| {
        let mut compact = FloatHistogram::from_ref(histogram);
        compact.compact(0);
        compact
    };
    let (want, got) = (compact(want), compact(got));
    let (want, got) = (want.as_ref(), got.as_ref());
    let (layout, other) = (want.layout, got.layout);
    layout.schema() == other.schema()
        && layout.custom_bounds() == other.custom_bounds()
        && layout.zero_threshold() == other.zero_threshold()
        && layout.positive() == other.positive()
        && layout.negative() == other.negative()
        && almost_equal(want.sum, got.sum)
        && want.cells.iter().zip(got.cells).all(|(want, got)| almost_equal(f64::from_bits(*want), f64::from_bits(*got)))
        && (!with_hint || want.hint == got.hint)
}

/// Prometheus, `util/almost`.
fn almost_equal(one: f64, other: f64) -> bool {
    if is_stale(one) || is_stale(other) {
        return is_stale(one) && is_stale(other);
    }
    if one == other || (one.is_nan() && other.is_nan()) {
        return true;
    }
    let (sum, difference) = (one.abs() + other.abs(), (one - other).abs());
    if one == 0.0 || other == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < EPSILON * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < EPSILON
}

// === text ===

/// A series as it would be described; points outside of the steps with their times.
struct RowText<'a>(&'a Row<'a>, Times);

/// Labels as a selector has them.
struct LabelsText<'a>(LabelsRef<'a>);

impl std::fmt::Display for RowText<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(row, times) = self;
        LabelsText(row.labels.as_ref()).fmt(out)?;
        let mut next = 0;
        for (time_ms, point) in &row.points {
            let after = time_ms - times.start_ms;
            if times.step_ms > 0 && after >= 0 && after % times.step_ms == 0 {
                let step = after / times.step_ms;
                match step - next {
                    1 => out.write_str(" _")?,
                    gaps @ 2.. => write!(out, " _x{gaps}")?,
                    _ => {}
                }
                next = step + 1;
            }
            match point {
                Point::Float(value) if is_stale(*value) => out.write_str(" stale")?,
                Point::Float(value) => write!(out, " {}", PlainFloat(*value))?,
                Point::Histogram(histogram) => {
                    write!(out, " {}", FloatHistogram::from_ref(*histogram).test_expression())?
                }
            }
            if times.step_ms > 0 && after % times.step_ms != 0 {
                write!(out, "@{time_ms}ms")?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for LabelsText<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.0.get(METRIC_NAME).unwrap_or_default();
        let is_plain = !QuotedName(name).to_string().starts_with('"') && !name.is_empty();
        if is_plain {
            write!(out, "{}", QuotedName(name))?;
        }
        let others = self.0.iter().filter(|label| !is_plain || label.name != METRIC_NAME);
        let others: Vec<String> =
            others.map(|label| format!("{}={}", QuotedName(label.name), Quoted(label.value))).collect();
        if others.is_empty() && is_plain { Ok(()) } else { write!(out, "{{{}}}", others.join(",")) }
    }
}
