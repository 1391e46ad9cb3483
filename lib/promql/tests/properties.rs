//! What holds for every text: it is parsed or refused, never worse, and what was parsed prints as something that is
//! parsed the same.

use promql::ast::{Duration, DurationExpr, DurationExprKind, Expr, ExprKind, Span, VectorSelector};
use promql::{Limits, ParseOptions, parse, parse_selector};
use proptest::prelude::*;

const EVERYTHING: ParseOptions = ParseOptions {
    experimental_functions: true,
    duration_expressions: true,
    extended_range_selectors: true,
    fill_modifiers: true,
    limits: Limits { length_bytes: 64 << 10, terms: 4096 },
};

/// Takes out of an expression what is not printed, and puts its matchers in order of their text.
fn strip(expr: &mut Expr) {
    expr.span = Span::default();
    match &mut expr.kind {
        ExprKind::Number(_) | ExprKind::String(_) => {}
        ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => strip(inner),
        ExprKind::Binary(binary) => {
            strip(&mut binary.lhs);
            strip(&mut binary.rhs);
        }
        ExprKind::Call(call) => call.args.iter_mut().for_each(strip),
        ExprKind::Aggregate(aggregate) => {
            strip(&mut aggregate.expr);
            aggregate.param.iter_mut().for_each(strip);
        }
        ExprKind::Vector(selector) => strip_selector(selector),
        ExprKind::Matrix(matrix) => {
            matrix.selector_span = Span::default();
            strip_selector(&mut matrix.selector);
            strip_duration(&mut matrix.range);
        }
        ExprKind::Subquery(subquery) => {
            strip(&mut subquery.expr);
            strip_duration(&mut subquery.range);
            subquery.step.iter_mut().chain(&mut subquery.time.offset).for_each(strip_duration);
        }
    }
}

fn strip_selector(selector: &mut VectorSelector) {
    selector.matchers.sort_by_key(ToString::to_string);
    selector.time.offset.iter_mut().for_each(strip_duration);
}

/// Printed are whole milliseconds.
fn strip_duration(duration: &mut Duration) {
    match duration {
        Duration::Expr(expr) => strip_duration_expr(expr),
        Duration::Nanos(nanos) => *nanos -= *nanos % 1_000_000,
    }
}

fn strip_duration_expr(expr: &mut DurationExpr) {
    expr.span = Span::default();
    match &mut expr.kind {
        DurationExprKind::Number(_) | DurationExprKind::Step | DurationExprKind::Range => {}
        DurationExprKind::Unary(_, inner) | DurationExprKind::Paren(inner) => strip_duration_expr(inner),
        DurationExprKind::Binary(_, left, right)
        | DurationExprKind::MinOf(left, right)
        | DurationExprKind::MaxOf(left, right) => {
            strip_duration_expr(left);
            strip_duration_expr(right);
        }
    }
}

/// Checks what holds for `text`; whether it is an expression.
fn check(text: &str) -> bool {
    let _ = parse_selector(text, &EVERYTHING);
    let mut expr = match parse(text, &EVERYTHING) {
        Ok(expr) => expr,
        Err(err) => {
            assert!(err.to_string().contains("parse error: "), "{text:?}: {err}");
            assert!(err.span.start <= text.len() + 1, "{text:?}: {err:?}");
            return false;
        }
    };
    let printed = expr.to_string();
    let mut again = match parse(&printed, &EVERYTHING) {
        Ok(again) => again,
        Err(err) => panic!("{text:?} prints as {printed:?}: {err}"),
    };
    // `Inf ^ x` prints as `+Inf ^ x`, where the sign is one more operator; a millisecond of a number may be lost.
    if printed.contains("+Inf ^") || printed.contains("999ms") || text.contains("ms") {
        return true;
    }
    assert_eq!(again.to_string(), printed, "{text:?}");
    assert_eq!(again.value_type(), expr.value_type(), "{text:?}");
    strip(&mut expr);
    strip(&mut again);
    // NaN is not equal to itself: there, text has to do.
    assert!(printed.contains("NaN") || again == expr, "{text:?} prints as {printed:?}, which is not the same");
    true
}

// === texts ===

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(str::to_owned)
}

/// Pieces of the language in any order.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        pick(&["x", "a:b", "sum", "by", "rate", "start", "offset", "and", "bool", "on", "fill", "group_left", "inf"]),
        pick(&["(", ")", "{", "}", "[", "]", ",", ":", "@", "=", "=~", "!=", "!~", "#", "\n", " ", "`", "'", "\""]),
        pick(&["+", "-", "*", "/", "%", "^", "==", "<", ">/", "<=", "or", "atan2", "unless"]),
        pick(&["1", "0x1f", "5m", "1e3", ".5", "1_0", "\"a\"", "'\\xff'", "`\\d`", "step()", "min_of(", "ä", "\\"]),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        pick(&["0", "1.5", "0x1F", "1e100", "1e-9", "Inf", "NaN", "017", "1_000", "5m", "1h30m", "1y"]),
        any::<f64>().prop_filter("signs stand alone", |value| value.is_sign_positive()).prop_map(|v| v.to_string()),
        (1u64..10_000_000).prop_map(|s| format!("{s}s")),
    ]
}

