use crate::plan::{Plan, build};
use crate::{ParseOptions, Passes, QueryParams, parse};

/// Of each select its matchers, and of each of its selectors what it asks for beyond.
fn selects(text: &str, params: &QueryParams) -> Vec<String> {
    let Plan { selects, uses, .. } = build(&parse(text, &ParseOptions::default()).unwrap(), params).unwrap();
    let filters = |at: usize| uses[at].iter().map(|one| format!(" {:?}", one.filter)).collect::<String>();
    selects.iter().enumerate().map(|(at, select)| format!("{:?}{}", select.matchers, filters(at))).collect()
}

#[track_caller]
fn check(text: &str, want: &[&str]) {
    let params = QueryParams::range(3_600_000, 4_200_000, 60_000);
    assert_eq!(selects(text, &params), want, "{text}");
    for (params, count) in [
        (QueryParams { strict_sharing: true, ..params.clone() }, 2),
        (QueryParams { passes: Passes { wider_selects: false, ..params.passes }, ..params.clone() }, 2),
    ] {
        assert_eq!(selects(text, &params).len(), count, "{text}");
    }
}

#[test]
fn what_another_select_has_is_not_asked_for() {
    check(r#"sum(x{a="1"}) / sum(x)"#, &[r#"[__name__="x"] [] [a="1"]"#]);
    check(r#"sum(x) / sum(x{a!="1",b=~"2.*"})"#, &[r#"[__name__="x"] [] [a!="1", b=~"2.*"]"#]);
    check(r#"sum(rate(x{a="1"}[5m])) / sum(rate(x[5m]))"#, &[r#"[__name__="x"] [] [a="1"]"#]);
    // What is kept of the wide one is kept anyway.
    check(r#"x{a="1"} / x"#, &[r#"[__name__="x"] [] [a="1"]"#]);
    check(r#"x or x{a="1"}"#, &[r#"[__name__="x"] [] [a="1"]"#]);
}

#[test]
fn what_would_cost_more_is_asked_for_apart() {
    let both = |narrow: &str| [r#"[__name__="x"] []"#.to_owned(), format!("{narrow} []")];
    let check = |text: &str| {
        let params = QueryParams::range(3_600_000, 4_200_000, 60_000);
        let (mut found, mut want) = (selects(text, &params), both(r#"[__name__="x", a="1"]"#));
        found.sort();
        want.sort();
        assert_eq!(found, want, "{text}");
    };
    // Earlier samples of all series.
    check(r#"sum(rate(x{a="1"}[10m])) / sum(rate(x[5m]))"#);
    check(r#"sum(x) / sum(x{a="1"} offset 1m)"#);
    // All series would wait for those few.
    check(r#"x / on (b) group_left x{a="1"}"#);
    check(r#"x and x{a="1"}"#);
    // All labels of all series.
    check(r#"sum by (b) (x) / on (b) group_left () topk(1, x{a="1"})"#);
    // A number has to be there first.
    check(r#"sum(x{a="1"} / scalar(sum(x)))"#);
}

#[test]
fn the_newest_samples_alone_are_read_if_all_look_at_them_alone() {
    let newest = |text: &str| {
        let plan = build(&parse(text, &ParseOptions::default()).unwrap(), &QueryParams::instant(600_000)).unwrap();
        plan.selects.iter().map(|select| select.newest_only).collect::<Vec<_>>()
    };
    assert_eq!(newest(r#"sum(x{a="1"}) / sum(x)"#), [true]);
    assert_eq!(newest("sum(histogram_count(x))"), [true]);
    // What is said of resets where they are added depends on those before.
    assert_eq!(newest("histogram_count(sum(x))"), [false]);
    assert_eq!(newest(r#"sum(x) / sum(present_over_time(x{a="1"}[5m]))"#), [false, true]);
    assert_eq!(newest(r#"sum(present_over_time(x[5m])) / sum(x{a="1"})"#), [false]);
}

#[test]
fn labels_that_tell_series_apart_are_asked_for() {
    let text = r#"sum by (b) (x{a="1"}) / sum by (c) (x)"#;
    let plan = build(&parse(text, &ParseOptions::default()).unwrap(), &QueryParams::instant(0)).unwrap();
    let names = plan.selects[0].labels.as_ref().unwrap().names();
    assert_eq!(names, [b"__name__".to_vec(), b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]);
}
