//! JSON written straight from labels and columns.

use super::number::{push_time, push_value};
use model::LabelsRef;

/// Appends a string as Go's `encoding/json` does: `<`, `>`, `&` and the two line separators are escaped, what is not UTF-8
/// becomes the replacement character.
pub(crate) fn push_string(string: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    if is_plain(string) {
        out.extend_from_slice(string);
    } else {
        push_escaped(string, out);
    }
    out.push(b'"');
}

/// Whether a string stands for itself. All of it is looked at, so that many bytes are at once.
fn is_plain(string: &[u8]) -> bool {
    string.iter().fold(true, |plain, &byte| {
        plain & (byte >= b' ') & byte.is_ascii() & !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&')
    })
}

#[cold]
fn push_escaped(string: &[u8], out: &mut Vec<u8>) {
    for char in String::from_utf8_lossy(string).chars() {
        match char {
            '"' => out.extend_from_slice(br#"\""#),
            '\\' => out.extend_from_slice(br"\\"),
            '\n' => out.extend_from_slice(br"\n"),
            '\r' => out.extend_from_slice(br"\r"),
            '\t' => out.extend_from_slice(br"\t"),
            '\u{8}' => out.extend_from_slice(br"\b"),
            '\u{c}' => out.extend_from_slice(br"\f"),
            '\0'..='\x1f' | '\x7f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if char != '\x7f' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes());
            }
            _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Appends a label set as an object.
pub(crate) fn push_labels(labels: LabelsRef<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, label) in labels.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_string(label.name, out);
        out.push(b':');
        push_string(label.value, out);
    }
    out.push(b'}');
}

/// Appends `[time, "value"]`.
pub(crate) fn push_sample(time_ms: i64, value: f64, out: &mut Vec<u8>) {
    begin_sample(time_ms, out);
    end_sample(value, out);
}

/// Appends its first part, up to the value.
pub(crate) fn begin_sample(time_ms: i64, out: &mut Vec<u8>) {
    out.push(b'[');
    push_time(time_ms, out);
    out.extend_from_slice(b",\"");
}

/// Appends its second part.
pub(crate) fn end_sample(value: f64, out: &mut Vec<u8>) {
    push_value(value, out);
    out.extend_from_slice(b"\"]");
}

/// Appends a list, each item by `push`.
pub(crate) fn push_list<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut Vec<u8>,
    mut push: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push(item, out);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests;
