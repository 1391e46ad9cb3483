//! Lists of series ids, and what is done with them.

use super::{Corruption, Cursor, Fault};
use roaring::RoaringBitmap;

/// A sorted list of series ids, as it stands in an index.
#[derive(Debug, Clone, Copy, Default)]
pub struct IdList<'a> {
    /// Four bytes each, big-endian.
    words: &'a [[u8; 4]],
}

impl<'a> IdList<'a> {
    /// Takes the content of a postings section: count, then ids in strictly rising order.
    ///
    /// # Errors
    /// A wrong count, ids out of order.
    pub fn decode(content: &'a [u8]) -> Result<Self, Corruption> {
        let mut cursor = Cursor::new(content);
        let count = cursor.be_u32()?;
        let (words, rest) = cursor.rest().as_chunks::<4>();
        if words.len() != count as usize || !rest.is_empty() {
            return Err(cursor.fault(Fault::Malformed("count of postings and size of the list differ")));
        }
        let list = Self { words };
        match list.iter().zip(list.iter().skip(1)).position(|(left, right)| left >= right) {
            None => Ok(list),
            Some(index) => {
                let offset = (index + 2) as u64 * 4;
                Err(Corruption { offset, fault: Fault::Malformed("postings are not sorted") })
            }
        }
    }

    /// How many ids there are.
    pub fn len(self) -> usize {
        self.words.len()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.words.is_empty()
    }

    /// The ids in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = u32> + 'a {
        self.words.iter().map(|&word| u32::from_be_bytes(word))
    }

    /// Whether the list and `ids`, sorted, have an id in common.
    pub fn intersects(self, ids: &[u32]) -> bool {
        if ids.len() < self.len() {
            let mut list = Seeker::new(IdSet::List(self));
            return ids.iter().any(|&id| list.contains(id));
        }
        let mut ids = Seeker::new(IdSet::Ids(ids));
        self.iter().any(|id| ids.contains(id))
    }
}

/// Below so many ids, a union is sorted rather than put into a bitmap.
const SORT_UNION: usize = 1024;

/// The union of many lists.
#[derive(Debug)]
pub(super) enum Union<'a> {
    One(IdList<'a>),
    Sorted(Vec<u32>),
    Bitmap(RoaringBitmap),
}

impl<'a> Union<'a> {
    pub(super) fn of(lists: &[IdList<'a>]) -> Self {
        match lists {
            [] => Self::One(IdList::default()),
            [one] => Self::One(*one),
            many if many.iter().map(|list| list.len()).sum::<usize>() < SORT_UNION => {
                let mut ids: Vec<u32> = many.iter().flat_map(|list| list.iter()).collect();
                ids.sort_unstable();
                ids.dedup();
                Self::Sorted(ids)
            }
            many => {
                let mut bitmap = RoaringBitmap::new();
                many.iter().for_each(|list| bitmap.extend(list.iter()));
                Self::Bitmap(bitmap)
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(list) => list.len(),
            Self::Sorted(ids) => ids.len(),
            Self::Bitmap(bitmap) => usize::try_from(bitmap.len()).unwrap_or(usize::MAX),
        }
    }

    pub(super) fn into_ids(self) -> Vec<u32> {
        match self {
            Self::One(list) => list.iter().collect(),
            Self::Sorted(ids) => ids,
            Self::Bitmap(bitmap) => bitmap.into_iter().collect(),
        }
    }

    /// Keeps those of `ids`, sorted, that are in the union, or with `keep` false those that are not.
    pub(super) fn retain(&self, ids: &mut Vec<u32>, keep: bool) {
        let mut seeker = Seeker::new(match self {
            Self::One(list) => IdSet::List(*list),
            Self::Sorted(ids) => IdSet::Ids(ids),
            Self::Bitmap(bitmap) => IdSet::Bitmap(bitmap),
        });
        ids.retain(|&id| seeker.contains(id) == keep);
    }
}

/// A sorted set of ids.
#[derive(Debug, Clone, Copy)]
enum IdSet<'a> {
    List(IdList<'a>),
    Ids(&'a [u32]),
    Bitmap(&'a RoaringBitmap),
}

/// Tells of rising ids whether they are in a set.
struct Seeker<'a> {
    set: IdSet<'a>,
    /// Everything before this place is smaller than what will be asked for.
    at: usize,
}

impl<'a> Seeker<'a> {
    fn new(set: IdSet<'a>) -> Self {
        Self { set, at: 0 }
    }

    /// Whether `id` is in the set; ids asked for never fall.
    fn contains(&mut self, id: u32) -> bool {
        match self.set {
            IdSet::Bitmap(bitmap) => bitmap.contains(id),
            IdSet::List(list) => {
                self.at = gallop(list.words, self.at, |&word| u32::from_be_bytes(word) < id);
                list.words.get(self.at).is_some_and(|&word| u32::from_be_bytes(word) == id)
            }
            IdSet::Ids(ids) => {
                self.at = gallop(ids, self.at, |&have| have < id);
                ids.get(self.at) == Some(&id)
            }
        }
    }
}

/// The first place from `start` on where `before` no longer holds: found in steps that double, so that what lies near is
/// found fast and what lies far is not passed one by one.
fn gallop<T>(items: &[T], start: usize, before: impl Fn(&T) -> bool) -> usize {
    let (mut low, mut step) = (start, 1);
    while let Some(item) = items.get(low + step - 1) {
        if !before(item) {
            break;
        }
        low += step;
        step *= 2;
    }
    let end = items.len().min(low + step - 1);
    low + items.get(low..end).unwrap_or_default().partition_point(before)
}

#[cfg(test)]
mod tests;
