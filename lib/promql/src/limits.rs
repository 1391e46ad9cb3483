//! What a query may cost before it is evaluated. All of it is checked before the parser goes deeper, so that a hostile
//! text is refused in time linear in the limit, on a small stack.

/// How deep an expression may be nested: parentheses, arguments, operators in operands. A constant because stacks are.
pub const MAX_DEPTH: usize = 256;

/// How large a query may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text, the limit itself still inside.
    pub length_bytes: usize,
    /// Operands: numbers, strings, selectors, calls, aggregations, parentheses. The limit itself is still inside.
    pub terms: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { length_bytes: 64 << 10, terms: 4096 }
    }
}
