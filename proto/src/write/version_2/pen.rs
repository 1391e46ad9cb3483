//! Writes series of 2.0 as series of 1.0.

use super::refs::{ReferredLabels, label_message_bytes};
use super::said::Said;
use super::symbols::{SHORT_BYTES, Symbol, Symbols};
use super::{EXEMPLARS, EXEMPLARS_2_KEY, HISTOGRAMS, HISTOGRAMS_2_KEY};
use crate::wire::{self, Fault, len_field_size, uvarint_size};
use crate::write::SeriesSlice;
use crate::write::extras::{EXEMPLARS_KEY, SERIES_METADATA_KEY};
use crate::write::fields::{FieldsOf, LABELS_KEY, NAME_KEY, SAMPLES, SAMPLES_KEY, VALUE_KEY};
use crate::write::histograms::HISTOGRAMS_KEY;
use crate::write::walk::{TIMESERIES_KEY, narrow};
use std::ops::Range;

/// Writes from the beginning of a room to its end, and nothing beyond.
pub(super) struct Pen<'a, 'o> {
    symbols: &'a Symbols,
    /// The request.
    body: &'a [u8],
    out: &'o mut [u8],
    at: usize,
}

/// How many bytes the parts of a series take when it is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sizes {
    pub(super) labels: u64,
    pub(super) samples: u64,
    pub(super) exemplars: u64,
    pub(super) histograms: u64,
    pub(super) metadata: u64,
}

impl Sizes {
    pub(super) fn message(&self) -> u64 {
        let Self { labels, samples, exemplars, histograms, metadata } = *self;
        [labels, samples, exemplars, histograms, metadata].into_iter().fold(0, u64::saturating_add)
    }

    pub(super) fn field(&self) -> u64 {
        let message = self.message();
        message.saturating_add(1 + uvarint_size(message) as u64)
    }

    /// Those of `row`, which is of a request that was read.
    pub(super) fn of(symbols: &Symbols, body: &[u8], row: &SeriesSlice) -> Result<Self, Fault> {
        let mut sizes = Self { labels: labels_bytes(symbols, body, row)?, ..Self::default() };
        let mut samples = samples_of(body, row);
        while let Some((message, at)) = samples.next_message()? {
            sizes.samples += len_field_size(message.len() - at) as u64;
        }
        if row.histograms_at > 0 {
            let mut histograms = histograms_of(body, row);
            while let Some((message, at)) = histograms.next_message()? {
                sizes.histograms += len_field_size(message.len() - at) as u64;
            }
        }
        if row.extras_at > 0 {
            let mut exemplars = exemplars_of(body, row);
            while let Some((message, at)) = exemplars.next_message()? {
                let exemplar = Exemplar::read(symbols, body, (message, at))?;
                sizes.exemplars = sizes.exemplars.saturating_add(exemplar.map_or(0, |exemplar| exemplar.field_bytes()));
            }
            sizes.metadata = Said::of(body, row)?.map_or(0, |said| said.field_bytes(symbols, body));
        }
        Ok(sizes)
    }
}

/// An exemplar, its labels measured.
struct Exemplar {
    labels_bytes: u64,
    bits: u64,
    timestamp: u64,
}

impl Exemplar {
    /// Reads the exemplar that reaches from `at` to the end of `message`; `None` if it was refused.
    fn read(symbols: &Symbols, body: &[u8], (message, start): (&[u8], usize)) -> Result<Option<Self>, Fault> {
        let labels = ReferredLabels::new(symbols, body, message, start);
        if !labels.clone().are_good() {
            return Ok(None);
        }
        let mut exemplar = Self { labels_bytes: spelled_bytes(labels)?, bits: 0, timestamp: 0 };
        let mut at = start;
        while at < message.len() {
            let key = wire::key(message, &mut at)?;
            match key.number {
                2 => exemplar.bits = wire::fixed64(message, &mut at)?,
                3 => exemplar.timestamp = wire::uvarint(message, &mut at)?,
                _ => wire::skip(message, key.wire, &mut at)?,
            }
        }
        Ok(Some(exemplar))
    }

    fn message_bytes(&self) -> u64 {
        exemplar_message_bytes(self.labels_bytes, self.timestamp)
    }

    fn field_bytes(&self) -> u64 {
        let message = self.message_bytes();
        message.saturating_add(1 + uvarint_size(message) as u64)
    }
}

/// How long the message of an exemplar is.
pub(super) fn exemplar_message_bytes(labels_bytes: u64, timestamp: u64) -> u64 {
    let rest = 1 + size_of::<u64>() + 1 + uvarint_size(timestamp);
    labels_bytes.saturating_add(rest as u64)
}

/// How many bytes the labels of `row` take.
pub(super) fn labels_bytes(symbols: &Symbols, body: &[u8], row: &SeriesSlice) -> Result<u64, Fault> {
    spelled_bytes(labels_of(symbols, body, row))
}

fn spelled_bytes(mut labels: ReferredLabels<'_>) -> Result<u64, Fault> {
    let mut bytes = 0u64;
    while let Some((name, value)) = labels.next_pair()? {
        bytes = bytes.saturating_add(len_field_size(label_message_bytes(name, value)) as u64);
    }
    Ok(bytes)
}

fn cut(body: &[u8], end: u32) -> &[u8] {
    body.get(..end as usize).unwrap_or_default()
}

fn labels_of<'a>(symbols: &'a Symbols, body: &'a [u8], row: &SeriesSlice) -> ReferredLabels<'a> {
    ReferredLabels::new(symbols, body, cut(body, row.labels.end), row.labels.start as usize)
}

