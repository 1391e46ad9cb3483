//! `ReadRequest`.

use crate::wire::{self, Fault, Key, Wire};
use model::MatchOp;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadRequest {
    pub queries: Vec<ReadQuery>,
    /// Forms of an answer that the client takes, the ones it likes best first; those not known are left out.
    pub accepted: Vec<ResponseKind>,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseKind {
    Samples,
    StreamedChunks,
}

/// Series, in a range whose ends are both inside, in milliseconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ReadQuery {
    pub start_ms: i64,
    pub end_ms: i64,
    pub matchers: Vec<ReadMatcher>,
    pub hints: Option<ReadHints>,
}

/// A matcher, its regular expression not yet read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMatcher {
    pub op: MatchOp,
    pub name: String,
    pub value: String,
}

/// What the client will do with the series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadHints {
    pub step_ms: i64,
    pub func: String,
    /// The range of samples that is looked at, both ends inside.
    pub start_ms: i64,
    pub end_ms: i64,
    pub range_ms: i64,
}

/// So many queries may a request have, and so many matchers a query: an empty one takes two bytes of a body, and in memory
/// fifty times as much.
const MAX_QUERIES: usize = 1_000;
const MAX_MATCHERS: usize = 1_000;

/// Why a body is no remote read request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct MalformedRead {
    pub at: usize,
    pub what: &'static str,
}

impl From<Fault> for MalformedRead {
    fn from(Fault { at, what }: Fault) -> Self {
        Self { at, what }
    }
}

impl ReadRequest {
    /// Reads a request. What it takes in memory is bounded by the body and by how much it may ask for.
    ///
    /// # Errors
    /// Bytes that are no such message, a kind of matcher that is not known, more than 1,000 queries, or as many matchers in one.
    pub fn decode(body: &[u8]) -> Result<Self, MalformedRead> {
        let mut request = Self::default();
        each_field(body, (0, body.len()), |key, value| {
            match (key.number, value) {
                (1, Value::Len((at, _))) if request.queries.len() == MAX_QUERIES => {
                    return Err(Fault { at, what: "more than 1,000 queries" });
                }
                (1, Value::Len(range)) => request.queries.push(query(body, range)?),
                // A list of numbers may be packed or not.
                (2, Value::Number(kind)) => request.accepted.extend(response_kind(kind)),
                (2, Value::Len((mut at, end))) => {
                    while at < end {
                        request.accepted.extend(response_kind(wire::uvarint(&body[..end], &mut at)?));
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(request)
    }

    /// The form in which to answer: the first that the client takes.
    pub fn response_kind(&self) -> ResponseKind {
        self.accepted.first().copied().unwrap_or(ResponseKind::Samples)
    }
}

/// A field's value; of a length-delimited one where it is.
#[derive(Debug, Clone, Copy)]
enum Value {
    Number(u64),
    Len((usize, usize)),
}

/// Calls `take` with each field of the message in `range`, but for those of fixed size, of which there are none here.
fn each_field(
    body: &[u8],
    (mut at, end): (usize, usize),
    mut take: impl FnMut(Key, Value) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let message = body.get(..end).unwrap_or_default();
    while at < end {
        let start = at;
        let key = wire::key(message, &mut at)?;
        match key.wire {
            Wire::Varint => {
                let number = wire::uvarint(message, &mut at)?;
                take(key, Value::Number(number))?;
            }
            Wire::Len => {
                let stop = wire::end_of_len(message, &mut at)?;
                take(key, Value::Len((at, stop)))?;
                at = stop;
            }
            other => wire::skip(message, other, &mut at).map_err(|_| wire::truncated(start))?,
        }
    }
    Ok(())
}

fn query(body: &[u8], range: (usize, usize)) -> Result<ReadQuery, Fault> {
    let mut query = ReadQuery::default();
    each_field(body, range, |key, value| {
        match (key.number, value) {
            (1, Value::Number(number)) => query.start_ms = number.cast_signed(),
            (2, Value::Number(number)) => query.end_ms = number.cast_signed(),
            (3, Value::Len((at, _))) if query.matchers.len() == MAX_MATCHERS => {
                return Err(Fault { at, what: "more than 1,000 matchers in a query" });
            }
            (3, Value::Len(range)) => query.matchers.push(matcher(body, range)?),
            (4, Value::Len(range)) => query.hints = Some(hints(body, range)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(query)
}

fn matcher(body: &[u8], range: (usize, usize)) -> Result<ReadMatcher, Fault> {
    let mut matcher = ReadMatcher { op: MatchOp::Equal, name: String::new(), value: String::new() };
    each_field(body, range, |key, value| {
        match (key.number, value) {
            (1, Value::Number(kind)) => {
                matcher.op = match kind {
                    0 => MatchOp::Equal,
                    1 => MatchOp::NotEqual,
                    2 => MatchOp::Regex,
                    3 => MatchOp::NotRegex,
                    _ => return Err(Fault { at: range.0, what: "unknown kind of matcher" }),
                };
            }
            (2, Value::Len(range)) => matcher.name = text(body, range)?,
            (3, Value::Len(range)) => matcher.value = text(body, range)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(matcher)
}

fn hints(body: &[u8], range: (usize, usize)) -> Result<ReadHints, Fault> {
    let mut hints = ReadHints::default();
    each_field(body, range, |key, value| {
        match (key.number, value) {
            (1, Value::Number(number)) => hints.step_ms = number.cast_signed(),
            (2, Value::Len(range)) => hints.func = text(body, range)?,
            (3, Value::Number(number)) => hints.start_ms = number.cast_signed(),
            (4, Value::Number(number)) => hints.end_ms = number.cast_signed(),
            (7, Value::Number(number)) => hints.range_ms = number.cast_signed(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(hints)
}

fn response_kind(kind: u64) -> Option<ResponseKind> {
    match kind {
        0 => Some(ResponseKind::Samples),
        1 => Some(ResponseKind::StreamedChunks),
        _ => None,
    }
}

fn text(body: &[u8], (start, end): (usize, usize)) -> Result<String, Fault> {
    let bytes = body.get(start..end).unwrap_or_default();
    String::from_utf8(bytes.to_vec()).map_err(|_| Fault { at: start, what: "text that is not UTF-8" })
}
