//! Series descriptions: `http_requests_total{job="a"} 0+10x5 _ stale`, and `h {{sum:1 count:2 buckets:[1 1]}}x3`.
//!
//! What is wrong with a description is told in Prometheus' words, of which the first is all there is: its parser goes on, but
//! shows no more either.

#[cfg(test)]
mod tests;

use super::histogram::{Description, Item};
use crate::ast::Span;
use crate::error::{Fault, ParseError, ParseErrorKind};
use crate::lexer::{Descriptor, Lexer, SequenceKind, SequenceToken, Sequences, Token, TokenKind};
use crate::parser::{parse_number, unquote};
use crate::print::quote;
use model::{FloatHistogram, HistogramColumn, Labels, METRIC_NAME, NORMAL_NAN, STALE_NAN};

/// A series and its values, which are at even distances in time.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesDescription {
    pub labels: Labels,
    pub values: Vec<SequenceValue>,
    /// The histograms among the values.
    pub histograms: HistogramColumn,
}

/// What a series has at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SequenceValue {
    Omitted,
    /// A float, or [`STALE_NAN`].
    Float(f64),
    Histogram {
        /// Which one of [`SeriesDescription::histograms`].
        row: usize,
        /// Whether the description says what its hint is.
        hint_set: bool,
    },
}

/// Reads a series description, of whose values there may be `max_values`; a histogram counts for as many as it has numbers.
///
/// # Errors
/// The first fault, in Prometheus' words; more values than there may be.
pub fn parse_series(text: &str, max_values: usize) -> Result<SeriesDescription, ParseError> {
    let (labels, lexer) = labels(text).map_err(|fault| *fault)?;
    let mut parser = Parser {
        text,
        tokens: Sequences::new(lexer),
        ahead: None,
        in_description: false,
        room: max_values,
        values: Vec::new(),
        histograms: HistogramColumn::default(),
    };
    parser.sequence().map_err(|fault| *fault)?;
    Ok(SeriesDescription { labels, values: parser.values, histograms: parser.histograms })
}

// === labels ===

/// The labels at the front, and the lexer that stands behind them.
fn labels(text: &str) -> Result<(Labels, Lexer<'_>), Fault> {
    let mut lexer = Lexer::new(text);
    let first = token(text, &mut lexer)?;
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut open = match first.kind {
        TokenKind::LeftBrace => Some(first),
        TokenKind::Eof => None,
        kind if kind.is_metric() => match text.get(first.end()..).is_some_and(|rest| rest.starts_with('{')) {
            true => Some(token(text, &mut lexer)?),
            false => None,
        },
        _ => return Err(unexpected(text, first, "series values", "")),
    };
    while let Some(before) = open {
        let label = token(text, &mut lexer)?;
        let name = match label.kind {
            TokenKind::RightBrace if matches!(before.kind, TokenKind::LeftBrace | TokenKind::Comma) => break,
            TokenKind::Identifier => label.text.as_bytes().to_vec(),
            TokenKind::String => string(text, label)?,
            _ => return Err(unexpected(text, label, "label set", "identifier or \"}\"")),
        };
        let mut next = token(text, &mut lexer)?;
        if next.kind == TokenKind::Equal {
            let value = token(text, &mut lexer)?;
            if value.kind != TokenKind::String {
                return Err(unexpected(text, value, "label set", "string"));
            }
            pairs.push((name, string(text, value)?));
            next = token(text, &mut lexer)?;
        } else if label.kind == TokenKind::String {
            pairs.push((METRIC_NAME.to_vec(), name));
        } else {
            return Err(unexpected(text, next, "label set", "\"=\""));
        }
        open = match next.kind {
            TokenKind::RightBrace => None,
            TokenKind::Comma => Some(next),
            _ => return Err(unexpected(text, next, "label set", "\",\" or \"}\"")),
        };
    }
    if first.kind.is_metric() {
        pairs.retain(|(name, _)| name != METRIC_NAME);
        pairs.push((METRIC_NAME.to_vec(), first.text.as_bytes().to_vec()));
    }
    let labels = Labels::from_pairs(pairs);
    Ok((labels.map_err(|fault| ParseError::invalid(text, first.span(), fault.to_string()))?, lexer))
}

fn token<'a>(text: &str, lexer: &mut Lexer<'a>) -> Result<Token<'a>, Fault> {
    lexer
        .next_token()
        .map_err(|fault| ParseError::invalid(text, Span { start: fault.start, end: text.len() }, fault.message))
}

