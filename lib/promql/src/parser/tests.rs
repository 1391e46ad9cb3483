//! What is accepted, how it prints, and what is said of the rest. Far more of it is recorded: see `tests/golden.rs`.

use super::{ParseOptions, parse, parse_selector};
use crate::ast::{Cardinality, Expr, ExprKind, Span, ValueType};
use crate::error::ParseErrorKind;
use crate::limits::{Limits, MAX_DEPTH};

const EVERYTHING: ParseOptions = ParseOptions {
    experimental_functions: true,
    duration_expressions: true,
    extended_range_selectors: true,
    fill_modifiers: true,
    limits: Limits { length_bytes: 64 << 10, terms: 4096 },
};

/// The printed form of `text`, or its fault.
#[track_caller]
fn check(text: &str, want: &str) {
    let got = match parse(text, &EVERYTHING) {
        Ok(expr) => expr.to_string(),
        Err(err) => err.to_string(),
    };
    assert_eq!(got, want, "{text}");
}

/// `text` is printed as it is.
#[track_caller]
fn check_same(text: &str) {
    check(text, text);
}

/// The fault of `text`.
#[track_caller]
fn check_fault(text: &str, options: &ParseOptions, kind: ParseErrorKind, want: &str) {
    let err = parse(text, options).expect_err(text);
    assert_eq!((err.kind, err.to_string().as_str()), (kind, want), "{text}");
}

#[test]
fn numbers() {
    check("1_000.5", "1000.5");
    check("0x1F", "31");
    check("0x1_2", "18");
    check("017", "15");
    check("08", "8");
    check("1e3", "1000");
    check(".5", "0.5");
    check("1e-7", "0.0000001");
    check("inF", "+Inf");
    check("-nan", "NaN");
    check("--1", "1");
    check("-0", "-0");
    check("1h30m", "1h30m");
    check("90m", "1h30m");
    check("-5m", "-5m");
    check("1w", "1w");
    check("8d", "8d");
    check("0x", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"0x\": invalid syntax");
    check("1__0", "1:1: parse error: bad number or duration syntax: \"1__\"");
    check("1e309", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e309\": value out of range");
    check("5mx", "1:1: parse error: bad number or duration syntax: \"5mx\"");
    check("30m1h", "1:1: parse error: not a valid duration string: \"30m1h\"");
    check("5hs", "1:1: parse error: unknown unit \"hs\" in duration \"5hs\"");
    check("300y", "1:1: parse error: duration out of range");
}

