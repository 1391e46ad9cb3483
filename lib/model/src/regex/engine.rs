//! Whether a whole value matches, by automaton.
//!
//! A matcher only asks yes or no of whole values, which are short, many, and all met from their first byte. So there is no
//! search: one table look-up a byte from a fixed start state, out at the first dead state. Small expressions get their whole
//! table at once, and need no memory of their own while they run; others fill it as they go.

use super::runes::Runes;
use super::{InvalidRegex, MAX_COMPILED_BYTES, RegexFault, shape};
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::hybrid;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::{pool::Pool, primitives::StateID, start};
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Dot, Hir, HirKind, Look, Repetition};

/// The most a table made at once may take, in bytes, and what it may take to make it: some 100 µs.
const MAX_TABLE_BYTES: usize = 32 << 10;
/// The most a table that is filled on the way may take before it starts afresh, in bytes.
const MAX_CACHE_BYTES: usize = 512 << 10;

/// An automaton for whole values.
#[derive(Debug)]
pub(crate) enum Engine {
    Table(Box<Table>),
    Lazy(Box<Lazy>),
}

/// A table made at once.
#[derive(Debug)]
pub(crate) struct Table {
    start: StateID,
    dfa: dense::DFA<Vec<u32>>,
}

/// A table that is filled while it is used, one for each thread that uses it at the same time.
pub(crate) struct Lazy {
    dfa: hybrid::dfa::DFA,
    caches: Pool<hybrid::dfa::Cache, MakeCache>,
}

type MakeCache = Box<dyn Fn() -> hybrid::dfa::Cache + Send + Sync + std::panic::UnwindSafe + std::panic::RefUnwindSafe>;

impl Engine {
    /// Compiles `hir`, to match from the first byte to the last. `pattern` is for the error.
    pub(crate) fn new(hir: Hir, pattern: &[u8]) -> Result<Self, InvalidRegex> {
        let too_large =
            || InvalidRegex { fault: RegexFault::TooLarge, fragment: String::from_utf8_lossy(pattern).into_owned() };
        // A match is one at the end only: states on the way there are no matches, and the search need not look at them.
        let whole = Hir::concat(vec![with_byte_gaps(hir), Hir::look(Look::End)]);
        let config =
            thompson::Config::new().which_captures(WhichCaptures::None).nfa_size_limit(Some(MAX_COMPILED_BYTES));
        let nfa = thompson::Compiler::new().configure(config).build_from_hir(&whole).map_err(|_| too_large())?;
        match Table::new(&nfa) {
            Some(table) => Ok(Self::Table(Box::new(table))),
            None => Lazy::new(nfa).map(|lazy| Self::Lazy(Box::new(lazy))).ok_or_else(too_large),
        }
    }

    /// Whether all of `value` matches.
    pub(crate) fn is_match(&self, value: &[u8]) -> bool {
        if self.run(value) {
            return true;
        }
        // What matched was UTF-8 from end to end. What did not may yet match as Go reads it.
        Runes::of_invalid(value).is_some_and(|runes| self.run(runes.bytes()))
    }

    /// How much memory it may take, if one thread uses it.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Table(table) => table.dfa.memory_usage(),
            Self::Lazy(_) => MAX_COMPILED_BYTES + MAX_CACHE_BYTES,
        }
    }

    fn run(&self, value: &[u8]) -> bool {
        match self {
            Self::Table(table) => table.run(value),
            // It fails only if told to give up on a full cache, and it is not.
            Self::Lazy(lazy) => lazy.run(value).unwrap_or(false),
        }
    }
}

/// `hir` with any bytes in place of any characters in `.*`, which takes a third of the states.
///
/// Only UTF-8 is ever matched. Should such a gap end amid a character, nothing else can go on from there, since all else
/// matches whole characters; but for `\B`, which holds between any two bytes that are no word's.
fn with_byte_gaps(hir: Hir) -> Hir {
    if hir.properties().look_set().contains(Look::WordAsciiNegate) {
        return hir;
    }
    let any_bytes =
        |of: Repetition| Hir::repetition(Repetition { min: 0, sub: Box::new(Hir::dot(Dot::AnyByte)), ..of });
    let all = |parts: Vec<Hir>| parts.into_iter().map(with_byte_gaps).collect();
    match hir.into_kind() {
        HirKind::Repetition(gap) if gap.max.is_none() && gap.min <= 1 && shape::is_any_char(&gap.sub) => {
            match gap.min {
                0 => any_bytes(gap),
                _ => Hir::concat(vec![Hir::dot(Dot::AnyChar), any_bytes(gap)]),
            }
        }
        HirKind::Repetition(other) => {
            let sub = Box::new(with_byte_gaps(*other.sub));
            Hir::repetition(Repetition { sub, ..other })
        }
        HirKind::Capture(capture) => with_byte_gaps(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(all(parts)),
        HirKind::Alternation(branches) => Hir::alternation(all(branches)),
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
    }
}

impl Table {
    fn new(nfa: &thompson::NFA) -> Option<Self> {
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .accelerate(false)
            .dfa_size_limit(Some(MAX_TABLE_BYTES))
            .determinize_size_limit(Some(MAX_TABLE_BYTES));
        let dfa = dense::Builder::new().configure(config).build_from_nfa(nfa).ok()?;
        let start = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()?;
        Some(Self { start, dfa })
    }

    fn run(&self, value: &[u8]) -> bool {
        let mut state = self.start;
        for &byte in value {
            state = self.dfa.next_state(state, byte);
            if self.dfa.is_dead_state(state) {
                return false;
            }
        }
        self.dfa.is_match_state(self.dfa.next_eoi_state(state))
    }
}

impl Lazy {
    fn new(nfa: thompson::NFA) -> Option<Self> {
        let config = hybrid::dfa::Config::new()
            .match_kind(MatchKind::All)
            .cache_capacity(MAX_CACHE_BYTES)
            .skip_cache_capacity_check(true);
        let dfa = hybrid::dfa::Builder::new().configure(config).build_from_nfa(nfa).ok()?;
        let maker = dfa.clone();
        let make: MakeCache = Box::new(move || maker.create_cache());
        Some(Self { dfa, caches: Pool::new(make) })
    }

    fn run(&self, value: &[u8]) -> Option<bool> {
        let input = Input::new(value).anchored(Anchored::Yes);
        Some(self.dfa.try_search_fwd(&mut self.caches.get(), &input).ok()?.is_some())
    }
}

impl std::fmt::Debug for Lazy {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Lazy({} states)", self.dfa.get_nfa().states().len())
    }
}
