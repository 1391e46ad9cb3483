//! Templates with `$1` and `${name}`, as Go's `Regexp.Expand` reads them.

use super::Captures;

/// See [`Captures::expand`].
pub(super) fn expand(captures: &Captures<'_, '_>, template: &[u8], out: &mut Vec<u8>) {
    let mut rest = template;
    while let Some(dollar) = memchr::memchr(b'$', rest) {
        let (before, after) = rest.split_at(dollar);
        out.extend_from_slice(before);
        rest = after.get(1..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix(b"$") {
            out.push(b'$');
            rest = after;
            continue;
        }
        let Some((name, after)) = split_name(rest) else {
            // No name: the dollar stands for itself.
            out.push(b'$');
            continue;
        };
        rest = after;
        let group = match group_number(name) {
            Some(index) => captures.get(index),
            None => captures.name(name),
        };
        out.extend_from_slice(group.unwrap_or_default());
    }
    out.extend_from_slice(rest);
}

/// Splits `name` or `{name}` off the front.
fn split_name(template: &[u8]) -> Option<(&str, &[u8])> {
    let in_braces = template.strip_prefix(b"{");
    let body = in_braces.unwrap_or(template);
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(err) => std::str::from_utf8(body.get(..err.valid_up_to())?).ok()?,
    };
    let size = text.find(|char: char| !is_name_char(char)).unwrap_or(text.len());
    let name = text.get(..size).filter(|name| !name.is_empty())?;
    let after = body.get(size..)?;
    let after = if in_braces.is_some() { after.strip_prefix(b"}")? } else { after };
    Some((name, after))
}

fn is_name_char(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

/// The number `name` is, if it is one: decimal, without leading zeros.
fn group_number(name: &str) -> Option<usize> {
    let plain = name.bytes().all(|byte| byte.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    plain.then(|| name.parse().unwrap_or(usize::MAX))
}
