//! From pages back to records, past any damage.
//!
//! What is sound is kept, wherever it stands. A fragment is sound if its checksum fits its payload. Behind a fragment that
//! is not, the next sound one is looked for, in the same page first; a record that lost a fragment is dropped. Of a
//! fragment's first byte, which no checksum covers, the part is checked against where the fragment stands: only the first
//! and the middle parts of a record reach the end of a page, only the middle and last ones begin a page.

use super::codec::Coding;
use super::page::{HEADER_BYTES, PAGE_BYTES, PART_BITS, Part, RESERVED_BITS};
use crate::cursor::Fault;
use std::ops::Range;

/// Records as they are stored, one after the other.
#[derive(Debug, Default)]
pub(super) struct StoredRecords {
    bytes: Vec<u8>,
    records: Vec<StoredRecord>,
}

#[derive(Debug, Clone, Copy)]
struct StoredRecord {
    end: usize,
    coding: Coding,
    offset: u64,
}

/// A fault in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flaw {
    /// Where it is in the segment.
    pub(super) offset: u64,
    pub(super) fault: Fault,
    /// Nothing sound came after it: what a crash leaves at the end of the segment that was written.
    pub(super) tail: bool,
    /// The record was read all the same.
    pub(super) kept: bool,
}

/// Takes the pages of one segment in order.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// A record that was begun.
    open: Option<Open>,
    /// What there is of it, between two batches.
    carried: Vec<u8>,
    /// The rest of a damaged record may follow: it is passed over without a word.
    dropping: bool,
    /// Where zeros began, if nothing has come after them yet.
    zeros_from: Option<u64>,
    /// Where the last sound fragment ended, and where the last whole record did.
    sound_end: u64,
    whole_end: u64,
    flaws: Vec<Flaw>,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    start: usize,
    coding: Coding,
    offset: u64,
}

/// A fragment whose checksum is right.
struct Fragment<'a> {
    bits: u8,
    start: usize,
    end: usize,
    payload: &'a [u8],
}

impl Assembler {
    /// Takes the page that stands at offset `at` of the segment: its bytes, filled up with zeros to a whole page, and
    /// which of them to read: from where a fragment begins to where the file ends.
    pub(super) fn page(&mut self, page: &[u8], within: Range<usize>, at: u64, out: &mut StoredRecords) {
        let Range { mut start, end: in_file } = within;
        while start + HEADER_BYTES <= page.len() && start < in_file {
            if is_zero(page, start) {
                self.zeros(at + start as u64, out);
                return;
            }
            if let Some(offset) = self.zeros_from.take() {
                self.flaw(offset, Fault::Malformed("zeros where records should be"), out);
            }
            start = match Fragment::at(page, start, in_file) {
                Ok(fragment) => {
                    self.fragment(&fragment, at, out);
                    fragment.end
                }
                Err(fault) => {
                    self.flaw(at + start as u64, fault, out);
                    next_sound(page, start, in_file)
                }
            };
        }
    }

    /// The segment ends here. Returns what was wrong in it.
    pub(super) fn finish(mut self, out: &mut StoredRecords) -> Vec<Flaw> {
        self.drop_open(out);
        for flaw in &mut self.flaws {
            flaw.tail = flaw.offset >= self.sound_end;
        }
        self.flaws
    }

    /// Where the last whole record ended.
    pub(super) fn whole_end(&self) -> u64 {
        self.whole_end
    }

    /// Takes what there is of a record that is not ended out of `out`, which is handed on without it.
    pub(super) fn suspend(&mut self, out: &mut StoredRecords) {
        self.carried.clear();
        if let Some(open) = &mut self.open {
            self.carried.extend_from_slice(out.bytes.get(open.start..).unwrap_or_default());
            out.bytes.truncate(open.start);
            open.start = 0;
        }
    }

    /// Goes on with `out`, which is empty.
    pub(super) fn resume(&self, out: &mut StoredRecords) {
        if self.open.is_some() {
            out.bytes.extend_from_slice(&self.carried);
        }
    }

    fn fragment(&mut self, fragment: &Fragment<'_>, at: u64, out: &mut StoredRecords) {
        let offset = at + fragment.start as u64;
        let Some(part) = fragment.part(self.open.is_some()) else {
            if !self.dropping {
                self.flaw(offset, Fault::Malformed("part of a record without its beginning"), out);
            }
            self.sound_end = at + fragment.end as u64;
            return;
        };
        if part as u8 != fragment.bits & PART_BITS || fragment.bits & RESERVED_BITS != 0 {
            let fault = Fault::Malformed("first byte of a fragment is damaged");
            self.flaws.push(Flaw { offset, fault, tail: false, kept: true });
        }
        if matches!(part, Part::Full | Part::First) {
            self.drop_open(out);
            let coding = Coding::from_bits(fragment.bits);
            self.open = Some(Open { start: out.bytes.len(), coding, offset });
            self.dropping = false;
        }
        out.bytes.extend_from_slice(fragment.payload);
        self.sound_end = at + fragment.end as u64;
        if matches!(part, Part::Full | Part::Last)
            && let Some(open) = self.open.take()
        {
            out.records.push(StoredRecord { end: out.bytes.len(), coding: open.coding, offset: open.offset });
            self.whole_end = self.sound_end;
        }
    }

