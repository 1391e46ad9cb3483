//! Reading OpenMetrics, line by line: for samples to be stored.
//!
//! Strict where something would be lost or guessed: a sample without a timestamp, a line that is none, a text that does not
//! end with `# EOF`. What is said about metrics, and exemplars, are checked for their form and passed over.
//!
//! Format: `github.com/prometheus/OpenMetrics`, `specification/OpenMetrics.md`, with quoted names as Prometheus 3 has them.

use model::{METRIC_NAME, PackedBuilder};
use std::borrow::Cow;
use std::io::{self, BufRead, Read};

/// A longer line is refused before all of it is read.
const MAX_LINE_BYTES: u64 = 4 << 20;

/// Reads samples from a text.
#[derive(Debug)]
pub struct Reader<R> {
    from: R,
    line: Vec<u8>,
    number: u64,
    ended: bool,
}

/// A sample; its labels are in the builder that was handed in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub timestamp_ms: i64,
    pub value: f64,
}

/// Told of each label: its name, unless it is a quoted string alone, and its value.
type TakeLabel<'t, 'a> = dyn FnMut((Option<Cow<'a, str>>, Cow<'a, str>)) -> Result<(), String> + 't;

/// Why a text cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum InvalidText {
    /// A line is not what it must be.
    #[error("line {line}: {fault}")]
    Line { line: u64, fault: String },
    /// The text could not be read.
    #[error("line {line}: {source}")]
    Read { line: u64, source: io::Error },
    /// There may have been more.
    #[error("the text ends without # EOF, after line {line}: a part of it may be missing")]
    NoEof { line: u64 },
}

impl<R: BufRead> Reader<R> {
    /// Begins at the front of `from`.
    pub fn new(from: R) -> Self {
        Self { from, line: Vec::new(), number: 0, ended: false }
    }

    /// The line that was read last, from 1.
    pub fn line_number(&self) -> u64 {
        self.number
    }

    /// The next sample, whose labels replace those in `labels`; `None` behind `# EOF`.
    ///
    /// # Errors
    /// The first fault; the text is not to be read on.
    pub fn next(&mut self, labels: &mut PackedBuilder) -> Result<Option<Sample>, InvalidText> {
        loop {
            if !self.read_line()? {
                return match self.ended {
                    true => Ok(None),
                    false => Err(InvalidText::NoEof { line: self.number }),
                };
            }
            let line = self.number;
            if self.ended {
                return Err(fault(line, "text goes on behind # EOF".into()));
            }
            let text = std::str::from_utf8(&self.line).map_err(|_| fault(line, "bytes are not UTF-8".into()))?;
            if let Some(said) = text.strip_prefix('#') {
                self.ended = check_comment(said).map_err(|text| fault(line, text))?;
                continue;
            }
            labels.clear();
            return parse_sample(text, labels).map(Some).map_err(|text| fault(line, text));
        }
    }

    /// `false` at the end.
    fn read_line(&mut self) -> Result<bool, InvalidText> {
        self.line.clear();
        let mut bounded = (&mut self.from).take(MAX_LINE_BYTES);
        let read = bounded.read_until(b'\n', &mut self.line);
        let read = read.map_err(|source| InvalidText::Read { line: self.number + 1, source })?;
        if read == 0 {
            return Ok(false);
        }
        self.number += 1;
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else if read as u64 == MAX_LINE_BYTES {
            return Err(fault(self.number, format!("a line of more than {MAX_LINE_BYTES} bytes")));
        }
        Ok(true)
    }
}

fn fault(line: u64, fault: String) -> InvalidText {
    InvalidText::Line { line, fault }
}

/// Whether a line that begins with `#` is the last one.
fn check_comment(said: &str) -> Result<bool, String> {
    if said == " EOF" {
        return Ok(true);
    }
    let mut words = said.strip_prefix(' ').unwrap_or_default().splitn(3, ' ');
    match words.next() {
        Some("TYPE" | "HELP" | "UNIT") if words.next().is_some_and(|name| !name.is_empty()) => Ok(false),
        _ => Err(format!("#{said} is none of # TYPE, # HELP, # UNIT and # EOF")),
    }
}

