//! Go's dialect, read into the form `regex-syntax` hands to an automaton.
//!
//! The dialect is that of Go's `regexp/syntax` with its Perl flags (which is RE2's), as its documentation and recorded
//! answers tell. The parser keeps open groups on a stack of its own, so nesting costs no call stack; what it hands on is
//! bounded in depth ([`MAX_HEIGHT`]), repetition ([`MAX_REPEAT`]) and size before anything is compiled, since the crates
//! behind it walk the tree by recursion.

use super::class;
use super::fault::{InvalidRegex, RegexFault};
use regex_syntax::hir::{Capture, Class, ClassUnicode, Dot, Hir, Look, Repetition};
use std::ops::Range;

mod bracket;
mod escape;
mod group;

/// The longest expression, in bytes. (An alternation of plain words never comes here and may be longer.)
const MAX_BYTES: usize = 1 << 20;
/// The deepest tree. Go stops at 1,000; `regex-syntax` at 250 for its own parser, for the sake of small stacks.
const MAX_HEIGHT: u32 = 256;
/// The highest count in braces, and the highest product of nested ones. Go's.
const MAX_REPEAT: u32 = 1000;
/// How many nodes and groups a tree may have; each takes some 200 bytes.
const MAX_NODES: usize = 1 << 17;
/// How many ranges all classes together may have; each takes 8 bytes.
const MAX_RANGES: usize = 1 << 18;
/// How many characters may be looked up for their other case, some 10 ns each.
const MAX_FOLDED: usize = 1 << 21;

/// A parsed expression.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) hir: Hir,
    /// The names of the groups, the whole match first. Groups in `hir` carry none: Go allows a name twice.
    pub(super) names: Vec<Option<Box<str>>>,
}

/// Options that hold at a place in the expression.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    /// `i`: case is ignored.
    pub(super) fold: bool,
    /// `m`: `^` and `$` match at lines.
    pub(super) multi_line: bool,
    /// `s`: a dot matches a newline too.
    pub(super) dot_newline: bool,
    /// `U`: `*` is lazy and `*?` greedy.
    pub(super) ungreedy: bool,
}

/// Parses `pattern`; `flags` hold from its beginning.
pub(super) fn parse(pattern: &[u8], flags: Flags) -> Result<Parsed, InvalidRegex> {
    let mut parser = Parser {
        text: pattern,
        at: 0,
        flags,
        outer: Vec::new(),
        group: Group::new(GroupKind::Plain, flags),
        names: vec![None],
        nodes: 0,
        ranges: 0,
        folded: 0,
    };
    if pattern.len() > MAX_BYTES {
        return Err(InvalidRegex { fault: RegexFault::TooLarge, fragment: format!("{} bytes", pattern.len()) });
    }
    parser.run()?;
    if !parser.outer.is_empty() {
        return Err(parser.whole(RegexFault::MissingParen));
    }
    let node = parser.finish_group()?;
    Ok(Parsed { hir: node.hir, names: parser.names })
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    flags: Flags,
    /// The groups around the one being read.
    outer: Vec<Group>,
    group: Group,
    names: Vec<Option<Box<str>>>,
    nodes: usize,
    ranges: usize,
    folded: usize,
}

/// A group that is still open; the whole expression is one.
struct Group {
    kind: GroupKind,
    /// What held before it, and holds again after.
    flags: Flags,
    /// The alternatives already complete.
    branches: Vec<Node>,
    /// What the present alternative consists of so far, but for `literal`.
    sequence: Vec<Node>,
    /// The literal at its end.
    literal: String,
}

#[derive(Clone, Copy)]
enum GroupKind {
    Plain,
    Capture(u32),
}

/// A part of the tree.
struct Node {
    hir: Hir,
    height: u32,
    /// The product of the counts nested in it, at least 1.
    repeats: u32,
}

impl Group {
    fn new(kind: GroupKind, flags: Flags) -> Self {
        Self { kind, flags, branches: Vec::new(), sequence: Vec::new(), literal: String::new() }
    }
}

impl Node {
    fn leaf(hir: Hir) -> Self {
        Self { hir, height: 1, repeats: 1 }
    }

