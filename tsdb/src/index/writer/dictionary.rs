//! Names, values and pairs of them as numbers, while an index is collected.

use super::IndexWriteError;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// Every string and every (name, value) once, numbered in the order they came.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    hasher: DefaultHashBuilder,
    strings: Vec<u8>,
    /// Where each string ends.
    ends: Vec<usize>,
    by_string: HashTable<u32>,
    /// Name and value of each pair.
    pairs: Vec<(u32, u32)>,
    by_pair: HashTable<u32>,
}

impl Dictionary {
    /// The number of the pair.
    pub(super) fn pair(&mut self, name: &[u8], value: &[u8]) -> Result<u32, IndexWriteError> {
        let pair = (self.string(name)?, self.string(value)?);
        let hash = self.hasher.hash_one(pair);
        let known = self.by_pair.find(hash, |&number| self.pairs.get(number as usize) == Some(&pair));
        if let Some(&number) = known {
            return Ok(number);
        }
        let number = next_number(self.pairs.len())?;
        self.pairs.push(pair);
        let (hasher, pairs) = (&self.hasher, &self.pairs);
        self.by_pair.insert_unique(hash, number, |&number| {
            hasher.hash_one(pairs.get(number as usize).copied().unwrap_or_default())
        });
        Ok(number)
    }

    /// The number of the string.
    pub(super) fn string(&mut self, string: &[u8]) -> Result<u32, IndexWriteError> {
        let hash = self.hasher.hash_one(string);
        let known = self.by_string.find(hash, |&number| slice(&self.strings, &self.ends, number) == string);
        if let Some(&number) = known {
            return Ok(number);
        }
        let number = next_number(self.ends.len())?;
        self.strings.extend_from_slice(string);
        self.ends.push(self.strings.len());
        let (hasher, strings, ends) = (&self.hasher, &self.strings, &self.ends);
        self.by_string.insert_unique(hash, number, |&number| hasher.hash_one(slice(strings, ends, number)));
        Ok(number)
    }

    /// The string with that number.
    pub(super) fn get(&self, number: u32) -> &[u8] {
        slice(&self.strings, &self.ends, number)
    }

    /// Name and value of the pair with that number, as numbers.
    pub(super) fn pair_strings(&self, number: u32) -> (u32, u32) {
        self.pairs.get(number as usize).copied().unwrap_or_default()
    }

    pub(super) fn pair_count(&self) -> usize {
        self.pairs.len()
    }

    /// The numbers of all strings, in the order of the strings.
    pub(super) fn sorted_strings(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..self.ends.len() as u32).collect();
        numbers.sort_unstable_by(|&left, &right| self.get(left).cmp(self.get(right)));
        numbers
    }
}

/// Numbers have 32 bits.
fn next_number(count: usize) -> Result<u32, IndexWriteError> {
    let limit = u64::from(u32::MAX);
    u32::try_from(count).map_err(|_| IndexWriteError::TooLarge { what: "count of symbols", size: count as u64, limit })
}

fn slice<'a>(strings: &'a [u8], ends: &[usize], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = number.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    let end = ends.get(number).copied().unwrap_or(start);
    strings.get(start..end).unwrap_or_default()
}
