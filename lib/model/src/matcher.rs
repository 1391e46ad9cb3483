//! Label matchers: the selectors of PromQL and of StoreAPI.

use std::fmt;

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
#[derive(Debug, Clone)]
pub struct Matcher {
    op: MatchOp,
    name: Box<[u8]>,
    value: Box<str>,
}

/// Why a matcher could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidMatcher(pub String);

impl Matcher {
    /// Makes the matcher `name op value`.
    ///
    /// # Errors
    /// A regular expression that is none in RE2's dialect, or too large.
    pub fn new(op: MatchOp, name: impl Into<Vec<u8>>, value: &str) -> Result<Self, InvalidMatcher> {
        Ok(Self { op, name: name.into().into(), value: value.into() })
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
    pub fn value(&self) -> &str {
        &self.value
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
