//! What is expected of an evaluation.

use super::{Reader, ScriptError};
use crate::ast::ExprKind;
use crate::parse;
use crate::testlang::SeriesDescription;
use crate::testlang::script::EVERYTHING;
use model::Regex;

/// What is expected of an evaluation.
#[derive(Debug, Clone, Default)]
pub(in crate::testlang) struct Expect {
    pub(in crate::testlang) fails: bool,
    /// What the error must say, all of it.
    pub(in crate::testlang) failures: Vec<Text>,
    /// There must be warnings, whatever they say.
    pub(in crate::testlang) warns: bool,
    pub(in crate::testlang) warnings: Vec<Text>,
    pub(in crate::testlang) no_warnings: bool,
    /// There must be infos, whatever they say.
    pub(in crate::testlang) informs: bool,
    pub(in crate::testlang) infos: Vec<Text>,
    pub(in crate::testlang) no_infos: bool,
    pub(in crate::testlang) ordered: bool,
    /// The values are those of a range vector, or a matrix of an instant evaluation.
    pub(in crate::testlang) range_vector: bool,
    pub(in crate::testlang) string: Option<Vec<u8>>,
    pub(in crate::testlang) scalar: Option<f64>,
    pub(in crate::testlang) series: Vec<ExpectedSeries>,
}

/// A series with its values.
#[derive(Debug, Clone)]
pub(in crate::testlang) struct ExpectedSeries {
    /// Which one it is in an ordered answer, from 1.
    pub(in crate::testlang) position: usize,
    pub(in crate::testlang) series: SeriesDescription,
}

/// What a message must be like.
#[derive(Debug, Clone)]
pub(in crate::testlang) enum Text {
    Any,
    Exactly(String),
    /// What was written, and an expression that matches where it is found somewhere.
    Matching(String, Regex),
}

impl Text {
    /// Whether a message is as it must be.
    pub(in crate::testlang) fn fits(&self, message: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(want) => message == want,
            Self::Matching(_, pattern) => pattern.is_match(message.as_bytes()),
        }
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => out.write_str("any message"),
            Self::Exactly(want) => write!(out, "{want:?}"),
            Self::Matching(pattern, _) => write!(out, "a match of {pattern:?}"),
        }
    }
}

impl Expect {
    /// Adds a series; of two lines about one series the later counts.
    pub(super) fn add_series(&mut self, series: ExpectedSeries) {
        self.series.retain(|other| other.series.labels != series.series.labels);
        self.series.push(series);
    }
}

impl Reader<'_> {
    /// `expect fail|warn|info|no_warn|no_info|ordered [msg:<text>|regex:<pattern>]`
    pub(super) fn expectation(&self, number: usize, text: &str, expect: &mut Expect) -> Result<(), ScriptError> {
        let malformed = || {
            let form = "expect <type> [msg:<text> | regex:<pattern>]";
            self.fault(number, format!("invalid expect statement, must match `{form}`"))
        };
        let rest = text.strip_prefix("expect").unwrap_or_default().trim_start();
        let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let rest = rest.trim_start();
        let text = match (rest.strip_prefix("msg:"), rest.strip_prefix("regex:")) {
            (Some(message), _) if !message.is_empty() => Text::Exactly(message.trim().to_owned()),
            (_, Some(pattern)) if !pattern.is_empty() => self.pattern(number, pattern.trim())?,
            _ if rest.is_empty() => Text::Any,
            _ => return Err(malformed()),
        };
        match kind {
            "fail" if expect.fails && !expect.failures.is_empty() => {
                return Err(self.fault(number, "invalid expect lines, multiple expect fail lines are not allowed"));
            }
            "fail" => {
                expect.fails = true;
                expect.failures.push(text);
            }
            "warn" => expect.warnings.push(text),
            "info" => expect.infos.push(text),
            "no_warn" => expect.no_warnings = true,
            "no_info" => expect.no_infos = true,
            "ordered" => expect.ordered = true,
            _ => return Err(malformed()),
        }
        if expect.no_infos && !expect.infos.is_empty() {
            return Err(self.fault(number, "invalid expect lines, info and no_info cannot be used together"));
        }
        if expect.no_warnings && !expect.warnings.is_empty() {
            return Err(self.fault(number, "invalid expect lines, warn and no_warn cannot be used together"));
        }
        Ok(())
    }

    /// A pattern that is looked for anywhere in a message.
    pub(super) fn pattern(&self, number: usize, pattern: &str) -> Result<Text, ScriptError> {
        let regex = Regex::new(&format!(".*(?:{pattern}).*"))
            .map_err(|why| self.fault(number, format!("invalid regex {pattern}: {why}")))?;
        Ok(Text::Matching(pattern.to_owned(), regex))
    }

    /// The string behind `expect string`.
    pub(super) fn string(&self, number: usize, rest: &str) -> Result<Vec<u8>, ScriptError> {
        let literal = rest.strip_prefix(' ').unwrap_or_default();
        if !rest.is_empty()
            && literal.starts_with(['"', '`'])
            && let Ok(expr) = parse(literal, &EVERYTHING)
            && let ExprKind::String(value) = expr.kind
        {
            return Ok(value);
        }
        Err(self.fault(number, "expected string literal not valid - check that the string is correctly quoted"))
    }
}
