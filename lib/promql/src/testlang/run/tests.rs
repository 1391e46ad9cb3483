use super::{Report, RunOptions, run};
use crate::testlang::Script;
use crate::{Limits, ParseOptions};

/// What `eval` over three series gives: nothing if what it says is so, else the form and the difference.
#[track_caller]
fn check(eval: &str, want: &str) {
    check_with(eval, want, &RunOptions::default());
}

#[track_caller]
fn check_with(eval: &str, want: &str, options: &RunOptions) {
    let load = "load 1m\n  x{a=\"1\"} 0+1x10\n  x{a=\"2\"} 10x10\n  h {{count:2 sum:1 buckets:[1 1]}}x10\n\n";
    let Report { passed, failures } = run(&Script::parse(&format!("{load}{eval}\n")).unwrap(), options);
    let got: Vec<String> = failures
        .iter()
        .map(|failure| {
            assert_eq!(failure.line, 6);
            let form = failure.form.as_ref().map_or_else(String::new, |form| format!("({form})\n"));
            format!("{form}{}", failure.diff)
        })
        .collect();
    assert_eq!(passed, 1 - got.len(), "{got:?}");
    assert_eq!(got.join("\n"), want, "{eval}");
}

#[test]
fn vectors() {
    check("eval instant at 5m x\n  x{a=\"2\"} 10\n  x{a=\"1\"} 5", "");
    check("eval instant at 5m x\n  x{a=\"2\"} 10.00001\n  x{a=\"1\"} 5", "");
    check(
        "eval instant at 5m x\n  x{a=\"2\"} 11\n  x{a=\"3\"} 5",
        "+ x{a=\"1\"} 5\n- x{a=\"2\"} 11\n+ x{a=\"2\"} 10\n- x{a=\"3\"} 5",
    );
    check("eval instant at 5m x\n  1", "- a scalar\n+ a vector or a matrix");
    check("eval instant at 5m x > 100", "");
    check("eval instant at 5m sum(x)\n  {} 15", "");
    check(
        "eval_ordered instant at 5m sort(x)\n  x{a=\"2\"} 10\n  x{a=\"1\"} 5",
        "- x{a=\"1\"} at position 2\n+ x{a=\"1\"} at position 1\n- x{a=\"2\"} at position 1\n+ x{a=\"2\"} at position 2",
    );
    check("eval instant at 5m sort(x)\n  expect ordered\n  x{a=\"1\"} 5\n  x{a=\"2\"} 10", "");
}

#[test]
fn scalars_and_strings() {
    check("eval instant at 5m 1 + 2\n  3", "");
    check("eval instant at 5m 1 + 2\n  0x4", "- 4\n+ 3");
    check("eval instant at 5m 1 + 2\n  {} 3", "- a vector or a matrix\n+ the scalar 3");
    check("eval instant at 5m \"a\"\n  expect string \"a\"", "");
    check("eval instant at 5m \"a\"\n  expect string \"b\"", "- \"b\"\n+ \"a\"");
}

#[test]
fn ranges() {
    check("eval range from 0 to 2m step 1m x\n  x{a=\"1\"} 0 1 2\n  x{a=\"2\"} 10x2", "");
    check("eval range from 0 to 3m step 1m x > 1 < 10\n  x{a=\"1\"} 2", "- x{a=\"1\"} 2\n+ x{a=\"1\"} _x2 2 3");
    check(
        "eval range from 0 to 1m step 1m x\n  x{a=\"1\"} 1 2 3\n",
        "3 values are expected of x{a=\"1\"}, and the range has fewer steps",
    );
    check(
        "eval instant at 2m x[2m]\n  expect range vector from 1m to 2m step 1m\n  x{a=\"1\"} 1 2\n  x{a=\"2\"} 10 10",
        "",
    );
    check(
        "eval instant at 2m x[2m]\n  expect range vector from 1m to 2m step 30s\n  x{a=\"1\"} 1 2\n  x{a=\"2\"} 10 _ 10",
        "- x{a=\"1\"} 1 2\n+ x{a=\"1\"} 1 _ 2",
    );
}

#[test]
fn histograms() {
    check("eval instant at 2m h\n  h {{count:2 sum:1 buckets:[1 1 0]}}", "");
    check("eval instant at 2m h\n  h {{count:2 sum:1 buckets:[1 1] counter_reset_hint:not_reset}}", "");
    check(
        "eval instant at 2m h\n  h {{count:2 sum:1 buckets:[1 1] counter_reset_hint:gauge}}",
        "- h {{count:2 sum:1 counter_reset_hint:gauge buckets:[1 1]}}\n+ h {{count:2 sum:1 counter_reset_hint:not_reset buckets:[1 1]}}",
    );
    check("eval instant at 2m h\n  h 1", "- h 1\n+ h {{count:2 sum:1 counter_reset_hint:not_reset buckets:[1 1]}}");
}

