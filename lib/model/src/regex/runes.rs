//! Values as Go reads them.

use std::ops::Range;

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// A value that was not UTF-8, with each byte that belongs to no character replaced by U+FFFD.
#[derive(Debug)]
pub(super) struct Runes {
    bytes: Vec<u8>,
    /// Where in `bytes` the replacements are.
    replaced: Vec<usize>,
}

impl Runes {
    /// `None` if `value` is UTF-8, and so is what Go reads.
    pub(super) fn of_invalid(value: &[u8]) -> Option<Self> {
        let Err(first) = std::str::from_utf8(value) else { return None };
        let (mut bytes, mut replaced) = (Vec::with_capacity(value.len() + 16), Vec::new());
        let (mut rest, mut valid) = (value, first.valid_up_to());
        loop {
            let (good, bad) = rest.split_at_checked(valid)?;
            bytes.extend_from_slice(good);
            let Some((_, after)) = bad.split_first() else {
                return Some(Self { bytes, replaced });
            };
            replaced.push(bytes.len());
            bytes.extend_from_slice(REPLACEMENT);
            rest = after;
            valid = std::str::from_utf8(rest).map_or_else(|err| err.valid_up_to(), str::len);
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where in the value the characters of `range` were.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let original = |at: usize| {
            let before = self.replaced.partition_point(|&replaced| replaced < at);
            at - before * (REPLACEMENT.len() - 1)
        };
        original(range.start)..original(range.end)
    }
}

#[cfg(test)]
mod tests;
