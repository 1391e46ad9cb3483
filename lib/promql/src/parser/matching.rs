//! What may stand between an operator and its right side: `bool`, matching, `fill`.

use crate::ast::{Cardinality, Matching, UnaryOp};
use crate::error::Fault;
use crate::lexer::{Keyword, TokenKind};

use super::Parser;
use super::expression::sign;

impl Parser<'_> {
    /// All modifiers behind an operator; whether `bool` was among them, and the rest.
    pub(super) fn matching(&mut self) -> Result<(bool, Box<Matching>), Fault> {
        let mut matching = Box::new(Matching {
            card: Cardinality::OneToOne,
            on: false,
            labels: Vec::new(),
            include: Vec::new(),
            fill_left: None,
            fill_right: None,
        });
        let return_bool = self.accept_keyword(Keyword::Bool)?;
        let TokenKind::Keyword(keyword) = self.peek()?.kind else { return Ok((return_bool, matching)) };
        if matches!(keyword, Keyword::On | Keyword::Ignoring) {
            self.take()?;
            matching.on = keyword == Keyword::On;
            matching.labels = self.labels()?;
            self.group(&mut matching)?;
        }
        self.fill(&mut matching)?;
        Ok((return_bool, matching))
    }

    fn group(&mut self, matching: &mut Matching) -> Result<(), Fault> {
        matching.card = match self.peek()?.kind {
            TokenKind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
            TokenKind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(()),
        };
        self.take()?;
        let next = self.peek()?.kind;
        let ends = next.starts_expr()
            || matches!(next, TokenKind::Keyword(Keyword::Fill | Keyword::FillLeft | Keyword::FillRight));
        // What can be neither is missed as a list of labels.
        if next == TokenKind::LeftParen || !ends {
            matching.include = self.labels()?;
        }
        Ok(())
    }

    fn fill(&mut self, matching: &mut Matching) -> Result<(), Fault> {
        if self.accept_keyword(Keyword::Fill)? {
            let value = self.fill_value()?;
            (matching.fill_left, matching.fill_right) = (Some(value), Some(value));
        } else if self.accept_keyword(Keyword::FillLeft)? {
            matching.fill_left = Some(self.fill_value()?);
            if self.accept_keyword(Keyword::FillRight)? {
                matching.fill_right = Some(self.fill_value()?);
            }
        } else if self.accept_keyword(Keyword::FillRight)? {
            matching.fill_right = Some(self.fill_value()?);
            if self.accept_keyword(Keyword::FillLeft)? {
                matching.fill_left = Some(self.fill_value()?);
            }
        }
        Ok(())
    }

    fn fill_value(&mut self) -> Result<f64, Fault> {
        self.expect(TokenKind::LeftParen)?;
        let sign = sign(self.peek()?.kind);
        if sign.is_some() {
            self.take()?;
        }
        if !matches!(self.peek()?.kind, TokenKind::Number | TokenKind::Duration) {
            return Err(self.unexpected());
        }
        let (_, number) = self.number()?;
        self.expect(TokenKind::RightParen)?;
        Ok(if sign == Some(UnaryOp::Minus) { -number.value } else { number.value })
    }

    fn accept_keyword(&mut self, keyword: Keyword) -> Result<bool, Fault> {
        self.accept(TokenKind::Keyword(keyword))
    }
}
