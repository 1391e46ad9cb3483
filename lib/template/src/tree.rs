//! A template as a tree. Printed, a node is what messages quote.

use std::fmt::{self, Display, Formatter};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Text(String),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Break,
    Continue,
    /// Another template by its name, with what is to be its dot.
    Call {
        at: usize,
        name: String,
        data: Option<Pipe>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) body: Vec<Node>,
    pub(super) otherwise: Vec<Node>,
}

/// Commands, each of which gets what the one before it gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pipe {
    pub(super) at: usize,
    /// Variables, with the dollar, that are declared, or set if `assigns`.
    pub(super) variables: Vec<String>,
    pub(super) assigns: bool,
    pub(super) commands: Vec<Command>,
}

/// What is called, or is the value itself, and what it is called with. Not empty.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Command(pub(super) Vec<Operand>);

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operand {
    pub(super) at: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Dot,
    Nil,
    Bool(bool),
    /// With its text.
    Whole(i64, String),
    Float(f64, String),
    /// What it says, and as it was written.
    Quoted(String, String),
    /// Fields of the dot.
    Field(Vec<String>),
    /// A variable, with the dollar, and fields of it.
    Variable(String, Vec<String>),
    Function(String),
    Pipe(Box<Pipe>),
    /// Fields of a pipe in parentheses.
    Chain(Box<Operand>, Vec<String>),
}

impl Display for Pipe {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            write!(out, "{} {} ", self.variables.join(", "), if self.assigns { "=" } else { ":=" })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            write!(out, "{}{command}", if index > 0 { " | " } else { "" })?;
        }
        Ok(())
    }
}

impl Display for Command {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.0.iter().enumerate() {
            write!(out, "{}{operand}", if index > 0 { " " } else { "" })?;
        }
        Ok(())
    }
}

impl Operand {
    /// Whether it is a value written down.
    pub(super) fn is_literal(&self) -> bool {
        matches!(self.what, What::Nil | What::Bool(_) | What::Whole(..) | What::Float(..) | What::Quoted(..))
    }
}

impl Display for Operand {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let fields =
            |out: &mut Formatter<'_>, names: &[String]| names.iter().try_for_each(|name| write!(out, ".{name}"));
        match &self.what {
            What::Dot => out.write_str("."),
            What::Nil => out.write_str("nil"),
            What::Bool(value) => write!(out, "{value}"),
            What::Whole(_, text) | What::Float(_, text) | What::Quoted(_, text) | What::Function(text) => {
                out.write_str(text)
            }
            What::Field(names) => fields(out, names),
            What::Variable(name, names) => {
                out.write_str(name)?;
                fields(out, names)
            }
            What::Pipe(pipe) => write!(out, "({pipe})"),
            What::Chain(of, names) => {
                write!(out, "{of}")?;
                fields(out, names)
            }
        }
    }
}
