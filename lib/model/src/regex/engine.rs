//! Whether a whole value matches, by automaton.

use super::{InvalidRegex, MAX_COMPILED_BYTES, RegexFault};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::{Anchored, Input, meta};
use regex_syntax::hir::{Hir, Look};
use std::borrow::Cow;

/// An automaton for whole values.
#[derive(Debug)]
pub(crate) struct Engine {
    regex: meta::Regex,
}

impl Engine {
    /// Compiles `hir`, to match from the first byte to the last.
    pub(crate) fn new(hir: Hir, pattern: &[u8]) -> Result<Self, InvalidRegex> {
        let whole = Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]);
        let config = meta::Config::new()
            .utf8_empty(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(MAX_COMPILED_BYTES));
        let built = meta::Builder::new().configure(config).build_from_hir(&whole);
        let regex = built.map_err(|_| InvalidRegex {
            fault: RegexFault::TooLarge,
            fragment: String::from_utf8_lossy(pattern).into_owned(),
        })?;
        Ok(Self { regex })
    }

    /// Whether all of `value` matches.
    pub(crate) fn is_match(&self, value: &[u8]) -> bool {
        if self.run(value) {
            return true;
        }
        // What matched was UTF-8 from end to end. What did not may yet match as Go reads it.
        match as_runes(value) {
            Cow::Borrowed(_) => false,
            Cow::Owned(runes) => self.run(&runes),
        }
    }

    fn run(&self, value: &[u8]) -> bool {
        self.regex.is_match(Input::new(value).anchored(Anchored::Yes).earliest(true))
    }
}

/// `value` with each byte that belongs to no character replaced by U+FFFD.
pub(super) fn as_runes(value: &[u8]) -> Cow<'_, [u8]> {
    let Err(first) = std::str::from_utf8(value) else {
        return Cow::Borrowed(value);
    };
    let mut runes = Vec::with_capacity(value.len() + 16);
    let (mut rest, mut valid) = (value, first.valid_up_to());
    loop {
        let (good, bad) = rest.split_at(valid);
        runes.extend_from_slice(good);
        let Some((_, after)) = bad.split_first() else {
            return Cow::Owned(runes);
        };
        runes.extend_from_slice("\u{fffd}".as_bytes());
        rest = after;
        valid = std::str::from_utf8(rest).map_or_else(|err| err.valid_up_to(), str::len);
    }
}