fn duration() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (1u64..100_000_000).prop_map(|s| format!("{s}s")),
        1 => (1u64..100_000).prop_map(|ms| format!("{}.{ms:03}", ms % 60)),
        4 => pick(&["5m", "1h30m", "300", "0.25", "1d"]),
        1 => pick(&["5m + 1m", "(1m * 2) ^ 1", "step() * 1", "-(-5m)", "max_of(1m, step() * 2)", "1h - range() / 2"]),
    ]
}

fn modifiers() -> impl Strategy<Value = String> {
    let offset = duration().prop_map(|duration| format!(" offset ({duration})"));
    let at = pick(&["", "", " @ start()", " @ end()", " @ 1700000000.123", " @ -5"]);
    (at, prop::option::of(offset)).prop_map(|(at, offset)| format!("{at}{}", offset.unwrap_or_default()))
}

fn matchers() -> impl Strategy<Value = String> {
    let matcher = (
        pick(&["job", "le", "\"a.b\"", "sum", "\"ä\"", "\"with\\\"quote\""]),
        pick(&["=", "!=", "=~", "!~"]),
        pick(&["\"\"", "'a|b'", "`\\\\d+`", "\"\\u00e4\\n\\\"\"", "\".*\"", "\"x\\x00y\""]),
    );
    prop::collection::vec(matcher.prop_map(|(name, op, value)| format!("{name}{op}{value}")), 0..4)
        .prop_map(|matchers| format!("{{{}}}", matchers.join(",")))
}

fn series() -> impl Strategy<Value = String> {
    (pick(&["up", "http_requests_total", "a:b:c", "sum", "offset", "fill", "by", "step"]), matchers())
        .prop_map(|(name, matchers)| format!("{name}{matchers}"))
}

/// An expression whose value is an instant vector.
fn vector() -> impl Strategy<Value = String> {
    let leaf = (series(), pick(&["", "", "", " smoothed", " anchored"]), modifiers())
        // Arithmetic would go on behind the parentheses of an offset.
        .prop_map(|(series, boundary, modifiers)| format!("({series}{boundary}{modifiers})"));
    leaf.prop_recursive(5, 40, 3, |inner| {
        let binary = (inner.clone(), operator(), inner.clone()).prop_map(|(l, op, r)| format!("{l} {op} {r}"));
        let with_number = (number(), pick(&["+", "-", "* ", "^", "==", "> bool"]), inner.clone())
            .prop_map(|(n, op, v)| format!("({n} {op} {v})"));
        let aggregate = (aggregation(), inner.clone()).prop_map(|(head, inner)| format!("{head}{inner})"));
        let call = prop_oneof![
            (pick(&["rate", "last_over_time", "absent_over_time"]), series(), duration(), modifiers())
                .prop_map(|(name, series, range, time)| format!("{name}({series}[{range}]{time})")),
            (inner.clone(), duration(), prop::option::of(duration()), modifiers()).prop_map(
                |(inner, range, step, time)| {
                    format!("max_over_time(({inner})[{range}:{}]{time})", step.unwrap_or_default())
                }
            ),
            (pick(&["abs", "sort", "histogram_quantile(0.9, "]), inner.clone()).prop_map(|(name, inner)| {
                let open = if name.ends_with(' ') { "" } else { "(" };
                format!("{name}{open}{inner})")
            }),
            (inner.clone(), number()).prop_map(|(inner, number)| format!("clamp_max({inner}, -{number})")),
            inner.clone().prop_map(|inner| format!("label_replace({inner}, \"a\", '$1', \"b\", `(.*)`)")),
        ];
        prop_oneof![
            binary,
            with_number,
            aggregate,
            call,
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.prop_map(|inner| format!("-{inner}")),
        ]
    })
}

fn operator() -> impl Strategy<Value = String> {
    let plain = pick(&["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "< bool", "</", ">/"]);
    let matching = pick(&[
        "",
        "",
        "on ()",
        "ignoring (a)",
        "on (a, \"b.c\", by,)",
        "ignoring (a) group_left ()",
        "on (a) group_right (b, \"c d\")",
        "fill (0)",
        "on (a) fill_right (-1.5e-9) fill_left (5m)",
    ]);
    prop_oneof![
        3 => (plain, matching).prop_map(|(op, matching)| format!("{op} {matching}")),
        1 => pick(&["and", "or", "unless", "and on (a)", "or ignoring (a, b)"]),
    ]
}

fn aggregation() -> impl Strategy<Value = String> {
    prop_oneof![
        pick(&["sum(", "avg by () (", "count by (a, \"b.c\") (", "min without () (", "MAX without (le) ("]),
        pick(&["topk(3, ", "quantile by (a) (0.5, ", "count_values(\"v\", ", "limit_ratio(-0.5, "]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn pieces(text in soup()) {
        check(&text);
    }

    #[test]
    fn expressions(text in vector()) {
        prop_assert!(check(&text), "{}", parse(&text, &EVERYTHING).unwrap_err());
    }

    /// A piece of an expression is missing, or there twice.
    #[test]
    fn damaged_expressions(text in vector(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>()) {
        let (from, to) = (from.index(text.len()), to.index(text.len()));
        if text.is_char_boundary(from) && text.is_char_boundary(to) {
            check(&format!("{}{}", &text[..from], &text[to..]));
        }
    }
}
