//! The outermost fields of a request of 2.0, and its table of symbols.

use super::{SYMBOLS, TIMESERIES};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire};
use crate::write::walk::narrow;
use model::{Fingerprint, Fingerprinter};

/// Walks the fields of a request.
pub(super) struct Outermost<'a> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
}

pub(super) enum Field {
    /// A symbol, from its size on.
    Symbol {
        at: usize,
        end: usize,
    },
    /// A series: its key, its message.
    Series {
        key: usize,
        at: usize,
        end: usize,
    },
    Unknown,
}

/// One-byte keys as every sender writes them.
const SYMBOLS_KEY: u8 = 0x22;
const TIMESERIES_KEY: u8 = 0x2a;

/// A symbol of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Symbol {
    /// Where it lies, from its size on.
    start: u32,
    end: u32,
    /// The keyed hash of these bytes.
    pub(super) hash: [u64; 2],
}

/// The table of symbols that a request of 2.0 brings. It goes with the body of that request.
#[derive(Debug)]
pub struct Symbols {
    table: Vec<Symbol>,
}

impl Outermost<'_> {
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Field>, Fault> {
        let Some(&first) = self.body.get(self.at) else { return Ok(None) };
        let (start, mut at) = (self.at, self.at);
        let (number, wire) = match first {
            SYMBOLS_KEY | TIMESERIES_KEY => {
                at += 1;
                (u32::from(first >> 3), Wire::Len)
            }
            _ => {
                let key = wire::key(self.body, &mut at)?;
                (key.number, key.wire)
            }
        };
        let size_at = at;
        let field = match (number, wire) {
            (SYMBOLS, Wire::Len) => {
                at = wire::end_of_len(self.body, &mut at)?;
                Field::Symbol { at: size_at, end: at }
            }
            (TIMESERIES, Wire::Len) => {
                let end = wire::end_of_len(self.body, &mut at)?;
                Field::Series { key: start, at: std::mem::replace(&mut at, end), end }
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
    /// How many bytes it has, its size among them.
    #[inline]
    pub(super) fn size(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Its bytes with their size in front of them.
    #[inline]
    pub(super) fn sized(self, body: &[u8]) -> &[u8] {
        body.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The same as the first of 32 bytes; `None` if it is longer, or there are not so many.
    #[inline]
    pub(super) fn short(self, body: &[u8]) -> Option<(&[u8; SHORT_BYTES], usize)> {
        let size = self.size();
        let from = body.get(self.start as usize..).and_then(|rest| rest.first_chunk())?;
        (size <= SHORT_BYTES).then_some((from, size))
    }
}

/// What one copy of fixed size takes.
pub(super) const SHORT_BYTES: usize = 32;

impl Symbols {
    /// How many bytes a symbol takes in the table.
    pub(super) const ENTRY_BYTES: usize = size_of::<Symbol>();

    /// The `count` symbols of `body`; its sender may have written them behind the series that name them.
    pub(super) fn of(body: &[u8], count: usize, fingerprinter: &Fingerprinter) -> Result<Self, Fault> {
        let mut table = Vec::with_capacity(count);
        let mut fields = Outermost { body, at: 0 };
        while table.len() < count {
            match fields.next()? {
                Some(Field::Symbol { at, end }) => {
                    let Fingerprint(hash) = fingerprinter.of_region(body.get(at..end).unwrap_or_default());
                    let place = narrow(at, end);
                    table.push(Symbol { start: place.start, end: place.end, hash: [hash as u64, (hash >> 64) as u64] });
                }
                Some(Field::Series { .. } | Field::Unknown) => {}
                None => break,
            }
        }
        Ok(Self { table })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    #[inline]
    pub(super) fn get(&self, reference: u32) -> Option<Symbol> {
        self.table.get(reference as usize).copied()
    }

    /// Whether there is one of that number.
    pub(super) fn has(&self, reference: u32) -> bool {
        (reference as usize) < self.table.len()
    }

    /// A symbol without its size; nothing beyond the last.
    pub(super) fn text<'a>(&self, body: &'a [u8], reference: u32) -> &'a [u8] {
        let sized = self.get(reference).map_or(&[][..], |symbol| symbol.sized(body));
        let mut at = 0;
        match wire::end_of_len(sized, &mut at) {
            Ok(_) => sized.get(at..).unwrap_or_default(),
            Err(_) => &[],
        }
    }
}
