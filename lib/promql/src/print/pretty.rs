//! Expressions as text over several lines: what Prometheus' `Prettify` gives.

use super::{write_aggregate_op, write_subquery_suffix};
use crate::ast::{Aggregate, Binary, Call, Expr, ExprKind};
use std::fmt::{self, Display, Formatter, Write};

/// Bytes that fit on one line; what is longer is split, unless it has no parts.
const LINE_BYTES: usize = 100;
const INDENT: &str = "  ";

/// An expression over as many lines as it needs, none longer than a hundred bytes where that can be.
#[derive(Debug, Clone, Copy)]
pub struct Pretty<'a>(pub &'a Expr);

impl Display for Pretty<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write_expr(out, self.0, 0)
    }
}

/// An expression, its first line indented as well.
fn write_expr(out: &mut Formatter<'_>, expr: &Expr, level: usize) -> fmt::Result {
    match &expr.kind {
        ExprKind::Unary(op, inner) => {
            write_indent(out, level)?;
            op.fmt(out)?;
            write!(SkipSpace { out, skipping: true }, "{}", Indented(inner, level))
        }
        // Prometheus forgets to indent it.
        ExprKind::Subquery(_) if fits(expr) => expr.fmt(out),
        ExprKind::Subquery(subquery) => {
            write_expr(out, &subquery.expr, level)?;
            write_subquery_suffix(out, subquery)
        }
        ExprKind::Aggregate(aggregate) if !fits(expr) => write_aggregate(out, aggregate, level),
        ExprKind::Call(call) if !fits(expr) => write_call(out, call, level),
        ExprKind::Paren(inner) if !fits(expr) => {
            write_indent(out, level)?;
            out.write_str("(\n")?;
            write_expr(out, inner, level + 1)?;
            write_close(out, level)
        }
        ExprKind::Binary(binary) => write_binary(out, expr, binary, level),
        _ => {
            write_indent(out, level)?;
            expr.fmt(out)
        }
    }
}

/// A chain hangs to the left, thousands of links long: down it in a loop.
fn write_binary<'a>(out: &mut Formatter<'_>, expr: &'a Expr, binary: &'a Binary, level: usize) -> fmt::Result {
    let mut split = Vec::new();
    let mut first = expr;
    let mut next = Some(binary);
    while let Some(binary) = next.filter(|_| !fits(first)) {
        split.push(binary);
        first = &binary.lhs;
        next = match &first.kind {
            ExprKind::Binary(binary) => Some(binary),
            _ => None,
        };
    }
    match &first.kind {
        ExprKind::Binary(_) => {
            write_indent(out, level + split.len())?;
            first.fmt(out)?;
        }
        _ => write_expr(out, first, level + split.len())?,
    }
    for (above, binary) in split.into_iter().enumerate().rev() {
        out.write_str("\n")?;
        write_indent(out, level + above)?;
        binary.op.fmt(out)?;
        if binary.return_bool {
            out.write_str(" bool")?;
        }
        if let Some(matching) = &binary.matching {
            matching.fmt(out)?;
        }
        out.write_str("\n")?;
        write_expr(out, &binary.rhs, level + above + 1)?;
    }
    Ok(())
}

fn write_aggregate(out: &mut Formatter<'_>, aggregate: &Aggregate, level: usize) -> fmt::Result {
    write_indent(out, level)?;
    write_aggregate_op(out, aggregate)?;
    out.write_str("(\n")?;
    if let Some(param) = &aggregate.param {
        write_expr(out, param, level + 1)?;
        out.write_str(",\n")?;
    }
    write_expr(out, &aggregate.expr, level + 1)?;
    write_close(out, level)
}

fn write_call(out: &mut Formatter<'_>, call: &Call, level: usize) -> fmt::Result {
    write_indent(out, level)?;
    writeln!(out, "{}(", call.name)?;
    for (at, arg) in call.args.iter().enumerate() {
        out.write_str(if at == 0 { "" } else { ",\n" })?;
        write_expr(out, arg, level + 1)?;
    }
    write_close(out, level)
}

/// The parenthesis on a line of its own.
fn write_close(out: &mut Formatter<'_>, level: usize) -> fmt::Result {
    out.write_str("\n")?;
    write_indent(out, level)?;
    out.write_str(")")
}

fn write_indent(out: &mut Formatter<'_>, level: usize) -> fmt::Result {
    (0..level).try_for_each(|_| out.write_str(INDENT))
}

/// Whether the text of `expr` fits on one line. Stops as soon as it does not.
fn fits(expr: &Expr) -> bool {
    write!(Room(LINE_BYTES), "{expr}").is_ok()
}

/// Takes so many bytes and then fails.
struct Room(usize);

impl Write for Room {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// An expression at a level.
struct Indented<'a>(&'a Expr, usize);

impl Display for Indented<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write_expr(out, self.0, self.1)
    }
}

/// Leaves out white space at the beginning.
struct SkipSpace<'a, 'f> {
    out: &'a mut Formatter<'f>,
    skipping: bool,
}

impl Write for SkipSpace<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let text = if self.skipping { text.trim_start() } else { text };
        self.skipping &= text.is_empty();
        self.out.write_str(text)
    }
}

#[cfg(test)]
mod tests;
