//! Trees as `/api/v1/parse_query` writes them, with the positions that the recording adds.

use promql::ast::{
    Aggregate, At, Binary, Boundary, Call, Cardinality, Duration, DurationExpr, DurationExprKind, Expr, ExprKind,
    Number, Span, TimeShift, UnaryOp, ValueType, VectorSelector,
};
use promql::functions::{LastArg, function};
use serde_json::{Map, Value, json};

/// Equal, numbers by value.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, left)| right.get(key).is_some_and(|right| same(left, right)))
        }
        _ => left == right,
    }
}

pub(crate) fn expr(expr: &Expr) -> Value {
    let mut node = match &expr.kind {
        ExprKind::Number(number) => json!({ "type": "numberLiteral", "val": number_text(*number) }),
        ExprKind::String(value) => json!({ "type": "stringLiteral", "val": text(value) }),
        ExprKind::Paren(inner) => json!({ "type": "parenExpr", "expr": self::expr(inner) }),
        ExprKind::Unary(op, inner) => {
            json!({ "type": "unaryExpr", "op": op.to_string(), "expr": self::expr(inner) })
        }
        ExprKind::Binary(binary) => self::binary(binary),
        ExprKind::Call(call) => self::call(call),
        ExprKind::Aggregate(aggregate) => self::aggregate(aggregate),
        ExprKind::Vector(selector) => {
            let mut node = self::selector(selector);
            node.insert("type".to_owned(), json!("vectorSelector"));
            Value::Object(node)
        }
        ExprKind::Matrix(matrix) => {
            let mut node = self::selector(&matrix.selector);
            node.insert("type".to_owned(), json!("matrixSelector"));
            node.insert("selectorPos".to_owned(), pos(matrix.selector_span));
            put_duration(&mut node, "range", Some(&matrix.range));
            Value::Object(node)
        }
        ExprKind::Subquery(subquery) => {
            let mut node = Map::new();
            node.insert("type".to_owned(), json!("subquery"));
            node.insert("expr".to_owned(), self::expr(&subquery.expr));
            put_duration(&mut node, "range", Some(&subquery.range));
            put_duration(&mut node, "step", subquery.step.as_ref());
            put_time(&mut node, &subquery.time);
            Value::Object(node)
        }
    };
    node["pos"] = pos(expr.span);
    node
}

pub(crate) fn matchers(matchers: &[model::Matcher]) -> Value {
    let matcher = |matcher: &model::Matcher| json!({ "name": text(matcher.name()), "type": matcher.op().to_string(), "value": text(matcher.value()) });
    matchers.iter().map(matcher).collect()
}

fn binary(binary: &Binary) -> Value {
    let matching = binary.matching.as_ref().map(|matching| {
        let card = match matching.card {
            Cardinality::OneToOne => "one-to-one",
            Cardinality::ManyToOne => "many-to-one",
            Cardinality::OneToMany => "one-to-many",
            Cardinality::ManyToMany => "many-to-many",
        };
        let fills = json!({ "lhs": fill(matching.fill_left), "rhs": fill(matching.fill_right) });
        json!({
            "card": card,
            "fillValues": fills,
            "include": texts(&matching.include),
            "labels": texts(&matching.labels),
            "on": matching.on,
        })
    });
    json!({
        "type": "binaryExpr",
        "op": binary.op.to_string(),
        "lhs": expr(&binary.lhs),
        "rhs": expr(&binary.rhs),
        "bool": binary.return_bool,
        "matching": matching,
    })
}

fn fill(value: Option<f64>) -> Value {
    match value {
        None => Value::Null,
        Some(value) if value.is_finite() => json!(value),
        Some(value) => json!(number_text(Number { value, is_duration: false })),
    }
}

fn call(call: &Call) -> Value {
    let function = function(&call.name).unwrap();
    let variadic = match function.last_arg {
        LastArg::Once => 0,
        LastArg::UpTo(times) => times as i64,
        LastArg::AnyNumber => -1,
    };
    let arg_types: Vec<_> = function.args.iter().copied().map(type_name).collect();
    json!({
        "type": "call",
        "func": {
            "name": call.name,
            "argTypes": arg_types,
            "returnType": type_name(function.returns),
            "variadic": variadic,
        },
        "args": call.args.iter().map(expr).collect::<Value>(),
    })
}

