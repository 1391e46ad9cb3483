//! `--label name="value"`: one external label.

use std::str::FromStr;

/// A label as it is given on a command line: the name, `=`, and the value as a string of Go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFlag {
    pub name: String,
    pub value: String,
}

/// Why a text is no label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLabelFlag {
    #[error("unrecognized label {0:?}: write name=\"value\"")]
    NoValue(String),
    #[error("unsupported format for label {0}: it has no name")]
    NoName(String),
    #[error(
        "unquote label value: invalid syntax in {0}: the value belongs in double quotes, which the shell must leave"
    )]
    NotQuoted(String),
}

impl FromStr for LabelFlag {
    type Err = InvalidLabelFlag;

    fn from_str(text: &str) -> Result<Self, InvalidLabelFlag> {
        let (name, quoted) = text.split_once('=').ok_or_else(|| InvalidLabelFlag::NoValue(text.to_owned()))?;
        if name.is_empty() {
            return Err(InvalidLabelFlag::NoName(text.to_owned()));
        }
        let value = unquote(quoted).ok_or_else(|| InvalidLabelFlag::NotQuoted(text.to_owned()))?;
        Ok(Self { name: name.to_owned(), value })
    }
}

/// What a string of Go stands for: in double quotes with escapes, in back quotes as it is, or one character in single
/// quotes.
fn unquote(quoted: &str) -> Option<String> {
    let quote = quoted.chars().next().filter(|quote| "\"`'".contains(*quote))?;
    let inner = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
    if quote == '`' {
        return (!inner.contains('`')).then(|| inner.replace('\r', ""));
    }
    let (mut bytes, mut chars, mut count) = (Vec::new(), inner.chars(), 0);
    while let Some(char) = chars.next() {
        count += 1;
        match char {
            '\\' => escape(&mut chars, quote, &mut bytes)?,
            '\n' => return None,
            char if char == quote => return None,
            char => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    if quote == '\'' && count != 1 {
        return None;
    }
    String::from_utf8(bytes).ok()
}

/// What follows a backslash.
fn escape(chars: &mut std::str::Chars<'_>, quote: char, out: &mut Vec<u8>) -> Option<()> {
    let kind = chars.next()?;
    let mut number = |first: &str, digits: usize, radix: u32| {
        let rest = chars.by_ref().take(digits).collect::<String>();
        let text = format!("{first}{rest}");
        let valid = rest.len() == digits && text.chars().all(|digit| digit.is_digit(radix));
        valid.then(|| u32::from_str_radix(&text, radix).ok()).flatten()
    };
    match kind {
        'a' => out.push(7),
        'b' => out.push(8),
        'f' => out.push(12),
        'n' => out.push(b'\n'),
        'r' => out.push(b'\r'),
        't' => out.push(b'\t'),
        'v' => out.push(11),
        '\\' => out.push(b'\\'),
        kind if kind == quote => out.extend_from_slice(kind.encode_utf8(&mut [0; 4]).as_bytes()),
        'x' => out.push(u8::try_from(number("", 2, 16)?).ok()?),
        '0'..='7' => out.push(u8::try_from(number(kind.encode_utf8(&mut [0; 4]), 2, 8)?).ok()?),
        'u' | 'U' => {
            let char = char::from_u32(number("", if kind == 'u' { 4 } else { 8 }, 16)?)?;
            out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests;
