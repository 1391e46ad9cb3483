//! `query_explain`, `query_range_explain`: the operators of a query, as a tree, without running it.

use super::envelope::{Answer, ApiError};
use super::instant::{parse, parse_for_range};
use super::params::Params;
use super::{Api, json};
use crate::config::Flavour;
use axum::extract::State;
use promql::ast::{Aggregate, Binary, Expr, ExprKind, UnaryOp};
use std::sync::Arc;

pub(super) async fn instant(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    explained(&api, &params, parse)
}

pub(super) async fn range(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    explained(&api, &params, parse_for_range)
}

fn explained(
    api: &Api,
    params: &Params,
    parse: fn(&Api, &Params) -> Result<Expr, ApiError>,
) -> Result<Answer, ApiError> {
    // Thanos' other engine has no such trees.
    if api.flavour == Flavour::Thanos && params.get("engine") != Some("thanos") {
        return Err(ApiError::BadData("engine type must be 'thanos'".to_owned()));
    }
    let mut data = Vec::new();
    push_operator(&parse(api, params)?, &mut data);
    Ok(Answer { data, ..Answer::default() })
}

/// Appends `{"name": …, "children": […]}`.
fn push_operator(expr: &Expr, out: &mut Vec<u8>) {
    match &expr.kind {
        ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => push_operator(inner, out),
        ExprKind::Unary(UnaryOp::Minus, inner) => push_node("[unary] -", &[inner], out),
        ExprKind::Binary(binary) => push_chain(binary, out),
        ExprKind::Call(call) => {
            push_node(&format!("[function] {}", call.name), &call.args.iter().collect::<Vec<_>>(), out);
        }
        ExprKind::Aggregate(aggregate) => {
            let children: Vec<_> = aggregate.param.iter().chain([&aggregate.expr]).collect();
            push_node(&aggregate_name(aggregate), &children, out);
        }
        ExprKind::Subquery(subquery) => {
            let step = subquery.step.as_ref().map(ToString::to_string).unwrap_or_default();
            let name = format!("[subquery] [{}:{step}]{}", subquery.range, subquery.time);
            push_node(&name, &[&subquery.expr], out);
        }
        ExprKind::Vector(_) => push_node(&format!("[vectorSelector] {expr}"), &[], out),
        ExprKind::Matrix(_) => push_node(&format!("[matrixSelector] {expr}"), &[], out),
        ExprKind::Number(_) => push_node(&format!("[numberLiteral] {expr}"), &[], out),
        ExprKind::String(_) => push_node(&format!("[stringLiteral] {expr}"), &[], out),
    }
}

/// A chain hangs to the left, thousands of links long: down it in a loop.
fn push_chain(binary: &Binary, out: &mut Vec<u8>) {
    let (chain, first) = binary.chain();
    for link in &chain {
        let modifier = if link.return_bool { " bool" } else { "" };
        let matching = link.matching.as_ref().map(ToString::to_string).unwrap_or_default();
        push_name(&format!("[binary] {}{modifier}{matching}", link.op), out);
        out.extend_from_slice(br#","children":["#);
    }
    push_operator(first, out);
    for link in chain.iter().rev() {
        out.push(b',');
        push_operator(&link.rhs, out);
        out.extend_from_slice(b"]}");
    }
}

fn aggregate_name(aggregate: &Aggregate) -> String {
    let labels: Vec<_> = aggregate.grouping.iter().map(|label| String::from_utf8_lossy(label)).collect();
    let word = if aggregate.without { "without" } else { "by" };
    format!("[aggregate] {} {word} ({})", aggregate.op, labels.join(", "))
}

fn push_node(name: &str, children: &[&Expr], out: &mut Vec<u8>) {
    push_name(name, out);
    if !children.is_empty() {
        out.extend_from_slice(br#","children":"#);
        json::push_list(children, out, |child, out| push_operator(child, out));
    }
    out.push(b'}');
}

/// Begins a node.
fn push_name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"name":"#);
    json::push_string(name.as_bytes(), out);
}

#[cfg(test)]
mod tests;
