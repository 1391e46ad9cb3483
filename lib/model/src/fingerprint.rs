//! Keyed 128-bit names of label sets.
//!
//! The hash is taken over a label set's **canonical region**: the bytes that the labels field of a remote write
//! `TimeSeries` has when labels are sorted by name and sizes are minimal varints, that is for each label
//! `0a size (0a size name 12 size value)`. Every Prometheus sends just these bytes. So the hash of what came off the
//! wire *is* the name of the series in the head, and a known series is found without looking at a single label. A
//! sender with another order or encoding gets another hash, misses, and takes the slow path once; the wire cache
//! remembers where it led.
//!
//! The key (the secret of XXH3-128) is chosen at random per process, so collisions cannot be crafted and fingerprints
//! mean nothing outside the process.

use crate::{Label, LabelsRef};
use xxhash_rust::xxh3::xxh3_128_with_secret;

/// The keyed hash of a label set's canonical region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u128);

/// Computes fingerprints under one key.
#[derive(Clone)]
pub struct Fingerprinter {
    secret: [u8; SECRET_BYTES],
}

const SECRET_BYTES: usize = 192;
const LABEL_FIELD: u8 = 0x0a;
const NAME_FIELD: u8 = 0x0a;
const VALUE_FIELD: u8 = 0x12;

impl Fingerprinter {
    /// Takes a key from a source of random bytes.
    pub fn new(secret: [u8; SECRET_BYTES]) -> Self {
        Self { secret }
    }

    /// The fingerprint of a label region as it came off the wire.
    pub fn of_region(&self, region: &[u8]) -> Fingerprint {
        Fingerprint(xxh3_128_with_secret(region, &self.secret))
    }

    /// The fingerprint of `labels`; `scratch` holds the region meanwhile.
    pub fn of_labels(&self, labels: LabelsRef<'_>, scratch: &mut Vec<u8>) -> Fingerprint {
        scratch.clear();
        write_canonical_region(labels, scratch);
        self.of_region(scratch)
    }
}

/// Appends the canonical region of `labels` to `out`.
fn write_canonical_region(labels: LabelsRef<'_>, out: &mut Vec<u8>) {
    labels.iter().for_each(|label| push_label_field(label, out));
}

/// Appends what a label takes in the canonical region.
pub fn push_label_field(label: Label<'_>, out: &mut Vec<u8>) {
    let (name, value) = (label.name.len(), label.value.len());
    out.push(LABEL_FIELD);
    push_uvarint(out, 2 + uvarint_bytes(name) + name + uvarint_bytes(value) + value);
    out.push(NAME_FIELD);
    push_uvarint(out, name);
    out.extend_from_slice(label.name);
    out.push(VALUE_FIELD);
    push_uvarint(out, value);
    out.extend_from_slice(label.value);
}

fn uvarint_bytes(value: usize) -> usize {
    (value.max(1).ilog2() as usize) / 7 + 1
}

fn push_uvarint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl std::fmt::Debug for Fingerprinter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Fingerprinter(secret)")
    }
}

#[cfg(test)]
mod tests;