fn string(text: &str, token: Token<'_>) -> Result<Vec<u8>, Fault> {
    let message = || format!("error unquoting string {}: invalid syntax", quote(token.text.as_bytes()));
    unquote(token.text).ok_or_else(|| ParseError::invalid(text, token.span(), message()))
}

fn unexpected(text: &str, token: Token<'_>, place: &str, expected: &str) -> Fault {
    let expected = if expected.is_empty() { String::new() } else { format!(", expected {expected}") };
    ParseError::invalid(text, token.span(), format!("unexpected {} in {place}{expected}", token.describe()))
}

// === values ===

/// One sequence being parsed. What fails once is not used again.
struct Parser<'a> {
    text: &'a str,
    tokens: Sequences<'a>,
    ahead: Option<SequenceToken<'a>>,
    /// Whether something of the histogram being read is there already: faults are told otherwise then.
    in_description: bool,
    /// How many values there may still be.
    room: usize,
    values: Vec<SequenceValue>,
    histograms: HistogramColumn,
}

/// The token that ends a rule of the grammar, and what it says.
type Found<'a, T> = Result<(SequenceToken<'a>, T), Fault>;

impl<'a> Parser<'a> {
    fn sequence(&mut self) -> Result<(), Fault> {
        let mut is_behind_labels = true;
        loop {
            let token = self.peek()?;
            match token.kind {
                SequenceKind::Eof => return Ok(()),
                SequenceKind::Space => self.ahead = None,
                _ if is_behind_labels => return Err(self.misplaced(token)),
                _ => return Err(self.fault(token, format!("unexpected {}", token.describe()))),
            }
            is_behind_labels = false;
            let token = self.peek()?;
            match token.kind {
                SequenceKind::Blank => self.blank()?,
                SequenceKind::Word(_) | SequenceKind::Number | SequenceKind::Plus | SequenceKind::Minus => {
                    self.float()?;
                }
                SequenceKind::OpenHistogram => self.histogram_values()?,
                _ => {}
            }
        }
    }

    /// `_` or `_xN`
    fn blank(&mut self) -> Result<(), Fault> {
        self.take()?;
        let mut times = 1;
        let mut at = self.peek()?;
        if at.kind == SequenceKind::Times {
            self.take()?;
            (at, times) = self.uint()?;
        }
        self.reserve(at, times, 1)?;
        self.values.extend((0..times).map(|_| SequenceValue::Omitted));
        Ok(())
    }

    /// `1`, `1x3`, `1+2x3`, `1-2x3`, `stale`
    fn float(&mut self) -> Result<(), Fault> {
        let first = self.peek()?;
        let mut value = match first.kind {
            SequenceKind::Word(kind) => {
                self.take()?;
                if kind != TokenKind::Identifier {
                    return Err(self.fault(first, format!("unexpected {}", first.describe())));
                }
                if first.text != "stale" {
                    let expected = "in series values, expected number or \"stale\"";
                    return Err(self.fault(first, format!("unexpected {} {expected}", first.describe())));
                }
                STALE_NAN
            }
            _ => self.signed()?,
        };
        let (at, increment, times) = match self.peek()?.kind {
            SequenceKind::Times => {
                self.take()?;
                let (at, times) = self.uint()?;
                (at, None, times)
            }
            SequenceKind::Plus | SequenceKind::Minus => {
                let increment = self.signed()?;
                self.expect(SequenceKind::Times)?;
                let (at, times) = self.uint()?;
                (at, Some(increment), times)
            }
            _ => {
                self.reserve(first, 1, 1)?;
                self.values.push(SequenceValue::Float(value));
                return Ok(());
            }
        };
        // One more than it says: the first is the one at the beginning of time.
        self.reserve(at, times.saturating_add(1), 1)?;
        for _ in 0..=times {
            self.values.push(SequenceValue::Float(value));
            if let Some(increment) = increment {
                value += increment;
            }
        }
        Ok(())
    }

