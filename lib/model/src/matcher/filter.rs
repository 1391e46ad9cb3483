//! The fastest way to tell whether a value passes.

use super::glob::{Glob, strip_prefix, strip_suffix};
use super::set::ValueSet;
use crate::regex::shape::{self, Gap, Sequence};
use crate::regex::{self, Engine, InvalidRegex, Kept};
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::{ExtractKind, Extractor};
use std::sync::Arc;

/// How much it may cost to try [`Glob`]s one after the other before an automaton is better.
const MAX_GLOB_COST: usize = 16;

/// The characters whose presence means that an expression is more than a literal.
const SPECIAL: &[u8] = br"\.+*?()|[]{}^$";

/// A test of values, without its sign.
#[derive(Debug)]
pub(super) enum Filter {
    /// Everything passes.
    Always,
    /// Everything but the empty value passes.
    NonEmpty,
    /// These values pass.
    Set(ValueSet),
    /// Values of the set pass, and what one of the globs matches.
    Globs { set: ValueSet, globs: Box<[Glob]>, prefix: Box<[u8]> },
    /// It takes an automaton; what passes has this prefix and this suffix (which may overlap).
    Engine { prefix: Box<[u8]>, suffix: Box<[u8]>, engine: Engine },
}

impl Filter {
    pub(super) fn equal(value: &[u8]) -> Self {
        Self::Set(ValueSet::new(vec![value.into()]))
    }

    pub(super) fn regex(pattern: &[u8]) -> Result<Arc<Self>, InvalidRegex> {
        static KEPT: Kept<Arc<Filter>> = Kept::new();
        if let Some(words) = words(pattern) {
            return Ok(Arc::new(Self::Set(ValueSet::new(words.map(Box::from).collect()))));
        }
        KEPT.get(pattern, || Self::compile(pattern).map(Arc::new), |compiled| compiled.size_bytes())
    }

    fn compile(pattern: &[u8]) -> Result<Self, InvalidRegex> {
        let hir = regex::parse_matcher(pattern)?;
        if let Some(test) = shape::sequences(&hir).and_then(|sequences| Self::of_sequences(&sequences)) {
            return Ok(test);
        }
        let (prefix, suffix) = edges(&hir);
        Ok(Self::Engine { prefix, suffix, engine: Engine::new(hir, pattern)? })
    }

    fn of_sequences(sequences: &[Sequence]) -> Option<Self> {
        let values: Vec<Box<[u8]>> = sequences.iter().filter_map(Sequence::literal).map(Box::from).collect();
        let globs: Vec<Glob> = sequences.iter().filter_map(Glob::new).collect();
        let has_empty = values.iter().any(|value| value.is_empty());
        if globs.iter().any(|glob| glob.matches_all(Gap::Any)) {
            return Some(Self::Always);
        }
        if globs.iter().any(|glob| glob.matches_all(Gap::Some)) {
            return Some(if has_empty { Self::Always } else { Self::NonEmpty });
        }
        if globs.is_empty() {
            return Some(Self::Set(ValueSet::new(values)));
        }
        if globs.iter().map(Glob::cost).sum::<usize>() > MAX_GLOB_COST {
            return None;
        }
        let firsts = values.iter().map(|value| &**value).chain(globs.iter().map(|glob| glob.first()));
        let prefix = common_prefix(firsts);
        Some(Self::Globs { set: ValueSet::new(values), globs: globs.into(), prefix })
    }

    pub(super) fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Always => true,
            Self::NonEmpty => !value.is_empty(),
            Self::Set(set) => set.contains(value),
            Self::Globs { set, globs, .. } => globs.iter().any(|glob| glob.matches(value)) || set.contains(value),
            Self::Engine { prefix, suffix, engine } => {
                let has_edges = strip_prefix(value, prefix).is_some() && strip_suffix(value, suffix).is_some();
                has_edges && engine.is_match(value)
            }
        }
    }

    /// How much memory it may take, about.
    fn size_bytes(&self) -> usize {
        match self {
            Self::Always | Self::NonEmpty => 0,
            Self::Set(set) => set.size_bytes(),
            Self::Globs { set, globs, .. } => set.size_bytes() + globs.iter().map(Glob::size_bytes).sum::<usize>(),
            Self::Engine { engine, .. } => engine.size_bytes(),
        }
    }

    pub(super) fn is_always(&self) -> bool {
        matches!(self, Self::Always)
    }

    pub(super) fn is_never(&self) -> bool {
        self.values().is_some_and(<[_]>::is_empty)
    }

    pub(super) fn is_non_empty(&self) -> bool {
        matches!(self, Self::NonEmpty)
    }

    /// The values that pass, if there are no others.
    pub(super) fn values(&self) -> Option<&[Box<[u8]>]> {
        match self {
            Self::Set(set) => Some(set.sorted()),
            _ => None,
        }
    }

    pub(super) fn prefix(&self) -> &[u8] {
        match self {
            Self::Always | Self::NonEmpty => b"",
            Self::Set(set) => set.prefix(),
            Self::Globs { prefix, .. } | Self::Engine { prefix, .. } => prefix,
        }
    }
}

/// The words of an expression that is nothing but words with bars between. Prometheus does not parse such an expression,
/// so its words need not even be UTF-8.
fn words(pattern: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let special = pattern.iter().any(|byte| *byte != b'|' && SPECIAL.contains(byte));
    (!special).then(|| pattern.split(|&byte| byte == b'|'))
}

/// What every value that matches begins and ends with.
fn edges(hir: &Hir) -> (Box<[u8]>, Box<[u8]>) {
    let prefixes = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    let suffixes = Extractor::new().kind(ExtractKind::Suffix).extract(hir);
    let prefix = prefixes.longest_common_prefix().unwrap_or_default();
    let suffix = suffixes.longest_common_suffix().unwrap_or_default();
    (without_replacement(prefix), without_replacement(suffix))
}

/// Nothing, if `edge` has a U+FFFD in it: that matches bytes that are no UTF-8, too.
fn without_replacement(edge: &[u8]) -> Box<[u8]> {
    if memchr::memmem::find(edge, "\u{fffd}".as_bytes()).is_some() { Box::default() } else { edge.into() }
}

/// What all of `strings` begin with.
pub(super) fn common_prefix<'a>(mut strings: impl Iterator<Item = &'a [u8]>) -> Box<[u8]> {
    let Some(mut common) = strings.next() else { return Box::default() };
    for string in strings {
        let size = common.iter().zip(string).take_while(|(left, right)| left == right).count();
        common = common.get(..size).unwrap_or_default();
    }
    common.into()
}
