//! The tree of an expression as JSON, as Prometheus' `parse_query` has it: what its UI draws. Members are in order of their
//! names, where a Go map has them.

use super::json::{push_list, push_string};
use super::number::push_value;
use model::{Matcher, PlainFloat};
use promql::ast::{
    Aggregate, At, Binary, Boundary, Call, Cardinality, Duration, DurationExpr, DurationExprKind, Expr, ExprKind,
    Matching, MatrixSelector, Number, Subquery, TimeShift, UnaryOp, ValueType, VectorSelector,
};
use promql::functions::{LastArg, function};
use std::fmt::Display;

/// A number that JSON cannot hold. Prometheus tells of the lists that it is in.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{}unsupported value: {}", "[]interface {}: ".repeat(*.lists), PlainFloat(*.value))]
pub(super) struct NoNumber {
    value: f64,
    lists: usize,
}

/// Appends the tree of `expr`.
///
/// # Errors
/// A `fill` by what is not finite.
pub(super) fn push_tree(expr: &Expr, out: &mut Vec<u8>) -> Result<(), NoNumber> {
    match &expr.kind {
        ExprKind::Number(number) => push_number(*number, out),
        ExprKind::String(value) => {
            push(r#"{"type":"stringLiteral","val":"#, out);
            push_string(value, out);
            push("}", out);
        }
        ExprKind::Paren(inner) => {
            push(r#"{"expr":"#, out);
            push_tree(inner, out)?;
            push(r#","type":"parenExpr"}"#, out);
        }
        ExprKind::Unary(op, inner) => {
            push(r#"{"expr":"#, out);
            push_tree(inner, out)?;
            push(&format!(r#","op":"{op}","type":"unaryExpr"}}"#), out);
        }
        ExprKind::Binary(binary) => push_chain(binary, out)?,
        ExprKind::Call(call) => push_call(call, out)?,
        ExprKind::Aggregate(aggregate) => push_aggregate(aggregate, out)?,
        ExprKind::Vector(selector) => {
            push_selector(selector, None, out);
            push(r#","type":"vectorSelector"}"#, out);
        }
        ExprKind::Matrix(MatrixSelector { selector, range, .. }) => {
            push_selector(selector, Some(range), out);
            push(r#","type":"matrixSelector"}"#, out);
        }
        ExprKind::Subquery(subquery) => push_subquery(subquery, out)?,
    }
    Ok(())
}

/// A chain hangs to the left, thousands of links long: down it in a loop.
fn push_chain(binary: &Binary, out: &mut Vec<u8>) -> Result<(), NoNumber> {
    let (chain, first) = binary.chain();
    for link in &chain {
        push(&format!(r#"{{"bool":{},"lhs":"#, link.return_bool), out);
    }
    push_tree(first, out)?;
    for link in chain.iter().rev() {
        push(r#","matching":"#, out);
        match &link.matching {
            None => push("null", out),
            Some(matching) => push_matching(matching, out)?,
        }
        push_text("op", link.op, out);
        push(r#","rhs":"#, out);
        push_tree(&link.rhs, out)?;
        push(r#","type":"binaryExpr"}"#, out);
    }
    Ok(())
}

fn push_matching(matching: &Matching, out: &mut Vec<u8>) -> Result<(), NoNumber> {
    let card = match matching.card {
        Cardinality::OneToOne => "one-to-one",
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::ManyToMany => "many-to-many",
    };
    push(&format!(r#"{{"card":"{card}","fillValues":{{"lhs":"#), out);
    push_fill(matching.fill_left, out)?;
    push(r#","rhs":"#, out);
    push_fill(matching.fill_right, out)?;
    push(r#"},"include":"#, out);
    push_texts(&matching.include, out);
    push(r#","labels":"#, out);
    push_texts(&matching.labels, out);
    push(&format!(r#","on":{}}}"#, matching.on), out);
    Ok(())
}

fn push_fill(fill: Option<f64>, out: &mut Vec<u8>) -> Result<(), NoNumber> {
    match fill {
        None => push("null", out),
        Some(fill) if fill.is_finite() => push_value(fill, out),
        Some(value) => return Err(NoNumber { value, lists: 0 }),
    }
    Ok(())
}

fn push_call(call: &Call, out: &mut Vec<u8>) -> Result<(), NoNumber> {
    push(r#"{"args":["#, out);
    for (at, arg) in call.args.iter().enumerate() {
        push(if at == 0 { "" } else { "," }, out);
        push_tree(arg, out).map_err(|error| NoNumber { lists: error.lists + 1, ..error })?;
    }
    push("]", out);
    // The parser takes no others.
    if let Some(function) = function(&call.name) {
        push(r#","func":{"argTypes":"#, out);
        push_list(function.args, out, |arg, out| push(&format!("{:?}", type_name(*arg)), out));
        push_text("name", function.name, out);
        push_text("returnType", type_name(function.returns), out);
        let variadic = match function.last_arg {
            LastArg::Once => "0".to_owned(),
            LastArg::UpTo(times) => times.to_string(),
            LastArg::AnyNumber => "-1".to_owned(),
        };
        push(&format!(r#","variadic":{variadic}}}"#), out);
    }
    push(r#","type":"call"}"#, out);
    Ok(())
}

fn type_name(kind: ValueType) -> &'static str {
    match kind {
        ValueType::Scalar => "scalar",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
        ValueType::String => "string",
    }
}

fn push_aggregate(aggregate: &Aggregate, out: &mut Vec<u8>) -> Result<(), NoNumber> {
    push(r#"{"expr":"#, out);
    push_tree(&aggregate.expr, out)?;
    push(r#","grouping":"#, out);
    push_texts(&aggregate.grouping, out);
    push_text("op", aggregate.op, out);
    push(r#","param":"#, out);
    match &aggregate.param {
        None => push("null", out),
        Some(param) => push_tree(param, out)?,
    }
    push(&format!(r#","type":"aggregation","without":{}}}"#, aggregate.without), out);
    Ok(())
}

/// All but the type, and not closed.
fn push_selector(selector: &VectorSelector, range: Option<&Duration>, out: &mut Vec<u8>) {
    push(&format!(r#"{{"anchored":{},"matchers":"#, selector.boundary == Some(Boundary::Anchored)), out);
    push_list(&selector.matchers, out, push_matcher);
    push(r#","name":"#, out);
    push_string(selector.name.as_deref().unwrap_or_default(), out);
    push_duration("offset", selector.time.offset.as_ref(), out);
    if range.is_some() {
        push_duration("range", range, out);
    }
    push(&format!(r#","smoothed":{}"#, selector.boundary == Some(Boundary::Smoothed)), out);
    push_start_or_end(&selector.time, out);
    push_timestamp(&selector.time, out);
}

fn push_matcher(matcher: &Matcher, out: &mut Vec<u8>) {
    push(r#"{"name":"#, out);
    push_string(matcher.name(), out);
    push_text("type", matcher.op(), out);
    push(r#","value":"#, out);
    push_string(matcher.value(), out);
    push("}", out);
}

fn push_subquery(subquery: &Subquery, out: &mut Vec<u8>) -> Result<(), NoNumber> {
    push(r#"{"expr":"#, out);
    push_tree(&subquery.expr, out)?;
    push_duration("offset", subquery.time.offset.as_ref(), out);
    push_duration("range", Some(&subquery.range), out);
    push_start_or_end(&subquery.time, out);
    push_duration("step", subquery.step.as_ref(), out);
    push_timestamp(&subquery.time, out);
    push(r#","type":"subquery"}"#, out);
    Ok(())
}

fn push_start_or_end(time: &TimeShift, out: &mut Vec<u8>) {
    push(
        match time.at {
            Some(At::Start) => r#","startOrEnd":"start""#,
            Some(At::End) => r#","startOrEnd":"end""#,
            None | Some(At::Timestamp(_)) => r#","startOrEnd":null"#,
        },
        out,
    );
}

fn push_timestamp(time: &TimeShift, out: &mut Vec<u8>) {
    match time.at {
        Some(At::Timestamp(time_ms)) => push(&format!(r#","timestamp":{time_ms}"#), out),
        _ => push(r#","timestamp":null"#, out),
    }
}

/// A duration takes two members, one of which says nothing.
fn push_duration(name: &str, duration: Option<&Duration>, out: &mut Vec<u8>) {
    let (millis, expr) = match duration {
        None => (0, None),
        Some(Duration::Nanos(nanos)) => (*nanos / 1_000_000, None),
        Some(Duration::Expr(expr)) => (0, Some(expr)),
    };
    push(&format!(r#","{name}":{millis},"{name}Expr":"#), out);
    match expr {
        None => push("null", out),
        Some(expr) => push_duration_expr(expr, false, out),
    }
}

/// To Prometheus a parenthesis is a mark on the operator inside; a number has none, and so is given a sign.
fn push_duration_expr(expr: &DurationExpr, wrapped: bool, out: &mut Vec<u8>) {
    let mut node = |op: &dyn Display, lhs, rhs| push_duration_node(op, (lhs, rhs), wrapped, out);
    match &expr.kind {
        DurationExprKind::Number(number) => {
            let Number { value, is_duration } = *number;
            push(&format!(r#"{{"duration":{is_duration},"type":"numberLiteral","val":"{}"}}"#, PlainFloat(value)), out);
        }
        DurationExprKind::Step => node(&"step", None, None),
        DurationExprKind::Range => node(&"range", None, None),
        DurationExprKind::Unary(UnaryOp::Plus, inner) => node(&"+", None, Some(inner)),
        DurationExprKind::Unary(UnaryOp::Minus, inner) => node(&"-", None, Some(inner)),
        DurationExprKind::Binary(op, lhs, rhs) => node(op, Some(lhs), Some(rhs)),
        DurationExprKind::MinOf(left, right) => node(&"min_of", Some(left), Some(right)),
        DurationExprKind::MaxOf(left, right) => node(&"max_of", Some(left), Some(right)),
        DurationExprKind::Paren(inner) => match inner.kind {
            DurationExprKind::Number(_) => push_duration_node(&"+", (None, Some(inner)), true, out),
            _ => push_duration_expr(inner, true, out),
        },
    }
}

fn push_duration_node(
    op: &dyn Display,
    (lhs, rhs): (Option<&DurationExpr>, Option<&DurationExpr>),
    wrapped: bool,
    out: &mut Vec<u8>,
) {
    let side = |side: Option<&DurationExpr>, out: &mut Vec<u8>| match side {
        None => push("null", out),
        Some(side) => push_duration_expr(side, false, out),
    };
    push(r#"{"lhs":"#, out);
    side(lhs, out);
    push_text("op", op, out);
    push(r#","rhs":"#, out);
    side(rhs, out);
    push(&format!(r#","type":"durationExpr","wrapped":{wrapped}}}"#), out);
}

fn push_number(number: Number, out: &mut Vec<u8>) {
    push(&format!(r#"{{"type":"numberLiteral","val":"{}"}}"#, PlainFloat(number.value)), out);
}

/// A member with a text.
fn push_text(name: &str, text: impl Display, out: &mut Vec<u8>) {
    push(&format!(r#","{name}":"#), out);
    push_string(text.to_string().as_bytes(), out);
}

fn push_texts(texts: &[Vec<u8>], out: &mut Vec<u8>) {
    push_list(texts, out, |text, out| push_string(text, out));
}

fn push(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests;