    /// `{{…}}`, `{{…}}xN`, `{{…}}+{{…}}xN`, `{{…}}-{{…}}xN`
    fn histogram_values(&mut self) -> Result<(), Fault> {
        let start = self.peek()?;
        let first = self.histogram()?;
        let next = self.peek()?;
        match next.kind {
            SequenceKind::Times => {
                self.take()?;
                let (at, times) = self.uint()?;
                self.reserve(at, times.saturating_add(1), first.cells())?;
                for _ in 0..=times {
                    self.push(start, &first)?;
                }
            }
            SequenceKind::Plus | SequenceKind::Minus => {
                self.take()?;
                if self.peek()?.kind != SequenceKind::OpenHistogram {
                    return Err(self.misplaced_ahead());
                }
                let step = self.histogram()?;
                self.expect(SequenceKind::Times)?;
                let (at, times) = self.uint()?;
                // Sums may have more buckets than either.
                self.reserve(at, times.saturating_add(1), first.cells() + step.cells())?;
                self.push_steps(at, (first, step), next.kind == SequenceKind::Minus, times)?;
            }
            _ => {
                self.reserve(start, 1, first.cells())?;
                self.push(start, &first)?;
            }
        }
        Ok(())
    }

    /// The first histogram, and so many times the one before with the step added to it or taken from it.
    fn push_steps(
        &mut self,
        at: SequenceToken<'a>,
        (mut first, step): (Description, Description),
        is_taken: bool,
        times: u64,
    ) -> Result<(), Fault> {
        // Prometheus remembers this of the histogram it read last.
        first.hint_set = step.hint_set;
        self.push(at, &first)?;
        let layout = step.layout().map_err(|fault| self.fault(at, fault.to_string()))?;
        let step_ref = step.as_ref(&layout);
        let own = first.layout().map_err(|fault| self.fault(at, fault.to_string()))?;
        let mut current = FloatHistogram::from_ref(first.as_ref(&own));
        for _ in 0..times {
            if current.schema() > step.schema {
                let (from, to) = (step.schema, current.schema());
                let message = format!("error combining histograms: cannot merge from schema {from} to {to}");
                return Err(self.fault(at, message));
            }
            let combined = if is_taken { current.sub(step_ref) } else { current.add(step_ref) };
            combined.map_err(|fault| self.fault(at, fault.to_string()))?;
            self.values.push(SequenceValue::Histogram { row: self.histograms.len(), hint_set: step.hint_set });
            self.histograms.push(current.as_ref());
        }
        Ok(())
    }

    fn push(&mut self, at: SequenceToken<'a>, description: &Description) -> Result<(), Fault> {
        let layout = description.layout().map_err(|fault| self.fault(at, fault.to_string()))?;
        self.values.push(SequenceValue::Histogram { row: self.histograms.len(), hint_set: description.hint_set });
        self.histograms.push(description.as_ref(&layout));
        Ok(())
    }

    // === histograms ===

    fn histogram(&mut self) -> Result<Description, Fault> {
        self.expect(SequenceKind::OpenHistogram)?;
        let mut description = Description::default();
        self.in_description = false;
        if self.accept(SequenceKind::Space)? {
            self.expect(SequenceKind::CloseHistogram)?;
            return Ok(description);
        }
        if self.accept(SequenceKind::CloseHistogram)? {
            return Ok(description);
        }
        loop {
            let (name, item) = self.item()?;
            self.in_description = true;
            if !description.set(name, item) {
                let message = format!("duplicate key {} in histogram", quote(name.key().as_bytes()));
                return Err(ParseError::invalid(self.text, Span::default(), message));
            }
            let is_more = self.accept(SequenceKind::Space)?;
            if self.accept(SequenceKind::CloseHistogram)? {
                self.in_description = false;
                return Ok(description);
            }
            if !is_more {
                return Err(self.misplaced_ahead());
            }
        }
    }

    /// `sum:1`
    fn item(&mut self) -> Result<(Descriptor, Item), Fault> {
        let SequenceKind::Descriptor(name) = self.peek()?.kind else { return Err(self.misplaced_ahead()) };
        self.take()?;
        self.expect(SequenceKind::Colon)?;
        let item = match name {
            Descriptor::Schema | Descriptor::Offset | Descriptor::NegativeOffset => Item::Int(self.int()?),
            Descriptor::Sum | Descriptor::Count | Descriptor::ZeroBucket => Item::Float(self.signed()?),
            Descriptor::ZeroBucketWidth => Item::Float(self.number()?),
            Descriptor::Buckets | Descriptor::NegativeBuckets | Descriptor::CustomValues => {
                Item::Floats(self.buckets()?)
            }
            Descriptor::ResetHint => {
                let SequenceKind::Hint(hint) = self.peek()?.kind else { return Err(self.misplaced_ahead()) };
                self.take()?;
                Item::Hint(hint)
            }
        };
        Ok((name, item))
    }

