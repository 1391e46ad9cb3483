//! Single characters in messages, as Go's `%q` and `%#U` write them.

use model::Quoted;

/// `c` in single quotes.
pub(crate) fn quote_char(c: char) -> String {
    match c {
        '"' => "'\"'".to_owned(),
        '\'' => "'\\''".to_owned(),
        _ => quote(c.encode_utf8(&mut [0; 4]).as_bytes()).replace('"', "'"),
    }
}

/// `U+0041 'A'`, or the number alone of what cannot be printed.
pub(crate) fn unicode_name(c: char) -> String {
    let number = u32::from(c);
    let printable = matches!(c, '"' | '\\') || quote(c.encode_utf8(&mut [0; 4]).as_bytes()) == format!("\"{c}\"");
    if printable { format!("U+{number:04X} '{c}'") } else { format!("U+{number:04X}") }
}

/// `bytes` in double quotes.
pub(crate) fn quote(bytes: &[u8]) -> String {
    Quoted(bytes).to_string()
}
