//! Parameters of a request: those of the URL and those of a form in the body, merged.

mod time;

use super::envelope::ApiError;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use model::{Quoted, TimeRange};

pub(crate) use time::{parse_duration_ms, parse_duration_nanos, parse_time_ms};

/// Times beyond these are taken for them: sixty million years must not overflow where a range is added.
pub(crate) const MIN_TIME_MS: i64 = i64::MIN / 4;
pub(crate) const MAX_TIME_MS: i64 = i64::MAX / 4;

/// The parameters of one request, in order; the body's before the URL's, as Go's forms have them.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    headers: HeaderMap,
    /// What was left out first, and why.
    malformed: Option<String>,
}

impl Params {
    /// Reads the URL's query and, if the body is a form, the body. What is not properly escaped is left out, as in Go.
    pub(crate) fn read(parts: Parts, body: &Bytes) -> Self {
        let Parts { uri, headers, .. } = parts;
        let content_type = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        let is_form = essence.eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let mut params = Self { pairs: Vec::new(), headers, malformed: None };
        if is_form {
            params.push_form(body);
        }
        params.push_form(uri.query().unwrap_or_default().as_bytes());
        params
    }

    fn push_form(&mut self, form: &[u8]) {
        for pair in form.split(|byte| *byte == b'&') {
            match read_pair(pair) {
                Ok((name, _)) if name.is_empty() => {}
                Ok(pair) => self.pairs.push(pair),
                Err(fault) => _ = self.malformed.get_or_insert(fault),
            }
        }
    }

    /// Refuses a request of which parameters were left out. Prometheus does so where selectors are all there is.
    pub(crate) fn check_form(&self) -> Result<(), ApiError> {
        let refuse = |fault: &String| Err(ApiError::BadData(format!("error parsing form values: {fault}")));
        self.malformed.as_ref().map_or(Ok(()), refuse)
    }

    /// The first value of `name`; empty counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let first = self.pairs.iter().find(|(have, _)| have == name);
        first.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.headers.get(name)
    }

    /// All values of `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// A time that must be there.
    pub(crate) fn time_ms(&self, name: &str) -> Result<i64, ApiError> {
        parse_time_ms(self.get(name).unwrap_or_default()).map_err(|fault| ApiError::parameter(name, fault))
    }

    /// A time that may be absent.
    pub(crate) fn optional_time_ms(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let fault = |fault| ApiError::parameter(name, format!("invalid time value for '{name}': {fault}"));
        parse_time_ms(text).map(Some).map_err(fault)
    }

    /// `start` and `end`, open where absent; `None` if the range runs backwards.
    pub(crate) fn range(&self) -> Result<Option<TimeRange>, ApiError> {
        let start = self.optional_time_ms("start")?.unwrap_or(MIN_TIME_MS);
        let end = self.optional_time_ms("end")?.unwrap_or(MAX_TIME_MS);
        Ok(TimeRange::new(start, end))
    }

    /// A duration that must be there.
    pub(crate) fn duration_ms(&self, name: &str) -> Result<i64, ApiError> {
        parse_duration_ms(self.get(name).unwrap_or_default()).map_err(|fault| ApiError::parameter(name, fault))
    }

    /// `limit`: how much of an answer is wanted; `None` if all of it.
    pub(crate) fn limit(&self) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.get("limit") else {
            return Ok(None);
        };
        let number: i64 = parse_go_int(text).map_err(|fault| ApiError::parameter("limit", fault))?;
        match usize::try_from(number) {
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(ApiError::parameter("limit", "limit must be non-negative")),
        }
    }
}

/// A whole number, faults worded as Go's `strconv.Atoi` does.
fn parse_go_int(text: &str) -> Result<i64, String> {
    let fault = |what| format!("strconv.Atoi: parsing {}: {what}", Quoted(text.as_bytes()));
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(fault("invalid syntax"));
    }
    text.parse().map_err(|_| fault("value out of range"))
}

/// A name and its value, or why they cannot be read in the words of Go.
fn read_pair(pair: &[u8]) -> Result<(String, String), String> {
    if pair.contains(&b';') {
        return Err("invalid semicolon separator in query".to_owned());
    }
    let mut sides = pair.splitn(2, |byte| *byte == b'=').chain(std::iter::once(b"".as_slice()));
    let mut side = || {
        let side = sides.next().unwrap_or_default();
        unescape(side).ok_or_else(|| format!("invalid URL escape {}", Quoted(bad_escape(side))))
    };
    Ok((side()?, side()?))
}

/// The first escape that is none, as far as it goes.
fn bad_escape(text: &[u8]) -> &[u8] {
    let is_bad = |at: &usize| {
        let digits = text.get(at + 1..at + 3).unwrap_or_default();
        text.get(*at) == Some(&b'%') && (digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit))
    };
    let start = (0..text.len()).find(is_bad).unwrap_or(text.len());
    text.get(start..text.len().min(start + 3)).unwrap_or_default()
}

/// As [`unescape_bytes`]; bytes that are not UTF-8 become the replacement character.
fn unescape(text: &[u8]) -> Option<String> {
    let bytes = unescape_bytes(text)?;
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Undoes percent escapes and plus signs; `None` if an escape is cut or no hexadecimal number.
pub(crate) fn unescape_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'+' => b' ',
            b'%' => {
                let ([high, low], after) = rest.split_first_chunk::<2>()?;
                rest = after;
                hex(*high)? << 4 | hex(*low)?
            }
            other => other,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
