//! What functions do to texts.

use model::{MatchOp, Matcher, Regex};
use std::fmt::Write;
use std::net::IpAddr;

/// Each word with a capital letter, the first it has. Words end as Unicode says: a point or an apostrophe between two letters
/// ends none.
pub(super) fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut last, mut before_last, mut has_capital) = (' ', ' ', false);
    for char in text.chars() {
        let is_word = |char: char| char == '_' || char.is_alphanumeric();
        let joins = matches!(last, '.' | ':' | '\'' | '’' | '·') && before_last.is_alphabetic() && char.is_alphabetic();
        if is_word(char) && !is_word(last) && !joins {
            has_capital = false;
        }
        let is_cased = char.is_lowercase() || char.is_uppercase();
        if is_cased && !has_capital {
            has_capital = true;
            let mut upper = char.to_uppercase();
            out.extend(upper.next());
            out.extend(upper.flat_map(char::to_lowercase));
        } else {
            out.push(char);
        }
        (before_last, last) = (last, char);
    }
    out
}

/// `pattern` alone, refused as Go refuses it.
fn check(pattern: &str) -> Result<(), String> {
    Matcher::new(MatchOp::Regex, "x", pattern).map(drop).map_err(|error| error.to_string())
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| error.to_string())
}

/// Whether the pattern matches somewhere.
pub(super) fn is_match(pattern: &str, text: &str) -> Result<bool, String> {
    check(pattern)?;
    Ok(compile(&format!(".*(?-s:{pattern}).*"))?.is_match(text.as_bytes()))
}

/// So many bytes are looked at for a replacement: for each match all that is behind it.
const MAX_SEARCHED: usize = 1 << 20;

/// The text with all that the pattern matches replaced. `$1` in the replacement is a group.
pub(super) fn replace_all(pattern: &str, replacement: &str, text: &str, most: usize) -> Result<String, String> {
    check(pattern).map_err(|error| format!("regexp: Compile(`{pattern}`): {error}"))?;
    // These match whole texts, so that the match is a group. Behind the first place a letter stands before it, by which
    // the pattern sees where it is.
    let at_start = compile(&format!("(?:)(.*?)(?-s:({pattern})).*"))?;
    let behind = compile(&format!("(?:)(..*?)(?-s:({pattern})).*"))?;
    let (mut out, mut from, mut copied, mut looked_at) = (String::new(), 0, 0, 0);
    while from <= text.len() {
        let start = text.get(..from).and_then(|before| before.char_indices().next_back()).map_or(0, |(at, _)| at);
        let searched = text.get(start..).unwrap_or_default();
        looked_at += searched.len();
        if looked_at > MAX_SEARCHED {
            return Err("too many matches in too long a text".to_owned());
        }
        let regex = if from == 0 { &at_start } else { &behind };
        let Some(found) = regex.captures(searched.as_bytes()) else { break };
        let (skipped, matched) = (found.get(1).unwrap_or_default().len(), found.get(2).unwrap_or_default().len());
        let (first, end) = (start + skipped, start + skipped + matched);
        out += text.get(copied..first).unwrap_or_default();
        // Nothing at the end of a match is no other one.
        if end > copied || first == 0 {
            expand(replacement, |group| found.get(group + 2), |name| found.name(name), &mut out);
        }
        copied = end;
        let next = text.get(from..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        from = end.max(from + next);
        if out.len() > most {
            return Err(format!("more than {most} bytes"));
        }
    }
    out += text.get(copied..).unwrap_or_default();
    Ok(out)
}

fn expand<'v>(
    replacement: &str,
    group: impl Fn(usize) -> Option<&'v [u8]>,
    named: impl Fn(&str) -> Option<&'v [u8]>,
    out: &mut String,
) {
    let mut rest = replacement;
    while let Some(at) = rest.find('$') {
        *out += &rest[..at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let is_word = |char: char| char == '_' || char.is_alphanumeric();
        let braced = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let (name, after) = match braced {
            Some((name, after)) => (name, after),
            None => rest.split_at(rest.len() - rest.trim_start_matches(is_word).len()),
        };
        if name.is_empty() || !name.chars().all(is_word) {
            out.push('$');
            continue;
        }
        let found = name.parse().map_or_else(|_| named(name), &group);
        *out += &String::from_utf8_lossy(found.unwrap_or_default());
        rest = after;
    }
    *out += rest;
}

/// Host and port, as Go's `net.SplitHostPort` tells them apart; `None` where it would refuse.
fn split_host_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(inside) => inside.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.contains(['[', ']']) && !port.contains(['[', ']'])).then_some((host, port))
}

/// A host without its port.
pub(super) fn strip_port(text: &str) -> String {
    split_host_port(text).map_or(text, |(host, _)| host).to_owned()
}

/// A host without its domain, the port kept; an address is left as it is.
pub(super) fn strip_domain(text: &str) -> String {
    let (host, port) = split_host_port(text).unwrap_or((text, ""));
    if host.parse::<IpAddr>().is_ok() {
        return text.to_owned();
    }
    let name = host.split('.').next().unwrap_or_default();
    match port {
        "" => name.to_owned(),
        _ if name.contains(':') => format!("[{name}]:{port}"),
        _ => format!("{name}:{port}"),
    }
}

/// The path of a URL.
pub(super) fn path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
    path.split(['?', '#']).next().unwrap_or_default().to_owned()
}

/// As a parameter of a URL.
pub(super) fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// As the text of a page.
pub(super) fn html(text: &str) -> String {
    let escaped = |char: char| match char {
        '"' => "&#34;".to_owned(),
        '\'' => "&#39;".to_owned(),
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '\0' => "\u{fffd}".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// As a string of a script.
pub(super) fn js(text: &str) -> String {
    let escaped = |char: char| match char {
        '\\' => r"\\".to_owned(),
        '\'' => r"\'".to_owned(),
        '"' => "\\\"".to_owned(),
        '<' | '>' | '&' | '=' | '\0'..=' ' if char != ' ' => format!("\\u{:04X}", u32::from(char)),
        other => other.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Seconds of a duration as Prometheus writes them.
pub(super) fn parse_duration(text: &str) -> Result<f64, String> {
    let invalid = || format!("not a valid duration string: {text:?}");
    if text.is_empty() {
        return Err("empty duration string".to_owned());
    }
    let (sign, mut rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    if rest == "0" {
        return Ok(0.0);
    }
    // Largest first, each at most once.
    const UNITS: [(&str, u64); 7] = [
        ("y", 31_536_000_000),
        ("w", 604_800_000),
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];
    let (mut total_ms, mut least) = (0_u64, 0);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let unit = after.len() - after.trim_start_matches(|char: char| char.is_ascii_lowercase()).len();
        let (unit, after) = after.split_at(unit);
        if !unit.is_empty() && !UNITS.iter().any(|(name, _)| *name == unit) {
            return Err(format!("unknown unit {unit:?} in duration {text:?}"));
        }
        let at = UNITS.iter().skip(least).position(|(name, _)| *name == unit).ok_or_else(invalid)? + least;
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let part =
            UNITS.get(at).and_then(|(_, ms)| number.checked_mul(*ms)).and_then(|part| part.checked_add(total_ms));
        total_ms = part.filter(|total| *total <= i64::MAX as u64 / 1_000_000).ok_or("duration out of range")?;
        (least, rest) = (at + 1, after);
    }
    Ok(sign * total_ms as f64 / 1000.0)
}
