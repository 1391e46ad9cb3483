//! References to symbols: counted and hashed as a request is read, and read again where labels are wanted.

use super::LABELS_REFS;
use super::spellings::{Keys, Mix, Mixed};
use super::symbols::{Symbol, Symbols};
use crate::wire::{self, Fault, Wire, len_field_size};
use model::Label;

/// References to labels while they are counted.
#[derive(Debug, Default)]
pub(super) struct Refs {
    pub(super) count: usize,
    /// How many bytes the labels take, spelled out.
    pub(super) spelled_bytes: u64,
    /// The last reference to a name.
    name: u32,
    /// The first name and value that are not both there.
    beyond: Option<(u32, u32)>,
    pub(super) mix: Mix,
}

impl Refs {
    /// Counts the references that lie packed from `at` to the end of `body`.
    #[inline]
    pub(super) fn add_packed(
        &mut self,
        (symbols, keys): (&Symbols, &Keys),
        body: &[u8],
        mut at: usize,
    ) -> Result<(), Fault> {
        if !self.count.is_multiple_of(2) && at < body.len() {
            self.add((symbols, keys), reference(body, &mut at)?);
        }
        while at < body.len() {
            let name = reference(body, &mut at)?;
            if at == body.len() {
                self.add((symbols, keys), name);
                break;
            }
            let value = reference(body, &mut at)?;
            self.count += 2;
            self.label((symbols, keys), name, value);
        }
        Ok(())
    }

    /// Counts one reference, and a label with every second.
    pub(super) fn add(&mut self, known: (&Symbols, &Keys), reference: u32) {
        self.count += 1;
        if self.count.is_multiple_of(2) {
            self.label(known, self.name, reference);
        } else {
            self.name = reference;
        }
    }

    #[inline]
    fn label(&mut self, (symbols, keys): (&Symbols, &Keys), name: u32, value: u32) {
        match (symbols.get(name), symbols.get(value)) {
            (Some(name), Some(value)) => {
                let field_bytes = len_field_size(label_message_bytes(name, value));
                self.spelled_bytes = self.spelled_bytes.saturating_add(field_bytes as u64);
                self.mix.add(keys, name.hash, value.hash);
            }
            _ => {
                self.beyond.get_or_insert((name, value));
            }
        }
    }

    /// What is wrong with them, in Prometheus' words.
    pub(super) fn fault(&self, symbols: &Symbols) -> Option<String> {
        if !self.count.is_multiple_of(2) {
            return Some(format!("invalid labelRefs length {}", self.count));
        }
        let (name, value) = self.beyond?;
        let size = symbols.len();
        Some(format!("labelRefs {name} (name) = {value} (value) outside of symbols table (size {size})"))
    }

    pub(super) fn are_bad(&self) -> bool {
        !self.count.is_multiple_of(2) || self.beyond.is_some()
    }
}

/// The usual series: at least one label, no more than are mixed, each reference good and all in one pack. Returns how many
/// bytes the labels take, spelled out, and what they mix to; `None` if there is anything unusual, which [`Refs`] takes care of.
#[inline]
pub(super) fn usual(pack: &[u8], symbols: &Symbols, keys: &Keys) -> Option<(u64, Mixed)> {
    let (mut spelled_bytes, mut mixed, mut at) = (0, Mixed::default(), 0);
    let mut keys = keys.0.iter();
    while at < pack.len() {
        let name = symbols.get(short_reference(pack, &mut at)?)?;
        let value = symbols.get(short_reference(pack, &mut at)?)?;
        let message = label_message_bytes(name, value);
        if message >= 1 << 14 {
            return None;
        }
        spelled_bytes += 2 + usize::from(message >= 1 << 7) + message;
        mixed.add(keys.next()?, name.hash, value.hash);
    }
    (spelled_bytes > 0).then_some((spelled_bytes as u64, mixed))
}