#[test]
fn failures() {
    let duplicate = "vector cannot contain metrics with the same labelset";
    let eval = "label_replace(x, \"a\", \"\", \"\", \"\")";
    check(&format!("eval_fail instant at 5m {eval}"), "");
    check(&format!("eval instant at 5m {eval}\n  expect fail msg: {duplicate}"), "");
    check(&format!("eval instant at 5m {eval}\n  expect fail regex: ^vector .* labelset$"), "");
    check(
        &format!("eval instant at 5m {eval}\n  expect fail msg: other"),
        &format!("- error: \"other\"\n+ error: {duplicate:?}"),
    );
    check(&format!("eval instant at 5m {eval}"), &format!("it failed: {duplicate}"));
    check("eval_fail instant at 5m x", "it should have failed, and did not");
}

#[test]
fn annotations() {
    let info =
        "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"x\" (1:6)";
    let answer = "\n  {a=\"1\"} 0.016666666\n  {a=\"2\"} 0";
    check(&format!("eval_info instant at 5m rate(x[2m]){answer}"), "");
    check(&format!("eval instant at 5m rate(x[2m])\n  expect info msg: {info}{answer}"), "");
    check(&format!("eval instant at 5m rate(x[2m])\n  expect no_info{answer}"), &format!("- no info\n+ info: {info}"));
    check(
        &format!("eval instant at 5m rate(x[2m])\n  expect info msg: y\n  expect info msg: {info}{answer}"),
        "- info: \"y\"",
    );
    check(
        &format!("eval instant at 5m rate(x[2m])\n  expect info msg: y{answer}"),
        &format!("- info: \"y\"\n+ info: {info:?}"),
    );
    check("eval_warn instant at 5m sum(x)\n  {} 15", "- some warning\n+ none");
}

/// What is expected of an expression has to come in its other forms, too.
#[test]
fn other_forms() {
    let eval = "eval instant at 5m x{a=\"1\"}\n  x{a=\"1\"} 5";
    let few = RunOptions { max_samples: 2, ..RunOptions::default() };
    let too_many = "query processing would load too many samples into memory in query execution";
    check_with(eval, &format!("(as it is, as the middle of a range)\n{too_many}"), &few);
    check_with(eval, "", &RunOptions { again: false, ..few });
    // With the time in it there is a number more to print.
    let short = ParseOptions { limits: Limits { length_bytes: 10, terms: 9 }, ..RunOptions::default().parse };
    let short = RunOptions { parse: short, ..RunOptions::default() };
    let too_long =
        "(x{a=\"1\"} @ 300.000 at 300 s)\nunknown position: parse error: query is 18 bytes long, the limit is 10";
    check_with(eval, &too_long.replace("unknown position", "1:1"), &short);
}

#[test]
fn settings() {
    let eager = RunOptions { delayed_names: false, ..RunOptions::default() };
    let eval = "eval instant at 5m label_replace(-x{a=\"1\"}, \"n\", \"$1\", \"__name__\", \"(.*)\")";
    check_with(&format!("{eval}\n  {{a=\"1\"}} -5"), "", &eager);
    check(&format!("{eval}\n  {{a=\"1\",n=\"x\"}} -5"), "");
    let short = RunOptions { lookback_ms: 1, ..RunOptions::default() };
    check_with("eval instant at 5m30s x", "", &short);
    let few = RunOptions { max_samples: 2, ..RunOptions::default() };
    let error = "it failed: query processing would load too many samples into memory in query execution";
    check_with("eval instant at 5m x[5m]\n  expect range vector from 1m to 5m step 1m\n  x 1", error, &few);
    let plain = RunOptions { parse: ParseOptions::default(), ..RunOptions::default() };
    let error = "it failed: 1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions";
    check_with("eval instant at 5m limitk(1, x)", error, &plain);
}

#[test]
fn a_load_that_cannot_be() {
    let text = "load 1m\n  x 1\n\nload 1m\n  x 2\n\nload 1m\n  y {{schema:9}}\n\nload_with_nhcb 1m\n  z_bucket 1\n";
    let Report { passed, failures } = run(&Script::parse(text).unwrap(), &RunOptions::default());
    let got: Vec<(usize, &str)> = failures.iter().map(|failure| (failure.line, failure.diff.as_str())).collect();
    let want = [
        (4, "{__name__=\"x\"} at 0 ms: duplicate sample for timestamp"),
        (7, "{__name__=\"y\"} at 0 ms: invalid histogram: invalid schema 9"),
        (10, "a series called z_bucket has no label \"le\""),
    ];
    assert_eq!((passed, got.as_slice()), (0, want.as_slice()));
}
