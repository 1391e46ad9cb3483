//! Label sets one after the other, each like the one before it: what is alike is compared, not read.

use crate::cursor::{Corruption, Cursor};
use crate::wal::read_labels;
use model::{LabelsRef, PackedBuilder};

/// Reads the labels of series; remembers those of the series before.
#[derive(Debug, Default)]
pub(super) struct LabelReader {
    builder: PackedBuilder,
    /// Of the series read last: its labels packed, where each ends, which are those of the one before.
    packed: Vec<u8>,
    ends: Vec<usize>,
    alike: u64,
    ends_before: Vec<usize>,
}

/// How the labels of a series are like those of the one that was read before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alike<'a> {
    /// Where each label ends in the packed form.
    pub(crate) ends: &'a [usize],
    /// A bit for each label, from the lowest: it is the same as the one in its place before. Beyond 64 nothing is known.
    alike: u64,
}

impl Alike<'_> {
    /// Whether label `index` is the same as the one in its place before.
    pub(crate) fn is(self, index: usize) -> bool {
        Self::has(self.alike, index)
    }

    /// The same, kept for later.
    pub(crate) fn bits(self) -> u64 {
        self.alike
    }

    /// Whether label `index` is among these.
    pub(crate) fn has(bits: u64, index: usize) -> bool {
        bit(index) & bits != 0
    }
}

fn bit(index: usize) -> u64 {
    1_u64.checked_shl(index as u32).unwrap_or(0)
}

impl LabelReader {
    /// Reads labels as a record of the log has them; `None`: they are none.
    pub(super) fn read<'a>(
        &'a mut self,
        cursor: &mut Cursor<'a>,
    ) -> Result<Option<(LabelsRef<'a>, Alike<'a>)>, Corruption> {
        if let Some(packed) = self.read_packed(cursor.rest()) {
            // The count is one byte.
            cursor.skip(1 + packed.len());
            self.packed.clear();
            self.packed.extend_from_slice(packed);
            let alike = Alike { ends: &self.ends, alike: self.alike };
            return Ok(Some((LabelsRef::from_packed_unchecked(packed), alike)));
        }
        let Self { builder, packed, ends, .. } = self;
        let Some(labels) = read_labels(builder, cursor)? else { return Ok(None) };
        packed.clear();
        packed.extend_from_slice(labels.as_packed());
        ends.clear();
        let mut end = 0;
        ends.extend(labels.iter().map(|label| {
            end += packed_bytes(label.name) + packed_bytes(label.value);
            end
        }));
        Ok(Some((labels, Alike { ends, alike: 0 })))
    }

    /// Strings of less than 128 bytes stand in a record as in the packed form. If all are, none is empty and names rise, those
    /// bytes are returned.
    fn read_packed<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (&count, bytes) = bytes.split_first()?;
        let Self { packed, ends, alike, ends_before, .. } = self;
        std::mem::swap(ends, ends_before);
        ends.clear();
        *alike = 0;
        let (mut end, mut end_before, mut name, mut was_alike): (_, _, &[u8], _) = (0, 0, &[], true);
        for index in 0..usize::from(Some(count).filter(|&count| count < 0x80)?) {
            let before =
                ends_before.get(index).and_then(|&end| packed.get(std::mem::replace(&mut end_before, end)..end));
            let rest = bytes.get(end..)?;
            let is_alike = before.is_some_and(|before| rest.starts_with(before));
            let (this, rest) = split_short(rest)?;
            end += match before.filter(|_| is_alike) {
                Some(before) => before.len(),
                None => 2 + this.len() + split_short(rest)?.0.len(),
            };
            // What is alike was looked at before.
            if !(is_alike && was_alike) && index > 0 && name >= this {
                return None;
            }
            if is_alike {
                *alike |= bit(index);
            }
            ends.push(end);
            (name, was_alike) = (this, is_alike);
        }
        bytes.get(..end)
    }
}

/// A string of 1 to 127 bytes behind its size, and what follows.
fn split_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&size, rest) = bytes.split_first()?;
    if (1..0x80).contains(&size) { rest.split_at_checked(usize::from(size)) } else { None }
}

/// What a string takes in the packed form.
fn packed_bytes(string: &[u8]) -> usize {
    string.len() + if string.len() < 0xff { 1 } else { 4 }
}

#[cfg(test)]
mod tests;
