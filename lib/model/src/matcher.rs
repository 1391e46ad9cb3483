//! Label matchers: the selectors of PromQL and of StoreAPI.

use crate::quote::{Quoted, QuotedName};
use std::fmt;
use std::sync::Arc;

mod filter;
mod glob;
mod set;

use filter::Filter;

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, anchored at both ends
    Regex,
    /// `!~`, anchored at both ends
    NotRegex,
}

/// One condition on a label. A label that is not there counts as empty.
///
/// Cloning is cheap. Besides [`Matcher::matches`] it tells what an index can look up instead of trying value by value:
/// [`Matcher::set_values`], [`Matcher::prefix`], [`Matcher::matches_all`]. An index asks a negative matcher for its
/// [`Matcher::inverse`] and subtracts.
#[derive(Clone)]
pub struct Matcher {
    op: MatchOp,
    name: Arc<[u8]>,
    value: Arc<[u8]>,
    filter: Arc<Filter>,
}

/// Why a matcher could not be made: the text says it in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidMatcher(pub String);

impl MatchOp {
    /// Whether it asks for values that do *not* match.
    pub fn is_negative(self) -> bool {
        matches!(self, Self::NotEqual | Self::NotRegex)
    }

    fn inverse(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Regex => Self::NotRegex,
            Self::NotRegex => Self::Regex,
        }
    }
}

impl Matcher {
    /// Makes the matcher `name op value`.
    ///
    /// # Errors
    /// A regular expression that is none in Go's dialect, or too large.
    pub fn new(op: MatchOp, name: impl Into<Vec<u8>>, value: impl AsRef<[u8]>) -> Result<Self, InvalidMatcher> {
        let value = value.as_ref();
        let filter = match op {
            MatchOp::Equal | MatchOp::NotEqual => Arc::new(Filter::equal(value)),
            MatchOp::Regex | MatchOp::NotRegex => {
                Filter::regex(value).map_err(|err| InvalidMatcher(err.to_string()))?
            }
        };
        Ok(Self { op, name: name.into().into(), value: value.into(), filter })
    }

    /// How it compares.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// The label it looks at.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The value, or the expression as it was written.
    pub fn value(&self) -> &[u8] {
        &self.value
    }

    /// Whether a label with `value` passes; an absent label has the empty value.
    pub fn matches(&self, value: &[u8]) -> bool {
        self.filter.matches(value) != self.op.is_negative()
    }

    /// Whether a series without the label passes.
    pub fn matches_empty(&self) -> bool {
        self.matches(b"")
    }

    /// Whether every value passes, as with `=~".*"`: nothing needs to be looked up.
    pub fn matches_all(&self) -> bool {
        match self.op {
            MatchOp::Regex => self.filter.is_always(),
            MatchOp::NotRegex => self.filter.is_never(),
            _ => false,
        }
    }

    /// Whether every value but the empty one passes, as with `=~".+"` and `!=""`: presence of the label is enough.
    pub fn matches_any_present(&self) -> bool {
        match self.op {
            MatchOp::Regex => self.filter.is_non_empty(),
            MatchOp::NotEqual | MatchOp::NotRegex => self.filter_values().is_some_and(|set| set == [Box::from(*b"")]),
            MatchOp::Equal => false,
        }
    }

    /// The only values that pass, sorted, each once; the empty one may be among them. `None` if they are not known, or the
    /// matcher is negative.
    pub fn set_values(&self) -> Option<&[Box<[u8]>]> {
        if self.op.is_negative() { None } else { self.filter_values() }
    }

    /// What every value that passes begins with; empty if nothing is known, or the matcher is negative.
    pub fn prefix(&self) -> &[u8] {
        if self.op.is_negative() { b"" } else { self.filter.prefix() }
    }

    /// The matcher that passes just the other values.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Self { op: self.op.inverse(), ..self.clone() }
    }

    fn filter_values(&self) -> Option<&[Box<[u8]>]> {
        self.filter.values()
    }
}

/// Equal if written alike.
impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (self.op, &self.name, &self.value) == (other.op, &other.name, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Display for MatchOp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            MatchOp::Equal => "=",
            MatchOp::NotEqual => "!=",
            MatchOp::Regex => "=~",
            MatchOp::NotRegex => "!~",
        })
    }
}

/// As Prometheus prints it: `name="value"`, the name in quotes too if it is no plain identifier.
impl fmt::Display for Matcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}{}{}", QuotedName(&self.name), self.op, Quoted(&self.value))
    }
}

/// As it prints.
impl fmt::Debug for Matcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests;
