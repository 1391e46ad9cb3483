//! A template made a text.

use super::fields::{field, fields, wrong_number};
use super::functions::{self, Kind, World};
use super::methods;
use super::parser::Parsed;
use super::tree::{Branch, Command, Node, Operand, Pipe, What};
use super::value::Value;
use std::rc::Rc;

/// What a text may cost: nodes walked, turns of loops, and 64 bytes made of text each.
const MAX_COST: usize = 1 << 20;
/// A query costs as much as so many of these, and so does a pattern.
const QUERY_COST: usize = 1 << 10;
/// No text is longer, nor one that is on the way to it.
pub(super) const MAX_BYTES: usize = 1 << 18;
/// Templates may call each other so deep.
const MAX_DEPTH: usize = 100;
/// Blocks may stand in each other so deep, those of templates in whose that call them: each takes of the stack.
const MAX_BLOCKS: usize = 500;

/// What went wrong, and at which place of the template.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    /// The node, as messages quote it.
    pub(super) node: String,
    pub(super) what: String,
}

pub(super) struct Expansion<'a> {
    pub(super) parsed: &'a Parsed,
    pub(super) world: &'a World<'a>,
    pub(super) out: String,
    variables: Vec<(String, Value)>,
    cost: usize,
    depth: usize,
    blocks: usize,
}

