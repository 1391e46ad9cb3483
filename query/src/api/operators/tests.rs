use super::*;
use promql::{ParseOptions, Selected, parse};

fn parsed(text: &str) -> Expr {
    parse(text, &ParseOptions { experimental_functions: true, ..ParseOptions::default() }).unwrap()
}

fn tree(text: &str) -> String {
    let mut out = Vec::new();
    Tree::of(&parsed(text)).push(&mut out, |_, _| ());
    String::from_utf8(out).unwrap()
}

/// What was done for the part of `text` that is `of`: so many series, in milliseconds, tenfold samples and hundredfold bytes.
fn operator(text: &str, of: &str, series: u64, selected: Option<Selected>) -> Operator {
    let start = text.find(of).unwrap();
    let node = Span { start, end: start + of.len() };
    let (time, is_shared) = (Duration::from_millis(series), series == 0);
    Operator { node, time, series, samples: 10 * series, bytes: 100 * series, is_shared, selected }
}

fn selected(queryable: u64) -> Option<Selected> {
    Some(Selected { open: Duration::from_micros(1500), queryable })
}

#[track_caller]
fn check_analysis(text: &str, operators: &[Operator], want: &str) {
    let (mut out, want) = (Vec::new(), want.lines().map(str::trim).collect::<String>());
    push_analysis(&parsed(text), operators, 7, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), want);
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

#[test]
fn what_was_done_stands_with_the_operators() {
    check_analysis("1", &[], r#"{"name":"[numberLiteral] 1","executionTime":"0s","peakSamples":7,"totalSamples":0}"#);
    let text = "topk(2, -sum(a + b)) > rate(c[1m])";
    let operators = [
        operator(text, "topk(2, -sum(a + b))", 1, None),
        operator(text, "sum(a + b)", 2, None),
        operator(text, "a", 3, selected(30)),
        operator(text, "b", 0, selected(0)),
        operator(text, "c[1m]", 4, selected(500)),
        operator(text, text, 5, None),
    ];
    check_analysis(
        text,
        &operators,
        r#"{"name":"[binary] \u003e","executionTime":"15ms","peakSamples":7,"totalSamples":530,"series":5,"samples":50,"bytes":500,"children":[
        {"name":"[aggregate] topk by ()","executionTime":"6ms","totalSamples":30,"series":1,"samples":10,"bytes":100,"children":[
        {"name":"[numberLiteral] 2","executionTime":"0s","totalSamples":0},
        {"name":"[unary] -","executionTime":"5ms","totalSamples":30,"children":[
        {"name":"[aggregate] sum by ()","executionTime":"5ms","totalSamples":30,"series":2,"samples":20,"bytes":200,"children":[
        {"name":"[binary] +","executionTime":"3ms","totalSamples":30,"children":[
        {"name":"[vectorSelector] a","executionTime":"3ms","totalSamples":30,"series":3,"samples":30,"bytes":300,"selectTime":"1.5ms"},
        {"name":"[vectorSelector] b","executionTime":"0s","totalSamples":0,"shared":true}]}]}]}]},
        {"name":"[function] rate","executionTime":"4ms","totalSamples":500,"children":[
        {"name":"[matrixSelector] c[1m]","executionTime":"4ms","totalSamples":500,"series":4,"samples":40,"bytes":400,"selectTime":"1.5ms"}]}]}"#,
    );
}

#[test]
fn links_of_a_chain_have_what_is_theirs() {
    let text = "a + b + c";
    check_analysis(
        text,
        &[operator(text, "a + b", 1, None), operator(text, text, 2, None)],
        r#"{"name":"[binary] +","executionTime":"3ms","peakSamples":7,"totalSamples":0,"series":2,"samples":20,"bytes":200,"children":[
        {"name":"[binary] +","executionTime":"1ms","totalSamples":0,"series":1,"samples":10,"bytes":100,"children":[
        {"name":"[vectorSelector] a","executionTime":"0s","totalSamples":0},
        {"name":"[vectorSelector] b","executionTime":"0s","totalSamples":0}]},
        {"name":"[vectorSelector] c","executionTime":"0s","totalSamples":0}]}"#,
    );
}

#[test]
fn several_operators_of_an_expression_are_told_together() {
    let text = "info(a)";
    check_analysis(
        text,
        &[operator(text, text, 1, None), operator(text, text, 2, selected(9)), operator(text, "a", 1, None)],
        r#"{"name":"[function] info","executionTime":"4ms","peakSamples":7,"totalSamples":9,"series":3,"samples":30,"bytes":300,"selectTime":"1.5ms","children":[
        {"name":"[vectorSelector] a","executionTime":"1ms","totalSamples":0,"series":1,"samples":10,"bytes":100}]}"#,
    );
}

/// Each link of a chain has what is below it, and no step looks at all before it.
#[test]
fn long_chains_are_added_up() {
    let text = vec!["a"; 4000].join("+");
    let operators = [operator(&text, "a", 1, selected(5))];
    let mut out = Vec::new();
    push_analysis(&parsed(&text), &operators, 0, &mut out);
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out.matches(r#""name":"[binary] +","executionTime":"1ms""#).count(), 3999);
    assert_eq!(out.matches(r#""totalSamples":5"#).count(), 4000);
}
