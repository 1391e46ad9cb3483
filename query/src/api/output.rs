//! What the engine computed, as JSON.

mod rows;
mod steps;

use super::envelope::{Answer, MAX_NOTES};
use super::labels::TRUNCATED;
use super::operators::push_analysis;
use super::stats::Wanted;
use crate::config::Flavour;
use crate::driver::Answered;
use promql::Output;
use promql::ast::Expr;

pub(super) use rows::Rows;

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
    let mut end = Vec::new();
    if let Some(told) = told.as_ref().filter(|_| stats.any) {
        stats.push(told, |step| steps_ms.0.saturating_add(steps_ms.1.saturating_mul(step as i64)), &mut end);
    }
    match (analyzed, flavour) {
        (Some(expr), _) => {
            end.extend_from_slice(br#","analysis":"#);
            push_analysis(expr, &operators, told.map_or(0, |told| told.samples.peak), &mut end);
        }
        (None, Flavour::Thanos) => end.extend_from_slice(br#","analysis":{}"#),
        (None, Flavour::Prometheus) => {}
    }
    end.push(b'}');
    let mut rows = Rows::new(value, limit.unwrap_or(usize::MAX), end);
    let (mut warnings, mut infos) = annotations.render(text, MAX_NOTES);
    if flavour == Flavour::Thanos {
        warnings.append(&mut infos);
        warnings.iter_mut().for_each(|warning| warning.truncate(without_place(warning).len()));
    }
    if rows.are_cut() {
        missing.push(TRUNCATED.to_owned());
    }
    // Mostly all there is.
    let data = rows.next().unwrap_or_default();
    Answer { data, more: Some(rows).filter(|rows| !rows.are_done()), missing, warnings, infos }
}

/// A note without the ` (line:column)` at its end.
fn without_place(note: &str) -> &str {
    let is_place = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b')');
    match note.rsplit_once(" (") {
        Some((text, place)) if place.ends_with(')') && is_place(place) => text,
        _ => note,
    }
}
