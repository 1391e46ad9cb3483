//! Tokens made a tree, or a message like Go's: here texts and blocks, what they compute in `pipes`.

mod pipes;

use super::lexer::{Kind, Token, tokens};
use super::quoted::unquote;
use super::tree::{Branch, Node, Pipe};
use std::collections::BTreeMap;

/// Blocks and parentheses may stand in each other so deep.
const MAX_DEPTH: usize = 100;

/// A template, and those that are defined in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parsed {
    pub(super) body: Vec<Node>,
    pub(super) defined: BTreeMap<String, Vec<Node>>,
}

/// Reads a template.
///
/// # Errors
/// The line of the fault, from 1, and what it is.
pub(super) fn parse(text: &str) -> Result<Parsed, (usize, String)> {
    let mut parser = Parser {
        text,
        tokens: tokens(text),
        next: 0,
        variables: vec!["$".to_owned()],
        loops: 0,
        depth: 0,
        action_line: 0,
        defined: BTreeMap::new(),
    };
    match parser.list(Where::Top) {
        Ok((body, _)) => Ok(Parsed { body, defined: parser.defined }),
        Err(fault) => {
            let at = parser.tokens.get(parser.next.saturating_sub(1)).map_or(text.len(), |token| token.at);
            Err((line_of(text, at), fault))
        }
    }
}

/// The line of a place, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    next: usize,
    /// Those that may be named here.
    variables: Vec<String>,
    /// How many `range` there are around.
    loops: usize,
    depth: usize,
    action_line: usize,
    defined: BTreeMap<String, Vec<Node>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Top,
    Body,
    /// Behind an `else`.
    Otherwise,
}

/// How a list ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Text,
    End,
    Else,
}