    /// From `offset` on, the page holds nothing.
    fn zeros(&mut self, offset: u64, out: &mut StoredRecords) {
        self.drop_open(out);
        self.zeros_from.get_or_insert(offset);
    }

    /// Drops the record that was begun, if one was.
    fn drop_open(&mut self, out: &mut StoredRecords) {
        if let Some(open) = self.open {
            self.sound_end = self.sound_end.min(open.offset);
            self.flaw(open.offset, Fault::Malformed("record is not finished"), out);
        }
    }

    /// Notes a fault, which takes the record that was begun with it.
    fn flaw(&mut self, offset: u64, fault: Fault, out: &mut StoredRecords) {
        if let Some(open) = self.open.take() {
            out.bytes.truncate(open.start);
        }
        self.dropping = true;
        self.flaws.push(Flaw { offset, fault, tail: false, kept: false });
    }
}

impl<'a> Fragment<'a> {
    /// The fragment at `start`, if it is sound.
    fn at(page: &'a [u8], start: usize, in_file: usize) -> Result<Self, Fault> {
        let header = page.get(start..).and_then(|rest| rest.first_chunk::<HEADER_BYTES>());
        let Some(&[bits, high, low, ref checksum @ ..]) = header else {
            return Err(Fault::Malformed("no room for a header"));
        };
        let (size, payload_start) = (usize::from(u16::from_be_bytes([high, low])), start + HEADER_BYTES);
        let end = payload_start + size;
        let Some(payload) = page.get(payload_start..end) else {
            let limit = (page.len() - payload_start) as u64;
            return Err(Fault::TooLarge { what: "fragment", got: size as u64, limit });
        };
        let (stored, computed) = (u32::from_be_bytes(*checksum), crc32c::crc32c(payload));
        if stored != computed {
            return Err(Fault::Checksum { stored, computed });
        }
        // Only the first part of a record may be empty, at the very end of a page. Zeros that were supplied beyond the
        // end of the file make such headers out of nothing.
        if size == 0 && (end != page.len() || payload_start > in_file) {
            return Err(Fault::Malformed("record is empty"));
        }
        Ok(Self { bits, start, end, payload })
    }

    /// Which part of a record it is; `None` if it continues one of which the beginning is not there.
    fn part(&self, in_record: bool) -> Option<Part> {
        let (begins, ends) = (self.start == 0, self.end == PAGE_BYTES);
        let fits = |part: Part| match part {
            Part::Full => true,
            // It would have gone on in this page.
            Part::First => ends,
            Part::Middle => in_record && begins && ends,
            Part::Last => in_record && begins,
        };
        let said = Part::from_bits(self.bits);
        if let Some(part) = said.filter(|&part| fits(part)) {
            return Some(part);
        }
        let continues = said == Some(Part::Last) || said == Some(Part::Middle) && ends;
        if begins && !in_record && continues {
            return None;
        }
        // One bit of the first byte was flipped, or more of them: where it stands says what it must be.
        let flipped = |part: &Part| (*part as u8 ^ self.bits & PART_BITS).is_power_of_two() && fits(*part);
        [Part::Last, Part::Middle, Part::Full, Part::First].into_iter().find(flipped)
    }
}

/// Where to go on behind the damaged fragment at `start`.
fn next_sound(page: &[u8], start: usize, in_file: usize) -> usize {
    let sound = |at: usize| {
        let fragment = Fragment::at(page, at, in_file).ok()?;
        // The checksum of nothing is zero: zeros would pass for an empty fragment.
        let whole = !fragment.payload.is_empty() && Part::from_bits(fragment.bits).is_some();
        (whole && fragment.end <= in_file).then_some(at)
    };
    let size =
        page.get(start + 1..start + 3).map_or(0, |size| size.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)));
    // The payload is damaged, or its checksum: then its length is right and what follows confirms it.
    if let Some(next) = sound(start + HEADER_BYTES + size) {
        return next;
    }
    // The length is damaged.
    (start + 1..in_file).find_map(sound).unwrap_or(PAGE_BYTES)
}

fn is_zero(page: &[u8], start: usize) -> bool {
    page.get(start..).is_none_or(|rest| rest.iter().all(|&byte| byte == 0))
}

impl StoredRecords {
    /// The records in order: bytes, coding, and where in the segment the record begins.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Coding, u64)> {
        let mut start = 0;
        self.records.iter().map_while(move |record| {
            let stored = self.bytes.get(start..record.end)?;
            start = record.end;
            Some((stored, record.coding, record.offset))
        })
    }

    /// Bytes of the records that are ended.
    pub(super) fn size_bytes(&self) -> usize {
        self.records.last().map_or(0, |last| last.end)
    }

    /// Forgets all records, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
    }
}

#[cfg(test)]
mod tests;
