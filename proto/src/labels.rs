//! Answers about labels, walked in place: `LabelNamesResponse` and `LabelValuesResponse`, whose fields have the same numbers.
//!
//! A short string takes three bytes of such a message, and some dozens once it is owned: who walks counts what it keeps, and
//! may stop.

use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire};

// LabelNamesResponse, LabelValuesResponse
const STRINGS: u32 = 1;
const WARNINGS: u32 = 2;

/// What such an answer has many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelsPart<'a> {
    /// A name or a value.
    String(&'a str),
    Warning(&'a str),
}

/// The parts of an answer, in their order; hints are passed over. Behind a fault there is nothing.
#[derive(Debug, Clone)]
pub struct LabelsParts<'a> {
    message: &'a [u8],
    at: usize,
}

/// Why bytes are no such answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {what}")]
pub struct MalformedLabels {
    pub at: usize,
    pub what: &'static str,
}

impl<'a> LabelsParts<'a> {
    /// Those of `message`.
    pub fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    /// The next field, if it is one of the parts.
    fn field(&mut self) -> Result<Option<LabelsPart<'a>>, Fault> {
        let key_at = self.at;
        let key = wire::key(self.message, &mut self.at)?;
        let part = match key.number {
            STRINGS => LabelsPart::String,
            WARNINGS => LabelsPart::Warning,
            _ => return wire::skip(self.message, key.wire, &mut self.at).map(|()| None),
        };
        if key.wire != Wire::Len {
            return Err(Fault { at: key_at, what: WRONG_WIRE_TYPE });
        }
        let end = wire::end_of_len(self.message, &mut self.at)?;
        let start = std::mem::replace(&mut self.at, end);
        let text = std::str::from_utf8(self.message.get(start..end).unwrap_or_default());
        text.map(|text| Some(part(text))).map_err(|_| Fault { at: start, what: "text that is not UTF-8" })
    }
}

impl<'a> Iterator for LabelsParts<'a> {
    type Item = Result<LabelsPart<'a>, MalformedLabels>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.message.len() {
            match self.field() {
                Ok(Some(part)) => return Some(Ok(part)),
                Ok(None) => {}
                Err(Fault { at, what }) => {
                    self.at = self.message.len();
                    return Some(Err(MalformedLabels { at, what }));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
