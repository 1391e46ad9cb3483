use crate::{ParseOptions, Passes, Query, QueryParams, UsedLabels, parse};

/// Of each select of a query the labels that are looked at besides the name of the metric.
fn check(query: &str, used: &[Option<&[&str]>]) {
    let expr = parse(query, &ParseOptions::default()).unwrap();
    let selects = |params| {
        let query = Query::prepare(&expr, params).unwrap();
        let labels = query.selects().iter().map(|select| select.labels.as_ref().map(UsedLabels::names).map(to_text));
        labels.collect::<Vec<_>>()
    };
    let to_text = |used: &[&str]| used.iter().map(ToString::to_string).collect();
    let expected: Vec<_> = used.iter().map(|used| used.map(to_text)).collect();
    assert_eq!(selects(QueryParams::range(0, 60_000, 15_000)), expected, "{query}");
    let passes = Passes { used_labels: false, ..Passes::default() };
    let all = vec![None; used.len()];
    assert_eq!(selects(QueryParams { passes, ..QueryParams::instant(0) }), all, "{query}");
}

fn to_text(names: &[Vec<u8>]) -> Vec<String> {
    let names = names.iter().map(|name| String::from_utf8(name.clone()).unwrap());
    names.filter(|name| name != "__name__").collect()
}

#[test]
fn an_aggregation_looks_at_the_labels_it_groups_by() {
    check("count(up)", &[Some(&[])]);
    check(r#"sum by (job, az) ({__name__=~"a.*"})"#, &[Some(&["az", "job"])]);
    check("sum by (job) (-up * 2 > 3)", &[Some(&["job"])]);
    check("quantile by (job) (0.5, up)", &[Some(&["job"])]);
    check("sum by (job) (max by (job, pod) (up))", &[Some(&["job", "pod"])]);
    check("sum by (job) (max_over_time(up[5m:1m]))", &[Some(&["job"])]);
}

#[test]
fn all_that_is_between_may_look_at_more() {
    check("up", &[None]);
    check("sum without (job) (up)", &[None]);
    check("topk by (job) (1, up)", &[None]);
    check("count_values by (job) (\"v\", up)", &[None]);
    check("sum(up / on (job) down)", &[None, None]);
    check("sum by (job) (up) / on (job) up", &[None]);
}

#[test]
fn series_of_one_metric_are_alike_without_its_name_only_if_they_are_the_same() {
    check("sum by (job) (rate(up[5m]))", &[Some(&["job"])]);
    check(r#"sum by (job) (rate({__name__=~"up|down"}[5m]))"#, &[None]);
    check(r#"sum by (job) (label_replace(up, "a", "$1", "b", "(.*)"))"#, &[None]);
}

#[test]
fn selectors_that_share_a_select_look_at_what_each_looks_at() {
    check("sum by (job) (up) / sum by (pod) (up offset 1m)", &[Some(&["job", "pod"])]);
    check("sum by (job) (up) / up", &[None]);
}