    /// `[1 2 -3]`
    fn buckets(&mut self) -> Result<Vec<f64>, Fault> {
        self.expect(SequenceKind::LeftBracket)?;
        let mut buckets = vec![self.signed()?];
        loop {
            let space = self.accept(SequenceKind::Space)?;
            let token = self.peek()?;
            match token.kind {
                SequenceKind::RightBracket => {
                    self.take()?;
                    return Ok(buckets);
                }
                SequenceKind::Number | SequenceKind::Minus if space => buckets.push(self.signed()?),
                // Prometheus passes over what does not belong here without a word, up to where it makes sense again.
                _ => {
                    self.take()?;
                }
            }
        }
    }

    // === numbers ===

    fn number(&mut self) -> Result<f64, Fault> {
        let token = self.expect(SequenceKind::Number)?;
        let value = parse_number(token.text).map_err(|message| self.fault(token, message))?;
        // As Go has it: there is more than one.
        Ok(if value.is_nan() { NORMAL_NAN } else { value })
    }

    /// A number, with a sign or without.
    fn signed(&mut self) -> Result<f64, Fault> {
        let is_negative = self.accept(SequenceKind::Minus)?;
        if !is_negative {
            self.accept(SequenceKind::Plus)?;
        }
        let value = self.number()?;
        Ok(if is_negative { -value } else { value })
    }

    fn uint(&mut self) -> Found<'a, u64> {
        let token = self.expect(SequenceKind::Number)?;
        let is_plain = token.text.bytes().all(|byte| byte.is_ascii_digit());
        let value = token.text.parse::<u64>().map_err(|_| {
            let why = if is_plain { "value out of range" } else { "invalid syntax" };
            let what = quote(token.text.as_bytes());
            self.fault(token, format!("invalid repetition in series values: strconv.ParseUint: parsing {what}: {why}"))
        })?;
        Ok((token, value))
    }

    /// A whole number, whose sign wraps around as in Go.
    fn int(&mut self) -> Result<i64, Fault> {
        let is_negative = self.accept(SequenceKind::Minus)?;
        let (_, value) = self.uint()?;
        let value = value.cast_signed();
        Ok(if is_negative { value.wrapping_neg() } else { value })
    }

    // === tokens ===

    fn peek(&mut self) -> Result<SequenceToken<'a>, Fault> {
        if let Some(token) = self.ahead {
            return Ok(token);
        }
        let token = self.tokens.next_token().map_err(|fault| {
            ParseError::invalid(self.text, Span { start: fault.start, end: self.text.len() }, fault.message)
        })?;
        self.ahead = Some(token);
        Ok(token)
    }

    fn take(&mut self) -> Result<SequenceToken<'a>, Fault> {
        let token = self.peek()?;
        self.ahead = None;
        Ok(token)
    }

    fn accept(&mut self, kind: SequenceKind) -> Result<bool, Fault> {
        let accepted = self.peek()?.kind == kind;
        if accepted {
            self.ahead = None;
        }
        Ok(accepted)
    }

    fn expect(&mut self, kind: SequenceKind) -> Result<SequenceToken<'a>, Fault> {
        if self.peek()?.kind != kind {
            return Err(self.misplaced_ahead());
        }
        self.take()
    }

    /// The fault of the token just peeked at.
    fn misplaced_ahead(&self) -> Fault {
        match self.ahead {
            Some(token) => self.misplaced(token),
            None => ParseError::invalid(self.text, Span::default(), "unexpected end of input"),
        }
    }

    fn misplaced(&self, token: SequenceToken<'a>) -> Fault {
        let place = match self.in_description {
            true => "histogram description, expected histogram description key, e.g. buckets:[5 10 7]",
            false => "series values",
        };
        self.fault(token, format!("unexpected {} in {place}", token.describe()))
    }

    fn fault(&self, token: SequenceToken<'a>, message: impl Into<String>) -> Fault {
        ParseError::invalid(self.text, token.span(), message)
    }

    /// Makes sure that `times` values of `size` numbers each may be there.
    fn reserve(&mut self, at: SequenceToken<'a>, times: u64, size: usize) -> Result<(), Fault> {
        let wanted = usize::try_from(times).unwrap_or(usize::MAX).saturating_mul(size);
        match self.room.checked_sub(wanted) {
            Some(left) => self.room = left,
            None => {
                let message = format!("{wanted} more values are more than there may be");
                return Err(ParseError::new(ParseErrorKind::OverLimit, self.text, at.span(), message));
            }
        }
        Ok(())
    }
}
