//! The labels and the samples of one series, read in place.

use super::version_2::ReferredLabels;
use super::{Excerpt, Malformed};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire};
use model::Label;
use std::fmt;

pub(super) const LABELS: u32 = 1;
pub(super) const SAMPLES: u32 = 2;

/// One-byte keys of the fields that a sender puts first; any other spelling of a key takes the general way.
pub(super) const LABELS_KEY: u8 = 0x0a;
pub(super) const SAMPLES_KEY: u8 = 0x12;
pub(super) const NAME_KEY: u8 = 0x0a;
pub(super) const VALUE_KEY: u8 = 0x12;
const SAMPLE_VALUE_KEY: u8 = 0x09;
const SAMPLE_TIMESTAMP_KEY: u8 = 0x10;
/// When the counter began: of version 2.0, and of what it is rewritten as.
const SAMPLE_START_KEY: u8 = 0x18;

/// The labels of a series as they were sent: in any order, nothing about them checked but the wire.
#[derive(Debug, Clone)]
pub struct LabelFields<'a> {
    rest: Rest<'a>,
    series: u32,
}

/// The two ways in which labels are sent.
#[derive(Debug, Clone)]
enum Rest<'a> {
    Spelled(FieldsOf<'a>),
    Referred(ReferredLabels<'a>),
}

/// The samples of a series as (milliseconds, value), in the order they were sent.
#[derive(Debug, Clone)]
pub struct SampleFields<'a> {
    rest: FieldsOf<'a>,
}

/// Walks a message, or a run of its fields, and stops at those of one number.
#[derive(Debug, Clone)]
pub(super) struct FieldsOf<'a> {
    body: &'a [u8],
    at: usize,
    number: u32,
    key: u8,
}

impl<'a> LabelFields<'a> {
    /// Over the fields from `at` to the end of `body`; `series` is for errors only.
    pub(super) fn new(body: &'a [u8], at: usize, series: u32) -> Self {
        Self { rest: Rest::Spelled(FieldsOf::new(body, at, LABELS, LABELS_KEY)), series }
    }

    /// Those of a series of 2.0.
    pub(super) fn referred(labels: ReferredLabels<'a>, series: u32) -> Self {
        Self { rest: Rest::Referred(labels), series }
    }
}

/// The first labels that are left, for people: `{"name"="value", …}`, each side an [`Excerpt`].
impl fmt::Display for LabelFields<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_LABELS: usize = 3;
        out.write_str("{")?;
        for (position, label) in self.clone().map_while(Result::ok).enumerate() {
            if position > 0 {
                out.write_str(", ")?;
            }
            if position == MAX_LABELS {
                out.write_str("…")?;
                break;
            }
            write!(out, "{}={}", Excerpt::of(label.name), Excerpt::of(label.value))?;
        }
        out.write_str("}")
    }
}

impl<'a> SampleFields<'a> {
    /// Over the fields from `at` to the end of `body`.
    pub(super) fn new(body: &'a [u8], at: usize) -> Self {
        Self { rest: FieldsOf::new(body, at, SAMPLES, SAMPLES_KEY) }
    }
}

impl<'a> Iterator for LabelFields<'a> {
    type Item = Result<Label<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = match &mut self.rest {
            Rest::Spelled(fields) => fields.next_message().and_then(|found| match found {
                Some((message, at)) => label(message, at).map(Some),
                None => Ok(None),
            }),
            Rest::Referred(labels) => labels.next_label(),
        };
        if next.is_err() {
            match &mut self.rest {
                Rest::Spelled(fields) => fields.at = fields.body.len(),
                Rest::Referred(labels) => labels.stop(),
            }
        }
        next.map_err(|fault| Malformed { series: self.series, at: fault.at, what: fault.what }).transpose()
    }
}

/// Ends at the first fault. A batch that came out of a walk has none: its samples were read there.
impl Iterator for SampleFields<'_> {
    type Item = (i64, f64);

    #[inline]
    fn next(&mut self) -> Option<(i64, f64)> {
        let (message, at) = self.rest.next_message().ok()??;
        sample(message, at).ok()
    }
}

