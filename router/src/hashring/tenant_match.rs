//! Whether a tenant is one of those a ring lists: by name, or by patterns of Go's `filepath.Match`.

/// How the tenants of a ring are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TenantMatch {
    /// Not said: by name for a ring, never for an override of the shard size.
    #[default]
    Unset,
    Exact,
    Glob,
    /// A type that is not known matches nothing, as in Thanos.
    Unknown,
}

/// A pattern that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in tenant pattern {pattern:?}")]
pub struct BadPattern {
    pub pattern: String,
}

impl TenantMatch {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "" => Self::Unset,
            "exact" => Self::Exact,
            "glob" => Self::Glob,
            _ => Self::Unknown,
        }
    }

    /// Whether `tenant` is among `listed`.
    pub(super) fn any(self, listed: &[String], tenant: &str) -> Result<bool, BadPattern> {
        match self {
            Self::Unset | Self::Exact => Ok(listed.iter().any(|name| name == tenant)),
            Self::Glob => {
                for pattern in listed {
                    if matches(pattern, tenant)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Unknown => Ok(false),
        }
    }
}

/// What one place of a pattern takes.
enum Part {
    /// Any run of bytes without a slash.
    Star,
    Byte(u8),
    /// One character that is not a slash.
    Any,
    /// One character within (or without) ranges, ends inside.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

fn matches(pattern: &str, tenant: &str) -> Result<bool, BadPattern> {
    let parts = parse(pattern).ok_or_else(|| BadPattern { pattern: pattern.to_owned() })?;
    let name = tenant.as_bytes();
    let (mut part, mut at) = (0, 0);
    // Behind the last star, and how much of the name that has taken.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match parts.get(part) {
            Some(Part::Star) => {
                part += 1;
                star = Some((part, at));
                continue;
            }
            None if at == name.len() => return Ok(true),
            Some(one) => {
                if let Some(taken) = one.takes(name.get(at..).unwrap_or_default()) {
                    part += 1;
                    at += taken;
                    continue;
                }
            }
            None => {}
        }
        // Only the last star has to give: it takes one byte more.
        match star {
            Some((behind, taken)) if name.get(taken).is_some_and(|byte| *byte != b'/') => {
                star = Some((behind, taken + 1));
                (part, at) = (behind, taken + 1);
            }
            _ => return Ok(false),
        }
    }
}

impl Part {
    /// How many bytes at the start of `rest` this takes.
    fn takes(&self, rest: &[u8]) -> Option<usize> {
        match self {
            Self::Star => None,
            Self::Byte(byte) => (rest.first() == Some(byte)).then_some(1),
            Self::Any => first_char(rest).filter(|(char, _)| *char != '/').map(|(_, size)| size),
            Self::Class { negated, ranges } => {
                let (char, size) = first_char(rest)?;
                (ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)) != *negated).then_some(size)
            }
        }
    }
}

/// The first character; a byte that is none counts as U+FFFD, as in Go.
fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let valid = bytes.utf8_chunks().next()?.valid();
    Some(valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |char| (char, char.len_utf8())))
}

fn parse(pattern: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '*' => parts.push(Part::Star),
            '?' => parts.push(Part::Any),
            '[' => parts.push(class(&mut chars)?),
            '\\' => push_bytes(chars.next()?, &mut parts),
            _ => push_bytes(char, &mut parts),
        }
    }
    Some(parts)
}

fn push_bytes(char: char, parts: &mut Vec<Part>) {
    parts.extend(char.encode_utf8(&mut [0; 4]).bytes().map(Part::Byte));
}

/// The rest of a class, behind its bracket. At least one range must be in it.
fn class(chars: &mut std::str::Chars<'_>) -> Option<Part> {
    let negated = chars.as_str().starts_with('^');
    if negated {
        chars.next();
    }
    let mut ranges = Vec::new();
    loop {
        if chars.as_str().starts_with(']') && !ranges.is_empty() {
            chars.next();
            return Some(Part::Class { negated, ranges });
        }
        let low = class_char(chars)?;
        let mut high = low;
        if chars.as_str().starts_with('-') {
            chars.next();
            high = class_char(chars)?;
        }
        // An open class is malformed even where its ranges are not.
        chars.as_str().chars().next()?;
        ranges.push((low, high));
    }
}

fn class_char(chars: &mut std::str::Chars<'_>) -> Option<char> {
    match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next(),
        char => Some(char),
    }
}

#[cfg(test)]
mod tests;
