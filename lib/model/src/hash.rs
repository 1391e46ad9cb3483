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

/// What Thanos' hash rings look up, its `HashWithPrefix`: over the tenant, `ff`, then name, `ff`, value, `ff` of each
/// label, in the order in which they came.
pub fn ring_hash<'a>(tenant: &[u8], labels: impl Iterator<Item = Label<'a>>) -> u64 {
    let mut hash = StableHash::new();
    hash.push(tenant);
    hash.finish_with(labels)
}

impl LabelsRef<'_> {
    /// What Prometheus' `Labels.Hash` is in its default build: the hash of the packed bytes. Not to be stored: other builds
    /// of Prometheus hash otherwise.
    pub fn packed_hash(self) -> u64 {
        xxh64(self.as_packed(), SEED)
    }

    /// Prometheus' `StableHash`, which is Thanos' label hash too: over name, `ff`, value, `ff` of each label.
    pub fn stable_hash(self) -> u64 {
        StableHash::new().finish_with(self.iter())
    }

    /// Prometheus' `HashForLabels`: the stable hash of the labels whose name is among `names`.
    pub fn hash_for(self, names: &[impl AsRef<[u8]>]) -> u64 {
        StableHash::new().finish_with(self.iter().filter(|label| names.iter().any(|name| name.as_ref() == label.name)))
    }

    /// Prometheus' `HashWithoutLabels`: the stable hash of the labels whose name is not among `names` and is not `__name__`.
    pub fn hash_without(self, names: &[impl AsRef<[u8]>]) -> u64 {
        let goes = |name: &[u8]| name == METRIC_NAME || names.iter().any(|gone| gone.as_ref() == name);
        StableHash::new().finish_with(self.iter().filter(|label| !goes(label.name)))
    }
}

/// Collects strings, so that most label sets are hashed in one go: feeding a hasher string by string takes twice the time.
struct StableHash {
    text: [u8; 512],
    used: usize,
    /// What did not fit in `text`, if that came to pass.
    hasher: Option<Xxh64>,
}

impl StableHash {
    fn new() -> Self {
        Self { text: [0; 512], used: 0, hasher: None }
    }

    fn push(&mut self, string: &[u8]) {
        let size = string.len();
        if let Some(room) = self.text.get_mut(self.used..self.used + size + 1) {
            let (place, separator) = room.split_at_mut(size);
            place.copy_from_slice(string);
            separator.fill(SEPARATOR);
            self.used += size + 1;
        } else {
            let hasher = self.hasher.get_or_insert_with(|| Xxh64::new(SEED));
            hasher.update(&self.text[..self.used]);
            hasher.update(string);
            hasher.update(&[SEPARATOR]);
            self.used = 0;
        }
    }

    fn finish_with<'a>(mut self, labels: impl Iterator<Item = Label<'a>>) -> u64 {
        for label in labels {
            self.push(label.name);
            self.push(label.value);
        }
        let text = &self.text[..self.used];
        match self.hasher {
            None => xxh64(text, SEED),
            Some(mut hasher) => {
                hasher.update(text);
                hasher.digest()
            }
        }
    }
}
