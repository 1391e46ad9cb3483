//! The label hashes of Prometheus and Thanos, all of them xxHash64 with seed 0.
//!
//! They are public and so can be made to collide; inside the process a series is named by its [`Fingerprint`].
//!
//! [`Fingerprint`]: crate::Fingerprint

use crate::{Label, LabelsRef, METRIC_NAME};
use xxhash_rust::xxh64::{Xxh64, xxh64};

const SEED: u64 = 0;
/// Goes behind each name and each value; no UTF-8 text has it.
const SEPARATOR: u8 = 0xff;

impl LabelsRef<'_> {
    /// What Prometheus' `Labels.Hash` is in its default build: the hash of the packed bytes. Not to be stored: other builds
    /// of Prometheus hash otherwise.
    pub fn packed_hash(self) -> u64 {
        xxh64(self.as_packed(), SEED)
    }

    /// Prometheus' `StableHash`, which is Thanos' label hash too: over name, `ff`, value, `ff` of each label.
    pub fn stable_hash(self) -> u64 {
        of_labels(self.iter())
    }

    /// Thanos' `HashWithPrefix`, what its hash rings look up: the stable hash with `prefix` (the tenant) and `ff` in front.
    pub fn prefixed_hash(self, prefix: &[u8]) -> u64 {
        let mut hash = Xxh64::new(SEED);
        push(&mut hash, prefix);
        self.iter().for_each(|label| push_label(&mut hash, label));
        hash.digest()
    }

    /// Prometheus' `HashForLabels`: the stable hash of the labels whose name is among `names`.
    pub fn hash_for(self, names: &[impl AsRef<[u8]>]) -> u64 {
        of_labels(self.iter().filter(|label| names.iter().any(|name| name.as_ref() == label.name)))
    }

    /// Prometheus' `HashWithoutLabels`: the stable hash of the labels whose name is not among `names` and is not `__name__`.
    pub fn hash_without(self, names: &[impl AsRef<[u8]>]) -> u64 {
        let goes = |name: &[u8]| name == METRIC_NAME || names.iter().any(|gone| gone.as_ref() == name);
        of_labels(self.iter().filter(|label| !goes(label.name)))
    }
}

fn of_labels<'a>(labels: impl Iterator<Item = Label<'a>>) -> u64 {
    let mut hash = Xxh64::new(SEED);
    labels.for_each(|label| push_label(&mut hash, label));
    hash.digest()
}

fn push_label(hash: &mut Xxh64, label: Label<'_>) {
    push(hash, label.name);
    push(hash, label.value);
}

fn push(hash: &mut Xxh64, string: &[u8]) {
    hash.update(string);
    hash.update(&[SEPARATOR]);
}