#[test]
fn strings() {
    check(r#"'a"b'"#, r#""a\"b""#);
    check(r"`\d+`", r#""\\d+""#);
    check(r#""\x41\101\u00e4\U0001F600\n""#, r#""AAä😀\n""#);
    check(r#""\xff""#, r#""\xff""#);
    check("'\u{feff}'", r#""\ufeff""#);
    check("\"a\nb\"", "1:1: parse error: unterminated quoted string");
    check("`a", "1:1: parse error: unterminated raw string");
    check(r#""\q""#, "1:1: parse error: unknown escape sequence U+0071 'q'");
    check(r#""\xz""#, "1:1: parse error: illegal character U+007A 'z' in escape sequence");
    check(r#""\400""#, "1:1: parse error: escape sequence is an invalid Unicode code point");
    check(r#""\ud800""#, "1:1: parse error: escape sequence is an invalid Unicode code point");
}

#[test]
fn selectors() {
    check_same("x");
    check("x{}", "x");
    check("x{b=\"1\",a!=\"2\",}", "x{a!=\"2\",b=\"1\"}");
    check("{\"a.b\", \"c d\"=~'e.*'}", "{\"c d\"=~\"e.*\",__name__=\"a.b\"}");
    check("{__name__=\"x\"}", "{__name__=\"x\"}");
    check("x{sum=\"1\",by=\"2\"}", "x{by=\"2\",sum=\"1\"}");
    check_same("sum + avg:rate5m");
    check_same("offset offset 5m");
    check("fill + fill", "fill + fill");
    check("# first\nx # second\n", "x");
    check("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher");
    check("{a=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher");
    check("x{\"y\"}", "1:1: parse error: metric name must not be set twice: \"x\" or \"y\"");
    check("x{a}", "1:4: parse error: unexpected \"}\" in label matching, expected label matching operator");
    check("x{a=1}", "1:5: parse error: unexpected character inside braces: '1'");
    check(
        "x{a=\"1\" or b=\"2\"}",
        "1:9: parse error: unexpected identifier \"or\" in label matching, expected \",\" or \"}\"",
    );
    check("x{a=~\"(\"}", "1:3: parse error: error parsing regexp: missing closing ): `(`");
    check("x{", "1:3: parse error: unexpected end of input inside braces");
}

#[test]
fn precedence() {
    check_same("a or b and c == d + e * f ^ g");
    for (text, grouped) in [
        ("a + b * c", "a + (b * c)"),
        ("a - b - c", "(a - b) - c"),
        ("a ^ b ^ c", "a ^ (b ^ c)"),
        ("a or b and c unless d", "a or ((b and c) unless d)"),
        ("a > b + c", "a > (b + c)"),
        ("a </ b + c", "a </ (b + c)"),
        ("a * b atan2 c % d", "((a * b) atan2 c) % d"),
        ("-a ^ b", "-(a ^ b)"),
        ("-a * b", "(-a) * b"),
        ("a ^ -b ^ c", "a ^ (-(b ^ c))"),
        ("a ^ -b * c", "(a ^ (-b)) * c"),
    ] {
        assert_eq!(shape(text), shape(grouped), "{text}");
    }
}

/// The expression with all operators in brackets, parentheses left out.
fn shape(text: &str) -> String {
    fn of(expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Paren(inner) => of(inner),
            ExprKind::Unary(op, inner) => format!("[{op}{}]", of(inner)),
            ExprKind::Binary(binary) => format!("[{} {} {}]", of(&binary.lhs), binary.op, of(&binary.rhs)),
            _ => expr.to_string(),
        }
    }
    of(&parse(text, &EVERYTHING).unwrap())
}

#[test]
fn operators() {
    check("a+on(b)c", "a + on (b) c");
    check("a + ignoring() c", "a + c");
    check("a == bool on(x, \"y z\",) group_left b", "a == bool on (x, \"y z\") group_left () b");
    check("a + on() group_right(step, by) b", "a + on () group_right (step, by) b");
    check("a + on() group_left fill(1) b", "a + on () group_left () fill (1) b");
    check("a + on() group_left -b", "a + on () group_left () -b");
    check("a + on() group_left / b", "1:21: parse error: unexpected <op:/> in grouping opts, expected \"(\"");
    check("a + on() group_right", "1:21: parse error: unexpected end of input in grouping opts, expected \"(\"");
    check("a + fill(1) b", "a + fill (1) b");
    check("a + on(x) fill_right(-5m) fill_left(1e6) b", "a + on (x) fill_left (1e+06) fill_right (-300) b");
    check("1 == bool 2", "1 == bool 2");
    check("1 == 2", "1:3: parse error: comparisons between scalars must use BOOL modifier");
    check("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators");
    check("a and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression");
    check("a and on(x) group_left b", "1:1: parse error: no grouping allowed for \"and\" operation");
    check("a and fill(1) b", "1:1: parse error: filling in missing series not allowed for set operators");
    check("1 + on(x) a", "1:1: parse error: vector matching only allowed between instant vectors");
    check("a + on(x) group_left(x) b", "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once");
    check("a + \"b\"", "1:5: parse error: binary expression must contain only scalar and instant vector types");
    check(
        "-\"b\"",
        "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
    );
    check("a + on b", "1:8: parse error: unexpected identifier \"b\" in grouping opts, expected \"(\"");
    check("a + on(without) b", "1:8: parse error: unexpected <without> in grouping opts, expected label");
    check("a + on(x y) b", "1:10: parse error: unexpected identifier \"y\" in grouping opts, expected \",\" or \")\"");
    check("a + on(\"\") b", "1:8: parse error: invalid label name for grouping: \"\"");
    check("a =~ b", "1:3: parse error: unexpected character after '=': '~'");
    check("a +", "1:4: parse error: unexpected end of input");
    check("a b", "1:3: parse error: unexpected identifier \"b\"");
    check("", "unknown position: parse error: no expression found in input");
    check("\n  a )", "2:6: parse error: unexpected right parenthesis ')'");
}

#[test]
fn calls_and_aggregations() {
    check("sum by(a)(x)", "sum by (a) (x)");
    check("SUM(x) without(b, \"c.d\")", "sum without (b, \"c.d\") (x)");
    check("sum by () (x)", "sum(x)");
    check_same("topk(3, x)");
    check_same("count_values(\"v\", x)");
    check_same("round(x) + round(x, 5) + hour()");
    check_same("label_join(x, \"a\", \",\")");
    check_same("info(x, {a=~\".*\"})");
    check("rate(x)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector");
    check("rate(x[5m], 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2");
    check("round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0");
    check("round(x, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3");
    check("abs(x,)", "1:6: parse error: trailing commas not allowed in function call args");
    check("nope(x)", "1:1: parse error: unknown function with name \"nope\"");
    check("RATE(x[5m])", "1:1: parse error: unknown function with name \"RATE\"");
    check("info(x, y)", "1:9: parse error: expected label selectors only, got vector selector instead");
    check("info(x, -y)", "1:9: parse error: expected label selectors only");
    check("sum()", "1:1: parse error: no arguments for aggregate expression provided");
    check("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar");
    check(
        "topk(x)",
        "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
    );
    check("topk(\"1\", x)", "1:6: parse error: expected type scalar in aggregation parameter, got string");
    check("sum by (a) x", "1:12: parse error: unexpected identifier \"x\" in aggregation");
    check("sum(x", "1:6: parse error: unclosed left parenthesis");
}

#[test]
fn time() {
    check("x[5m]", "x[5m]");
    check("x[300]", "x[5m]");
    check_same("x[1h:5m]");
    check_same("x[1h:]");
    check("x offset -1.5", "x offset -1s500ms");
    check_same("x[5m] @ start() offset 1h");
    check("x offset 1h @ 1.5", "x @ 1.500 offset 1h");
    check_same("x @ -1.000");
    check_same("rate(x[5m] smoothed) + x anchored");
    check_same("x[5m + step()] offset (range() * 2)");
    check_same("x[min_of(1m, step())]");
    check("x[(5m)]", "x[5m]");
    check("x offset 5s - 8", "x offset 5s - 8");
    check_same("x offset -1s ^ 1");
    check("x[0]", "1:3: parse error: duration must be greater than 0");
    check("x[1/0]", "1:4: parse error: division by zero");
    check("x[9.5e10]", "1:3: parse error: duration out of range");
    check("(x)[5m]", "1:4: parse error: ranges only allowed for vector selectors");
    check("x offset 1m[5m]", "1:12: parse error: no offset modifiers allowed before range");
    check("x @ 1 [5m]", "1:7: parse error: no @ modifiers allowed before range");
    check("x @ start() [5m]", "x[5m] @ start()");
    check("x @ end() [5m] @ 1", "1:1: parse error: @ <timestamp> may not be set multiple times");
    check("x offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times");
    check("x @ 1 @ end()", "1:1: parse error: @ <timestamp> may not be set multiple times");
    check(
        "1 offset 5m",
        "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
    );
    check("x @ inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf");
    check("x @ y", "1:5: parse error: unexpected identifier \"y\" in @, expected timestamp");
    check(
        "x offset y",
        "1:10: parse error: unexpected identifier \"y\" in offset, expected number, duration, step(), or range()",
    );
    check("x[5m y]", "1:6: parse error: unexpected character: 'y', expected ':'");
    check("x[y]", "1:3: parse error: unexpected character in duration expression: 'y'");
    check("x[5m,]", "1:5: parse error: unexpected \",\" in subquery or range, expected \":\" or \"]\"");
    check("1[5m:]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead");
    check("x[5m][5m:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix instead");
    check("x anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used together");
}

#[test]
fn switches() {
    let off = ParseOptions { duration_expressions: false, ..ParseOptions::default() };
    let invalid = ParseErrorKind::Invalid;
    check_fault("start()", &off, invalid, "1:1: parse error: function \"start\" is not enabled");
    check_fault("x anchored", &off, invalid, "1:1: parse error: anchored modifier is experimental and not enabled");
    check_fault("x[5m+1m]", &off, invalid, "1:3: parse error: experimental duration expression is not enabled");
    check_fault(
        "a + fill(1) b",
        &off,
        invalid,
        "1:1: parse error: binop fill modifiers are experimental and not enabled",
    );
    check_fault(
        "limitk(1, x)",
        &off,
        invalid,
        "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
    );
}

#[test]
fn positions() {
    let expr = parse("sum(x) by (a) +\n -rate(y{b=\"1\"}[5m] offset 1m)", &EVERYTHING).unwrap();
    assert_eq!(expr.span, Span { start: 0, end: 46 });
    let ExprKind::Binary(binary) = &expr.kind else { panic!("{expr}") };
    assert_eq!((binary.lhs.span, binary.rhs.span), (Span { start: 0, end: 13 }, Span { start: 17, end: 46 }));
    let ExprKind::Unary(_, call) = &binary.rhs.kind else { panic!("{expr}") };
    let ExprKind::Call(call) = &call.kind else { panic!("{expr}") };
    assert_eq!(call.args[0].span, Span { start: 23, end: 45 });
    let ExprKind::Matrix(matrix) = &call.args[0].kind else { panic!("{expr}") };
    assert_eq!(matrix.selector_span, Span { start: 23, end: 31 });
}

/// The end of an aggregation is where its arguments end, although what follows has been read by then.
#[test]
fn ends_of_aggregations() {
    for (text, end) in [("(sum(x))", 7), ("(sum(x) )", 7), ("(sum(x) by (a))", 14), ("(sum by (a) (x) )", 15)] {
        let ExprKind::Paren(inner) = parse(text, &EVERYTHING).unwrap().kind else { panic!("{text}") };
        assert_eq!(inner.span, Span { start: 1, end }, "{text}");
    }
}

/// Matching is there between two vectors only, and many-to-many for set operators.
#[test]
fn cardinality() {
    for (text, want) in [
        ("a + b", Some(Cardinality::OneToOne)),
        ("a + on (x) group_left () b", Some(Cardinality::ManyToOne)),
        ("a + on (x) group_right () b", Some(Cardinality::OneToMany)),
        ("a or b", Some(Cardinality::ManyToMany)),
        ("a + 1", None),
        ("1 + a", None),
        ("1 + 1", None),
    ] {
        let ExprKind::Binary(binary) = parse(text, &EVERYTHING).unwrap().kind else { panic!("{text}") };
        assert_eq!(binary.matching.as_ref().map(|matching| matching.card), want, "{text}");
    }
}

#[test]
fn match_parameters() {
    let check = |text: &str, want: &str| {
        let got = match parse_selector(text, &ParseOptions::default()) {
            Ok(matchers) => matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(err) => err.to_string(),
        };
        assert_eq!(got, want, "{text}");
    };
    check("x", "__name__=\"x\"");
    check("x{a=\"1\"}", "a=\"1\" __name__=\"x\"");
    check("{\"a.b\"}", "__name__=\"a.b\"");
    check("{}", "");
    check("sum", "__name__=\"sum\"");
    check("sum(x)", "1:4: parse error: unexpected \"(\"");
    check("x[5m]", "1:2: parse error: unexpected \"[\"");
    check("1", "1:1: parse error: unexpected number \"1\"");
}

// === limits ===

/// Runs `test` on a stack that is half of what a thread of an async runtime has.
fn on_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(test).unwrap().join().unwrap();
}

/// What opens a level and what closes it, around `x`.
const NESTINGS: [(&str, &str); 9] = [
    ("(", ")"),
    ("-", ""),
    ("sum(", ")"),
    ("abs(", ")"),
    ("1 ^ ", ""),
    ("1 + (", ")"),
    ("topk(1, ", ")"),
    ("sum by (a) (", ")"),
    ("", "[1m:]"),
];

fn nested(open: &str, close: &str, levels: usize) -> String {
    format!("{}x{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn as_deep_as_allowed() {
    on_small_stack(|| {
        for (open, close) in NESTINGS {
            // Some open two levels at once.
            let deepest = |levels: &usize| {
                let parsed = parse(&nested(open, close, *levels), &EVERYTHING);
                !parsed.is_err_and(|err| err.kind == ParseErrorKind::OverLimit)
            };
            let levels = (1..=MAX_DEPTH).rev().find(deepest).unwrap();
            assert!(levels + 1 >= MAX_DEPTH / 2, "{open} {levels}");
            // Chains of subqueries parse, but are of no type.
            let Ok(expr) = parse(&nested(open, close, levels), &EVERYTHING) else {
                assert_eq!(close, "[1m:]");
                continue;
            };
            assert_eq!(expr.clone(), expr);
            assert_eq!(parse(&expr.to_string(), &EVERYTHING).unwrap().to_string(), expr.to_string());
            let _ = parse(&expr.to_string(), &EVERYTHING);
        }
    });
}

#[test]
fn deeper_is_refused() {
    on_small_stack(|| {
        for (open, close) in NESTINGS {
            let text = nested(open, close, 1500);
            let err = parse(&text, &EVERYTHING).unwrap_err();
            assert_eq!(err.kind, ParseErrorKind::OverLimit, "{open} {err}");
            assert_eq!(err.message, "expression is nested deeper than 256 levels");
        }
        for inside in ["(", "-", "min_of(1,", "1+", "1^", "1+(", "-("] {
            let text = format!("x[{}", inside.repeat(3000));
            let err = parse(&text, &EVERYTHING).unwrap_err();
            assert_eq!(err.kind, ParseErrorKind::OverLimit, "{inside} {err}");
        }
    });
}

#[test]
fn fifty_thousand_parentheses() {
    on_small_stack(|| {
        let text = format!("{}1{}", "(".repeat(25_000), ")".repeat(25_000));
        check_fault(
            &text,
            &ParseOptions::default(),
            ParseErrorKind::OverLimit,
            "1:257: parse error: expression is nested deeper than 256 levels",
        );
        check_fault(
            &"(".repeat(50_000),
            &ParseOptions::default(),
            ParseErrorKind::OverLimit,
            "1:257: parse error: expression is nested deeper than 256 levels",
        );
    });
}

#[test]
fn text_and_terms() {
    let limits = Limits { length_bytes: 10, terms: 2 };
    let options = ParseOptions { limits, ..ParseOptions::default() };
    assert!(parse("1 + 2+    ".trim_end_matches("+    "), &options).is_ok());
    let over = ParseErrorKind::OverLimit;
    check_fault("12345678901", &options, over, "1:1: parse error: query is 11 bytes long, the limit is 10");
    assert!(parse("1234567890", &options).is_ok());
    check_fault("1 + 2 + 3", &options, over, "1:9: parse error: expression has more than 2 terms");
}

#[test]
fn a_chain_takes_no_stack() {
    on_small_stack(|| {
        let limits = Limits { length_bytes: 1 << 20, terms: 100_000 };
        let options = ParseOptions { limits, ..EVERYTHING };
        let text = vec!["x"; 100_000].join(" + ");
        let expr = parse(&text, &options).unwrap();
        assert_eq!(expr.to_string(), text);
        assert!(format!("{expr:?}").len() > text.len());
        assert!(expr.clone() == expr);
        assert_eq!(expr.value_type(), ValueType::Vector);
    });
}
