//! Label sets, packed into one run of bytes.
//!
//! The layout is that of Prometheus' string labels: name, value, name, value …, each preceded by its size, one byte
//! below 255, else `ff` and three bytes little-endian. Labels are sorted by name, names are unique, values are not
//! empty. Names and values are bytes: the disk formats do not promise UTF-8, and what was stored must come back.
//!
//! Order is that of `labels.Compare` in Prometheus: name, then value, label by label; a prefix sorts first.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

mod packed_builder;

pub use packed_builder::PackedBuilder;

/// The name of the label that holds the metric's name.
pub const METRIC_NAME: &[u8] = b"__name__";

/// The largest name or value the packed form can carry, in bytes (three size bytes).
const MAX_STRING_BYTES: usize = 0xff_ffff;

/// One label of a set; both sides borrowed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
}

/// A label set that owns its bytes. Cloning is a reference count.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[u8]>);

/// A borrowed label set: the packed bytes, known to be well formed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LabelsRef<'a>(&'a [u8]);

/// Why a list of labels is no label set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabels {
    #[error("label name is empty")]
    EmptyName,
    #[error("label name {0:?} occurs more than once")]
    DuplicateName(String),
    #[error("a label name or value of {size_bytes} bytes is over the limit of {MAX_STRING_BYTES}")]
    TooLong { size_bytes: usize },
    #[error("packed labels are malformed at byte {at}")]
    Malformed { at: usize },
}

/// Collects labels in any order and packs them.
#[derive(Debug, Default, Clone)]
pub struct LabelsBuilder {
    labels: Vec<(Vec<u8>, Vec<u8>)>,
}

/// The labels of a set, in order of their names.
#[derive(Debug, Clone)]
pub struct LabelIter<'a> {
    rest: &'a [u8],
}

impl Labels {
    /// The label set without any label.
    pub fn empty() -> Self {
        Self(Arc::from([]))
    }

    /// Packs `pairs`, given in any order. Empty values are left out, as everywhere in Prometheus.
    ///
    /// # Errors
    /// An empty or repeated name, or a string that the packed form cannot carry.
    pub fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, InvalidLabels>
    where
        N: Into<Vec<u8>>,
        V: Into<Vec<u8>>,
    {
        let mut builder = LabelsBuilder::default();
        for (name, value) in pairs {
            builder.push(name, value);
        }
        builder.build()
    }

    /// Takes bytes in the packed layout.
    ///
    /// # Errors
    /// [`InvalidLabels::Malformed`] where the sizes do not add up or names are not in strictly rising order.
    pub fn from_packed(packed: impl Into<Arc<[u8]>>) -> Result<Self, InvalidLabels> {
        let packed = packed.into();
        LabelsRef::from_packed(&packed)?;
        Ok(Self(packed))
    }

    /// The same set, borrowed.
    pub fn as_ref(&self) -> LabelsRef<'_> {
        LabelsRef(&self.0)
    }

    /// The value of `name`, if the set has it.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.as_ref().get(name)
    }

    /// The labels in order.
    pub fn iter(&self) -> LabelIter<'_> {
        self.as_ref().iter()
    }

    /// Starts a changed copy.
    pub fn edit(&self) -> LabelsBuilder {
        self.as_ref().edit()
    }
}

impl<'a> LabelsRef<'a> {
    /// Borrows bytes in the packed layout after checking them.
    ///
    /// # Errors
    /// As [`Labels::from_packed`].
    pub fn from_packed(packed: &'a [u8]) -> Result<Self, InvalidLabels> {
        let mut rest = packed;
        let mut previous: Option<&[u8]> = None;
        while !rest.is_empty() {
            let at = packed.len() - rest.len();
            let label = split_label(&mut rest).ok_or(InvalidLabels::Malformed { at })?;
            if label.name.is_empty() || previous.is_some_and(|name| name >= label.name) {
                return Err(InvalidLabels::Malformed { at });
            }
            previous = Some(label.name);
        }
        Ok(Self(packed))
    }

    /// Borrows bytes that came out of [`LabelsRef::as_packed`]. Malformed bytes are not unsafe here: iteration stops at
    /// the first fault.
    pub fn from_packed_unchecked(packed: &'a [u8]) -> Self {
        Self(packed)
    }

    /// The packed bytes.
    pub fn as_packed(self) -> &'a [u8] {
        self.0
    }

    /// The value of `name`, if the set has it.
    pub fn get(self, name: &[u8]) -> Option<&'a [u8]> {
        self.iter().take_while(|label| label.name <= name).find(|label| label.name == name).map(|label| label.value)
    }

    /// The labels in order.
    pub fn iter(self) -> LabelIter<'a> {
        LabelIter { rest: self.0 }
    }

    /// The labels whose names sort before `name`, as a set.
    pub fn split_before(self, name: &[u8]) -> LabelsRef<'a> {
        let mut iter = self.iter();
        loop {
            let rest = iter.rest.len();
            match iter.next() {
                Some(label) if label.name < name => {}
                _ => return LabelsRef(&self.0[..self.0.len() - rest]),
            }
        }
    }

    /// How many labels there are. They have to be walked.
    pub fn len(self) -> usize {
        self.iter().count()
    }

    /// Whether there is no label at all.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// A copy that owns its bytes.
    pub fn to_owned(self) -> Labels {
        Labels(Arc::from(self.0))
    }

    /// Starts a changed copy.
    pub fn edit(self) -> LabelsBuilder {
        LabelsBuilder { labels: self.iter().map(|label| (label.name.to_vec(), label.value.to_vec())).collect() }
    }
}

