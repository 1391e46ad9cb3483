//! Requests of remote write 2.0: strings once a request, series as references to them.

use super::series::{Series, push_uvarint};
use std::collections::HashMap;

/// A request being put together.
#[derive(Debug, Default)]
pub(super) struct Builder<'a> {
    numbers: HashMap<&'a str, u32>,
    symbols: Vec<u8>,
    series: Vec<u8>,
}

// Request
const SYMBOL_FIELD: u8 = 0x22;
const SERIES_FIELD: u8 = 0x2a;
// TimeSeries
const REFS_FIELD: u8 = 0x0a;
const SAMPLE_FIELD: u8 = 0x12;

impl<'a> Builder<'a> {
    /// Adds a series with one sample.
    pub(super) fn push(&mut self, series: &'a Series, (at_ms, value): (i64, f64)) {
        let mut refs = Vec::with_capacity(64);
        for (name, text) in series.labels() {
            for string in [name, text] {
                push_uvarint(&mut refs, u64::from(self.number(string)));
            }
        }
        let mut sample = vec![0x09];
        sample.extend_from_slice(&value.to_le_bytes());
        sample.push(0x10);
        push_uvarint(&mut sample, at_ms.cast_unsigned());
        let mut message = Vec::with_capacity(refs.len() + sample.len() + 6);
        push_message(&mut message, REFS_FIELD, &refs);
        push_message(&mut message, SAMPLE_FIELD, &sample);
        push_message(&mut self.series, SERIES_FIELD, &message);
    }

    /// The request, uncompressed.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.symbols.len() + self.series.len() + 2);
        // The first symbol is empty.
        push_message(&mut body, SYMBOL_FIELD, b"");
        body.append(&mut self.symbols);
        body.append(&mut self.series);
        body
    }

    fn number(&mut self, string: &'a str) -> u32 {
        let next = u32::try_from(self.numbers.len() + 1).unwrap_or(u32::MAX);
        *self.numbers.entry(string).or_insert_with(|| {
            push_message(&mut self.symbols, SYMBOL_FIELD, string.as_bytes());
            next
        })
    }
}

fn push_message(out: &mut Vec<u8>, key: u8, message: &[u8]) {
    out.push(key);
    push_uvarint(out, message.len() as u64);
    out.extend_from_slice(message);
}
