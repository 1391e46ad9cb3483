use super::*;
use crate::features::Features;
use promql::parse;

fn tree(text: &str) -> Result<String, NoNumber> {
    let all = Features {
        experimental_functions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..Features::default()
    };
    let mut out = Vec::new();
    push_tree(&parse(text, &all.parse_options()).unwrap(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[track_caller]
fn check(text: &str, want: &str) {
    let want: String = want.lines().map(str::trim).collect();
    assert_eq!(tree(text).unwrap(), want);
}

#[test]
fn literals_and_signs() {
    check("-1.5", r#"{"type":"numberLiteral","val":"-1.5"}"#);
    check("(\"<\")", r#"{"expr":{"type":"stringLiteral","val":"\u003c"},"type":"parenExpr"}"#);
}

#[test]
fn selectors() {
    check(
        r#"x{a!~"<b>"} anchored @ 1.5 offset -5m"#,
        r#"{"anchored":true,"matchers":[{"name":"a","type":"!~","value":"\u003cb\u003e"},{"name":"__name__","type":"=","value":"x"}],
        "name":"x","offset":-300000,"offsetExpr":null,"smoothed":false,"startOrEnd":null,"timestamp":1500,"type":"vectorSelector"}"#,
    );
    check(
        "x[5m] @ end() offset (1m*2)",
        r#"{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"x"}],"name":"x","offset":0,"offsetExpr":
        {"lhs":{"duration":true,"type":"numberLiteral","val":"60"},"op":"*","rhs":{"duration":false,"type":"numberLiteral","val":"2"},
        "type":"durationExpr","wrapped":true},"range":300000,"rangeExpr":null,
        "smoothed":false,"startOrEnd":"end","timestamp":null,"type":"matrixSelector"}"#,
    );
    check(
        "(vector)[5m:1m]",
        r#"{"expr":{"expr":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"vector"}],"name":"vector","offset":0,"offsetExpr":null,
        "smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"parenExpr"},"offset":0,"offsetExpr":null,"range":300000,"rangeExpr":null,"startOrEnd":null,
        "step":60000,"stepExpr":null,"timestamp":null,"type":"subquery"}"#,
    );
}

#[test]
fn operators() {
    check(
        "vector(1) * on(a) group_left(b) fill_left(2) (vector(time()) > bool 3)",
        r#"{"bool":false,"lhs":
        {"args":[{"type":"numberLiteral","val":"1"}],"func":{"argTypes":["scalar"],"name":"vector","returnType":"vector","variadic":0},"type":"call"}
        ,"matching":{"card":"many-to-one","fillValues":{"lhs":2,"rhs":null},"include":["b"],"labels":["a"],"on":true},"op":"*","rhs":
        {"expr":{"bool":true,"lhs":
        {"args":[{"args":[],"func":{"argTypes":[],"name":"time","returnType":"scalar","variadic":0},"type":"call"}],
        "func":{"argTypes":["scalar"],"name":"vector","returnType":"vector","variadic":0},"type":"call"}
        ,"matching":null,"op":"\u003e","rhs":{"type":"numberLiteral","val":"3"},"type":"binaryExpr"},"type":"parenExpr"}
        ,"type":"binaryExpr"}"#,
    );
    check(
        "topk without(a) (2, vector(1))",
        r#"{"expr":{"args":[{"type":"numberLiteral","val":"1"}],"func":{"argTypes":["scalar"],"name":"vector","returnType":"vector","variadic":0},"type":"call"},
        "grouping":["a"],"op":"topk","param":{"type":"numberLiteral","val":"2"},"type":"aggregation","without":true}"#,
    );
    check(
        "-vector",
        r#"{"expr":{"anchored":false,"matchers":[{"name":"__name__","type":"=","value":"vector"}],"name":"vector","offset":0,"offsetExpr":null,
        "smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"op":"-","type":"unaryExpr"}"#,
    );
}

#[test]
fn how_series_and_arguments_are_counted() {
    let has = |text: &str, part: &str| assert!(tree(text).unwrap().contains(part), "{text}");
    has("a * b", r#""card":"one-to-one""#);
    has("a * on (c) group_right b", r#""card":"one-to-many""#);
    has("a or b", r#""card":"many-to-many""#);
    has(r#"label_join(a, "b", "c", "d")"#, r#""variadic":-1"#);
    has("round(a)", r#""variadic":1"#);
}

#[test]
fn a_fill_that_is_not_finite_cannot_be_written() {
    let refused = |text: &str| tree(text).unwrap_err().to_string();
    assert_eq!(refused("a + fill(Inf) b"), "unsupported value: +Inf");
    assert_eq!(refused("sum(a + fill(Inf) b)"), "unsupported value: +Inf");
    assert_eq!(refused("abs(sum(a + fill(NaN) b))"), "[]interface {}: unsupported value: NaN");
    assert_eq!(refused("abs(abs(a + fill(NaN) b))"), "[]interface {}: []interface {}: unsupported value: NaN");
}

#[test]
fn long_chains_need_no_stack() {
    let links = tree(&vec!["1"; 4000].join("+")).unwrap().matches("binaryExpr").count();
    assert_eq!(links, 3999);
}
