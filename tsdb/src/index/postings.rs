//! The postings offset table: for each label, where the list of its series stands.

use super::places::Places;
use super::{Corruption, Cursor, Fault};

/// Of each label name, every so many values the place of one is kept in memory.
const STRIDE: usize = 32;

/// Finds lists in the table's content.
#[derive(Debug)]
pub struct PostingsTable {
    names: Vec<NameEntry>,
    /// Where every `stride`th value of each name begins in the content.
    places: Places,
    stride: usize,
}

#[derive(Debug)]
struct NameEntry {
    name: Box<[u8]>,
    /// Its first place in `places`.
    first: u32,
    values: u32,
}

/// One row of the table: a label and its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostingsRow<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    /// Where the list begins in the index.
    pub list: u64,
    /// Where the list of the next row begins: lists stand in the order of rows, so this one ends before. `None` in the last
    /// row.
    pub next_list: Option<u64>,
}

impl PostingsTable {
    /// Walks over the content of the section: count, then rows in strictly rising order of (name, value).
    ///
    /// # Errors
    /// A row beyond the end, a wrong count, rows out of order.
    pub fn scan(content: &[u8]) -> Result<Self, Corruption> {
        Self::scan_each(content, STRIDE)
    }

    /// As [`PostingsTable::scan`], with the place of every `stride`th value of a name, of each if it is 1.
    ///
    /// # Errors
    /// As there.
    pub fn scan_each(content: &[u8], stride: usize) -> Result<Self, Corruption> {
        let stride = stride.max(1);
        let mut cursor = Cursor::new(content);
        let count = cursor.be_u32()?;
        let (mut names, mut places): (Vec<NameEntry>, _) = (Vec::new(), Vec::new());
        let mut previous: Option<(&[u8], &[u8])> = None;
        for _ in 0..count {
            let at = cursor.clone();
            let row = decode_row(&mut cursor)?;
            if previous.is_some_and(|previous| previous >= (row.name, row.value)) {
                return Err(at.fault(Fault::Malformed("postings offsets are not sorted")));
            }
            if previous.is_none_or(|(name, _)| name != row.name) {
                let first = places.len() as u32;
                names.push(NameEntry { name: row.name.into(), first, values: 0 });
            }
            if let Some(entry) = names.last_mut() {
                if (entry.values as usize).is_multiple_of(stride) {
                    // The section's size has 32 bits.
                    places.push(at.offset() as u32);
                }
                entry.values += 1;
            }
            previous = Some((row.name, row.value));
        }
        if !cursor.is_empty() {
            return Err(cursor.fault(Fault::Malformed("bytes after the last row")));
        }
        Ok(Self { names, places: Places::Kept(places), stride })
    }

    /// The table whose places, one for each row, were stored by an earlier scan, with the numbers of the rows at which a new
    /// name begins. That they belong to `content` is for the caller to know: with others, look-ups find nothing or something
    /// else.
    ///
    /// # Errors
    /// Names that do not begin one after the other, or where no row is.
    pub fn stored(content: &[u8], places: Places, first_rows: &Places) -> Result<Self, Corruption> {
        let bad = Corruption { offset: 0, fault: Fault::Malformed("names do not begin where rows do") };
        let mut names = Vec::with_capacity(first_rows.len());
        for number in 0..first_rows.len() {
            let first = first_rows.get(number).ok_or(bad)?;
            // A row number has 32 bits, as the count of rows.
            let end = first_rows.get(number + 1).unwrap_or(places.len() as u32);
            let values = end.checked_sub(first).filter(|values| *values > 0).ok_or(bad)?;
            let row = places.get(first as usize).and_then(|place| row_at(content, place)).ok_or(bad)?;
            names.push(NameEntry { name: row.name.into(), first, values });
        }
        Ok(Self { names, places, stride: 1 })
    }

    /// The places that are known.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// For each name, the number of the first of [`PostingsTable::places`] that is its.
    pub fn first_places(&self) -> Places {
        Places::Kept(self.names.iter().map(|entry| entry.first).collect())
    }

    /// All names, sorted; the empty one, under which the list of all series stands, among them.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.names.iter().map(|entry| &*entry.name)
    }

    /// The rows of `name` whose value is not below `from`, in order, out of the content that was scanned.
    pub fn rows<'c>(
        &self,
        content: &'c [u8],
        name: &[u8],
        from: &[u8],
    ) -> impl Iterator<Item = PostingsRow<'c>> + use<'c> {
        let (mut cursor, mut left) = self.seek(content, name, from).unwrap_or((Cursor::new(&[]), 0));
        // What was scanned decodes again.
        let mut ahead = decode_row(&mut cursor).ok();
        let rows = std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            let row = ahead.take()?;
            ahead = decode_row(&mut cursor).ok();
            Some(PostingsRow { next_list: ahead.map(|next| next.list), ..row })
        });
        let from = from.to_vec();
        rows.skip_while(move |row| row.value < from.as_slice())
    }

    /// The row of that label.
    pub fn row<'c>(&self, content: &'c [u8], name: &[u8], value: &[u8]) -> Option<PostingsRow<'c>> {
        self.rows(content, name, value).next().filter(|row| row.value == value)
    }

    /// A cursor on the last kept row of `name` that is not after `from`, and how many rows there are from it on.
    fn seek<'c>(&self, content: &'c [u8], name: &[u8], from: &[u8]) -> Option<(Cursor<'c>, usize)> {
        let index = self.names.binary_search_by(|entry| (*entry.name).cmp(name)).ok()?;
        let entry = self.names.get(index)?;
        let (first, values) = (entry.first as usize, entry.values as usize);
        let not_after = |place: u32| row_at(content, place).is_some_and(|row| row.value <= from);
        let end = first + values.div_ceil(self.stride);
        let kept = self.places.partition_point(first..end, not_after)?.saturating_sub(1);
        let place = self.places.get(first + kept)?;
        Some((Cursor::new(content.get(place as usize..)?), values - kept * self.stride))
    }
}

fn row_at(content: &[u8], place: u32) -> Option<PostingsRow<'_>> {
    decode_row(&mut Cursor::new(content.get(place as usize..)?)).ok()
}

fn decode_row<'a>(cursor: &mut Cursor<'a>) -> Result<PostingsRow<'a>, Corruption> {
    let at = cursor.clone();
    if cursor.uvarint()? != 2 {
        return Err(at.fault(Fault::Malformed("a row of the postings table has not two strings")));
    }
    Ok(PostingsRow { name: cursor.string()?, value: cursor.string()?, list: cursor.uvarint()?, next_list: None })
}

#[cfg(test)]
mod tests;
