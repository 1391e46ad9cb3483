//! With which labels series are shown.

use super::dictionary::{Dictionary, PairId, pair_texts};
use model::{Labels, LabelsRef};
use std::sync::Arc;

/// Which labels the series of a reader have.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Labels that no series of the head has, and all get.
    pub(super) added: Labels,
    /// Of all labels those that are shown, sorted; `None`: all.
    pub(super) names: Option<Arc<[Vec<u8>]>>,
}

/// What becomes of the labels of a name: the same for all of them.
#[derive(Debug, Clone, Copy)]
enum NamePlace {
    /// They are shown, behind so many of the labels that all series get.
    Shown {
        added_before: usize,
    },
    Hidden,
    /// Neither they nor any behind them are shown.
    Beyond,
}

/// The labels of a few series as they are shown. Used again for the next few.
#[derive(Debug, Default)]
pub(super) struct PackedLabels {
    /// One set behind the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// By number of a name, once known.
    names: Vec<Option<NamePlace>>,
}

impl PackedLabels {
    /// Replaces them by the labels of series that have these pairs.
    pub(super) fn pack<'a>(
        &mut self,
        dictionary: &Dictionary,
        shown: &Shown,
        series: impl Iterator<Item = &'a [PairId]>,
    ) {
        let Self { bytes, ends, names } = self;
        bytes.clear();
        ends.clear();
        names.clear();
        let added = shown.added.as_ref();
        let added = added.iter().map(|label| label.name).zip(pair_texts(added));
        let added: Vec<_> = added.filter(|(name, _)| shown.shows(name)).collect();
        let mut place_of = |pair: PairId| {
            let name = dictionary.name_of(pair) as usize;
            if names.len() <= name {
                names.resize(name + 1, None);
            }
            *names[name].get_or_insert_with(|| shown.place(dictionary.label(pair).name, &added))
        };
        for pairs in series {
            let mut done = 0;
            for &pair in pairs {
                match place_of(pair) {
                    NamePlace::Shown { added_before } => {
                        if done < added_before {
                            added[done..added_before].iter().for_each(|(_, text)| bytes.extend_from_slice(text));
                            done = added_before;
                        }
                        bytes.extend_from_slice(dictionary.packed(pair));
                    }
                    NamePlace::Hidden => {}
                    NamePlace::Beyond => break,
                }
            }
            added[done..].iter().for_each(|(_, text)| bytes.extend_from_slice(text));
            ends.push(bytes.len());
        }
    }

    /// How many series.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// One set after the other.
    pub(super) fn iter(&self) -> impl Iterator<Item = LabelsRef<'_>> {
        let mut start = 0;
        self.ends
            .iter()
            .map(move |&end| LabelsRef::from_packed_unchecked(&self.bytes[std::mem::replace(&mut start, end)..end]))
    }
}

impl Shown {
    fn shows(&self, name: &[u8]) -> bool {
        self.names.as_ref().is_none_or(|names| names.binary_search_by(|shown| shown.as_slice().cmp(name)).is_ok())
    }

    /// The place of a name of the head, with the labels `added` that are shown.
    fn place(&self, name: &[u8], added: &[(&[u8], &[u8])]) -> NamePlace {
        let last = self.names.as_ref().map(|names| names.last().map_or(&[] as &[u8], Vec::as_slice));
        match last {
            Some(last) if last < name => NamePlace::Beyond,
            _ if !self.shows(name) => NamePlace::Hidden,
            _ => NamePlace::Shown { added_before: added.partition_point(|(added, _)| *added < name) },
        }
    }
}
