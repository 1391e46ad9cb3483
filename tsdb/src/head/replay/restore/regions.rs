//! Fingerprints of label sets one after the other: of what they share the canonical region is copied, not made.

use crate::snapshot::Alike;
use model::{Fingerprint, Fingerprinter, LabelsRef, push_label_field};

/// The canonical region of the label set that came last.
#[derive(Debug, Default)]
pub(super) struct Regions {
    bytes: Vec<u8>,
    /// Where each label ends in it.
    ends: Vec<usize>,
    bytes_before: Vec<u8>,
    ends_before: Vec<usize>,
}

impl Regions {
    /// The fingerprint of `labels`, which are like those that were handed in before as `alike` says.
    pub(super) fn fingerprint(
        &mut self,
        labels: LabelsRef<'_>,
        alike: Alike<'_>,
        fingerprinter: &Fingerprinter,
    ) -> Fingerprint {
        let Self { bytes, ends, bytes_before, ends_before } = self;
        std::mem::swap(bytes, bytes_before);
        std::mem::swap(ends, ends_before);
        bytes.clear();
        ends.clear();
        let mut index = 0;
        while index < alike.ends.len() {
            let first = index;
            while alike.is(index) {
                index += 1;
            }
            let start = first.checked_sub(1).and_then(|last| ends_before.get(last)).copied().unwrap_or(0);
            if let Some(run) = ends_before.get(first..index)
                && let Some(shared) = run.last().and_then(|&end| bytes_before.get(start..end))
            {
                let to = bytes.len();
                ends.extend(run.iter().map(|end| end - start + to));
                bytes.extend_from_slice(shared);
            }
            if index < alike.ends.len() {
                label_at(labels, alike.ends, index).into_iter().for_each(|label| push_label_field(label, bytes));
                ends.push(bytes.len());
                index += 1;
            }
        }
        fingerprinter.of_region(bytes)
    }
}

/// Label `index` of a packed set whose labels end at `ends`.
fn label_at<'a>(labels: LabelsRef<'a>, ends: &[usize], index: usize) -> Option<model::Label<'a>> {
    LabelsRef::from_packed_unchecked(text_at(labels, ends, index)?).iter().next()
}

/// Its bytes.
pub(super) fn text_at<'a>(labels: LabelsRef<'a>, ends: &[usize], index: usize) -> Option<&'a [u8]> {
    let start = index.checked_sub(1).and_then(|last| ends.get(last)).copied().unwrap_or(0);
    labels.as_packed().get(start..*ends.get(index)?)
}

#[cfg(test)]
mod tests;
