//! A file in the test language, parsed.

mod eval;
mod expect;
mod load;
#[cfg(test)]
mod tests;

pub(super) use eval::{Eval, Times};
pub(super) use expect::{Expect, ExpectedSeries, Text};
pub(super) use load::Load;

use crate::parser::parse_duration_ms;
use crate::{ParseError, ParseOptions};

/// A file in the test language: series to load, and expressions with what they should give.
#[derive(Debug, Clone)]
pub struct Script {
    pub(super) commands: Vec<Command>,
}

#[derive(Debug, Clone)]
pub(super) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// A file that is not in the test language, and where that shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub struct ScriptError {
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    pub message: String,
}

/// So many values may be in a file, histograms counting for as many as they have numbers.
const MAX_VALUES: usize = 1 << 22;

/// Expressions of every kind are understood; which of them may be evaluated is for [`run`](super::run) to say.
pub(super) const EVERYTHING: ParseOptions = ParseOptions {
    experimental_functions: true,
    duration_expressions: true,
    extended_range_selectors: true,
    fill_modifiers: true,
    limits: crate::Limits { length_bytes: 64 << 10, terms: 4096 },
};

impl Script {
    /// Reads a file. Repetitions are written out, of at most four million values.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        Self::parse_within(text, MAX_VALUES)
    }

    /// Reads a file in which there may be `max_values` values.
    ///
    /// # Errors
    /// The first fault.
    pub fn parse_within(text: &str, max_values: usize) -> Result<Self, ScriptError> {
        let mut reader = Reader { lines: text.split('\n').map(Line::new).collect(), next: 0, room: max_values };
        let mut commands = Vec::new();
        while let Some(line) = reader.lines.get(reader.next).copied() {
            let number = reader.next;
            reader.next += 1;
            // Which command it is does not depend on case, but it has to be written in lower case then.
            let word = line.text.split([' ', '\t']).next().unwrap_or_default().to_lowercase();
            commands.push(match word.as_str() {
                "" => continue,
                "clear" => Command::Clear,
                word if word.starts_with("load") => Command::Load(reader.load(number)?),
                word if word.starts_with("eval") => Command::Eval(Box::new(reader.eval(number)?)),
                _ => return Err(reader.fault(number, format!("invalid command {:?}", line.text))),
            });
        }
        Ok(Self { commands })
    }

    /// How many evaluations there are.
    pub fn evaluations(&self) -> usize {
        self.commands.iter().filter(|command| matches!(command, Command::Eval(_))).count()
    }
}

/// A line without the space around it, nothing if it is a comment.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// Bytes of space in front.
    indent: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn new(raw: &'a str) -> Self {
        let trimmed = raw.trim_start();
        let text = if trimmed.starts_with('#') { "" } else { trimmed.trim_end() };
        Self { indent: raw.len() - trimmed.len(), text }
    }
}

/// Reads commands off the lines of a file.
#[derive(Debug)]
struct Reader<'a> {
    lines: Vec<Line<'a>>,
    /// The line that has not been read.
    next: usize,
    /// How many values there may still be.
    room: usize,
}

impl<'a> Reader<'a> {
    /// The next line of the block; `None` at its end.
    fn block_line(&mut self) -> Option<(usize, &'a str)> {
        let line = self.lines.get(self.next).filter(|line| !line.text.is_empty())?;
        self.next += 1;
        Some((self.next - 1, line.text))
    }

    /// The text of line `number`, counted from 0.
    fn text(&self, number: usize) -> &'a str {
        self.lines.get(number).map_or("", |line| line.text)
    }

    /// A fault of line `number`, counted from 0, as a whole.
    fn fault(&self, number: usize, message: impl Into<String>) -> ScriptError {
        self.fault_at(number, 0, message)
    }

    /// A fault so many bytes behind the first of line `number`.
    fn fault_at(&self, number: usize, offset: usize, message: impl Into<String>) -> ScriptError {
        let indent = self.lines.get(number).map_or(0, |line| line.indent);
        ScriptError { line: number + 1, column: indent + offset + 1, message: message.into() }
    }

    /// A fault in an expression or a description that begins so many bytes behind the first of line `number`.
    fn parse_fault(&self, number: usize, offset: usize, fault: &ParseError) -> ScriptError {
        self.fault_at(number, offset + fault.span.start, fault.message.clone())
    }

    /// The series described in line `number`, or in a part of it that is `text`.
    fn series(&mut self, number: usize, text: &str) -> Result<super::SeriesDescription, ScriptError> {
        let series = super::parse_series(text, self.room).map_err(|fault| self.parse_fault(number, 0, &fault))?;
        self.room = self.room.saturating_sub(series.values.len() + series.histograms.cells());
        Ok(series)
    }

    /// Milliseconds of the duration `text` in line `number`, which is `what`.
    fn duration(&self, number: usize, what: &str, text: &str) -> Result<i64, ScriptError> {
        duration_ms(text).map_err(|why| self.fault(number, format!("invalid {what} {text:?}: {why}")))
    }
}

/// Milliseconds of a duration, which may be `0`. A line has no empty words, so that there always is a text.
pub(super) fn duration_ms(text: &str) -> Result<i64, String> {
    match text {
        "0" => Ok(0),
        _ => i64::try_from(parse_duration_ms(text)?).map_err(|_| "duration out of range".to_owned()),
    }
}
