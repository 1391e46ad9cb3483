//! What was measured, for people.

use super::answer::Answer;
use super::question::{Question, Right};
use std::fmt;

/// What a system made of a question.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// Of all processes together.
    pub(super) cpu_ms: f64,
    /// Of each.
    pub(super) process_ms: Vec<f64>,
    pub(super) answer: Answer,
    /// What it said where it gave no answer.
    pub(super) refused: Option<String>,
}

/// What all systems made of a question, each by its name, ours first.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) question: Question,
    pub(super) asked: Vec<(String, Asked)>,
}

impl Asked {
    /// The least of both counts, of all processes and of each.
    pub(super) fn keep_least(&mut self, other: &Self) {
        self.cpu_ms = self.cpu_ms.min(other.cpu_ms);
        self.process_ms.iter_mut().zip(&other.process_ms).for_each(|(least, ms)| *least = least.min(*ms));
    }
}

impl Row {
    /// The same, but of all processes only the one at `index` counts.
    pub(super) fn of_process(&self, index: usize) -> Self {
        let mut row = self.clone();
        for (_, asked) in &mut row.asked {
            asked.cpu_ms = asked.process_ms.get(index).copied().unwrap_or_default();
        }
        row
    }

    fn ours(&self) -> &Asked {
        &self.asked[0].1
    }

    /// By how much a peer takes longer, where both answered.
    fn ratio(&self, peer: usize) -> Option<f64> {
        let theirs = &self.asked[peer].1;
        let answered = theirs.refused.is_none() && self.ours().refused.is_none();
        answered.then(|| theirs.cpu_ms / self.ours().cpu_ms)
    }

    /// What there is to say of a peer's answer.
    fn verdict(&self, peer: usize) -> (String, bool) {
        let theirs = &self.asked[peer].1;
        match (&self.ours().refused, &theirs.refused) {
            (None, None) => match self.question.right {
                Right::Any => ("free to differ".to_owned(), false),
                right => {
                    let difference = self.ours().answer.difference(&theirs.answer);
                    let is_real = difference.is_real();
                    // Of equal values a peer may choose another.
                    match is_real && right == Right::SameValues && self.ours().answer.has_same_values(&theirs.answer) {
                        true => ("equal values".to_owned(), false),
                        false => (difference.to_string(), is_real),
                    }
                }
            },
            (Some(_), Some(_)) => ("both refuse".to_owned(), false),
            (Some(ours), None) => (format!("we refuse: {ours}"), true),
            (None, Some(theirs)) => (format!("it refuses: {theirs}"), true),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<58} {} {:.3}", self.question.name, self.asked[0].0, self.ours().cpu_ms)?;
        for peer in 1..self.asked.len() {
            let (name, theirs) = &self.asked[peer];
            let ratio = self.ratio(peer).map_or_else(String::new, |ratio| format!("{ratio:.1}x; "));
            write!(f, "   {name} {:.3} ({ratio}{})", theirs.cpu_ms, self.verdict(peer).0)?;
        }
        Ok(())
    }
}

/// Prints for each peer the geometric mean, the least ratio, all questions at which we are slower, and all answers that differ.
pub(super) fn print_sums(rows: &[Row]) {
    for peer in 1..rows.first().map_or(0, |row| row.asked.len()) {
        let name = &rows[0].asked[peer].0;
        let mut ratios: Vec<(f64, &Row)> = rows.iter().filter_map(|row| Some((row.ratio(peer)?, row))).collect();
        ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
        let Some((least, worst)) = ratios.first() else {
            continue;
        };
        let logs: f64 = ratios.iter().map(|(ratio, _)| ratio.ln()).sum();
        println!(
            "geometric mean against {name}: {:.1}x of {} questions; least {least:.2}x: {}",
            (logs / ratios.len() as f64).exp(),
            ratios.len(),
            worst.question.name
        );
        for (ratio, row) in ratios.iter().filter(|(ratio, _)| *ratio < 1.0) {
            println!("  slower than {name}: {ratio:.2}x: {}", row.question.name);
        }
        for row in rows {
            if let (verdict, true) = row.verdict(peer) {
                let place = row.ours().answer.difference(&row.asked[peer].1.answer).place();
                println!("  answers differ from {name}: {}: {verdict}{place}", row.question.text());
            }
        }
    }
}