    /// `nodes` made one by `join`; one alone stays as it is.
    fn join(mut nodes: Vec<Node>, join: fn(Vec<Hir>) -> Hir) -> Self {
        if nodes.len() == 1
            && let Some(only) = nodes.pop()
        {
            return only;
        }
        let height = 1 + nodes.iter().map(|node| node.height).max().unwrap_or(0);
        let repeats = nodes.iter().map(|node| node.repeats).max().unwrap_or(1);
        Self { hir: join(nodes.into_iter().map(|node| node.hir).collect()), height, repeats }
    }
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), InvalidRegex> {
        // Where the operator before this one began, if this one follows a repetition at once.
        let mut last_repeat = None;
        while let Some(byte) = self.peek(0) {
            let (start, before) = (self.at, last_repeat.take());
            match byte {
                b'(' => self.open_group()?,
                b')' => self.close_group()?,
                b'|' => {
                    self.at += 1;
                    self.finish_branch()?;
                }
                b'^' | b'$' | b'.' => {
                    self.at += 1;
                    let hir = self.symbol(byte);
                    self.push(Node::leaf(hir))?;
                }
                b'[' => self.bracket()?,
                b'*' | b'+' | b'?' | b'{' => {
                    if self.repetition(byte, before)? {
                        last_repeat = Some(start);
                    }
                }
                b'\\' => self.backslash()?,
                _ => {
                    let char = self.next_char()?;
                    self.push_char(char)?;
                }
            }
        }
        Ok(())
    }

    /// What `^`, `$` or a dot means here.
    fn symbol(&self, byte: u8) -> Hir {
        match (byte, self.flags.multi_line) {
            (b'^', false) => Hir::look(Look::Start),
            (b'^', true) => Hir::look(Look::StartLF),
            (b'$', false) => Hir::look(Look::End),
            (b'$', true) => Hir::look(Look::EndLF),
            _ => Hir::dot(if self.flags.dot_newline { Dot::AnyChar } else { Dot::AnyCharExceptLF }),
        }
    }

    // === repetition ===

    /// Reads an operator and applies it. `false`: it was a brace that begins no count, and so a literal.
    fn repetition(&mut self, byte: u8, last_repeat: Option<usize>) -> Result<bool, InvalidRegex> {
        let start = self.at;
        let (min, max) = match byte {
            b'*' => (0, None),
            b'+' => (1, None),
            b'?' => (0, Some(1)),
            _ => match self.braces() {
                Some(counts) => counts.map_err(|end| self.fault(RegexFault::RepeatCount, start..end))?,
                None => {
                    self.at += 1;
                    self.push_char('{')?;
                    return Ok(false);
                }
            },
        };
        if byte != b'{' {
            self.at += 1;
        }
        let lazy = self.peek(0) == Some(b'?');
        self.at += usize::from(lazy);
        if let Some(first) = last_repeat {
            return Err(self.fault(RegexFault::NestedRepetition, first..self.at));
        }
        let Some(sub) = self.pop_operand() else {
            return Err(self.fault(RegexFault::MissingArgument, start..self.at));
        };
        let count = max.unwrap_or(min);
        let repeats = if max == Some(0) { 1 } else { count.max(1).saturating_mul(sub.repeats) };
        if repeats > MAX_REPEAT && byte == b'{' && count >= 2 {
            return Err(self.fault(RegexFault::RepeatCount, start..self.at));
        }
        let greedy = lazy == self.flags.ungreedy;
        let hir = Hir::repetition(Repetition { min, max, greedy, sub: Box::new(sub.hir) });
        self.push(Node { hir, height: sub.height + 1, repeats })?;
        Ok(true)
    }

    /// Reads `{min}`, `{min,}` or `{min,max}`. `None`, and nothing read: it is none of these. An error holds where the
    /// operator ends.
    #[allow(clippy::type_complexity, reason = "the pair is what Repetition takes")]
    fn braces(&mut self) -> Option<Result<(u32, Option<u32>), usize>> {
        let mut at = self.at + 1;
        let min = self.count(&mut at)?;
        let max = match self.text.get(at)? {
            b',' if self.text.get(at + 1) == Some(&b'}') => {
                at += 1;
                None
            }
            b',' => {
                at += 1;
                Some(self.count(&mut at)?)
            }
            _ => Some(min),
        };
        if self.text.get(at) != Some(&b'}') {
            return None;
        }
        at += 1;
        let sound = min <= MAX_REPEAT && max.is_none_or(|max| max <= MAX_REPEAT && min <= max);
        if !sound {
            return Some(Err(at));
        }
        self.at = at;
        Some(Ok((min, max)))
    }

    /// Reads a decimal number without leading zeros; a large one counts as more than allowed.
    fn count(&self, at: &mut usize) -> Option<u32> {
        let digits = self.text.get(*at..)?;
        let size = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = digits.get(..size)?;
        if digits.is_empty() || (digits.len() > 1 && digits.starts_with(b"0")) {
            return None;
        }
        *at += size;
        let value = digits.iter().fold(0u32, |sum, &digit| {
            sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')).min(MAX_REPEAT + 1)
        });
        Some(value)
    }

    /// Takes what a repetition applies to: the last character of a literal, or the last node.
    fn pop_operand(&mut self) -> Option<Node> {
        match self.group.literal.pop() {
            Some(last) => {
                self.flush_literal();
                Some(Node::leaf(Hir::literal(last.to_string().into_bytes())))
            }
            None => self.group.sequence.pop(),
        }
    }

    // === building the tree ===

    fn push(&mut self, node: Node) -> Result<(), InvalidRegex> {
        self.flush_literal();
        self.check_height(&node)?;
        self.charge_node()?;
        self.group.sequence.push(node);
        Ok(())
    }

    fn check_height(&self, node: &Node) -> Result<(), InvalidRegex> {
        if node.height > MAX_HEIGHT {
            return Err(self.whole(RegexFault::TooDeep));
        }
        Ok(())
    }

    fn charge_node(&mut self) -> Result<(), InvalidRegex> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.whole(RegexFault::TooLarge));
        }
        Ok(())
    }

    fn push_char(&mut self, char: char) -> Result<(), InvalidRegex> {
        if self.flags.fold {
            let mut class = class::of_ranges(&[(char, char)]);
            self.fold(&mut class)?;
            if class.iter().map(|range| range.len()).sum::<usize>() > 1 {
                return self.push_class(class);
            }
        }
        self.group.literal.push(char);
        Ok(())
    }

    fn push_class(&mut self, class: ClassUnicode) -> Result<(), InvalidRegex> {
        self.charge_ranges(class.ranges().len())?;
        self.push(Node::leaf(Hir::class(Class::Unicode(class))))
    }

    fn flush_literal(&mut self) {
        if !self.group.literal.is_empty() {
            self.nodes += 1;
            let literal = std::mem::take(&mut self.group.literal);
            self.group.sequence.push(Node::leaf(Hir::literal(literal.into_bytes())));
        }
    }

    fn finish_branch(&mut self) -> Result<(), InvalidRegex> {
        self.flush_literal();
        let node = Node::join(std::mem::take(&mut self.group.sequence), Hir::concat);
        self.check_height(&node)?;
        self.charge_node()?;
        self.group.branches.push(node);
        Ok(())
    }

    /// Closes the present group; its node is not pushed yet.
    fn finish_group(&mut self) -> Result<Node, InvalidRegex> {
        self.finish_branch()?;
        let node = Node::join(std::mem::take(&mut self.group.branches), Hir::alternation);
        let node = match self.group.kind {
            GroupKind::Plain => node,
            GroupKind::Capture(index) => Node {
                hir: Hir::capture(Capture { index, name: None, sub: Box::new(node.hir) }),
                height: node.height + 1,
                repeats: node.repeats,
            },
        };
        self.check_height(&node)?;
        Ok(node)
    }

    fn charge_ranges(&mut self, ranges: usize) -> Result<(), InvalidRegex> {
        // A class costs something even with one range.
        self.ranges += ranges + 4;
        if self.ranges > MAX_RANGES {
            return Err(self.whole(RegexFault::TooLarge));
        }
        Ok(())
    }

    /// Adds the other cases to `class`.
    fn fold(&mut self, class: &mut ClassUnicode) -> Result<(), InvalidRegex> {
        self.folded += class::fold_cost(class);
        if self.folded > MAX_FOLDED {
            return Err(self.whole(RegexFault::TooLarge));
        }
        class::fold(class);
        Ok(())
    }

    // === reading ===

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    /// Reads one character; there must be one.
    fn next_char(&mut self) -> Result<char, InvalidRegex> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let size = match rest.first() {
            Some(0..0x80) => 1,
            Some(0x80..0xe0) => 2,
            Some(0xe0..0xf0) => 3,
            _ => 4,
        };
        let char =
            rest.get(..size).and_then(|char| std::str::from_utf8(char).ok()).and_then(|text| text.chars().next());
        let Some(char) = char else {
            return Err(self.fault(RegexFault::Utf8, self.at..self.text.len()));
        };
        self.at += size;
        Ok(char)
    }

    fn fault(&self, fault: RegexFault, range: Range<usize>) -> InvalidRegex {
        let fragment = self.text.get(range).unwrap_or_default();
        InvalidRegex { fault, fragment: String::from_utf8_lossy(fragment).into_owned() }
    }

    fn whole(&self, fault: RegexFault) -> InvalidRegex {
        self.fault(fault, 0..self.text.len())
    }
}

#[cfg(test)]
mod tests;