fn type_name(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::Scalar => "scalar",
        ValueType::Vector => "vector",
        ValueType::Matrix => "matrix",
        ValueType::String => "string",
    }
}

fn aggregate(aggregate: &Aggregate) -> Value {
    json!({
        "type": "aggregation",
        "op": aggregate.op.to_string(),
        "expr": expr(&aggregate.expr),
        "param": aggregate.param.as_ref().map(expr),
        "without": aggregate.without,
        "grouping": texts(&aggregate.grouping),
    })
}

fn selector(selector: &VectorSelector) -> Map<String, Value> {
    let mut node = Map::new();
    node.insert("name".to_owned(), json!(text(selector.name.as_deref().unwrap_or_default())));
    node.insert("matchers".to_owned(), matchers(&selector.matchers));
    node.insert("anchored".to_owned(), json!(selector.boundary == Some(Boundary::Anchored)));
    node.insert("smoothed".to_owned(), json!(selector.boundary == Some(Boundary::Smoothed)));
    put_time(&mut node, &selector.time);
    node
}

fn put_time(node: &mut Map<String, Value>, time: &TimeShift) {
    put_duration(node, "offset", time.offset.as_ref());
    let (timestamp, start_or_end) = match time.at {
        None => (None, None),
        Some(At::Timestamp(ms)) => (Some(ms), None),
        Some(At::Start) => (None, Some("start")),
        Some(At::End) => (None, Some("end")),
    };
    node.insert("timestamp".to_owned(), json!(timestamp));
    node.insert("startOrEnd".to_owned(), json!(start_or_end));
}

/// A duration takes two fields, one of which says nothing.
fn put_duration(node: &mut Map<String, Value>, name: &str, duration: Option<&Duration>) {
    let (ms, tree) = match duration {
        None => (0, Value::Null),
        Some(Duration::Nanos(nanos)) => (*nanos / 1_000_000, Value::Null),
        Some(Duration::Expr(expr)) => (0, duration_expr(expr)),
    };
    node.insert(name.to_owned(), json!(ms));
    node.insert(format!("{name}Expr"), tree);
}

fn duration_expr(expr: &DurationExpr) -> Value {
    let node = |op: &str, lhs: Option<&DurationExpr>, rhs: Option<&DurationExpr>| {
        json!({
            "type": "durationExpr",
            "op": op,
            "lhs": lhs.map(duration_expr),
            "rhs": rhs.map(duration_expr),
            "wrapped": false,
        })
    };
    match &expr.kind {
        DurationExprKind::Number(number) => json!({
            "type": "numberLiteral",
            "val": number_text(*number),
            "duration": number.is_duration,
            "pos": pos(expr.span),
        }),
        DurationExprKind::Step => node("step", None, None),
        DurationExprKind::Range => node("range", None, None),
        DurationExprKind::Unary(UnaryOp::Plus, inner) => node("+", None, Some(inner)),
        DurationExprKind::Unary(UnaryOp::Minus, inner) => node("-", None, Some(inner)),
        DurationExprKind::Binary(op, lhs, rhs) => node(&op.to_string(), Some(lhs), Some(rhs)),
        DurationExprKind::MinOf(left, right) => node("min_of", Some(left), Some(right)),
        DurationExprKind::MaxOf(left, right) => node("max_of", Some(left), Some(right)),
        DurationExprKind::Paren(inner) => {
            let mut wrapped = match inner.kind {
                DurationExprKind::Number(_) => node("+", None, Some(inner)),
                _ => duration_expr(inner),
            };
            wrapped["wrapped"] = json!(true);
            wrapped
        }
    }
}

fn number_text(number: Number) -> String {
    Number { is_duration: false, ..number }.to_string()
}

fn pos(span: Span) -> Value {
    json!([span.start, span.end])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn texts(list: &[Vec<u8>]) -> Vec<String> {
    list.iter().map(|bytes| text(bytes)).collect()
}