/// How a list of nodes ended.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(parsed: &'a Parsed, world: &'a World<'a>) -> Self {
        Self { parsed, world, out: String::new(), variables: Vec::new(), cost: 0, depth: 0, blocks: 0 }
    }

    /// Writes the text for `data` to `out`.
    pub(super) fn run(&mut self, data: &Value) -> Result<(), Fault> {
        self.variables = vec![("$".to_owned(), data.clone())];
        self.list(&self.parsed.body, data).map(drop)
    }

    fn spend(&mut self, cost: usize, fault: impl FnOnce(String) -> Fault) -> Result<(), Fault> {
        self.cost += cost;
        if self.cost > MAX_COST {
            return Err(fault("the template takes too long".to_owned()));
        }
        Ok(())
    }

    fn write(&mut self, text: &str, fault: impl FnOnce(String) -> Fault) -> Result<(), Fault> {
        self.out += text;
        if self.out.len() > MAX_BYTES {
            return Err(fault(format!("the text has more than {MAX_BYTES} bytes")));
        }
        Ok(())
    }

    fn list(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, Fault> {
        self.blocks += 1;
        if self.blocks > MAX_BLOCKS {
            let what = format!("more than {MAX_BLOCKS} blocks in each other");
            return Err(Fault { at: 0, node: String::new(), what });
        }
        let mut flow = Flow::On;
        for node in nodes {
            flow = self.node(node, dot)?;
            if flow != Flow::On {
                break;
            }
        }
        self.blocks -= 1;
        Ok(flow)
    }

    fn node(&mut self, node: &Node, dot: &Value) -> Result<Flow, Fault> {
        let known = self.variables.len();
        let flow = match node {
            Node::Text(text) => {
                self.write(text, |what| Fault { at: 0, node: String::new(), what })?;
                Flow::On
            }
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    let text = value.print(MAX_BYTES);
                    self.write(&text, |what| in_pipe(pipe, what))?;
                }
                // What it declares is known up to the end of the list.
                return Ok(Flow::On);
            }
            Node::If(branch) => {
                let value = self.pipe(&branch.pipe, dot)?;
                self.list(if value.is_true() { &branch.body } else { &branch.otherwise }, dot)?
            }
            Node::With(branch) => {
                let value = self.pipe(&branch.pipe, dot)?;
                match value.is_true() {
                    true => self.list(&branch.body, &value)?,
                    false => self.list(&branch.otherwise, dot)?,
                }
            }
            Node::Range(branch) => self.range(branch, dot)?,
            Node::Break => Flow::Break,
            Node::Continue => Flow::Continue,
            Node::Call { at, name, data } => {
                self.call(*at, name, data.as_ref(), dot)?;
                Flow::On
            }
        };
        self.variables.truncate(known);
        Ok(flow)
    }

    fn range(&mut self, branch: &Branch, dot: &Value) -> Result<Flow, Fault> {
        let pipe = &branch.pipe;
        let over = self.evaluate(pipe, dot)?;
        let turns: Vec<(Value, Value)> = match &over {
            Value::Nothing => Vec::new(),
            Value::Vector(samples) => {
                let turn = |(at, sample): (usize, &Rc<_>)| (Value::Whole(at as i64), Value::Sample(Rc::clone(sample)));
                samples.iter().enumerate().map(turn).collect()
            }
            Value::Labels(map) => map.iter().map(|(name, value)| (Value::text(name), Value::text(value))).collect(),
            Value::Args(args) => args.values.iter().map(|(name, value)| (Value::text(name), value.clone())).collect(),
            Value::Whole(count) => {
                let count = usize::try_from(*count).unwrap_or(0);
                self.spend(count, |what| in_pipe(pipe, what))?;
                (0..count).map(|at| (Value::Whole(at as i64), Value::Whole(at as i64))).collect()
            }
            other => {
                let fault = format!("range can't iterate over {}", other.print(1 << 10));
                let first = pipe.commands.last().and_then(|Command(operands)| operands.first());
                return Err(first.map_or_else(|| in_pipe(pipe, fault.clone()), |first| at(first, fault.clone())));
            }
        };
        if turns.is_empty() {
            return self.list(&branch.otherwise, dot);
        }
        let known = self.variables.len();
        for (key, value) in turns {
            self.spend(1, |what| in_pipe(pipe, what))?;
            let given = match pipe.variables.as_slice() {
                [] => vec![],
                [one] => vec![(one, value.clone())],
                [first, second, ..] => vec![(first, key), (second, value.clone())],
            };
            for (name, value) in given {
                self.declare(name, value, pipe.assigns);
            }
            let flow = self.list(&branch.body, &value)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn call(&mut self, at: usize, name: &str, data: Option<&Pipe>, dot: &Value) -> Result<(), Fault> {
        let fault = |what: String| Fault { at, node: format!("{{{{template {name:?}}}}}"), what };
        let data = data.map_or(Ok(Value::Nothing), |pipe| self.pipe(pipe, dot))?;
        let Some(body) = self.parsed.defined.get(name) else {
            return Err(fault(format!("template {name:?} not defined")));
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(fault(format!("exceeded maximum template depth ({MAX_DEPTH})")));
        }
        self.spend(1, fault)?;
        let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), data.clone())]);
        self.list(body, &data)?;
        self.variables = outer;
        self.depth -= 1;
        Ok(())
    }

    fn declare(&mut self, name: &str, value: Value, assigns: bool) {
        match self.variables.iter_mut().rev().find(|(known, _)| assigns && known == name) {
            Some((_, known)) => *known = value,
            None => self.variables.push((name.to_owned(), value)),
        }
    }

    /// The value of a pipe, given to what it declares.
    fn pipe(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let value = self.evaluate(pipe, dot)?;
        for name in &pipe.variables {
            self.declare(name, value.clone(), pipe.assigns);
        }
        Ok(value)
    }

    fn evaluate(&mut self, pipe: &Pipe, dot: &Value) -> Result<Value, Fault> {
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, dot, last)?);
        }
        Ok(last.unwrap_or(Value::Nothing))
    }

    fn command(&mut self, Command(operands): &Command, dot: &Value, last: Option<Value>) -> Result<Value, Fault> {
        let Some((first, args)) = operands.split_first() else { return Ok(Value::Nothing) };
        self.spend(1, |what| at(first, what))?;
        let has_args = !args.is_empty() || last.is_some();
        match &first.what {
            What::Function(name) => {
                let given = self.function(first, name, args, dot, last)?;
                given.map_err(|what| Fault { at: first.at, node: Command(operands.clone()).to_string(), what })
            }
            What::Nil => Err(at(first, "nil is not a command".to_owned())),
            What::Field(names) | What::Variable(_, names) | What::Chain(_, names) if has_args && !names.is_empty() => {
                let of = self.operand(&before_last(first), dot)?;
                let name = names.last().map_or("", String::as_str);
                if let Some(kinds) = methods::find(&of, name) {
                    return self.method(first, (&of, name, kinds), args, dot, last);
                }
                field(&of, name).map_err(|what| at(first, what))?;
                let what = match of {
                    Value::Labels(_) | Value::Args(_) => "is not a method but has arguments",
                    _ => "has arguments but cannot be invoked as function",
                };
                Err(at(first, format!("{name} {what}")))
            }
            _ if has_args => Err(at(first, format!("can't give argument to non-function {first}"))),
            _ => self.operand(first, dot),
        }
    }

    /// The value of an operand that gets no arguments.
    fn operand(&mut self, operand: &Operand, dot: &Value) -> Result<Value, Fault> {
        let fields = |of: Value, names: &[String]| fields(of, names).map_err(|what| at(operand, what));
        match &operand.what {
            What::Dot => Ok(dot.clone()),
            What::Nil => Ok(Value::Nothing),
            What::Bool(value) => Ok(Value::Bool(*value)),
            What::Whole(value, _) => Ok(Value::Whole(*value)),
            What::Float(value, _) => Ok(Value::Float(*value)),
            What::Quoted(text, _) => Ok(Value::text(text)),
            What::Field(names) => fields(dot.clone(), names),
            What::Variable(name, names) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = known.map(|(_, value)| value.clone());
                fields(value.ok_or_else(|| at(operand, format!("undefined variable: {name}")))?, names)
            }
            What::Function(name) => self.function(operand, name, &[], dot, None)?.map_err(|what| at(operand, what)),
            What::Pipe(pipe) => self.pipe(pipe, dot),
            What::Chain(of, names) => fields(self.operand(of, dot)?, names),
        }
    }

    /// What a method of a value gives that takes what is of these kinds.
    fn method(
        &mut self,
        operand: &Operand,
        (of, name, kinds): (&Value, &str, &[Kind]),
        args: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, Fault> {
        let got = args.len() + usize::from(last.is_some());
        if got != kinds.len() {
            return Err(at(operand, wrong_number(name, kinds.len(), got)));
        }
        let mut values = Vec::with_capacity(got);
        for (arg, kind) in args.iter().zip(kinds) {
            let value = self.operand(arg, dot)?;
            values.push(given(value, *kind, Some(arg)).map_err(|what| at(arg, what))?);
        }
        if let (Some(last), Some(kind)) = (last, kinds.last()) {
            values.push(given(last, *kind, None).map_err(|what| at(operand, what))?);
        }
        // A layout is gone through with all that it may name.
        let layout_bytes = |value: &Value| if let Value::Text(layout) = value { layout.len() } else { 0 };
        self.spend(1 + values.iter().map(layout_bytes).sum::<usize>(), |what| at(operand, what))?;
        let given = methods::call(of, name, &values).map_err(|what| at(operand, what))?;
        self.sized(operand, name, given)
    }

    /// What a function gives, or why it gives nothing. A fault is one of how it is called.
    fn function(
        &mut self,
        operand: &Operand,
        name: &str,
        args: &[Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Result<Value, String>, Fault> {
        let Some(function) = functions::find(name) else {
            return Err(at(operand, format!("{name:?} is not a defined function")));
        };
        let got = args.len() + usize::from(last.is_some());
        let fixed = function.kinds.len() - usize::from(function.is_open);
        if got < fixed || got > fixed && !function.is_open {
            let want = if function.is_open { format!("at least {fixed}") } else { fixed.to_string() };
            return Err(at(operand, wrong_number(name, want, got)));
        }
        let kind = |index: usize| function.kinds.get(index).or(function.kinds.last()).copied().unwrap_or(Kind::Any);
        let decides = matches!(name, "and" | "or");
        let mut values = Vec::with_capacity(got);
        for (index, arg) in args.iter().enumerate() {
            let value = self.operand(arg, dot)?;
            let value = given(value, kind(index), Some(arg)).map_err(|what| at(arg, what))?;
            // What decides keeps the rest from being looked at.
            if decides && value.is_true() == (name == "or") {
                return Ok(Ok(value));
            }
            values.push(value);
        }
        if let Some(last) = last {
            values.push(given(last, kind(args.len()), None).map_err(|what| at(operand, what))?);
        }
        let is_slow = matches!(name, "query" | "match" | "reReplaceAll");
        self.spend(if is_slow { QUERY_COST } else { 1 }, |what| at(operand, what))?;
        let given = match functions::call(name, &values, self.world) {
            Ok(given) => given,
            Err(error) => return Ok(Err(format!("error calling {name}: {error}"))),
        };
        self.sized(operand, name, given).map(Ok)
    }

    /// What was given, if it is not too large, and paid for.
    fn sized(&mut self, operand: &Operand, name: &str, given: Value) -> Result<Value, Fault> {
        let size = match &given {
            Value::Text(text) if text.len() > MAX_BYTES => {
                return Err(at(operand, format!("{name} makes a text of more than {MAX_BYTES} bytes")));
            }
            Value::Text(text) => text.len() / 64,
            Value::Vector(samples) => samples.len(),
            _ => 0,
        };
        self.spend(size, |what| at(operand, what))?;
        Ok(given)
    }
}

/// The same without its last field.
fn before_last(operand: &Operand) -> Operand {
    let mut before = operand.clone();
    let is_bare = match &mut before.what {
        What::Field(names) | What::Variable(_, names) | What::Chain(_, names) => {
            names.pop();
            names.is_empty()
        }
        _ => false,
    };
    if is_bare && matches!(before.what, What::Field(_)) {
        before.what = What::Dot;
    }
    before
}

fn at(operand: &Operand, what: String) -> Fault {
    Fault { at: operand.at, node: operand.to_string(), what }
}

fn in_pipe(pipe: &Pipe, what: String) -> Fault {
    Fault { at: pipe.at, node: pipe.to_string(), what }
}

/// The value as a function is given it that takes such ones; a number that stands there may be a duration.
fn given(value: Value, kind: Kind, operand: Option<&Operand>) -> Result<Value, String> {
    let literal = operand.filter(|operand| operand.is_literal());
    let wanted = match (kind, &value) {
        (Kind::Any, _)
        | (Kind::Text, Value::Text(_))
        | (Kind::Sample, Value::Sample(_))
        | (Kind::Vector, Value::Vector(_))
        | (Kind::Time, Value::Time(_))
        | (Kind::Duration, Value::Duration(_)) => return Ok(value),
        (Kind::Duration, Value::Whole(nanoseconds)) if literal.is_some() => return Ok(Value::Duration(*nanoseconds)),
        (Kind::Text, _) => "string",
        (Kind::Sample, _) => "*template.sample",
        (Kind::Vector, _) => "template.queryResult",
        (Kind::Time, _) => "time.Time",
        (Kind::Duration, _) => "time.Duration",
    };
    Err(match (literal, kind) {
        (Some(literal), Kind::Text | Kind::Time | Kind::Duration) if matches!(literal.what, What::Nil) => {
            format!("cannot assign nil to {wanted}")
        }
        (Some(literal), Kind::Text) => format!("expected string; found {literal}"),
        (Some(literal), Kind::Duration) => format!("expected integer; found {literal}"),
        (Some(literal), _) => format!("can't handle {literal} for arg of type {wanted}"),
        _ if matches!(value, Value::Nothing) => format!("invalid value; expected {wanted}"),
        _ => format!("wrong type for value; expected {wanted}; got {}", value.type_name()),
    })
}
