//! Label sets as byte strings whose `memcmp` order is label order.

use model::LabelsRef;

/// Ends a name or a value. Sorts below every byte a string can go on with, because a NUL inside a string is escaped.
const TERMINATOR: [u8; 2] = [0x00, 0x00];
const ESCAPED_NUL: [u8; 2] = [0x00, 0xff];

/// Replaces `key` by the sort key of `labels`: every name and value, NULs escaped as `00 ff`, ended by `00 00`.
///
/// Two keys compare as their label sets do (name, then value, label by label, a prefix first), and are equal only if the
/// label sets are.
pub fn write_sort_key(labels: LabelsRef<'_>, key: &mut Vec<u8>) {
    key.clear();
    key.reserve(labels.as_packed().len() * 5 / 4);
    for label in labels.iter() {
        push_string(key, label.name);
        push_string(key, label.value);
    }
}

fn push_string(key: &mut Vec<u8>, string: &[u8]) {
    let mut rest = string;
    while let Some(at) = memchr::memchr(0, rest) {
        key.extend_from_slice(&rest[..at]);
        key.extend_from_slice(&ESCAPED_NUL);
        rest = &rest[at + 1..];
    }
    key.extend_from_slice(rest);
    key.extend_from_slice(&TERMINATOR);
}

#[cfg(test)]
mod tests;
