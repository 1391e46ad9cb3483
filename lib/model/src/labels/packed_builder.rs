//! Packing set after set into the same memory.

use super::{InvalidLabels, LabelsRef, push_packed};
use std::cmp::Ordering;
use std::ops::Range;

/// Packs labels that come in any order, one set after the other. Once its buffers have grown to the largest set, it
/// allocates nothing; labels that come in order are not moved.
///
/// [`PackedBuilder::push`] the labels, [`PackedBuilder::finish`], and [`PackedBuilder::clear`] before the next set.
#[derive(Debug)]
pub struct PackedBuilder {
    /// The labels packed as they came.
    arrived: Vec<u8>,
    /// Where in `arrived` each label is.
    places: Vec<Place>,
    /// Whether names have come in strictly rising order so far.
    is_sorted: bool,
    /// The labels in order, if they did not come so.
    sorted: Vec<u8>,
}

/// Where a label is: packed from `start` to `end`, its name inside.
#[derive(Debug, Clone)]
struct Place {
    start: usize,
    end: usize,
    name: Range<usize>,
}

impl Default for PackedBuilder {
    fn default() -> Self {
        Self { arrived: Vec::new(), places: Vec::new(), is_sorted: true, sorted: Vec::new() }
    }
}

impl PackedBuilder {
    /// Forgets all labels, keeps the memory.
    pub fn clear(&mut self) {
        self.arrived.clear();
        self.places.clear();
        self.is_sorted = true;
    }

    /// Adds a label; an empty value adds nothing.
    ///
    /// # Errors
    /// An empty name, or a string that the packed form cannot carry. Then the set is to be given up: part of the label may
    /// be in it.
    #[inline]
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidLabels> {
        if name.is_empty() {
            return Err(InvalidLabels::EmptyName);
        }
        if value.is_empty() {
            return Ok(());
        }
        let start = self.arrived.len();
        self.arrived.reserve(name.len() + value.len() + 8);
        push_packed(&mut self.arrived, name)?;
        let name_end = self.arrived.len();
        push_packed(&mut self.arrived, value)?;
        self.is_sorted &= self.places.last().is_none_or(|last| rises(&self.arrived[last.name.clone()], name));
        self.places.push(Place { start, end: self.arrived.len(), name: name_end - name.len()..name_end });
        Ok(())
    }

    /// How many labels there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The set of the labels pushed.
    ///
    /// # Errors
    /// A name that was pushed more than once.
    pub fn finish(&mut self) -> Result<LabelsRef<'_>, InvalidLabels> {
        if self.is_sorted {
            return Ok(LabelsRef(&self.arrived));
        }
        let Self { arrived, places, sorted, .. } = self;
        places.sort_unstable_by(|left, right| arrived[left.name.clone()].cmp(&arrived[right.name.clone()]));
        sorted.clear();
        let mut previous: Option<&[u8]> = None;
        for place in places.iter() {
            let name = &arrived[place.name.clone()];
            if previous == Some(name) {
                return Err(InvalidLabels::DuplicateName(String::from_utf8_lossy(name).into_owned()));
            }
            sorted.extend_from_slice(&arrived[place.start..place.end]);
            previous = Some(name);
        }
        Ok(LabelsRef(sorted))
    }
}

/// Whether `name` sorts behind `last`: most names differ in their first byte.
#[inline]
fn rises(last: &[u8], name: &[u8]) -> bool {
    match last.first().cmp(&name.first()) {
        Ordering::Equal => last < name,
        order => order.is_lt(),
    }
}

#[cfg(test)]
mod tests;
