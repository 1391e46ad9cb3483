//! The symbol table: every name and value once, sorted. Elsewhere in the index a string is its place in this table.

use super::places::Places;
use super::{Corruption, Cursor, Fault};

/// Every so many symbols, the place of one is kept in memory.
const STRIDE: usize = 8;

/// Finds symbols in the table's content.
#[derive(Debug)]
pub struct Symbols {
    /// Where every `stride`th symbol begins in the content.
    places: Places,
    stride: usize,
    count: u32,
}

impl Symbols {
    /// Walks over the content of the section: count, then strings in strictly rising order.
    ///
    /// # Errors
    /// A string beyond the end, a wrong count, strings out of order.
    pub fn scan(content: &[u8]) -> Result<Self, Corruption> {
        Self::scan_each(content, STRIDE)
    }

    /// As [`Symbols::scan`], with the place of every `stride`th symbol, of each if it is 1.
    ///
    /// # Errors
    /// As there.
    pub fn scan_each(content: &[u8], stride: usize) -> Result<Self, Corruption> {
        let stride = stride.max(1);
        let mut cursor = Cursor::new(content);
        let count = cursor.be_u32()?;
        // A string takes at least its size byte: this bounds what is reserved.
        if count as usize > cursor.rest().len() {
            let (got, limit) = (u64::from(count), cursor.rest().len() as u64);
            return Err(Corruption { offset: 0, fault: Fault::TooLarge { what: "count of symbols", got, limit } });
        }
        let mut places = Vec::with_capacity(count as usize / stride + 1);
        let mut previous: Option<&[u8]> = None;
        for index in 0..count as usize {
            let at = cursor.clone();
            if index % stride == 0 {
                // The section's size has 32 bits.
                places.push(cursor.offset() as u32);
            }
            let symbol = cursor.string()?;
            if previous.is_some_and(|previous| previous >= symbol) {
                return Err(at.fault(Fault::Malformed("symbols are not sorted")));
            }
            previous = Some(symbol);
        }
        if !cursor.is_empty() {
            return Err(cursor.fault(Fault::Malformed("bytes after the last symbol")));
        }
        Ok(Self { places: Places::Kept(places), stride, count })
    }

    /// The symbols whose places, one for each, were stored by an earlier scan. That they belong to the content is for the
    /// caller to know: with others, [`Symbols::get`] finds nothing or something else.
    pub fn stored(places: Places) -> Self {
        // The count of symbols has 32 bits.
        let count = u32::try_from(places.len()).unwrap_or(u32::MAX);
        Self { places, stride: 1, count }
    }

    /// The places that are known.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// The symbol with that number, in the content that was scanned.
    pub fn get<'a>(&self, content: &'a [u8], number: u32) -> Option<&'a [u8]> {
        if number >= self.count {
            return None;
        }
        let number = number as usize;
        let place = self.places.get(number / self.stride)?;
        let mut cursor = Cursor::new(content.get(place as usize..)?);
        for _ in 0..number % self.stride {
            cursor.string().ok()?;
        }
        cursor.string().ok()
    }

    /// How many there are.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests;
