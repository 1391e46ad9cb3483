//! How names are written that the text format had no room for before UTF-8.

#[cfg(test)]
mod tests;

use std::fmt::Write;

/// What is asked for by `escaping=` in an `Accept` header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Escaping {
    /// In quotes.
    AllowUtf8,
    /// `_` for each character that does not fit.
    #[default]
    Underscores,
    /// The same twice, `_dot_` for a dot, and `__` for `_`.
    Dots,
    /// `U__` and then characters by their numbers.
    Values,
}

impl Escaping {
    const ALL: [Self; 4] = [Self::AllowUtf8, Self::Underscores, Self::Dots, Self::Values];

    /// What the header asks for, as Prometheus reads it: clauses by their weight up to the first that takes this format, of
    /// those the last that names an escaping.
    pub(super) fn negotiate(accept: &str) -> Self {
        let mut clauses: Vec<Clause<'_>> = accept.split(',').filter_map(Clause::read).collect();
        clauses.sort_by(|one, other| other.weight.total_cmp(&one.weight));
        let mut escaping = Self::default();
        for clause in clauses {
            let named = Self::ALL.into_iter().find(|known| Some(known.name()) == clause.escaping);
            escaping = named.unwrap_or(escaping);
            if clause.kind == ("text", "plain") && clause.version.is_none_or(|version| version == "0.0.4") {
                break;
            }
        }
        escaping
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::AllowUtf8 => "allow-utf-8",
            Self::Underscores => "underscores",
            Self::Dots => "dots",
            Self::Values => "values",
        }
    }

    /// `name` of a metric or a label, and whether it stands in quotes.
    pub(super) fn escape(self, name: &[u8]) -> (String, bool) {
        let text = String::from_utf8_lossy(name);
        let fits =
            |at: usize, c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':') || (c.is_ascii_digit() && at > 0);
        if !text.is_empty() && text.char_indices().all(|(at, c)| fits(at, c)) {
            return (text.into_owned(), false);
        }
        let mut out = String::new();
        match self {
            Self::AllowUtf8 => {
                out.push('"');
                push_escaped(&text, &mut out);
                out.push('"');
                return (out, true);
            }
            Self::Underscores => out.extend(text.char_indices().map(|(at, c)| if fits(at, c) { c } else { '_' })),
            Self::Dots => text.char_indices().for_each(|(at, c)| match c {
                '.' => out.push_str("_dot_"),
                c if c != '_' && fits(at, c) => out.push(c),
                _ => out.push_str("__"),
            }),
            Self::Values => {
                out.push_str("U__");
                text.char_indices().for_each(|(at, c)| match c {
                    '_' => out.push_str("__"),
                    c if fits(at, c) => out.push(c),
                    // Into memory: nothing can fail.
                    c => _ = write!(out, "_{:x}_", u32::from(c)),
                });
            }
        }
        (out, false)
    }
}

/// `text` as it stands between quotes.
pub(super) fn push_escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str(r"\\"),
            '"' => out.push_str(r#"\""#),
            '\n' => out.push_str(r"\n"),
            c => out.push(c),
        }
    }
}

/// One kind of answer that a client takes.
struct Clause<'a> {
    kind: (&'a str, &'a str),
    weight: f32,
    version: Option<&'a str>,
    escaping: Option<&'a str>,
}

impl<'a> Clause<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';');
        let kind = parts.next()?.trim();
        let kind = if kind == "*" { ("*", "*") } else { kind.split_once('/').filter(|(_, sub)| !sub.contains('/'))? };
        let mut clause = Self { kind, weight: 1.0, version: None, escaping: None };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match (name.trim(), value.trim()) {
                ("q", value) => clause.weight = value.parse().unwrap_or(0.0),
                ("version", value) => clause.version = Some(value).filter(|version| !version.is_empty()),
                ("escaping", value) => clause.escaping = Some(value),
                _ => {}
            }
        }
        Some(clause)
    }
}
