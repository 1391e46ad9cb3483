//! Pipes: commands one behind the other, and what these are made of.

use super::super::functions;
use super::super::lexer::{Kind, Number, read_number};
use super::super::quoted::unquote;
use super::super::tree::{Command, Operand, Pipe, What};
use super::Parser;

impl Parser<'_> {
    /// A pipe up to a token of the kind `end`, which is taken, too.
    pub(super) fn pipe(&mut self, context: &str, end: Kind) -> Result<Pipe, String> {
        self.skip_spaces();
        let at = self.tokens.get(self.next).map_or(self.text.len(), |token| token.at);
        let mut pipe = Pipe { at, variables: Vec::new(), assigns: false, commands: Vec::new() };
        self.declarations(context, &mut pipe)?;
        loop {
            let token = self.take_word();
            match token.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::Char
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::Raw
                | Kind::Quoted
                | Kind::Variable
                | Kind::LeftParen => {
                    self.next -= 1;
                    pipe.commands.push(self.command()?);
                }
                _ => return self.unexpected(&token, context),
            }
        }
        if pipe.commands.is_empty() {
            return Err(format!("missing value for {context}"));
        }
        for (index, Command(operands)) in pipe.commands.iter().enumerate().skip(1) {
            if operands.first().is_some_and(|first| is_constant(&first.what)) {
                return Err(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, or for a range `$i, $x :=`.
    fn declarations(&mut self, context: &str, pipe: &mut Pipe) -> Result<(), String> {
        while self.peek_word() == Kind::Variable {
            let start = self.next;
            let name = self.take().text;
            match self.peek_word() {
                sign @ (Kind::Assign | Kind::Declare) => {
                    self.next += 1;
                    pipe.assigns = sign == Kind::Assign;
                    pipe.variables.push(name.clone());
                    self.variables.push(name);
                    return Ok(());
                }
                Kind::Comma if context == "range" && pipe.variables.is_empty() => {
                    self.next += 1;
                    pipe.variables.push(name.clone());
                    self.variables.push(name);
                    if !matches!(self.peek_word(), Kind::Variable | Kind::Close | Kind::RightParen) {
                        return Err("range can only initialize variables".to_owned());
                    }
                }
                Kind::Comma => return Err(format!("too many declarations in {context}")),
                _ => {
                    self.next = start;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Result<Command, String> {
        let mut operands = Vec::new();
        loop {
            self.skip_spaces();
            operands.extend(self.operand()?);
            let token = self.take();
            match token.kind {
                Kind::Space => {}
                Kind::Close | Kind::RightParen => {
                    self.next -= 1;
                    break;
                }
                Kind::Pipe => break,
                _ => return self.unexpected(&token, "operand"),
            }
        }
        if operands.is_empty() { Err("empty command".to_owned()) } else { Ok(Command(operands)) }
    }

    fn operand(&mut self) -> Result<Option<Operand>, String> {
        let Some(term) = self.term()? else { return Ok(None) };
        if self.peek() != Kind::Field {
            return Ok(Some(term));
        }
        // Messages name the place of the second.
        let at = self.tokens.get(self.next).map_or(term.at, |token| token.at);
        let mut names = Vec::new();
        while self.peek() == Kind::Field {
            names.extend(self.take().text.split('.').skip(1).map(str::to_owned));
        }
        let printed = term.to_string();
        let what = match term.what {
            What::Field(mut first) => {
                first.append(&mut names);
                What::Field(first)
            }
            What::Variable(name, mut first) => {
                first.append(&mut names);
                What::Variable(name, first)
            }
            What::Function(_) | What::Pipe(_) | What::Chain(..) => What::Chain(Box::new(term), names),
            _ => return Err(format!("unexpected . after term {printed:?}")),
        };
        Ok(Some(Operand { at, what }))
    }

    fn term(&mut self) -> Result<Option<Operand>, String> {
        let token = self.take();
        let what = match token.kind {
            Kind::Identifier if !functions::is_known(&token.text) => {
                return Err(format!("function {:?} not defined", token.text));
            }
            Kind::Identifier => What::Function(token.text),
            Kind::Dot => What::Dot,
            Kind::Nil => What::Nil,
            Kind::Bool => What::Bool(token.text == "true"),
            Kind::Variable if !self.variables.contains(&token.text) => {
                return Err(format!("undefined variable {:?}", token.text));
            }
            Kind::Variable => What::Variable(token.text, Vec::new()),
            Kind::Field => What::Field(vec![token.text[1..].to_owned()]),
            Kind::Number => match read_number(&token.text) {
                Some(Number::Whole(whole)) => What::Whole(whole, token.text),
                Some(Number::Float(float)) => What::Float(float, token.text),
                None if token.text.bytes().all(|byte| byte.is_ascii_digit()) => {
                    return Err(format!("integer overflow: {:?}", token.text));
                }
                None => return Err(format!("illegal number syntax: {:?}", token.text)),
            },
            Kind::Char => {
                let text = unquote(&token.text)?;
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(char), None) => What::Whole(i64::from(u32::from(char)), token.text),
                    _ => return Err(format!("malformed character constant: {}", token.text)),
                }
            }
            Kind::Quoted | Kind::Raw => What::Quoted(unquote(&token.text)?, token.text),
            Kind::LeftParen => {
                let pipe = self.deeper(|parser| parser.pipe("parenthesized pipeline", Kind::RightParen))?;
                What::Pipe(Box::new(pipe))
            }
            _ => {
                self.next -= 1;
                return Ok(None);
            }
        };
        Ok(Some(Operand { at: token.at, what }))
    }
}

fn is_constant(what: &What) -> bool {
    matches!(what, What::Bool(_) | What::Dot | What::Nil | What::Whole(..) | What::Float(..) | What::Quoted(..))
}