impl<'a> FieldsOf<'a> {
    /// Over the fields from `at` to the end of `body`; `key` is that of `number` in its usual spelling.
    pub(super) fn new(body: &'a [u8], at: usize, number: u32, key: u8) -> Self {
        Self { body, at, number, key }
    }

    /// The next message of that number, as the body cut off behind it and its start.
    #[inline]
    pub(super) fn next_message(&mut self) -> Result<Option<(&'a [u8], usize)>, Fault> {
        while let Some(&first) = self.body.get(self.at) {
            let start = self.at;
            if first == self.key {
                self.at += 1;
            } else {
                let key = wire::key(self.body, &mut self.at)?;
                if key.number != self.number {
                    wire::skip(self.body, key.wire, &mut self.at)?;
                    continue;
                }
                if key.wire != Wire::Len {
                    return Err(Fault { at: start, what: WRONG_WIRE_TYPE });
                }
            }
            let end = wire::end_of_len(self.body, &mut self.at)?;
            let at = std::mem::replace(&mut self.at, end);
            return Ok(Some((self.body.get(..end).unwrap_or_default(), at)));
        }
        Ok(None)
    }
}

/// Reads a Label message. A field that comes twice counts as last sent, one that is absent is empty.
fn label(message: &[u8], mut at: usize) -> Result<Label<'_>, Fault> {
    let mut label = Label { name: &[], value: &[] };
    while let Some(&first) = message.get(at) {
        let start = at;
        let number = match first {
            NAME_KEY | VALUE_KEY => {
                at += 1;
                u32::from(first >> 3)
            }
            _ => {
                let key = wire::key(message, &mut at)?;
                if !matches!(key.number, 1 | 2) {
                    wire::skip(message, key.wire, &mut at)?;
                    continue;
                }
                if key.wire != Wire::Len {
                    return Err(Fault { at: start, what: WRONG_WIRE_TYPE });
                }
                key.number
            }
        };
        let end = wire::end_of_len(message, &mut at)?;
        let text = message.get(at..end).unwrap_or_default();
        if number == 1 {
            label.name = text
        } else {
            label.value = text
        }
        at = end;
    }
    Ok(label)
}

/// Reads a Sample message. A field that comes twice counts as last sent, one that is absent is zero.
#[inline]
pub(super) fn sample(message: &[u8], mut at: usize) -> Result<(i64, f64), Fault> {
    let (mut timestamp_ms, mut value) = (0i64, 0f64);
    while let Some(&first) = message.get(at) {
        match first {
            SAMPLE_VALUE_KEY => {
                at += 1;
                value = f64::from_bits(wire::fixed64(message, &mut at)?);
            }
            SAMPLE_TIMESTAMP_KEY => {
                at += 1;
                timestamp_ms = wire::uvarint(message, &mut at)?.cast_signed();
            }
            SAMPLE_START_KEY => {
                at += 1;
                wire::uvarint(message, &mut at)?;
            }
            _ => odd_sample_field(message, &mut at, &mut timestamp_ms, &mut value)?,
        }
    }
    Ok((timestamp_ms, value))
}

/// A field of a sample that is unknown, or known by a padded key.
#[cold]
fn odd_sample_field(message: &[u8], at: &mut usize, timestamp_ms: &mut i64, value: &mut f64) -> Result<(), Fault> {
    let start = *at;
    let key = wire::key(message, at)?;
    match (key.number, key.wire) {
        (1, Wire::Fixed64) => *value = f64::from_bits(wire::fixed64(message, at)?),
        (2, Wire::Varint) => *timestamp_ms = wire::uvarint(message, at)?.cast_signed(),
        (3, Wire::Varint) => {
            wire::uvarint(message, at)?;
        }
        (1..=3, _) => return Err(Fault { at: start, what: WRONG_WIRE_TYPE }),
        (_, wire) => wire::skip(message, wire, at)?,
    }
    Ok(())
}
