//! What the engine computed, as JSON.

mod steps;

use super::envelope::{Answer, MAX_NOTES};
use super::histogram::HistogramWriter;
use super::json;
use super::labels::TRUNCATED;
use super::number::{push_plain, push_time};
use super::operators::push_analysis;
use super::stats::Wanted;
use crate::config::Flavour;
use crate::driver::Answered;
use model::{Labels, SampleColumns};
use promql::ast::Expr;
use promql::{Column, Grid, Output, Series, Value};
use std::cell::LazyCell;
use steps::StepTexts;

/// How an answer is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form<'a> {
    /// The query's text.
    pub(super) text: &'a str,
    /// At most so many series.
    pub(super) limit: Option<usize>,
    pub(super) flavour: Flavour,
    pub(super) stats: Wanted,
    /// Milliseconds: of the first step, and from one step to the next.
    pub(super) steps_ms: (i64, i64),
    /// The query, where it is asked what its operators did.
    pub(super) analyzed: Option<&'a Expr>,
}

/// The answer to a query.
pub(super) fn answer(answered: Answered, form: Form<'_>) -> Answer {
    let Form { text, limit, flavour, stats, steps_ms, analyzed } = form;
    let Answered { output: Output { value, annotations }, told, operators, mut missing } = answered;
    let mut data = Vec::new();
    let cut = push_data(&value, limit.unwrap_or(usize::MAX), &mut data);
    if let Some(told) = told.as_ref().filter(|_| stats.any) {
        stats.push(told, |step| steps_ms.0.saturating_add(steps_ms.1.saturating_mul(step as i64)), &mut data);
    }
    match (analyzed, flavour) {
        (Some(expr), _) => {
            data.extend_from_slice(br#","analysis":"#);
            push_analysis(expr, &operators, told.map_or(0, |told| told.samples.peak), &mut data);
        }
        (None, Flavour::Thanos) => data.extend_from_slice(br#","analysis":{}"#),
        (None, Flavour::Prometheus) => {}
    }
    data.push(b'}');
    let (mut warnings, mut infos) = annotations.render(text, MAX_NOTES);
    if flavour == Flavour::Thanos {
        warnings.append(&mut infos);
        warnings.iter_mut().for_each(|warning| warning.truncate(without_place(warning).len()));
    }
    if cut {
        missing.push(TRUNCATED.to_owned());
    }
    Answer { data, missing, warnings, infos }
}

/// A note without the ` (line:column)` at its end.
fn without_place(note: &str) -> &str {
    let is_place = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b')');
    match note.rsplit_once(" (") {
        Some((text, place)) if place.ends_with(')') && is_place(place) => text,
        _ => note,
    }
}

/// Begins the object with type and result, the type first: Grafana's parser streams then. Returns whether series were left out.
fn push_data(value: &Value, limit: usize, out: &mut Vec<u8>) -> bool {
    let kind = match value {
        Value::Scalar { .. } => "scalar",
        Value::String { .. } => "string",
        Value::Vector { .. } => "vector",
        Value::Matrix { .. } | Value::Samples { .. } => "matrix",
    };
    out.extend_from_slice(format!(r#"{{"resultType":"{kind}","result":"#).as_bytes());
    let mut histograms = HistogramWriter::default();
    match value {
        Value::Scalar { time_ms, value } => {
            out.push(b'[');
            push_time(*time_ms, out);
            out.extend_from_slice(b",\"");
            push_plain(*value, out);
            out.extend_from_slice(b"\"]");
            false
        }
        Value::String { time_ms, value } => {
            out.push(b'[');
            push_time(*time_ms, out);
            out.push(b',');
            json::push_string(value, out);
            out.push(b']');
            false
        }
        Value::Vector { time_ms, series } => {
            let mut before_value = br#","value":"#.to_vec();
            json::begin_sample(*time_ms, &mut before_value);
            push_limited(series, limit, out, |one, out| {
                push_vector_element((*time_ms, &before_value), one, &mut histograms, out);
            })
        }
        Value::Matrix { grid, series } => {
            let times = LazyCell::new(|| StepTexts::new(grid));
            push_limited(series, limit, out, |one, out| push_matrix_row(grid, &times, one, &mut histograms, out))
        }
        Value::Samples { series } => {
            push_limited(series, limit, out, |one, out| push_samples(one, &mut histograms, out))
        }
    }
}

/// No more room than this is made for series that were not seen yet.
const MOST_ROOM_BYTES: usize = 64 << 20;

fn push_limited<T>(series: &[T], limit: usize, out: &mut Vec<u8>, mut push: impl FnMut(&T, &mut Vec<u8>)) -> bool {
    let (start, written) = (out.len(), series.len().min(limit));
    json::push_list(series.iter().take(limit).enumerate(), out, |(at, one), out| {
        push(one, out);
        if at == 0 {
            // The others are much like the first, an eighth longer at most: all that is written is then copied once less for
            // each time it would have doubled, and as many pages less are touched.
            let like_first = (out.len() - start).saturating_mul(written - 1);
            out.reserve(like_first.saturating_add(like_first / 8).min(MOST_ROOM_BYTES));
        }
    });
    series.len() > limit
}

/// At such a time, which `before_value` has as text.
fn push_vector_element(
    (time_ms, before_value): (i64, &[u8]),
    one: &Series,
    histograms: &mut HistogramWriter,
    out: &mut Vec<u8>,
) {
    push_metric(&one.labels, out);
    match one.column.histograms.get(0) {
        Some(histogram) => {
            out.extend_from_slice(br#","histogram":"#);
            histograms.push(time_ms, histogram, out);
        }
        None => {
            out.extend_from_slice(before_value);
            json::end_sample(one.column.floats.get(0).unwrap_or(f64::NAN), out);
        }
    }
    out.push(b'}');
}

fn push_matrix_row(grid: &Grid, times: &StepTexts, one: &Series, writer: &mut HistogramWriter, out: &mut Vec<u8>) {
    let Column { floats, histograms } = &one.column;
    push_metric(&one.labels, out);
    if !floats.is_empty() {
        out.extend_from_slice(br#","values":"#);
        times.push(floats, out);
    }
    if !histograms.is_empty() {
        out.extend_from_slice(br#","histograms":"#);
        let push = |(step, histogram), out: &mut Vec<u8>| writer.push(grid.time_ms(step), histogram, out);
        json::push_list(histograms.iter(), out, push);
    }
    out.push(b'}');
}

fn push_samples((labels, samples): &(Labels, SampleColumns), writer: &mut HistogramWriter, out: &mut Vec<u8>) {
    push_metric(labels, out);
    let all = || samples.timestamps_ms.iter().zip(&samples.values).enumerate();
    if samples.histograms.len() < samples.len() {
        out.extend_from_slice(br#","values":"#);
        let floats = all().filter(|(at, _)| !samples.has_histograms() || samples.histogram(*at).is_none());
        json::push_list(floats, out, |(_, (time_ms, value)), out| json::push_sample(*time_ms, *value, out));
    }
    if samples.has_histograms() {
        out.extend_from_slice(br#","histograms":"#);
        let histograms = all().filter_map(|(at, (time_ms, _))| Some((*time_ms, samples.histogram(at)?)));
        json::push_list(histograms, out, |(time_ms, histogram), out| writer.push(time_ms, histogram, out));
    }
    out.push(b'}');
}

fn push_metric(labels: &Labels, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"metric":"#);
    json::push_labels(labels.as_ref(), out);
}

#[cfg(test)]
mod tests;
