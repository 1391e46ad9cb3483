//! One label set laid over another, packed as it goes.

use crate::labels::push_packed;
use crate::{Label, LabelsRef};

impl LabelsRef<'_> {
    /// Replaces `packed` by these labels with those of `over` in place of their namesakes, and without the names that
    /// `without` accepts (labels of `over` stay).
    pub fn overlay(self, over: LabelsRef<'_>, without: impl Fn(&[u8]) -> bool, packed: &mut Vec<u8>) {
        packed.clear();
        self.overlay_onto(over, without, packed);
    }

    /// The same, appended to what is in `packed`: labels whose names sort before all of these and of `over`.
    pub fn overlay_onto(self, over: LabelsRef<'_>, without: impl Fn(&[u8]) -> bool, packed: &mut Vec<u8>) {
        let mut below = self.iter().filter(|label| !without(label.name)).peekable();
        for label in over.iter() {
            while let Some(before) = below.next_if(|below| below.name < label.name) {
                push(before, packed);
            }
            below.next_if(|below| below.name == label.name);
            push(label, packed);
        }
        below.for_each(|label| push(label, packed));
    }
}

fn push(label: Label<'_>, packed: &mut Vec<u8>) {
    for string in [label.name, label.value] {
        // Strings that were packed once fit the packed form again.
        let _ = push_packed(packed, string);
    }
}

#[cfg(test)]
mod tests;
