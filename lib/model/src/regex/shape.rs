//! What an expression asks for, where that can be said without an automaton.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look, Repetition};

/// Literals with gaps between them: one way a value may look.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sequence {
    /// How the value begins.
    pub(crate) first: Vec<u8>,
    /// What follows: gaps, and the literal behind each.
    pub(crate) rest: Vec<(Gap, Vec<u8>)>,
}

/// Any characters, newlines too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gap {
    /// `.*`
    Any,
    /// `.+`
    Some,
}

/// How many sequences combining alternatives may make.
const MAX_PRODUCT: usize = 256;
/// How many bytes all sequences may come to, those on the way to them among them.
const MAX_BYTES: usize = 4 << 20;
/// How deep into an expression to look.
const MAX_DEPTH: usize = 64;

/// All the ways a value that matches `hir` as a whole can look, if they are few and plain enough.
pub(crate) fn sequences(hir: &Hir) -> Option<Vec<Sequence>> {
    let mut found = Finder { bytes: 0 }.find(hir, Place { at_start: true, at_end: true, depth: 0 })?;
    found.sort_unstable();
    found.dedup();
    Some(found)
}

struct Finder {
    bytes: usize,
}

/// Where a part of an expression stands.
#[derive(Clone, Copy)]
struct Place {
    /// Nothing goes before it, so `^` holds.
    at_start: bool,
    /// Nothing comes after it, so `$` holds.
    at_end: bool,
    depth: usize,
}

impl Finder {
    fn find(&mut self, hir: &Hir, place: Place) -> Option<Vec<Sequence>> {
        let place = Place { depth: place.depth + 1, ..place };
        if place.depth > MAX_DEPTH {
            return None;
        }
        match hir.kind() {
            HirKind::Empty => Some(vec![Sequence::default()]),
            HirKind::Literal(literal) => {
                self.charge(literal.0.len())?;
                Some(vec![Sequence { first: literal.0.to_vec(), rest: Vec::new() }])
            }
            HirKind::Class(Class::Unicode(class)) => self.characters(class),
            // What matches nothing is written as a class of no bytes.
            HirKind::Class(Class::Bytes(class)) => class.ranges().is_empty().then(Vec::new),
            HirKind::Look(look) => holds(*look, place).then(|| vec![Sequence::default()]),
            HirKind::Repetition(repetition) => self.repeated(repetition, place),
            HirKind::Capture(capture) => self.find(&capture.sub, place),
            HirKind::Concat(parts) => self.concat(parts, place),
            HirKind::Alternation(branches) => {
                let mut all = Vec::new();
                for branch in branches {
                    all.append(&mut self.find(branch, place)?);
                }
                Some(all)
            }
        }
    }

    fn characters(&mut self, class: &ClassUnicode) -> Option<Vec<Sequence>> {
        let count: usize = class.iter().map(|range| range.len()).sum();
        if count > MAX_PRODUCT {
            return None;
        }
        self.charge(count * 4)?;
        let chars = class.iter().flat_map(|range| range.start()..=range.end());
        Some(chars.map(|char| Sequence { first: char.to_string().into_bytes(), rest: Vec::new() }).collect())
    }

    fn repeated(&mut self, repetition: &Repetition, place: Place) -> Option<Vec<Sequence>> {
        let gap = match (repetition.min, repetition.max) {
            (0, None) => Gap::Any,
            (1, None) => Gap::Some,
            (min, Some(max)) => {
                let inner = Place { at_start: false, at_end: false, ..place };
                let once = self.find(&repetition.sub, inner)?;
                return self.powers(&once, min, max);
            }
            _ => return None,
        };
        let gap = Sequence { first: Vec::new(), rest: vec![(gap, Vec::new())] };
        is_any_char(&repetition.sub).then(|| vec![gap])
    }

    /// `once` repeated from `min` to `max` times.
    fn powers(&mut self, once: &[Sequence], min: u32, max: u32) -> Option<Vec<Sequence>> {
        let mut power = vec![Sequence::default()];
        let mut all = Vec::new();
        for count in 0..=max {
            if count > 0 {
                power = self.product(&power, once)?;
            }
            if count >= min {
                self.charge(power.iter().map(Sequence::bytes).sum())?;
                all.extend_from_slice(&power);
            }
            if all.len() > MAX_PRODUCT {
                return None;
            }
        }
        Some(all)
    }

    fn concat(&mut self, parts: &[Hir], place: Place) -> Option<Vec<Sequence>> {
        let is_edge = |hir: &Hir| matches!(hir.kind(), HirKind::Empty | HirKind::Look(_));
        let leading = parts.iter().take_while(|part| is_edge(part)).count();
        let trailing = parts.iter().rev().take_while(|part| is_edge(part)).count();
        let mut all = vec![Sequence::default()];
        for (index, part) in parts.iter().enumerate() {
            let at_start = place.at_start && index <= leading;
            let at_end = place.at_end && index + trailing + 1 >= parts.len();
            let next = self.find(part, Place { at_start, at_end, ..place })?;
            all = self.product(&all, &next)?;
        }
        Some(all)
    }

    /// Every sequence of `left` continued by every one of `right`.
    fn product(&mut self, left: &[Sequence], right: &[Sequence]) -> Option<Vec<Sequence>> {
        let count = left.len().checked_mul(right.len())?;
        if count > MAX_PRODUCT && left.len() > 1 && right.len() > 1 {
            return None;
        }
        let mut all = Vec::new();
        for before in left {
            for after in right {
                self.charge(before.bytes() + after.bytes())?;
                all.push(before.continued(after)?);
            }
        }
        Some(all)
    }

    fn charge(&mut self, bytes: usize) -> Option<()> {
        self.bytes += bytes;
        (self.bytes <= MAX_BYTES).then_some(())
    }
}

/// Whether `look` holds at `place` in any value.
fn holds(look: Look, place: Place) -> bool {
    match look {
        Look::Start | Look::StartLF => place.at_start,
        Look::End | Look::EndLF => place.at_end,
        _ => false,
    }
}

/// Whether it is a dot that matches newlines too.
pub(super) fn is_any_char(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            matches!(class.ranges(), [all] if all.start() == '\0' && all.end() == char::MAX)
        }
        HirKind::Capture(capture) => is_any_char(&capture.sub),
        _ => false,
    }
}

impl Sequence {
    /// The value itself, if there is no gap.
    pub(crate) fn literal(&self) -> Option<&[u8]> {
        self.rest.is_empty().then_some(&self.first)
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.first.len() + self.rest.iter().map(|(_, literal)| literal.len() + 32).sum::<usize>()
    }

    /// This, and `after` behind it. `None` if two gaps meet that together ask for two characters: their size in bytes
    /// is not known.
    fn continued(&self, after: &Self) -> Option<Self> {
        let mut all = self.clone();
        all.last_literal().extend_from_slice(&after.first);
        for (gap, literal) in &after.rest {
            match all.rest.last_mut() {
                Some((before, between)) if between.is_empty() => {
                    *before = match (*before, *gap) {
                        (Gap::Some, Gap::Some) => return None,
                        (Gap::Any, Gap::Any) => Gap::Any,
                        _ => Gap::Some,
                    };
                    between.extend_from_slice(literal);
                }
                _ => all.rest.push((*gap, literal.clone())),
            }
        }
        Some(all)
    }

    fn last_literal(&mut self) -> &mut Vec<u8> {
        match self.rest.last_mut() {
            Some((_, literal)) => literal,
            None => &mut self.first,
        }
    }
}

#[cfg(test)]
mod tests;
