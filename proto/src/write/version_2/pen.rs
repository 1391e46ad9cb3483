//! Writes measured series of 2.0 as series of 1.0.

use super::symbols::{Pair, SHORT_BYTES, Symbol, Symbols};
use super::{EXEMPLARS, EXEMPLARS_2_KEY, Exemplar, HISTOGRAMS, HISTOGRAMS_2_KEY, LABELS_REFS, METADATA, Origin, Said};
use crate::wire::{self, Fault, Wire};
use crate::write::SeriesSlice;
use crate::write::extras::{EXEMPLARS_KEY, SERIES_METADATA_KEY};
use crate::write::fields::{FieldsOf, LABELS_KEY, NAME_KEY, SAMPLES, SAMPLES_KEY, VALUE_KEY};
use crate::write::histograms::HISTOGRAMS_KEY;
use crate::write::walk::TIMESERIES_KEY;
use std::ops::Range;

/// Writes from the beginning of a room to its end, and nothing beyond.
pub(super) struct Pen<'s, 'a, 'o> {
    symbols: &'s Symbols<'a>,
    out: &'o mut [u8],
    at: usize,
}

impl<'s, 'a, 'o> Pen<'s, 'a, 'o> {
    pub(super) fn new(symbols: &'s Symbols<'a>, out: &'o mut [u8]) -> Self {
        Self { symbols, out, at: 0 }
    }

    /// What it wrote there.
    pub(super) fn written(&self, range: &Range<u32>) -> &[u8] {
        self.out.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Whether the room is full, and nothing went beyond it.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.out.len()
    }

    /// Writes the series of `row`.
    pub(super) fn series(&mut self, row: &SeriesSlice) -> Result<(), Fault> {
        let Origin { series: [start, end], samples } = Origin::of(row);
        let (start, symbols) = (start as usize, self.symbols);
        let body = symbols.body().get(..end as usize).unwrap_or_default();
        self.byte(TIMESERIES_KEY);
        self.uvarint(u64::from(row.field.end - row.labels.start));
        let (said, has_exemplars) = self.labels((body, start), samples)?;
        match samples {
            _ if row.samples.is_empty() => {}
            [0, 0] => self.copy(FieldsOf::new(body, start, SAMPLES, SAMPLES_KEY), SAMPLES_KEY)?,
            [start, end] => self.bytes(body.get(start as usize..end as usize).unwrap_or_default()),
        }
        if has_exemplars {
            let mut exemplars = FieldsOf::new(body, start, EXEMPLARS, EXEMPLARS_2_KEY);
            while let Some((message, at)) = exemplars.next_message()? {
                self.exemplar(message, at)?;
            }
        }
        if row.histograms_at > 0 {
            self.copy(FieldsOf::new(body, start, HISTOGRAMS, HISTOGRAMS_2_KEY), HISTOGRAMS_KEY)?;
        }
        if self.at < row.field.end as usize {
            self.metadata(&said);
        }
        // All of this was measured, and comes out the same.
        debug_assert_eq!(self.at, row.field.end as usize);
        Ok(())
    }

    /// Writes the labels of the series that reaches from `at` to the end of `body`, its samples without a gap at `samples`;
    /// returns what it says of its metric, and whether it has exemplars.
    fn labels(&mut self, (body, mut at): (&[u8], usize), samples: [u32; 2]) -> Result<(Said, bool), Fault> {
        let (mut pair, mut said, mut has_exemplars) = (Pair::default(), Said::default(), false);
        while at < body.len() {
            if at == samples[0] as usize && samples[1] > 0 {
                at = samples[1] as usize;
                continue;
            }
            let key = wire::key(body, &mut at)?;
            match (key.number, key.wire) {
                (LABELS_REFS, Wire::Len) => {
                    let end = wire::end_of_len(body, &mut at)?;
                    self.spell(body.get(..end).unwrap_or_default(), at, &mut pair)?;
                    at = end;
                }
                (LABELS_REFS, Wire::Varint) => {
                    let start = at;
                    wire::uvarint(body, &mut at)?;
                    self.spell(body.get(..at).unwrap_or_default(), start, &mut pair)?;
                }
                (METADATA, Wire::Len) => at = said.read(body, at)?,
                (number, wire) => {
                    has_exemplars |= number == EXEMPLARS;
                    wire::skip(body, wire, &mut at)?;
                }
            }
        }
        Ok((said, has_exemplars))
    }

