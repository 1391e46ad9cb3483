//! Line numbers on the way to an answer: few as a list, many as a bitmap.

use crate::head::dictionary::PairId;
use crate::head::postings::Posting;
use crate::head::shard::Shard;
use roaring::RoaringBitmap;

/// Line numbers on the way to an answer.
#[derive(Debug)]
pub(super) enum Numbers {
    Rising(Vec<u32>),
    Bitmap(RoaringBitmap),
}

impl Numbers {
    pub(super) fn up_to(end: u32) -> Self {
        Self::Bitmap((0..end).collect())
    }

    pub(super) fn from_list(list: Posting<'_>) -> Self {
        if let Posting::Bitmap(bitmap) = list {
            return Self::Bitmap(bitmap.clone());
        }
        let mut numbers = Vec::with_capacity(list.len());
        list.for_each(|number| numbers.push(number));
        Self::Rising(numbers)
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Rising(numbers) => numbers.len(),
            Self::Bitmap(bitmap) => bitmap.len() as usize,
        }
    }

    /// Keeps what `list` holds, too.
    pub(super) fn intersect_list(&mut self, list: Posting<'_>) {
        match (&mut *self, list) {
            (Self::Bitmap(bitmap), Posting::Bitmap(other)) => *bitmap &= other,
            (Self::Bitmap(bitmap), list) => {
                let mut numbers = Vec::new();
                list.for_each(|number| {
                    if bitmap.contains(number) {
                        numbers.push(number);
                    }
                });
                *self = Self::Rising(numbers);
            }
            (Self::Rising(numbers), Posting::Bitmap(other)) => numbers.retain(|&number| other.contains(number)),
            (Self::Rising(numbers), list) => keep_common(numbers, list),
        }
    }

    pub(super) fn intersect(self, other: Self) -> Self {
        match (self, other) {
            (Self::Bitmap(one), Self::Bitmap(other)) => Self::Bitmap(one & other),
            (Self::Rising(mut numbers), Self::Bitmap(bitmap)) | (Self::Bitmap(bitmap), Self::Rising(mut numbers)) => {
                numbers.retain(|&number| bitmap.contains(number));
                Self::Rising(numbers)
            }
            (Self::Rising(one), Self::Rising(other)) => {
                let (mut few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
                let mut rest = many.as_slice();
                few.retain(|&number| gallop(&mut rest, number));
                Self::Rising(few)
            }
        }
    }

    /// Drops what `other` holds.
    pub(super) fn subtract(&mut self, other: &Self) {
        match (self, other) {
            (Self::Bitmap(bitmap), Self::Bitmap(other)) => *bitmap -= other,
            (Self::Bitmap(bitmap), Self::Rising(other)) => {
                for &number in other {
                    bitmap.remove(number);
                }
            }
            (Self::Rising(numbers), Self::Bitmap(other)) => numbers.retain(|&number| !other.contains(number)),
            (Self::Rising(numbers), Self::Rising(other)) => {
                let mut rest = other.as_slice();
                numbers.retain(|&number| !gallop(&mut rest, number));
            }
        }
    }

    pub(super) fn subtract_list(&mut self, list: Posting<'_>) {
        match list {
            Posting::Bitmap(other) => match self {
                Self::Bitmap(bitmap) => *bitmap -= other,
                Self::Rising(numbers) => numbers.retain(|&number| !other.contains(number)),
            },
            list => self.subtract(&Self::from_list(list)),
        }
    }

    /// Keeps those whose labels have one of `pairs`, or those that have none.
    pub(super) fn retain_by_labels(&mut self, shard: &Shard, pairs: &[PairId], having: bool) {
        let bitmap = RoaringBitmap::from_sorted_iter(pairs.iter().copied()).unwrap_or_default();
        let has = |number: u32| shard.pairs(number).any(|pair| bitmap.contains(pair));
        let keep = |number: &u32| shard.lines[*number].is_live() && has(*number) == having;
        match self {
            Self::Rising(numbers) => numbers.retain(keep),
            Self::Bitmap(bitmap) => *self = Self::Rising(bitmap.iter().filter(keep).collect()),
        }
    }

    pub(super) fn into_rising(self) -> Vec<u32> {
        match self {
            Self::Rising(numbers) => numbers,
            Self::Bitmap(bitmap) => rising(&bitmap),
        }
    }
}

/// The numbers of a bitmap, container by container. `next_many` of roaring 0.12.0 passes over a container that is one run of
/// all its numbers, as that of a label is which all series have.
fn rising(bitmap: &RoaringBitmap) -> Vec<u32> {
    let mut numbers = vec![0; bitmap.len() as usize];
    let mut filled = 0;
    for high in 0..=bitmap.max().unwrap_or(0) >> 16 {
        let (container, rest) = (high << 16..=high << 16 | 0xffff, numbers.get_mut(filled..).unwrap_or_default());
        filled += if bitmap.contains_range(container.clone()) {
            rest.iter_mut().zip(container).map(|(to, number)| *to = number).count()
        } else {
            bitmap.range(container).next_many(rest).len()
        };
    }
    // Series left out of an answer would be seen by nobody.
    assert_eq!(filled, numbers.len(), "a bitmap hands out other numbers than it counts");
    numbers
}

/// Keeps of `numbers` what `list` holds, too.
fn keep_common(numbers: &mut Vec<u32>, list: Posting<'_>) {
    let mut kept = 0;
    let mut at = 0;
    list.for_each(|number| {
        while numbers.get(at).is_some_and(|&candidate| candidate < number) {
            at += 1;
        }
        if numbers.get(at) == Some(&number) {
            numbers.swap(kept, at);
            kept += 1;
            at += 1;
        }
    });
    numbers.truncate(kept);
}

/// Whether `number` is in `rest`, which is rising; moves `rest` on to the first that is not below it, by leaps.
fn gallop(rest: &mut &[u32], number: u32) -> bool {
    let mut leap = 1;
    while rest.get(leap).is_some_and(|&other| other < number) {
        leap *= 2;
    }
    // What `leap / 2` stands on is below `number`, or it is the first.
    let (start, end) = (leap / 2, rest.len().min(leap + 1));
    let below = rest.get(start..end).map_or(0, |window| window.partition_point(|&other| other < number));
    *rest = rest.get(start + below..).unwrap_or_default();
    rest.first() == Some(&number)
}

#[cfg(test)]
mod tests;