fn samples_of<'a>(body: &'a [u8], row: &SeriesSlice) -> FieldsOf<'a> {
    FieldsOf::new(cut(body, row.samples.end), row.samples.start as usize, SAMPLES, SAMPLES_KEY)
}

fn histograms_of<'a>(body: &'a [u8], row: &SeriesSlice) -> FieldsOf<'a> {
    FieldsOf::new(cut(body, row.field.end), row.histograms_at as usize, HISTOGRAMS, HISTOGRAMS_2_KEY)
}

fn exemplars_of<'a>(body: &'a [u8], row: &SeriesSlice) -> FieldsOf<'a> {
    FieldsOf::new(cut(body, row.field.end), row.extras_at as usize, EXEMPLARS, EXEMPLARS_2_KEY)
}

impl<'a, 'o> Pen<'a, 'o> {
    /// Writes series of `body` into `out`.
    pub(super) fn new(symbols: &'a Symbols, body: &'a [u8], out: &'o mut [u8]) -> Self {
        Self { symbols, body, out, at: 0 }
    }

    /// Whether the room is full, and nothing went beyond it.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.out.len()
    }

    /// What it wrote so far.
    pub(super) fn written(&self) -> &[u8] {
        self.out.get(..self.at).unwrap_or_default()
    }

    /// Writes the series of `row`, which says from then on where it lies in what was written.
    pub(super) fn series(&mut self, row: &mut SeriesSlice) -> Result<(), Fault> {
        let sizes = Sizes::of(self.symbols, self.body, row)?;
        let start = self.at;
        self.byte(TIMESERIES_KEY);
        self.uvarint(sizes.message());
        let labels = self.part(|pen| pen.labels(row))?;
        let samples = self.part(|pen| pen.copy(samples_of(pen.body, row), SAMPLES_KEY))?;
        let (mut exemplars, mut histograms, mut metadata) = (0..0, 0..0, 0..0);
        if sizes.exemplars > 0 {
            exemplars = self.part(|pen| pen.exemplars(row))?;
        }
        if row.histograms_at > 0 {
            histograms = self.part(|pen| pen.copy(histograms_of(pen.body, row), HISTOGRAMS_KEY))?;
        }
        if sizes.metadata > 0 {
            metadata = self.part(|pen| pen.metadata(row))?;
        }
        *row = SeriesSlice {
            field: narrow(start, self.at),
            labels,
            samples: if samples.is_empty() { 0..0 } else { samples },
            fingerprint: row.fingerprint,
            histograms_at: histograms.start,
            extras_at: if exemplars.is_empty() { metadata.start } else { exemplars.start },
        };
        Ok(())
    }

    /// Where that lies which `write` writes.
    fn part(&mut self, write: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<Range<u32>, Fault> {
        let start = self.at;
        write(self)?;
        Ok(narrow(start, self.at))
    }

    /// Writes the labels of `row`.
    pub(super) fn labels(&mut self, row: &SeriesSlice) -> Result<(), Fault> {
        self.spell(labels_of(self.symbols, self.body, row))
    }

    fn spell(&mut self, mut labels: ReferredLabels<'a>) -> Result<(), Fault> {
        while let Some((name, value)) = labels.next_pair()? {
            self.byte(LABELS_KEY);
            self.uvarint(label_message_bytes(name, value) as u64);
            self.byte(NAME_KEY);
            self.symbol(name);
            self.byte(VALUE_KEY);
            self.symbol(value);
        }
        Ok(())
    }

    /// Copies messages under another key.
    fn copy(&mut self, mut fields: FieldsOf<'a>, key: u8) -> Result<(), Fault> {
        while let Some((message, at)) = fields.next_message()? {
            let message = message.get(at..).unwrap_or_default();
            self.byte(key);
            self.uvarint(message.len() as u64);
            self.bytes(message);
        }
        Ok(())
    }

    /// Writes the exemplars of `row`, but for those that were refused.
    fn exemplars(&mut self, row: &SeriesSlice) -> Result<(), Fault> {
        let mut exemplars = exemplars_of(self.body, row);
        while let Some((message, at)) = exemplars.next_message()? {
            let Some(exemplar) = Exemplar::read(self.symbols, self.body, (message, at))? else { continue };
            self.byte(EXEMPLARS_KEY);
            self.uvarint(exemplar.message_bytes());
            self.spell(ReferredLabels::new(self.symbols, self.body, message, at))?;
            self.byte(0x11);
            self.bytes(&exemplar.bits.to_le_bytes());
            self.byte(0x18);
            self.uvarint(exemplar.timestamp);
        }
        Ok(())
    }

    fn metadata(&mut self, row: &SeriesSlice) -> Result<(), Fault> {
        let Some(said) = Said::of(self.body, row)? else { return Ok(()) };
        let spelled = said.spelled(self.symbols, self.body);
        self.byte(SERIES_METADATA_KEY);
        self.uvarint(spelled.message_bytes() as u64);
        self.byte(0x08);
        self.uvarint(spelled.kind);
        for (key, text) in [(0x22, spelled.help), (0x2a, spelled.unit)] {
            self.byte(key);
            self.uvarint(text.len() as u64);
            self.bytes(text);
        }
        Ok(())
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
        match (symbol.short(self.body), room) {
            (Some((from, size)), Some(room)) => {
                *room = *from;
                self.at += size;
            }
            _ => self.bytes(symbol.sized(self.body)),
        }
    }
}
