use super::*;
use crate::{ParseOptions, parse};

fn pretty(text: &str) -> String {
    Pretty(&parse(text, &ParseOptions::default()).unwrap()).to_string()
}

/// A name of so many bytes.
fn name(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[test]
fn what_fits_is_one_line() {
    let fits = format!("sum({})", name(95));
    assert_eq!(pretty(&fits), fits);
    let split = format!("sum({})", name(96));
    assert_eq!(pretty(&split), format!("sum(\n  {}\n)", name(96)));
}

#[test]
fn parts_are_indented() {
    let long = name(90);
    for (text, want) in [
        (format!("topk by (a) (3, {long})"), format!("topk by (a) (\n  3,\n  {long}\n)")),
        (format!("clamp_max((y + {long}), 5)"), format!("clamp_max(\n  (y + {long}),\n  5\n)")),
        (format!("-(y12345 - {long})"), format!("-(\n  y12345 - {long}\n)")),
        (format!("a + b > bool {long}"), format!("  a + b\n> bool\n  {long}")),
        (format!("a1234567 + {long} - b"), format!("    a1234567\n  +\n    {long}\n-\n  b")),
        (format!("sum({long})[1h:5m] @ end()"), format!("sum({long})[1h:5m] @ end()")),
    ] {
        assert_eq!(pretty(&text), want);
    }
}

#[test]
fn long_chains_need_no_stack() {
    let text = vec!["x"; 4000].join("+");
    let lines = pretty(&text).lines().count();
    // The innermost 25 operands are a hundred bytes less three.
    assert_eq!(lines, 1 + 2 * (4000 - 25));
}
