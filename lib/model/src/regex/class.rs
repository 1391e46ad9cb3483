//! Sets of characters: Perl's, POSIX', Unicode's, and what ignoring case adds to them.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

/// The characters from the first to the last of those that have another case. Only there can ignoring case add anything.
const CASED: (char, char) = ('A', '\u{1E943}');

/// A class of the characters in `ranges`, both ends inside.
pub(super) fn of_ranges(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|&(first, last)| ClassUnicodeRange::new(first, last)))
}

/// The characters from `first` to `last`, both inside, as Go's runes: surrogates among them are no characters and fall
/// out.
pub(super) fn rune_range(first: u32, last: u32) -> Option<ClassUnicodeRange> {
    let first = if (0xd800..0xe000).contains(&first) { 0xe000 } else { first };
    let last = if (0xd800..0xe000).contains(&last) { 0xd7ff } else { last };
    if first > last {
        return None;
    }
    Some(ClassUnicodeRange::new(char::from_u32(first)?, char::from_u32(last)?))
}

/// How many characters [`fold`] has to look at.
pub(super) fn fold_cost(class: &ClassUnicode) -> usize {
    class.iter().map(|range| cased_part(range).map_or(1, |part| part.len())).sum()
}

/// Adds the characters that differ from one in `class` only by case.
pub(super) fn fold(class: &mut ClassUnicode) {
    let mut cased = ClassUnicode::new(class.iter().filter_map(cased_part));
    cased.case_fold_simple();
    class.union(&cased);
}

fn cased_part(range: &ClassUnicodeRange) -> Option<ClassUnicodeRange> {
    let (first, last) = (range.start().max(CASED.0), range.end().min(CASED.1));
    (first <= last).then(|| ClassUnicodeRange::new(first, last))
}

/// The characters of `\d`, `\s` or `\w` (ASCII only, as in Go), by the letter in lower case.
pub(super) fn perl(letter: u8) -> Option<ClassUnicode> {
    Some(of_ranges(match letter {
        b'd' => &[('0', '9')],
        b's' => &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')],
        b'w' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        _ => return None,
    }))
}

/// The characters of `[:name:]`.
pub(super) fn posix(name: &[u8]) -> Option<ClassUnicode> {
    Some(of_ranges(match name {
        b"alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        b"alpha" => &[('A', 'Z'), ('a', 'z')],
        b"ascii" => &[('\0', '\x7f')],
        b"blank" => &[('\t', '\t'), (' ', ' ')],
        b"cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        b"digit" => &[('0', '9')],
        b"graph" => &[('!', '~')],
        b"lower" => &[('a', 'z')],
        b"print" => &[(' ', '~')],
        b"punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        b"space" => &[('\t', '\r'), (' ', ' ')],
        b"upper" => &[('A', 'Z')],
        b"word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        b"xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    }))
}

/// The characters of `\p{name}`: a general category, short or spelt out, or a script, spelt out. Case, spaces, underscores
/// and hyphens in the name do not matter.
pub(super) fn unicode(name: &[u8]) -> Option<ClassUnicode> {
    let mut plain = String::with_capacity(name.len());
    for &byte in name {
        match byte {
            b' ' | b'_' | b'-' => {}
            _ if byte.is_ascii_alphanumeric() => plain.push(char::from(byte.to_ascii_lowercase())),
            _ => return None,
        }
    }
    match plain.as_str() {
        "any" | "ascii" | "assigned" => return property(&plain),
        // Surrogates, which are no characters.
        "cs" | "surrogate" => return Some(ClassUnicode::empty()),
        // A prefix that Unicode lets pass and Go does not.
        _ if plain.starts_with("is") => return None,
        _ => {}
    }
    property(&format!("gc={plain}"))
        .or_else(|| if is_script_name(&plain) { property(&format!("sc={plain}")) } else { None })
}

/// Whether `plain` may be a script's full name. Codes of four letters are none, but a few scripts are called like their
/// code.
fn is_script_name(plain: &str) -> bool {
    match plain {
        "ahom" | "cham" | "kawi" | "lisu" | "miao" | "modi" | "thai" | "toto" => true,
        "katakanaorhiragana" => false,
        _ => plain.len() != 4,
    }
}

/// What regex-syntax knows under `\p{query}`.
fn property(query: &str) -> Option<ClassUnicode> {
    let hir = regex_syntax::parse(&format!(r"\p{{{query}}}")).ok()?;
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        // A class of one character became a literal.
        HirKind::Literal(literal) => {
            let only = std::str::from_utf8(&literal.0).ok()?.chars().next()?;
            Some(of_ranges(&[(only, only)]))
        }
        _ => None,
    }
}