/// `name{label="value",…} value timestamp`, perhaps with an exemplar behind it.
fn parse_sample(line: &str, labels: &mut PackedBuilder) -> Result<Sample, String> {
    let name_end = line.find(|c: char| !is_name_char(c, true)).unwrap_or(line.len());
    let (name, rest) = line.split_at(name_end);
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("a metric's name cannot begin as {name} does"));
    }
    let mut push = |name: &str, value: &str| labels.push(name.as_bytes(), value.as_bytes()).map_err(|e| e.to_string());
    let mut named = !name.is_empty();
    if named {
        push("__name__", name)?;
    }
    let mut rest = rest;
    if let Some(inside) = rest.strip_prefix('{') {
        rest = parse_labels(inside, &mut |label| match label {
            (Some(name), value) => push(&name, &value),
            // A quoted string alone is the metric's name.
            (None, _) if named => Err("the metric has two names".to_owned()),
            (None, name) => {
                named = true;
                push("__name__", &name)
            }
        })?;
    }
    let set = labels.finish().map_err(|error| error.to_string())?;
    if set.is_empty() {
        return Err("a sample of no series".to_owned());
    }
    let series = || set.get(METRIC_NAME).map_or_else(|| format!("{set:?}"), |name| name.escape_ascii().to_string());
    let rest = rest.strip_prefix(' ').ok_or_else(|| format!("no value behind {}", series()))?;
    let (sample, exemplar) = match rest.split_once(" # ") {
        Some((sample, exemplar)) => (sample, Some(exemplar)),
        None => (rest, None),
    };
    let mut words = sample.split(' ');
    let value = number(words.next().unwrap_or_default())?;
    let time = words.next().ok_or_else(|| format!("sample of {} has no timestamp", series()))?;
    if let Some(more) = words.next() {
        return Err(format!("{more:?} behind the timestamp"));
    }
    if let Some(exemplar) = exemplar {
        check_exemplar(exemplar)?;
    }
    Ok(Sample { timestamp_ms: milliseconds(time)?, value })
}

/// Reads labels up to the closing brace; returns what is behind it. A string without a name is told as such.
fn parse_labels<'a>(mut rest: &'a str, take: &mut TakeLabel<'_, 'a>) -> Result<&'a str, String> {
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok(behind);
        }
        let name;
        if rest.starts_with('"') {
            (name, rest) = quoted(rest)?;
        } else {
            let end = rest.find(|c: char| !is_name_char(c, false)).unwrap_or(rest.len());
            let (plain, behind) = rest.split_at(end);
            if plain.is_empty() || plain.starts_with(|c: char| c.is_ascii_digit()) || !behind.starts_with('=') {
                return Err(format!("no label begins with {:?}", rest.chars().take(20).collect::<String>()));
            }
            (name, rest) = (Cow::Borrowed(plain), behind);
        }
        if let Some(behind) = rest.strip_prefix('=') {
            let value;
            (value, rest) = quoted(behind)?;
            take((Some(name), value))?;
        } else {
            take((None, name))?;
        }
        if let Some(behind) = rest.strip_prefix(',') {
            rest = behind;
        } else if !rest.starts_with('}') {
            return Err("labels without a closing brace".to_owned());
        }
    }
}

/// A string in quotes, and what is behind it.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), String> {
    let inside = text.strip_prefix('"').ok_or("a label's value belongs in double quotes")?;
    let mut escaped = false;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                // A quote is one byte, and no part of another character.
                let (raw, behind) = (inside.get(..at).unwrap_or_default(), inside.get(at + 1..).unwrap_or_default());
                return Ok((unescaped(raw), behind));
            }
            _ => {}
        }
    }
    Err("a string without a closing quote".to_owned())
}

/// `\n`, `\"` and `\\` stand for what they mean; any other backslash is one.
fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let (mut text, mut chars) = (String::with_capacity(raw.len()), raw.chars());
    while let Some(char) = chars.next() {
        match (char, chars.as_str().chars().next()) {
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some(meant @ ('"' | '\\'))) => text.push(meant),
            _ => {
                text.push(char);
                continue;
            }
        }
        chars.next();
    }
    Cow::Owned(text)
}

fn check_exemplar(text: &str) -> Result<(), String> {
    let bad = || "an exemplar is labels in braces, a value and perhaps a timestamp".to_owned();
    let rest = parse_labels(text.strip_prefix('{').ok_or_else(bad)?, &mut |_| Ok(()))?;
    let mut words = rest.strip_prefix(' ').ok_or_else(bad)?.split(' ');
    number(words.next().unwrap_or_default())?;
    words.next().map(milliseconds).transpose()?;
    words.next().map_or(Ok(()), |_| Err(bad()))
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// A time in seconds, to the nearest millisecond.
fn milliseconds(text: &str) -> Result<i64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is no timestamp"))?;
    let milliseconds = (seconds * 1000.0).round();
    // Beyond this not every millisecond has a number of its own any more.
    if milliseconds.is_nan() || milliseconds.abs() >= 9e15 {
        return Err(format!("timestamp {text} is out of range"));
    }
    Ok(milliseconds as i64)
}

fn is_name_char(char: char, of_metric: bool) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || of_metric && char == ':'
}

#[cfg(test)]
mod tests;
