//! Texts in quotes.

/// What a string in quotes of any kind says.
pub(super) fn unquote(quoted: &str) -> Result<String, String> {
    let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if quoted.starts_with('`') {
        return Ok(inside.replace('\r', ""));
    }
    let invalid = || "invalid syntax".to_owned();
    let (mut bytes, mut rest) = (Vec::new(), inside);
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest[at + 1..].chars().next().ok_or_else(invalid)?;
        rest = &rest[at + 1 + escape.len_utf8()..];
        let mut number = |digits: usize, radix: u32, first: &str| {
            let more = rest.get(..digits).ok_or_else(invalid)?;
            rest = &rest[digits..];
            u32::from_str_radix(&format!("{first}{more}"), radix).map_err(|_| invalid())
        };
        let plain = match escape {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            '\\' | '\'' | '"' => escape as u8,
            'x' => number(2, 16, "")? as u8,
            '0'..='7' => u8::try_from(number(2, 8, escape.encode_utf8(&mut [0; 4]))?).map_err(|_| invalid())?,
            'u' | 'U' => {
                let char = char::from_u32(number(if escape == 'u' { 4 } else { 8 }, 16, "")?).ok_or_else(invalid)?;
                bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            _ => return Err(invalid()),
        };
        bytes.push(plain);
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
