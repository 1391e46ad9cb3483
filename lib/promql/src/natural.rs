//! "Natural" sorting: numbers within strings compared as numbers, as `sort_by_label` does it.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

/// Whether `a` is taken to be less than `b`. Strings that differ in leading zeros alone are each less than the other.
pub(crate) fn less(a: &[u8], b: &[u8]) -> bool {
    let mut rest = pieces(b);
    let mut own = pieces(a).peekable();
    while let Some(piece) = own.next() {
        let Some(other) = rest.next() else { return false };
        match compare(piece, other) {
            Ordering::Equal if own.peek().is_none() => return true,
            Ordering::Equal => {}
            order => return order == Ordering::Less,
        }
    }
    false
}

/// By number if both are some that fit, by bytes otherwise.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let number = |piece: &[u8]| str::from_utf8(piece).ok()?.parse::<i64>().ok();
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

/// Stretches of digits and of anything else.
fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit())
}
