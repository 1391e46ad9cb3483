//! How records lie in a segment: fragments in pages of 32 KiB.
//!
//! A fragment is a header of seven bytes (kind and coding, length, CRC32C of the payload as stored; big-endian) and its
//! payload; it never crosses a page. Layout of Prometheus 3.14 (`tsdb/wlog/wlog.go`).

use super::codec::Coding;

/// A page, in bytes.
pub(super) const PAGE_BYTES: usize = 32 << 10;

/// A fragment's header, in bytes. A page with less room than this is filled up with zeros.
pub(super) const HEADER_BYTES: usize = 7;

/// Which part of a record a fragment is: the low three bits of its first byte. 0 fills a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Part {
    Full = 1,
    First = 2,
    Middle = 3,
    Last = 4,
}

/// The bits of a fragment's first byte that say its part, and those that mean nothing.
pub(super) const PART_BITS: u8 = 0b0000_0111;
pub(super) const RESERVED_BITS: u8 = 0b1110_0000;

impl Part {
    pub(super) fn from_bits(byte: u8) -> Option<Self> {
        Some(match byte & PART_BITS {
            1 => Self::Full,
            2 => Self::First,
            3 => Self::Middle,
            4 => Self::Last,
            _ => return None,
        })
    }
}

/// How many bytes a record of `stored` bytes takes from offset `at` of a segment on, padding before it among them.
pub(super) fn framed_bytes(at: u64, stored: usize) -> u64 {
    let (mut left_in_page, mut rest) = (left_in_page(at), stored);
    let mut framed = 0;
    loop {
        if left_in_page < HEADER_BYTES {
            framed += left_in_page as u64;
            left_in_page = PAGE_BYTES;
        }
        let part = rest.min(left_in_page - HEADER_BYTES);
        framed += (HEADER_BYTES + part) as u64;
        rest -= part;
        if rest == 0 {
            return framed;
        }
        left_in_page = PAGE_BYTES;
    }
}

/// Appends the fragments of a record to `out`, whose end will stand at offset `at` of the segment.
pub(super) fn frame(at: u64, stored: &[u8], coding: Coding, out: &mut Vec<u8>) {
    let (mut left_in_page, mut rest) = (left_in_page(at), stored);
    let mut begun = false;
    loop {
        if left_in_page < HEADER_BYTES {
            out.resize(out.len() + left_in_page, 0);
            left_in_page = PAGE_BYTES;
        }
        let (payload, after) = rest.split_at(rest.len().min(left_in_page - HEADER_BYTES));
        let part = match (begun, after.is_empty()) {
            (false, true) => Part::Full,
            (false, false) => Part::First,
            (true, false) => Part::Middle,
            (true, true) => Part::Last,
        };
        out.push(part as u8 | coding.bits());
        // A payload is shorter than a page.
        out.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(&crc32c::crc32c(payload).to_be_bytes());
        out.extend_from_slice(payload);
        if after.is_empty() {
            return;
        }
        (rest, begun, left_in_page) = (after, true, PAGE_BYTES);
    }
}

fn left_in_page(at: u64) -> usize {
    // The remainder is below the size of a page.
    PAGE_BYTES - usize::try_from(at % PAGE_BYTES as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests;
