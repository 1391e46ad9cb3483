//! The outermost fields of a request of 2.0, its table of symbols, and references into that.

use super::{Fault, SYMBOLS, TIMESERIES};
use crate::wire::{self, WRONG_WIRE_TYPE, Wire, len_field_size};
use crate::write::walk::narrow;

/// Walks the fields of a request.
pub(super) struct Outermost<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
}

pub(super) enum Field {
    Symbol(Symbol),
    Series { at: usize, end: usize },
    Unknown,
}

/// Where a symbol lies, from its size on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    start: u32,
    end: u32,
}

/// The table of symbols.
#[derive(Debug)]
pub(super) struct Symbols<'a> {
    body: &'a [u8],
    table: Vec<Symbol>,
}

/// References to labels as they are read: that to a name waits for that to its value.
#[derive(Debug, Default)]
pub(super) struct Pair {
    name: Option<u32>,
}

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
}

impl Outermost<'_> {
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Field>, Fault> {
        if self.at >= self.body.len() {
            return Ok(None);
        }
        let (start, mut at) = (self.at, self.at);
        let key = wire::key(self.body, &mut at)?;
        let size_at = at;
        let field = match (key.number, key.wire) {
            (SYMBOLS, Wire::Len) => {
                at = wire::end_of_len(self.body, &mut at)?;
                let range = narrow(size_at, at);
                Field::Symbol(Symbol { start: range.start, end: range.end })
            }
            (TIMESERIES, Wire::Len) => {
                let end = wire::end_of_len(self.body, &mut at)?;
                Field::Series { at: std::mem::replace(&mut at, end), end }
            }
            (SYMBOLS | TIMESERIES, _) => return Err(Fault { at: start, what: WRONG_WIRE_TYPE }),
            (_, wire) => {
                wire::skip(self.body, wire, &mut at)?;
                Field::Unknown
            }
        };
        self.at = at;
        Ok(Some(field))
    }
}

impl Symbol {
    #[inline]
    fn size(self) -> usize {
        (self.end - self.start) as usize
    }
}

impl<'a> Symbols<'a> {
    /// The `count` symbols of a request; its sender may have written them behind the series that name them.
    pub(super) fn of(body: &'a [u8], count: usize) -> Result<Self, Fault> {
        let mut table = Vec::with_capacity(count);
        let mut fields = Outermost { body, at: 0 };
        while table.len() < count {
            match fields.next()? {
                Some(Field::Symbol(symbol)) => table.push(symbol),
                Some(Field::Series { .. } | Field::Unknown) => {}
                None => break,
            }
        }
        Ok(Self { body, table })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is one of that number.
    pub(super) fn has(&self, reference: u32) -> bool {
        (reference as usize) < self.table.len()
    }

    pub(super) fn body(&self) -> &'a [u8] {
        self.body
    }

    #[inline]
    fn pair(&self, name: u32, value: u32) -> Option<(Symbol, Symbol)> {
        Some((*self.table.get(name as usize)?, *self.table.get(value as usize)?))
    }

    /// A symbol, without its size.
    pub(super) fn text(&self, reference: u32) -> Option<&'a [u8]> {
        let sized = self.sized(*self.table.get(reference as usize)?);
        let mut at = 0;
        wire::end_of_len(sized, &mut at).ok()?;
        sized.get(at..)
    }

    /// A symbol with its size in front of it.
    #[inline]
    pub(super) fn sized(&self, symbol: Symbol) -> &'a [u8] {
        self.body.get(symbol.start as usize..symbol.end as usize).unwrap_or_default()
    }

    /// A symbol with its size in front of it as the first of 32 bytes; `None` if it is longer, or there are not so many.
    #[inline]
    pub(super) fn short(&self, symbol: Symbol) -> Option<(&'a [u8; SHORT_BYTES], usize)> {
        let size = symbol.size();
        let from = self.body.get(symbol.start as usize..).and_then(|rest| rest.first_chunk())?;
        (size <= SHORT_BYTES).then_some((from, size))
    }

    /// How long the message of a label is whose name and value are these: in front of each is a key, and its size is counted
    /// with it.
    #[inline]
    pub(super) fn label_message_bytes(name: Symbol, value: Symbol) -> usize {
        2 + name.size() + value.size()
    }
}

/// What one copy of fixed size takes.
pub(super) const SHORT_BYTES: usize = 32;

impl Pair {
    /// Takes one reference; returns name and value with every second. Both were found to be there before.
    #[inline]
    pub(super) fn add(&mut self, symbols: &Symbols<'_>, reference: u64) -> Option<(Symbol, Symbol)> {
        // As in every decoder, what is over 32 bits is cut off.
        let reference = reference as u32;
        match self.name.take() {
            Some(name) => symbols.pair(name, reference),
            None => {
                self.name = Some(reference);
                None
            }
        }
    }
}

impl Refs {
    /// Counts the references that lie packed from `at` to the end of `body`.
    #[inline]
    pub(super) fn add_packed(&mut self, symbols: &Symbols<'_>, body: &[u8], mut at: usize) -> Result<(), Fault> {
        while at < body.len() {
            let reference = wire::uvarint(body, &mut at)?;
            self.add(symbols, reference);
        }
        Ok(())
    }

    /// Counts one reference, and a label with every second.
    #[inline]
    pub(super) fn add(&mut self, symbols: &Symbols<'_>, reference: u64) {
        // As in every decoder, what is over 32 bits is cut off.
        let reference = reference as u32;
        self.count += 1;
        if !self.count.is_multiple_of(2) {
            self.name = reference;
            return;
        }
        match symbols.pair(self.name, reference) {
            Some((name, value)) => {
                let label_bytes = len_field_size(Symbols::label_message_bytes(name, value));
                self.spelled_bytes = self.spelled_bytes.saturating_add(label_bytes as u64);
            }
            None => {
                self.beyond.get_or_insert((self.name, reference));
            }
        }
    }

    /// What is wrong with them, in Prometheus' words.
    pub(super) fn fault(&self, symbols: &Symbols<'_>) -> Option<String> {
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