impl LabelsBuilder {
    /// Adds a label. Order does not matter; an empty value adds nothing.
    pub fn push(&mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        let (name, value) = (name.into(), value.into());
        if !value.is_empty() {
            self.labels.push((name, value));
        }
    }

    /// Gives `name` the value `value`, whatever it was before; an empty value removes it.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        self.remove(name);
        self.push(name, value);
    }

    /// Removes `name`, if it is there.
    pub fn remove(&mut self, name: &[u8]) {
        self.labels.retain(|(have, _)| have != name);
    }

    /// Keeps the labels whose name `keep` accepts.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8]) -> bool) {
        self.labels.retain(|(name, _)| keep(name));
    }

    /// Sorts and packs what was collected.
    ///
    /// # Errors
    /// As [`Labels::from_pairs`].
    pub fn build(mut self) -> Result<Labels, InvalidLabels> {
        self.labels.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        let mut packed = Vec::with_capacity(self.labels.iter().map(|(n, v)| n.len() + v.len() + 2).sum());
        let mut previous: Option<&[u8]> = None;
        for (name, value) in &self.labels {
            if name.is_empty() {
                return Err(InvalidLabels::EmptyName);
            }
            if previous == Some(name) {
                return Err(InvalidLabels::DuplicateName(String::from_utf8_lossy(name).into_owned()));
            }
            push_packed(&mut packed, name)?;
            push_packed(&mut packed, value)?;
            previous = Some(name);
        }
        Ok(Labels(packed.into()))
    }
}

/// Appends one string in the packed layout.
#[inline]
pub(crate) fn push_packed(packed: &mut Vec<u8>, string: &[u8]) -> Result<(), InvalidLabels> {
    let size = string.len();
    if size > MAX_STRING_BYTES {
        return Err(InvalidLabels::TooLong { size_bytes: size });
    }
    let bytes = u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    if size < 0xff {
        packed.push(bytes[0]);
    } else {
        packed.extend_from_slice(&[0xff, bytes[0], bytes[1], bytes[2]]);
    }
    packed.extend_from_slice(string);
    Ok(())
}

fn split_label<'a>(rest: &mut &'a [u8]) -> Option<Label<'a>> {
    Some(Label { name: split_string(rest)?, value: split_string(rest)? })
}

fn split_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&first, mut tail) = rest.split_first()?;
    let mut size = usize::from(first);
    if first == 0xff {
        let ([low, mid, high], after) = tail.split_first_chunk::<3>()?;
        size = usize::from(*low) | usize::from(*mid) << 8 | usize::from(*high) << 16;
        // A size that fits in one byte is written in one, or equal sets would not have equal bytes.
        if size < 0xff {
            return None;
        }
        tail = after;
    }
    let (string, after) = tail.split_at_checked(size)?;
    *rest = after;
    Some(string)
}

// === order, iteration, text ===

impl<'a> Iterator for LabelIter<'a> {
    type Item = Label<'a>;

    fn next(&mut self) -> Option<Label<'a>> {
        split_label(&mut self.rest)
    }
}

impl Ord for LabelsRef<'_> {
    /// The first string in which both differ decides. Those before it, equal to the byte, are stepped over and not compared:
    /// neighbours in order have most of them in common.
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut left, mut right) = (self.0, other.0);
        let equal = equal_bytes(left, right);
        if equal == left.len() && equal == right.len() {
            return Ordering::Equal;
        }
        let mut after = left;
        while split_string(&mut after).is_some() && self.0.len() - after.len() <= equal {
            left = after;
        }
        right = &right[self.0.len() - left.len()..];
        split_string(&mut left).cmp(&split_string(&mut right))
    }
}

/// With how many bytes both begin alike.
fn equal_bytes(left: &[u8], right: &[u8]) -> usize {
    const STEP: usize = 16;
    let steps = left.chunks_exact(STEP).zip(right.chunks_exact(STEP));
    let at = steps.take_while(|(left, right)| left == right).count() * STEP;
    at + left[at..].iter().zip(&right[at..]).take_while(|(left, right)| left == right).count()
}

impl PartialOrd for LabelsRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_ref().cmp(&other.as_ref())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// `{name="value", …}`, values quoted as Rust does; for people, not for parsers.
impl fmt::Debug for LabelsRef<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("{")?;
        for (i, label) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            let (name, value) = (String::from_utf8_lossy(label.name), String::from_utf8_lossy(label.value));
            write!(out, "{comma}{name}={value:?}")?;
        }
        out.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(out)
    }
}

#[cfg(test)]
mod tests;
