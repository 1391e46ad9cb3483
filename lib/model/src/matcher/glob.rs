//! Literals with gaps between.

use crate::regex::shape::{Gap, Sequence};
use memchr::memmem::Finder;

/// Literals with gaps between: `first`, `middles` and `last`, in this order.
#[derive(Debug)]
pub(super) struct Glob {
    first: Box<[u8]>,
    middles: Box<[(Gap, Finder<'static>)]>,
    /// The gap before `last`.
    last_gap: Gap,
    last: Box<[u8]>,
}

impl Glob {
    /// `None` if `sequence` is a literal.
    pub(super) fn new(sequence: &Sequence) -> Option<Self> {
        let ((last_gap, last), middles) = sequence.rest.split_last()?;
        Some(Self {
            first: sequence.first.as_slice().into(),
            middles: middles.iter().map(|(gap, literal)| (*gap, Finder::new(literal).into_owned())).collect(),
            last_gap: *last_gap,
            last: last.as_slice().into(),
        })
    }

    /// What every match begins with.
    pub(super) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Whether it is nothing but `gap`.
    pub(super) fn matches_all(&self, gap: Gap) -> bool {
        self.first.is_empty() && self.middles.is_empty() && self.last.is_empty() && self.last_gap == gap
    }

    pub(super) fn matches(&self, value: &[u8]) -> bool {
        let Some(inner) = value.strip_prefix(&*self.first) else { return false };
        let Some(mut inner) = inner.strip_suffix(&*self.last) else { return false };
        for (gap, finder) in &self.middles {
            // The first place is the best: it leaves most to the others.
            let Some(searched) = inner.get(gap.min_bytes()..) else { return false };
            let Some(at) = finder.find(searched) else { return false };
            inner = searched.get(at + finder.needle().len()..).unwrap_or_default();
        }
        inner.len() >= self.last_gap.min_bytes()
    }
}

impl Gap {
    fn min_bytes(self) -> usize {
        match self {
            Self::Any => 0,
            Self::Some => 1,
        }
    }
}
