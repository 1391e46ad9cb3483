//! The operators of a query, as a tree: `query_explain` and `query_range_explain` without running it, `analyze` with what each
//! of them did.

use super::envelope::{Answer, ApiError};
use super::instant::{parse, parse_for_range};
use super::params::Params;
use super::{Api, json};
use crate::config::Flavour;
use axum::extract::State;
use flags::GoDuration;
use promql::Operator;
use promql::ast::{Aggregate, Binary, Expr, ExprKind, Span, UnaryOp};
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

pub(super) async fn explain(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
    explained(&api, &params, parse)
}

pub(super) async fn explain_range(State(api): State<Arc<Api>>, params: Params) -> Result<Answer, ApiError> {
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
    Tree::of(&parse(api, params)?).push(&mut data, |_, _| ());
    Ok(Answer { data, ..Answer::default() })
}

/// Appends what the operators of a query did. Times and samples looked at are those of an operator and all below it, the rest
/// its own; the samples held at once are known of the query as a whole only.
pub(super) fn push_analysis(expr: &Expr, operators: &[Operator], peak: u64, out: &mut Vec<u8>) {
    let tree = Tree::of(expr);
    let mut own: HashMap<(usize, usize), Done> = HashMap::new();
    for operator in operators {
        own.entry((operator.node.start, operator.node.end)).or_default().add(operator);
    }
    let done: Vec<_> = tree.0.iter().map(|node| own.remove(&(node.span.start, node.span.end))).collect();
    let totals = tree.totals(&done);
    tree.push(out, |at, out| {
        let Total { time, queryable } = totals[at];
        push_time("executionTime", time, out);
        if at == 0 {
            push_number("peakSamples", peak, out);
        }
        push_number("totalSamples", queryable, out);
        if let Some(done) = &done[at] {
            done.push(out);
        }
    });
}

/// What was done for an expression and for all below it.
#[derive(Debug, Clone, Copy, Default)]
struct Total {
    time: Duration,
    queryable: u64,
}

/// What was done for one expression.
#[derive(Debug, Default)]
struct Done {
    time: Duration,
    series: u64,
    samples: u64,
    bytes: u64,
    queryable: u64,
    open: Option<Duration>,
    is_shared: bool,
}

impl Done {
    fn add(&mut self, operator: &Operator) {
        self.time += operator.time;
        self.series += operator.series;
        self.samples += operator.samples;
        self.bytes += operator.bytes;
        self.is_shared |= operator.is_shared;
        if let Some(selected) = &operator.selected {
            self.queryable += selected.queryable;
            *self.open.get_or_insert_default() += selected.open;
        }
    }

