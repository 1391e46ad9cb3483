//! What a series of 2.0 says of its metric.

use super::symbols::Symbols;
use super::{METADATA, METADATA_2_KEY};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire, len_field_size, uvarint_size};
use crate::write::extras::{MAX_UNIT_BYTES, cut_help};
use crate::write::fields::FieldsOf;
use crate::write::{SeriesSlice, WriteBatch};
use model::{MetadataRef, MetricKind};

/// Metadata of a series.
#[derive(Default)]
pub(super) struct Said {
    kind: u64,
    pub(super) help: u32,
    pub(super) unit: u32,
}

impl Said {
    /// Reads a Metadata whose size is at `at`; returns where it ends.
    pub(super) fn read(&mut self, body: &[u8], mut at: usize) -> Result<usize, Fault> {
        let end = wire::end_of_len(body, &mut at)?;
        self.message(body.get(..end).unwrap_or_default(), at)?;
        Ok(end)
    }

    /// Reads the Metadata that reaches from `at` to the end of `body`.
    fn message(&mut self, body: &[u8], mut at: usize) -> Result<(), Fault> {
        while at < body.len() {
            let field = at;
            let key = wire::key(body, &mut at)?;
            match (key.number, key.wire) {
                (1, Wire::Varint) => self.kind = wire::uvarint(body, &mut at)?,
                (3, Wire::Varint) => self.help = wire::uvarint(body, &mut at)? as u32,
                (4, Wire::Varint) => self.unit = wire::uvarint(body, &mut at)? as u32,
                (1 | 3 | 4, _) => return Err(Fault { at: field, what: WRONG_WIRE_TYPE }),
                (_, wire) => wire::skip(body, wire, &mut at)?,
            }
        }
        Ok(())
    }

    /// Whether what it refers to is there. A request without any symbol says nothing with its zeros.
    pub(super) fn is_known(&self, symbols: &Symbols) -> bool {
        [self.help, self.unit].into_iter().all(|reference| reference == 0 || symbols.has(reference))
    }

    pub(super) fn is_any(&self) -> bool {
        self.kind > 0 || self.help > 0 || self.unit > 0
    }

    /// That of `row` of a request that was read; `None` if it says nothing, or there is nothing to be said of.
    pub(super) fn of(body: &[u8], row: &SeriesSlice) -> Result<Option<Self>, Fault> {
        let mut said = Self::default();
        if row.extras_at == 0 || row.is_bare() {
            return Ok(None);
        }
        let body = body.get(..row.field.end as usize).unwrap_or_default();
        let mut fields = FieldsOf::new(body, row.extras_at as usize, METADATA, METADATA_2_KEY);
        while let Some((message, at)) = fields.next_message()? {
            said.message(message, at)?;
        }
        Ok(said.is_any().then_some(said))
    }

    pub(super) fn field_bytes(&self, symbols: &Symbols, body: &[u8]) -> u64 {
        len_field_size(self.spelled(symbols, body).message_bytes()) as u64
    }

    /// What is written of it. A text that is too long would be written with every series that names it.
    pub(super) fn spelled<'a>(&self, symbols: &Symbols, body: &'a [u8]) -> SpelledSaid<'a> {
        let unit = symbols.text(body, self.unit);
        let unit = if unit.len() <= MAX_UNIT_BYTES { unit } else { &[] };
        SpelledSaid { kind: self.kind, help: cut_help(symbols.text(body, self.help)), unit }
    }
}

/// Metadata of a series as they are written.
pub(super) struct SpelledSaid<'a> {
    pub(super) kind: u64,
    pub(super) help: &'a [u8],
    pub(super) unit: &'a [u8],
}

impl SpelledSaid<'_> {
    pub(super) fn message_bytes(&self) -> usize {
        1 + uvarint_size(self.kind) + len_field_size(self.help.len()) + len_field_size(self.unit.len())
    }
}

impl WriteBatch {
    /// What a series of 2.0 says of its metric.
    pub(in crate::write) fn referred_metadata(&self, symbols: &Symbols, row: &SeriesSlice) -> Option<MetadataRef<'_>> {
        let said = Said::of(&self.body, row).ok()??;
        let SpelledSaid { kind, help, unit } = said.spelled(symbols, &self.body);
        Some(MetadataRef { kind: MetricKind::from_number(kind), help, unit })
    }
}
