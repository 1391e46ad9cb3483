//! Regular expressions as Prometheus has them.
//!
//! Prometheus compiles with Go's `regexp` (RE2's dialect), which differs from the `regex` crate in what it accepts and in
//! what things mean. So [`parse`] reads Go's dialect and hands a tree to `regex-automata`. Two users: [`Matcher`] asks
//! whether a whole value matches and wants to know how to do without an automaton ([`shape`]); [`Regex`] is for
//! `label_replace` and relabeling and has groups.
//!
//! Values are bytes. Go reads each byte that is no UTF-8 as U+FFFD, and so do we.
//!
//! [`Matcher`]: crate::Matcher

mod class;
mod engine;
mod expand;
mod fault;
mod kept;
mod parse;
mod runes;
pub(crate) mod shape;

pub(crate) use engine::Engine;
pub use fault::{InvalidRegex, RegexFault};
pub(crate) use kept::Kept;

use parse::{Flags, Parsed};
use regex_automata::util::captures::Captures as Slots;
use regex_automata::{Input, meta};
use regex_syntax::hir::Hir;
use runes::Runes;
use std::sync::Arc;

/// The most a compiled automaton may take, in bytes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// An expression that must match a whole value, with groups. Cloning is cheap.
#[derive(Clone)]
pub struct Regex {
    pattern: Arc<str>,
    regex: meta::Regex,
    /// By index; the first is the whole match and has none.
    names: Arc<[Option<Box<str>>]>,
}

/// What the groups of a [`Regex`] matched.
#[derive(Debug)]
pub struct Captures<'r, 'v> {
    names: &'r [Option<Box<str>>],
    value: &'v [u8],
    /// Set if `slots` point into it instead of into the value.
    runes: Option<Runes>,
    slots: Slots,
}

/// Parses an expression of a matcher: a dot matches newlines too. The tree is not anchored.
pub(crate) fn parse_matcher(pattern: &[u8]) -> Result<Hir, InvalidRegex> {
    Ok(parse::parse(pattern, Flags { dot_newline: true, ..Flags::default() })?.hir)
}

impl Regex {
    /// Compiles `^(?s:pattern)$`, as `label_replace` and relabeling do. (Really that text: `a)|(b` is an expression, and
    /// one whose second half is not held to the beginning.)
    ///
    /// # Errors
    /// What is no expression in Go's dialect, or too large. The text quotes the expression with what is put around it.
    pub fn new(pattern: &str) -> Result<Self, InvalidRegex> {
        static KEPT: Kept<Regex> = Kept::new();
        KEPT.get(pattern.as_bytes(), || Self::compile(pattern), |compiled| compiled.regex.memory_usage())
    }

    fn compile(pattern: &str) -> Result<Self, InvalidRegex> {
        let anchored = format!("^(?s:{pattern})$");
        let Parsed { hir, names } = parse::parse(anchored.as_bytes(), Flags::default())?;
        // Lazy tables ask for a second automaton that runs backwards, which an anchored expression has no use for.
        let config = meta::Config::new()
            .utf8_empty(false)
            .hybrid(false)
            .dfa(false)
            .nfa_size_limit(Some(MAX_COMPILED_BYTES))
            .onepass_size_limit(Some(MAX_COMPILED_BYTES));
        let built = meta::Builder::new().configure(config).build_from_hir(&hir);
        let regex = built.map_err(|_| InvalidRegex { fault: RegexFault::TooLarge, fragment: anchored })?;
        Ok(Self { pattern: pattern.into(), regex, names: names.into() })
    }

    /// The expression as it was written.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether all of `value` matches.
    pub fn is_match(&self, value: &[u8]) -> bool {
        match Runes::of_invalid(value) {
            None => self.regex.is_match(value),
            Some(runes) => self.regex.is_match(runes.bytes()),
        }
    }

    /// What the groups match in `value`, if all of it matches.
    pub fn captures<'v>(&self, value: &'v [u8]) -> Option<Captures<'_, 'v>> {
        let runes = Runes::of_invalid(value);
        let searched = runes.as_ref().map_or(value, Runes::bytes);
        let mut slots = self.regex.create_captures();
        self.regex.search_captures(&Input::new(searched), &mut slots);
        slots.is_match().then_some(Captures { names: &self.names, value, runes, slots })
    }
}

impl<'v> Captures<'_, 'v> {
    /// What group `index` matched, if it took part; 0 is the whole value.
    pub fn get(&self, index: usize) -> Option<&'v [u8]> {
        let range = self.slots.get_group(index)?.range();
        self.value.get(self.runes.as_ref().map_or(range.clone(), |runes| runes.original(range)))
    }

    /// What the first group called `name` that took part matched.
    pub fn name(&self, name: &str) -> Option<&'v [u8]> {
        let mut named = self.names.iter().enumerate().filter(|(_, have)| have.as_deref() == Some(name));
        named.find_map(|(index, _)| self.get(index))
    }

    /// Appends `template` to `out` with `$1`, `$name`, `${1}` and `${name}` replaced by what those groups matched, and
    /// `$$` by a dollar. The longest name counts: `$1x` is the group `1x`. A group that is not there is empty.
    pub fn expand(&self, template: &[u8], out: &mut Vec<u8>) {
        expand::expand(self, template, out);
    }
}

impl std::fmt::Debug for Regex {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Regex({:?})", self.pattern)
    }
}

#[cfg(test)]
mod tests;
