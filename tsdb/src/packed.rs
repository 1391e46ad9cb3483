//! Building label sets in the packed layout of [`model::LabelsRef`], without a builder between.

/// The largest name or value the layout can carry.
pub(crate) const MAX_STRING_BYTES: usize = 0xff_ffff;

/// Appends a label to a set under construction, whose names come in rising order. `None`, and nothing appended, if a
/// string is too long for the layout.
#[inline]
pub(crate) fn push_label(packed: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Option<()> {
    if name.len().max(value.len()) > MAX_STRING_BYTES {
        return None;
    }
    push_string(packed, name);
    push_string(packed, value);
    Some(())
}

fn push_string(packed: &mut Vec<u8>, string: &[u8]) {
    let [low, mid, high, ..] = string.len().to_le_bytes();
    if string.len() < 0xff {
        packed.push(low);
    } else {
        packed.extend_from_slice(&[0xff, low, mid, high]);
    }
    packed.extend_from_slice(string);
}
