use super::*;
use promql::{ParseOptions, parse};

fn tree(text: &str) -> String {
    let mut out = Vec::new();
    push_operator(&parse(text, &ParseOptions::default()).unwrap(), &mut out);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(text: &str, want: &str) {
    let want: String = want.lines().map(str::trim).collect();
    assert_eq!(tree(text), want);
}

#[test]
fn operators_stand_above_what_they_work_on() {
    check("up", r#"{"name":"[vectorSelector] up"}"#);
    check("time()", r#"{"name":"[function] time"}"#);
    check(
        "sum by (code) (rate(x[5m]))",
        r#"{"name":"[aggregate] sum by (code)","children":[
        {"name":"[function] rate","children":[{"name":"[matrixSelector] x[5m]"}]}]}"#,
    );
    check(
        "-(a + on (b) c) > bool topk(2, d)",
        r#"{"name":"[binary] \u003e bool","children":[
        {"name":"[unary] -","children":[
        {"name":"[binary] + on (b)","children":[{"name":"[vectorSelector] a"},{"name":"[vectorSelector] c"}]}]},
        {"name":"[aggregate] topk by ()","children":[{"name":"[numberLiteral] 2"},{"name":"[vectorSelector] d"}]}]}"#,
    );
    check(
        r#"max_over_time(label_replace(x, "a", "", "", "")[5m:1m] offset 2m)"#,
        r#"{"name":"[function] max_over_time","children":[
        {"name":"[subquery] [5m:1m] offset 2m","children":[
        {"name":"[function] label_replace","children":[{"name":"[vectorSelector] x"},{"name":"[stringLiteral] \"a\""},
        {"name":"[stringLiteral] \"\""},{"name":"[stringLiteral] \"\""},{"name":"[stringLiteral] \"\""}]}]}]}"#,
    );
}

#[test]
fn long_chains_need_no_stack() {
    assert_eq!(tree(&vec!["1"; 4000].join("+")).matches("[binary] +").count(), 3999);
}
