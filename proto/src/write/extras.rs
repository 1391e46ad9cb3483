//! What a series has besides samples: exemplars, and what is said of its metric.
//!
//! Remote write 1.0 has no metadata in a series. A request of version 2.0 that was spelled out brings them in a field that
//! readers of 1.0 step over, as they do over start timestamps.

use super::fields::{FieldsOf, LabelFields};
use super::version_2::{self, ReferredLabels};
use super::{InvalidLabelSet, LabelLimits, Symbols, WriteBatch, pack_labels};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire};
use model::{Label, MetadataRef, MetricKind};
use std::ops::Range;

pub(super) const EXEMPLARS: u32 = 3;
pub(super) const EXEMPLARS_KEY: u8 = 0x1a;
/// Our own, in a series of 1.0: far behind those that are in use, with a key of one byte.
pub(super) const SERIES_METADATA: u32 = 15;
pub(super) const SERIES_METADATA_KEY: u8 = 0x7a;

/// What is said in help beyond this is cut off,
pub(super) const MAX_HELP_BYTES: usize = 1024;
/// and a longer unit is none. Both are kept for each series that names them.
pub(super) const MAX_UNIT_BYTES: usize = 1024;

/// The exemplars of a series, in the order they were sent.
#[derive(Debug, Clone)]
pub struct ExemplarFields<'a> {
    rest: FieldsOf<'a>,
    /// The table of symbols that their labels refer to, and the body that these lie in.
    symbols: Option<(&'a Symbols, &'a [u8])>,
    series: u32,
}

/// An exemplar as it was sent.
#[derive(Debug, Clone)]
pub struct ExemplarField<'a> {
    pub labels: LabelFields<'a>,
    /// Milliseconds since the epoch.
    pub timestamp_ms: i64,
    pub value: f64,
}

impl<'a> ExemplarField<'a> {
    /// Checks and sorts its labels and appends them to `packed`, as [`pack_labels`] does; there may be none.
    ///
    /// # Errors
    /// As [`pack_labels`].
    pub fn pack(&self, order: &mut Vec<Label<'a>>, packed: &mut Vec<u8>) -> Result<Range<usize>, InvalidLabelSet> {
        match pack_labels(self.labels.clone(), &EXEMPLAR_LIMITS, order, packed) {
            Err(InvalidLabelSet::NoLabels) => Ok(packed.len()..packed.len()),
            other => other,
        }
    }
}

/// Storage holds them against fewer characters than these allow; what is beyond is not worth being packed.
const EXEMPLAR_LIMITS: LabelLimits = LabelLimits { name_bytes: 1024, value_bytes: 2048, labels: 64 };

/// Ends at the first fault. A batch that came out of a walk has none but in labels.
impl<'a> Iterator for ExemplarFields<'a> {
    type Item = ExemplarField<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (message, at) = self.rest.next_message().ok()??;
            let labels = match self.symbols {
                None => LabelFields::new(message, at, self.series),
                Some((symbols, body)) => {
                    let labels = ReferredLabels::new(symbols, body, message, at);
                    // Those that are not were refused when the request was read.
                    if !labels.clone().are_good() {
                        continue;
                    }
                    LabelFields::referred(labels, self.series)
                }
            };
            return exemplar(labels, message, at).ok();
        }
    }
}

/// Help as it is kept: no longer than [`MAX_HELP_BYTES`], and cut between characters.
pub(super) fn cut_help(help: &[u8]) -> &[u8] {
    let continues = |at: &usize| help.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    // A character has at most four bytes.
    let end = (MAX_HELP_BYTES - 3..=MAX_HELP_BYTES).rev().find(|at| !continues(at)).unwrap_or(MAX_HELP_BYTES);
    if help.len() > MAX_HELP_BYTES { help.get(..end).unwrap_or_default() } else { help }
}

fn exemplar<'a>(labels: LabelFields<'a>, message: &[u8], mut at: usize) -> Result<ExemplarField<'a>, Fault> {
    let mut exemplar = ExemplarField { labels, timestamp_ms: 0, value: 0.0 };
    while at < message.len() {
        let field = at;
        let key = wire::key(message, &mut at)?;
        match (key.number, key.wire) {
            (2, Wire::Fixed64) => exemplar.value = f64::from_bits(wire::fixed64(message, &mut at)?),
            (3, Wire::Varint) => exemplar.timestamp_ms = wire::uvarint(message, &mut at)?.cast_signed(),
            (2 | 3, _) => return Err(Fault { at: field, what: WRONG_WIRE_TYPE }),
            (_, wire) => wire::skip(message, wire, &mut at)?,
        }
    }
    Ok(exemplar)
}

/// What a MetricMetadata says of its family.
fn metadata(message: &[u8], mut at: usize) -> Result<MetadataRef<'_>, Fault> {
    let mut said = MetadataRef::default();
    while at < message.len() {
        let field = at;
        let key = wire::key(message, &mut at)?;
        match (key.number, key.wire) {
            (1, Wire::Varint) => said.kind = MetricKind::from_number(wire::uvarint(message, &mut at)?),
            (4 | 5, Wire::Len) => {
                let end = wire::end_of_len(message, &mut at)?;
                let text = message.get(std::mem::replace(&mut at, end)..end).unwrap_or_default();
                if key.number == 4 { said.help = text } else { said.unit = text }
            }
            (1 | 4 | 5, _) => return Err(Fault { at: field, what: WRONG_WIRE_TYPE }),
            (_, wire) => wire::skip(message, wire, &mut at)?,
        }
    }
    Ok(said)
}

impl WriteBatch {
    /// The exemplars of row `index`, in the order they were sent; nothing beyond the last row.
    pub fn exemplars(&self, index: usize) -> ExemplarFields<'_> {
        let (body, at) = self.extras(index);
        let symbols = self.symbols.as_deref().map(|symbols| (symbols, &*self.body));
        let rest = match symbols {
            None => FieldsOf::new(body, at, EXEMPLARS, EXEMPLARS_KEY),
            Some(_) => FieldsOf::new(body, at, version_2::EXEMPLARS, version_2::EXEMPLARS_2_KEY),
        };
        ExemplarFields { rest, symbols, series: u32::try_from(index).unwrap_or(u32::MAX) }
    }

    /// What was said of the metric of row `index`; only remote write 2.0 says it there. Help is cut after 1,024 bytes, a longer
    /// unit is left out, and text that is not UTF-8 says nothing.
    pub fn metadata(&self, index: usize) -> Option<MetadataRef<'_>> {
        let row = self.series.get(index).filter(|row| row.has_extras())?;
        let said = match &self.symbols {
            Some(symbols) => self.referred_metadata(symbols, row)?,
            None => self.spelled_metadata(index)?,
        };
        let is_text = |text| std::str::from_utf8(text).is_ok();
        (is_text(said.help) && is_text(said.unit)).then_some(said)
    }

    fn spelled_metadata(&self, index: usize) -> Option<MetadataRef<'_>> {
        let (body, at) = self.extras(index);
        let (message, at) = FieldsOf::new(body, at, SERIES_METADATA, SERIES_METADATA_KEY).next_message().ok()??;
        let mut said = metadata(message, at).ok()?;
        said.help = cut_help(said.help);
        if said.unit.len() > MAX_UNIT_BYTES {
            said.unit = &[];
        }
        Some(said)
    }

    fn extras(&self, index: usize) -> (&[u8], usize) {
        let series = self.series.get(index);
        let range = series.filter(|series| series.extras_at > 0).map(|series| series.extras_at..series.field.end);
        self.cut(range.as_ref())
    }
}

#[cfg(test)]
mod tests;