impl Parser<'_> {
    fn peek(&self) -> Kind {
        self.tokens.get(self.next).map_or(Kind::End, |token| token.kind)
    }

    fn take(&mut self) -> Token {
        let end = Token { kind: Kind::End, text: String::new(), at: self.text.len() };
        let token = self.tokens.get(self.next).or(self.tokens.last()).cloned().unwrap_or(end);
        self.next += 1;
        token
    }

    fn skip_spaces(&mut self) {
        while self.peek() == Kind::Space {
            self.next += 1;
        }
    }

    fn take_word(&mut self) -> Token {
        self.skip_spaces();
        self.take()
    }

    fn peek_word(&mut self) -> Kind {
        self.skip_spaces();
        self.peek()
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T, String> {
        let quoted = match token.kind {
            Kind::End => "EOF".to_owned(),
            Kind::Error => {
                let began = self.action_line;
                let is_older = began > 0 && began != line_of(self.text, token.at);
                return Err(match token.text.strip_suffix(" action") {
                    Some(_) if is_older => format!("{} started at line {began}", token.text),
                    None if is_older => format!("{} in action started at line {began}", token.text),
                    _ => token.text.clone(),
                });
            }
            Kind::Keyword => format!("<{}>", token.text),
            _ if token.text.chars().count() > 10 => {
                format!("{:?}...", token.text.chars().take(10).collect::<String>())
            }
            _ => format!("{:?}", token.text),
        };
        Err(format!("unexpected {quoted} in {context}"))
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} blocks or parentheses in each other"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn list(&mut self, place: Where) -> Result<(Vec<Node>, Ended), String> {
        let mut nodes = Vec::new();
        loop {
            let token = self.take();
            match token.kind {
                Kind::Text => nodes.push(Node::Text(token.text)),
                Kind::Open => match self.action(place)? {
                    Action::Node(node) => nodes.push(node),
                    Action::Nothing => {}
                    Action::Ended(ended) => return Ok((nodes, ended)),
                },
                Kind::End if place == Where::Top => return Ok((nodes, Ended::Text)),
                Kind::End => return Err("unexpected EOF".to_owned()),
                _ => return self.unexpected(&token, "input"),
            }
        }
    }

    fn action(&mut self, place: Where) -> Result<Action, String> {
        self.skip_spaces();
        let token = self.take();
        self.action_line = line_of(self.text, token.at);
        if token.kind != Kind::Keyword {
            self.next -= 1;
            return self.pipe("command", Kind::Close).map(|pipe| Action::Node(Node::Action(pipe)));
        }
        let node = match token.text.as_str() {
            "if" => Node::If(self.branch("if")?),
            "with" => Node::With(self.branch("with")?),
            "range" => Node::Range(self.branch("range")?),
            "template" => self.call()?,
            "block" => self.block()?,
            "define" if self.depth > 0 => return self.unexpected(&token, "command"),
            "define" => {
                self.define()?;
                return Ok(Action::Nothing);
            }
            word @ ("break" | "continue") => {
                self.close(word)?;
                if self.loops == 0 {
                    return Err(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                if word == "break" { Node::Break } else { Node::Continue }
            }
            "end" if place != Where::Top => {
                self.close("end")?;
                return Ok(Action::Ended(Ended::End));
            }
            "else" if place == Where::Body => {
                // `else if` and `else with` are read by whoever has the branch.
                if self.peek_word() != Kind::Keyword {
                    self.close("else")?;
                }
                return Ok(Action::Ended(Ended::Else));
            }
            "else" if place == Where::Otherwise => return Err("expected end; found {{else}}".to_owned()),
            word => return Err(format!("unexpected {{{{{word}}}}}")),
        };
        Ok(Action::Node(node))
    }

    fn close(&mut self, context: &str) -> Result<(), String> {
        let token = self.take_word();
        if token.kind == Kind::Close { Ok(()) } else { self.unexpected(&token, context) }
    }

    fn branch(&mut self, word: &str) -> Result<Branch, String> {
        self.deeper(|parser| {
            let known = parser.variables.len();
            let pipe = parser.pipe(word, Kind::Close)?;
            let inside = usize::from(word == "range");
            parser.loops += inside;
            let (body, ended) = parser.list(Where::Body)?;
            parser.loops -= inside;
            let mut otherwise = Vec::new();
            if ended == Ended::Else {
                otherwise = parser.otherwise(word)?;
            }
            parser.variables.truncate(known);
            Ok(Branch { pipe, body, otherwise })
        })
    }

    fn otherwise(&mut self, word: &str) -> Result<Vec<Node>, String> {
        if self.tokens.get(self.next.wrapping_sub(1)).is_some_and(|token| token.kind == Kind::Close) {
            return Ok(self.list(Where::Otherwise)?.0);
        }
        let token = self.take_word();
        match (word, token.text.as_str()) {
            // It shares the end of the one it belongs to.
            ("if", "if") => Ok(vec![Node::If(self.branch("if")?)]),
            ("with", "with") => Ok(vec![Node::With(self.branch("with")?)]),
            _ => self.unexpected(&token, "input"),
        }
    }

    fn call(&mut self) -> Result<Node, String> {
        let (at, name) = self.template_name("template clause")?;
        let data = self.data()?;
        Ok(Node::Call { at, name, data })
    }

    fn data(&mut self) -> Result<Option<Pipe>, String> {
        match self.peek_word() {
            Kind::Close => {
                self.next += 1;
                Ok(None)
            }
            _ => self.pipe("template clause", Kind::Close).map(Some),
        }
    }

    fn define(&mut self) -> Result<(), String> {
        let (_, name) = self.template_name("define clause")?;
        self.close("define clause")?;
        self.template(name)
    }

    fn block(&mut self) -> Result<Node, String> {
        let (at, name) = self.template_name("block clause")?;
        let data = self.pipe("block clause", Kind::Close)?;
        self.template(name.clone())?;
        Ok(Node::Call { at, name, data: Some(data) })
    }

    /// The body of a template of its own.
    fn template(&mut self, name: String) -> Result<(), String> {
        let (outer, loops) =
            (std::mem::replace(&mut self.variables, vec!["$".to_owned()]), std::mem::take(&mut self.loops));
        let (body, ended) = self.deeper(|parser| parser.list(Where::Body))?;
        if ended != Ended::End {
            return Err("unexpected {{else}} in define clause".to_owned());
        }
        (self.variables, self.loops) = (outer, loops);
        self.defined.insert(name, body);
        Ok(())
    }

    /// Where it stands, and the name.
    fn template_name(&mut self, context: &str) -> Result<(usize, String), String> {
        let token = self.take_word();
        match token.kind {
            Kind::Quoted | Kind::Raw => Ok((token.at, unquote(&token.text)?)),
            _ => self.unexpected(&token, context),
        }
    }
}

enum Action {
    Node(Node),
    Nothing,
    Ended(Ended),
}
