//! The fields of a message, one after the other.

use super::{SHORT_LABEL, SHORT_NAME, SHORT_VALUE};
use crate::series::MalformedFrame;
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire};
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Range;

/// Walks the fields of the message that lies at `at..end` of the frame.
pub(super) struct Fields<'a> {
    body: &'a [u8],
    /// Where the next field begins.
    pub(super) at: usize,
    message: &'static str,
}

/// A field: its number, where its key is, and its value.
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) at: usize,
    value: Value,
    message: &'static str,
}

enum Value {
    Varint(u64),
    Len(Range<usize>),
    Other,
}

impl<'a> Fields<'a> {
    pub(super) fn new(frame: &'a Bytes, message: Range<usize>, named: &'static str) -> Self {
        Self { body: frame.get(..message.end).unwrap_or_default(), at: message.start, message: named }
    }

    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Field>, MalformedFrame> {
        if self.at >= self.body.len() {
            return Ok(None);
        }
        let at = self.at;
        self.read(at).map(Some).map_err(|fault| self.fault(fault))
    }

    /// Passes a label as every writer writes it, name and value shorter than what takes two bytes for its size. `None`: what
    /// comes next is to be read field by field.
    #[inline]
    pub(super) fn next_short_label(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let (&[SHORT_LABEL, size @ ..0x80, SHORT_NAME, name @ 1..0x80], rest) =
            self.body.get(self.at..)?.split_first_chunk::<4>()?
        else {
            return None;
        };
        let (name, rest) = rest.split_at_checked(name.into())?;
        let (&[SHORT_VALUE, value @ ..0x80], rest) = rest.split_first_chunk::<2>()? else { return None };
        let value = rest.get(..value.into())?;
        if usize::from(size) != name.len() + value.len() + 4 {
            return None;
        }
        self.at += usize::from(size) + 2;
        Some((name, value))
    }

    #[inline]
    fn read(&mut self, at: usize) -> Result<Field, Fault> {
        let key = wire::key(self.body, &mut self.at)?;
        let value = match key.wire {
            Wire::Varint => Value::Varint(wire::uvarint(self.body, &mut self.at)?),
            Wire::Len => {
                let end = wire::end_of_len(self.body, &mut self.at)?;
                Value::Len(std::mem::replace(&mut self.at, end)..end)
            }
            Wire::Fixed64 | Wire::Fixed32 => {
                wire::skip(self.body, key.wire, &mut self.at)?;
                Value::Other
            }
        };
        Ok(Field { number: key.number, at, value, message: self.message })
    }

    pub(super) fn fault(&self, fault: Fault) -> MalformedFrame {
        malformed(self.message, fault.at, fault.what)
    }
}

impl Field {
    #[inline]
    pub(super) fn range(&self) -> Result<Range<usize>, MalformedFrame> {
        match &self.value {
            Value::Len(range) => Ok(range.clone()),
            Value::Varint(_) | Value::Other => Err(malformed(self.message, self.at, WRONG_WIRE_TYPE)),
        }
    }

    #[inline]
    pub(super) fn varint(&self) -> Result<u64, MalformedFrame> {
        match self.value {
            Value::Varint(value) => Ok(value),
            Value::Len(_) | Value::Other => Err(malformed(self.message, self.at, WRONG_WIRE_TYPE)),
        }
    }
}

#[cold]
pub(super) fn malformed(field: &'static str, at: usize, what: impl Into<Cow<'static, str>>) -> MalformedFrame {
    MalformedFrame { field, at, what: what.into() }
}
