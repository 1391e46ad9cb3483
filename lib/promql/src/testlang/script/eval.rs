//! `eval`: an expression, when to evaluate it, and what to expect.

use super::{EVERYTHING, Expect, ExpectedSeries, Reader, ScriptError, Text};
use crate::parser::parse_number;
use crate::{number, parse};

/// An expression, when to evaluate it, and what to expect.
#[derive(Debug, Clone)]
pub(in crate::testlang) struct Eval {
    /// From 1.
    pub(in crate::testlang) line: usize,
    pub(in crate::testlang) text: String,
    pub(in crate::testlang) times: Times,
    pub(in crate::testlang) expect: Expect,
}

/// When an expression is evaluated, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::testlang) struct Times {
    pub(in crate::testlang) start_ms: i64,
    /// Inside.
    pub(in crate::testlang) end_ms: i64,
    /// Of values that follow each other; 0 if there is one time only.
    pub(in crate::testlang) step_ms: i64,
    /// Whether it is a range query. An instant one is at the end.
    pub(in crate::testlang) is_range: bool,
}

/// So many steps may a range have, as many as the HTTP API allows.
const MAX_STEPS: i64 = 11_000;

/// The first line of a command, taken apart.
struct Head<'a> {
    /// Behind `eval_`.
    suffix: &'a str,
    times: Times,
    expr: &'a str,
}

impl<'a> Reader<'a> {
    /// The command in line `number`, and its block.
    pub(super) fn eval(&mut self, number: usize) -> Result<Eval, ScriptError> {
        let Head { suffix, times, expr } = self.head(number)?;
        let offset = expr.as_ptr() as usize - self.text(number).as_ptr() as usize;
        parse(expr, &EVERYTHING).map_err(|fault| self.parse_fault(number, offset, &fault))?;
        let mut eval = Eval { line: number + 1, text: expr.to_owned(), times, expect: Expect::default() };
        match suffix {
            "fail" => eval.expect.fails = true,
            "warn" => eval.expect.warns = true,
            "info" => eval.expect.informs = true,
            "ordered" => eval.expect.ordered = true,
            _ => {}
        }
        let mut position = 0;
        while let Some((number, text)) = self.block_line() {
            position += 1;
            if suffix == "fail" && self.old_failure(number, text, &mut eval.expect)? {
                break;
            }
            if let Some(rest) = text.strip_prefix("expect range vector") {
                eval.times = self.range_vector(number, rest, eval.times)?;
                eval.expect.range_vector = true;
            } else if let Some(rest) = text.strip_prefix("expect string") {
                eval.expect.string = Some(self.string(number, rest)?);
            } else if text.split(' ').next() == Some("expect") {
                self.expectation(number, text, &mut eval.expect)?;
                position -= 1;
            } else if let Some(scalar) = scalar(text) {
                eval.expect.scalar = Some(scalar);
                break;
            } else {
                let series = self.expected(number, text, &eval, position)?;
                eval.expect.add_series(series);
            }
        }
        Ok(eval)
    }

    fn head(&self, number: usize) -> Result<Head<'a>, ScriptError> {
        let malformed = || {
            let range = "eval[_fail|_warn|_info] range from <from> to <to> step <step> <query>";
            let instant = "eval[_fail|_warn|_ordered|_info] instant at <time> <query>";
            self.fault(number, format!("invalid evaluation command. Must be either '{instant}' or '{range}'"))
        };
        let (command, rest) = word(self.text(number)).ok_or_else(malformed)?;
        let (kind, rest) = word(rest).ok_or_else(malformed)?;
        let suffix = match command.strip_prefix("eval") {
            Some("") => "",
            Some(suffix) => suffix.strip_prefix('_').ok_or_else(malformed)?,
            None => return Err(malformed()),
        };
        let is_known = matches!(suffix, "" | "fail" | "warn" | "info") || suffix == "ordered" && kind == "instant";
        if !is_known {
            return Err(malformed());
        }
        let mut rest = rest;
        let mut take = |name: &str, what: &str| {
            let (_, behind) = word(rest).filter(|(found, _)| *found == name).ok_or_else(malformed)?;
            let (value, behind) = word(behind).ok_or_else(malformed)?;
            rest = behind;
            self.duration(number, what, value)
        };
        let times = match kind {
            "instant" => {
                let at = take("at", "timestamp definition")?;
                Times { start_ms: at, end_ms: at, step_ms: 0, is_range: false }
            }
            "range" => {
                let start_ms = take("from", "start timestamp definition")?;
                let end_ms = take("to", "end timestamp definition")?;
                let step_ms = take("step", "step definition")?;
                self.range(number, Times { start_ms, end_ms, step_ms, is_range: true })?
            }
            _ => return Err(malformed()),
        };
        Ok(Head { suffix, times, expr: rest })
    }

    /// `times`, if they are a range that can be evaluated.
    fn range(&self, number: usize, times: Times) -> Result<Times, ScriptError> {
        let Times { start_ms, end_ms, step_ms, .. } = times;
        if end_ms < start_ms {
            return Err(self.fault(number, "invalid test definition, end timestamp is before start timestamp"));
        }
        if step_ms == 0 {
            return Err(self.fault(number, "the step of a range must be greater than 0"));
        }
        if (end_ms - start_ms) / step_ms >= MAX_STEPS {
            return Err(self.fault(number, format!("a range may have {MAX_STEPS} steps")));
        }
        Ok(times)
    }

    /// `from <from> to <to> step <step>`, behind `expect range vector`. An instant evaluation is at the end of it then.
    fn range_vector(&self, number: usize, rest: &str, times: Times) -> Result<Times, ScriptError> {
        let words: Vec<&str> = rest.split_whitespace().collect();
        let ["from", from, "to", to, "step", step] = words.as_slice() else {
            return Err(self.fault(number, format!("invalid range vector definition \"expect range vector{rest}\"")));
        };
        let range = Times {
            start_ms: self.duration(number, "start timestamp definition", from)?,
            end_ms: self.duration(number, "end timestamp definition", to)?,
            step_ms: self.duration(number, "step definition", step)?,
            is_range: times.is_range,
        };
        self.range(number, range)
    }

    fn expected(
        &mut self,
        number: usize,
        text: &str,
        eval: &Eval,
        position: usize,
    ) -> Result<ExpectedSeries, ScriptError> {
        let series = self.series(number, text)?;
        if !eval.times.is_range && !eval.expect.range_vector && series.values.len() != 1 {
            let why = match series.values.is_empty() {
                true => "a series needs a value",
                false => {
                    "an instant evaluation gives one value a series, unless there is an 'expect range vector' line"
                }
            };
            return Err(self.fault(number, why));
        }
        Ok(ExpectedSeries { position, series })
    }

    /// Takes a line of the old style about how an evaluation fails; false if it is none.
    fn old_failure(&self, number: usize, text: &str, expect: &mut Expect) -> Result<bool, ScriptError> {
        if let Some(message) = text.strip_prefix("expected_fail_message") {
            expect.failures.push(Text::Exactly(message.trim().to_owned()));
        } else if let Some(pattern) = text.strip_prefix("expected_fail_regexp") {
            expect.failures.push(self.pattern(number, pattern.trim())?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// The first word of `text`, and what is behind it, which is something.
fn word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    (!word.is_empty() && !rest.is_empty()).then_some((word, rest))
}

/// A number alone on its line.
fn scalar(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.starts_with(|first: char| first.is_ascii_digit())
        && let Ok(value) = parse_number(unsigned)
    {
        return Some(if text.starts_with('-') { -value } else { value });
    }
    number::parse(text.as_bytes())
}