/// Reads a reference of at most three bytes.
#[inline]
fn short_reference(pack: &[u8], at: &mut usize) -> Option<u32> {
    let low = *pack.get(*at)?;
    if low < 0x80 {
        *at += 1;
        return Some(u32::from(low));
    }
    let middle = *pack.get(*at + 1)?;
    let both = u32::from(low & 0x7f) | u32::from(middle & 0x7f) << 7;
    if middle < 0x80 {
        *at += 2;
        return Some(both);
    }
    let high = *pack.get(*at + 2).filter(|high| **high < 0x80)?;
    *at += 3;
    Some(both | u32::from(high) << 14)
}

/// How long the message of a label is: in front of each symbol is a key, and its size is counted with it.
#[inline]
pub(super) fn label_message_bytes(name: Symbol, value: Symbol) -> usize {
    2 + name.size() + value.size()
}

/// Reads a reference at `*at` and moves behind it. As in every decoder, what is over 32 bits is cut off.
#[inline]
fn reference(body: &[u8], at: &mut usize) -> Result<u32, Fault> {
    Ok(wire::uvarint(body, at)? as u32)
}

/// The labels of one series of 2.0, or of an exemplar: their references lie in one field or in several, packed or one by one.
#[derive(Debug, Clone)]
pub(in crate::write) struct ReferredLabels<'a> {
    symbols: &'a Symbols,
    /// The body of the request, where the symbols lie.
    body: &'a [u8],
    /// The fields, from `at` on.
    fields: &'a [u8],
    at: usize,
    /// Where the pack at hand ends.
    pack_end: usize,
}

impl<'a> ReferredLabels<'a> {
    /// Those in the fields from `at` to the end of `fields`, which is the beginning of `body`.
    pub(in crate::write) fn new(symbols: &'a Symbols, body: &'a [u8], fields: &'a [u8], at: usize) -> Self {
        Self { symbols, body, fields, at, pack_end: 0 }
    }

    /// Moves to the end.
    pub(in crate::write) fn stop(&mut self) {
        (self.at, self.pack_end) = (self.fields.len(), 0);
    }

    /// The next reference.
    #[inline]
    pub(super) fn next_reference(&mut self) -> Result<Option<u32>, Fault> {
        loop {
            if self.at < self.pack_end {
                return reference(self.fields.get(..self.pack_end).unwrap_or_default(), &mut self.at).map(Some);
            }
            if self.at >= self.fields.len() {
                return Ok(None);
            }
            let key = wire::key(self.fields, &mut self.at)?;
            match (key.number, key.wire) {
                (LABELS_REFS, Wire::Len) => self.pack_end = wire::end_of_len(self.fields, &mut self.at)?,
                (LABELS_REFS, Wire::Varint) => return reference(self.fields, &mut self.at).map(Some),
                (_, wire) => wire::skip(self.fields, wire, &mut self.at)?,
            }
        }
    }

    /// Name and value of the next label; a reference that leads nowhere ends them.
    #[inline]
    pub(super) fn next_pair(&mut self) -> Result<Option<(Symbol, Symbol)>, Fault> {
        let Some(name) = self.next_reference()? else { return Ok(None) };
        let Some(value) = self.next_reference()? else { return Ok(None) };
        Ok(self.symbols.get(name).zip(self.symbols.get(value)))
    }

    /// The next label.
    pub(in crate::write) fn next_label(&mut self) -> Result<Option<Label<'a>>, Fault> {
        let Some(name) = self.next_reference()? else { return Ok(None) };
        let Some(value) = self.next_reference()? else { return Ok(None) };
        let text = |reference| self.symbols.text(self.body, reference);
        Ok(Some(Label { name: text(name), value: text(value) }))
    }

    /// Whether all references lead somewhere, and none is left over.
    pub(in crate::write) fn are_good(mut self) -> bool {
        let mut count = 0usize;
        while let Ok(Some(reference)) = self.next_reference() {
            if !self.symbols.has(reference) {
                return false;
            }
            count += 1;
        }
        count.is_multiple_of(2)
    }
}
