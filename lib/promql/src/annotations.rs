//! What is said beside an answer: warnings and infos, with the place in the query they speak of.

mod remark;
#[cfg(test)]
mod tests;

pub(crate) use remark::{HistogramStep, Remark};

use crate::ast::Span;
use crate::date::Date;
use crate::number;
use crate::plan::Twins;
use model::ShortFloat;
use std::cmp::Reverse;

/// Warnings and infos, of each expression each text once; of a query that has its answer each text once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotations {
    notes: Vec<Note>,
}

/// How grave a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Warning,
    Info,
}

#[derive(Debug, Clone, PartialEq)]
struct Note {
    level: Level,
    text: String,
    /// The expression it speaks of.
    blamed: Span,
    /// The expression that was evaluated when it was made.
    node: Span,
    repair: Option<Repair>,
    /// How often it was made, where that is said.
    occurrences: u64,
}

/// How far bucket counts had to be changed so that they rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Repair {
    pub(crate) min_bucket: f64,
    pub(crate) max_bucket: f64,
    pub(crate) max_diff: f64,
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    /// Prometheus counts from 0, and overflows.
    pub(crate) more_samples: i64,
}

impl Annotations {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    /// Warnings, then infos, with `line:column` of the query text they were made for; of each kind at most `limit`, and
    /// then a line that says how many were left out. No limit if `limit` is 0.
    pub fn render(&self, query: &str, limit: usize) -> (Vec<String>, Vec<String>) {
        let texts = |level, kind| {
            let mut texts: Vec<String> =
                self.notes.iter().filter(|note| note.level == level).map(|note| note.render(query)).collect();
            if limit > 0 && texts.len() > limit {
                let more = texts.len() - limit;
                texts.truncate(limit);
                texts.push(format!("{more} more {kind} annotations omitted"));
            }
            texts
        };
        (texts(Level::Warning, "warning"), texts(Level::Info, "info"))
    }

    /// Adds a note that `node` made about `blamed`.
    pub(crate) fn add(&mut self, level: Level, text: impl Into<String>, node: Span, blamed: Span) {
        self.merge(Note { level, text: text.into(), blamed, node, repair: None, occurrences: 0 });
    }

    /// Adds a note that was made so many times.
    pub(crate) fn add_occurrences(&mut self, text: String, node: Span, blamed: Span, occurrences: u64) {
        self.merge(Note { level: Level::Warning, text, blamed, node, repair: None, occurrences });
    }

    /// Adds the note that buckets of a classic histogram had to be repaired.
    pub(crate) fn add_repair(&mut self, text: String, node: Span, blamed: Span, repair: Repair) {
        self.merge(Note { level: Level::Info, text, blamed, node, repair: Some(repair), occurrences: 0 });
    }

    /// Adds all of `other`.
    pub(crate) fn extend(&mut self, other: Self) {
        for note in other.notes {
            self.merge(note);
        }
    }

    /// Each text once, when all was evaluated. Notes are about `twins` too, which were evaluated only with what is the same.
    pub(crate) fn settled(self, twins: &Twins) -> Self {
        let mut settled: Vec<Note> = Vec::new();
        for note in self.notes {
            for (node, blamed) in twins.copies(note.node, note.blamed) {
                let copy = Note { node, blamed, ..note.clone() };
                match settled.iter_mut().find(|old| old.text == copy.text) {
                    Some(old) => old.merge(copy),
                    None => settled.push(copy),
                }
            }
        }
        Self { notes: settled }
    }

    fn merge(&mut self, new: Note) {
        match self.notes.iter_mut().find(|old| old.node == new.node && old.text == new.text) {
            Some(old) => old.merge(new),
            None => self.notes.push(new),
        }
    }
}

/// A key that rises in the order Prometheus evaluates: operands from left to right, then what contains them.
fn evaluated(node: Span) -> (usize, Reverse<usize>) {
    (node.end, Reverse(node.start))
}

impl Note {
    /// Of two notes with one text Prometheus keeps the place of the one that was made later; of two repairs the earlier one's,
    /// and what both say together. Here they are made in any order, so the order of evaluation is found from the places.
    fn merge(&mut self, new: Self) {
        let new_is_later = evaluated(new.node) >= evaluated(self.node);
        let occurrences = self.occurrences + new.occurrences;
        match (&mut self.repair, &new.repair) {
            (Some(repair), Some(new_repair)) => {
                repair.merge(new_repair);
                if !new_is_later {
                    (self.node, self.blamed) = (new.node, new.blamed);
                }
            }
            // Of what is counted, as of repairs, the first place.
            _ if new_is_later == (occurrences == 0) => *self = new,
            _ => {}
        }
        self.occurrences = occurrences;
    }

    fn render(&self, query: &str) -> String {
        let place = place(query, self.blamed.start);
        let Some(repair) = &self.repair else {
            return match self.occurrences {
                0 | 1 => format!("{} ({place})", self.text),
                many => format!("{} ({many} occurrences) ({place})", self.text),
            };
        };
        let time = |ms: i64| Date::from_unix(ms / 1000).to_rfc3339();
        format!(
            "{}, from buckets {} to {}, with a max diff of {}, over {} samples from {} to {} ({place})",
            self.text,
            ShortFloat(repair.min_bucket),
            ShortFloat(repair.max_bucket),
            number::two_digits(repair.max_diff),
            repair.more_samples.wrapping_add(1),
            time(repair.first_ms),
            time(repair.last_ms),
        )
    }
}

impl Repair {
    /// Takes in what `other` says.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.min_bucket = if other.min_bucket < self.min_bucket { other.min_bucket } else { self.min_bucket };
        self.max_bucket = if other.max_bucket > self.max_bucket { other.max_bucket } else { self.max_bucket };
        self.max_diff = if other.max_diff > self.max_diff { other.max_diff } else { self.max_diff };
        self.more_samples = self.more_samples.wrapping_add(other.more_samples).wrapping_add(1);
    }
}

/// `line:column` of a byte, both from 1.
fn place(query: &str, at: usize) -> String {
    let before = query.as_bytes().get(..at).unwrap_or(query.as_bytes());
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    format!("{line}:{column}")
}