    fn push(&self, out: &mut Vec<u8>) {
        if self.is_shared {
            out.extend_from_slice(br#","shared":true"#);
            return;
        }
        push_number("series", self.series, out);
        push_number("samples", self.samples, out);
        push_number("bytes", self.bytes, out);
        if let Some(open) = self.open {
            push_time("selectTime", open, out);
        }
    }
}

fn push_number(name: &str, number: u64, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = write!(out, r#","{name}":{number}"#);
}

fn push_time(name: &str, time: Duration, out: &mut Vec<u8>) {
    let time = GoDuration::from_ns(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
    let _ = write!(out, r#","{name}":"{time}""#);
}

/// The operators, each before those below it: a tree may be thousands deep.
#[derive(Debug, Default)]
struct Tree(Vec<Node>);

#[derive(Debug)]
struct Node {
    name: String,
    span: Span,
    depth: usize,
}

impl Tree {
    fn of(expr: &Expr) -> Self {
        let mut tree = Self::default();
        tree.add(expr, 0);
        tree
    }

    fn add(&mut self, expr: &Expr, depth: usize) {
        let (name, children) = match &expr.kind {
            ExprKind::Paren(inner) | ExprKind::Unary(UnaryOp::Plus, inner) => return self.add(inner, depth),
            ExprKind::Binary(binary) => return self.add_chain(binary, expr.span, depth),
            ExprKind::Unary(UnaryOp::Minus, inner) => ("[unary] -".to_owned(), vec![&**inner]),
            ExprKind::Call(call) => (format!("[function] {}", call.name), call.args.iter().collect()),
            ExprKind::Aggregate(aggregate) => {
                (aggregate_name(aggregate), aggregate.param.iter().chain([&aggregate.expr]).collect())
            }
            ExprKind::Subquery(subquery) => {
                let step = subquery.step.as_ref().map(ToString::to_string).unwrap_or_default();
                (format!("[subquery] [{}:{step}]{}", subquery.range, subquery.time), vec![&subquery.expr])
            }
            ExprKind::Vector(_) => (format!("[vectorSelector] {expr}"), Vec::new()),
            ExprKind::Matrix(_) => (format!("[matrixSelector] {expr}"), Vec::new()),
            ExprKind::Number(_) => (format!("[numberLiteral] {expr}"), Vec::new()),
            ExprKind::String(_) => (format!("[stringLiteral] {expr}"), Vec::new()),
        };
        self.0.push(Node { name, span: expr.span, depth });
        children.into_iter().for_each(|child| self.add(child, depth + 1));
    }

    /// A chain hangs to the left, thousands of links long: down it in a loop.
    fn add_chain(&mut self, binary: &Binary, mut span: Span, depth: usize) {
        let (chain, first) = binary.chain();
        for (at, link) in chain.iter().enumerate() {
            let modifier = if link.return_bool { " bool" } else { "" };
            let matching = link.matching.as_ref().map(ToString::to_string).unwrap_or_default();
            self.0.push(Node { name: format!("[binary] {}{modifier}{matching}", link.op), span, depth: depth + at });
            span = link.lhs.span;
        }
        self.add(first, depth + chain.len());
        for (at, link) in chain.iter().enumerate().rev() {
            self.add(&link.rhs, depth + at + 1);
        }
    }

    /// Adds up what was done at each node and below it.
    fn totals(&self, done: &[Option<Done>]) -> Vec<Total> {
        let deepest = self.0.iter().map(|node| node.depth).max().unwrap_or_default();
        // Of the nodes of a depth that were seen since one above them was.
        let mut open = vec![Total::default(); deepest + 2];
        let mut totals = vec![Total::default(); self.0.len()];
        for (at, node) in self.0.iter().enumerate().rev() {
            let mut total = std::mem::take(&mut open[node.depth + 1]);
            if let Some(done) = &done[at] {
                total.time += done.time;
                total.queryable += done.queryable;
            }
            totals[at] = total;
            open[node.depth].time += total.time;
            open[node.depth].queryable += total.queryable;
        }
        totals
    }

    /// Appends `{"name": …, "children": […]}`, with what `push` says of each node behind its name.
    fn push(&self, out: &mut Vec<u8>, push: impl Fn(usize, &mut Vec<u8>)) {
        let mut open: usize = 0;
        for (at, node) in self.0.iter().enumerate() {
            if node.depth < open {
                // The one before has nothing below it.
                out.push(b'}');
                (node.depth + 1..open).for_each(|_| out.extend_from_slice(b"]}"));
                out.push(b',');
            } else if at > 0 {
                out.extend_from_slice(br#","children":["#);
            }
            out.extend_from_slice(br#"{"name":"#);
            json::push_string(node.name.as_bytes(), out);
            push(at, out);
            open = node.depth + 1;
        }
        out.push(b'}');
        (1..open).for_each(|_| out.extend_from_slice(b"]}"));
    }
}

fn aggregate_name(aggregate: &Aggregate) -> String {
    let labels: Vec<_> = aggregate.grouping.iter().map(|label| String::from_utf8_lossy(label)).collect();
    let word = if aggregate.without { "without" } else { "by" };
    format!("[aggregate] {} {word} ({})", aggregate.op, labels.join(", "))
}

#[cfg(test)]
mod tests;