    /// Spells out the references that lie packed from `at` to the end of `body`.
    #[inline]
    fn spell(&mut self, body: &[u8], mut at: usize, pair: &mut Pair) -> Result<(), Fault> {
        while at < body.len() {
            let reference = wire::uvarint(body, &mut at)?;
            if let Some((name, value)) = pair.add(self.symbols, reference) {
                let size = Symbols::label_message_bytes(name, value);
                self.byte(LABELS_KEY);
                self.uvarint(size as u64);
                self.byte(NAME_KEY);
                self.symbol(name);
                self.byte(VALUE_KEY);
                self.symbol(value);
            }
        }
        Ok(())
    }

    /// Copies messages under another key.
    fn copy(&mut self, mut fields: FieldsOf<'_>, key: u8) -> Result<(), Fault> {
        while let Some((message, at)) = fields.next_message()? {
            let message = message.get(at..).unwrap_or_default();
            self.byte(key);
            self.uvarint(message.len() as u64);
            self.bytes(message);
        }
        Ok(())
    }

    /// Writes the exemplar that reaches from `at` to the end of `body`, unless it was refused.
    fn exemplar(&mut self, body: &[u8], mut at: usize) -> Result<(), Fault> {
        let exemplar = Exemplar::read(self.symbols, body, at)?;
        if exemplar.refs.are_bad() {
            return Ok(());
        }
        self.byte(EXEMPLARS_KEY);
        self.uvarint(exemplar.message_bytes());
        let mut pair = Pair::default();
        while at < body.len() {
            let key = wire::key(body, &mut at)?;
            let start = at;
            wire::skip(body, key.wire, &mut at)?;
            match (key.number, key.wire) {
                (1, Wire::Len) => {
                    let mut from = start;
                    wire::end_of_len(body, &mut from)?;
                    self.spell(body.get(..at).unwrap_or_default(), from, &mut pair)?;
                }
                (1, Wire::Varint) => self.spell(body.get(..at).unwrap_or_default(), start, &mut pair)?,
                _ => {}
            }
        }
        self.byte(0x11);
        self.bytes(&exemplar.bits.to_le_bytes());
        self.byte(0x18);
        self.uvarint(exemplar.timestamp);
        Ok(())
    }

    fn metadata(&mut self, said: &Said) {
        let said = said.spelled(self.symbols);
        self.byte(SERIES_METADATA_KEY);
        self.uvarint(said.message_bytes() as u64);
        self.byte(0x08);
        self.uvarint(said.kind);
        for (key, text) in [(0x22, said.help), (0x2a, said.unit)] {
            self.byte(key);
            self.uvarint(text.len() as u64);
            self.bytes(text);
        }
    }

    // === bytes ===

    #[inline]
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.out.get_mut(self.at) {
            *place = byte;
        }
        self.at += 1;
    }

    #[inline]
    fn uvarint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(room) = self.out.get_mut(self.at..).and_then(|room| room.get_mut(..bytes.len())) {
            room.copy_from_slice(bytes);
        }
        self.at += bytes.len();
    }

    /// A symbol with its size. Nearly all are short: what lies behind one goes along in a copy of fixed size, and is written
    /// over next.
    #[inline]
    fn symbol(&mut self, symbol: Symbol) {
        let room = self.out.get_mut(self.at..).and_then(|room| room.first_chunk_mut::<SHORT_BYTES>());
        match (self.symbols.short(symbol), room) {
            (Some((from, size)), Some(room)) => {
                *room = *from;
                self.at += size;
            }
            _ => self.bytes(self.symbols.sized(symbol)),
        }
    }
}
