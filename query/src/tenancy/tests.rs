use super::*;
use model::MatchOp;
use promql::{ParseOptions, Query, QueryParams, parse};

/// The matchers of all selects of `query` once it is confined to tenant `a`.
#[track_caller]
fn check(query: &str, want: &[&str]) {
    let mut expr = parse(query, &ParseOptions::default()).unwrap();
    confine(&mut expr, &Matcher::new(MatchOp::Equal, "tenant_id", "a").unwrap());
    let query = Query::prepare(&expr, QueryParams::instant(0)).unwrap();
    let text = |matchers: &[Matcher]| matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    // In the order in which they are read, which is not that of the text.
    let mut found: Vec<String> = query.selects().iter().map(|select| text(&select.matchers)).collect();
    found.sort();
    assert_eq!(found, want);
}

#[test]
fn every_selector_asks_for_the_tenant() {
    check("up", &[r#"__name__="up",tenant_id="a""#]);
    check("rate(up[5m])", &[r#"__name__="up",tenant_id="a""#]);
    check("-(a + sum by (x) (b))", &[r#"__name__="a",tenant_id="a""#, r#"__name__="b",tenant_id="a""#]);
    check(
        "quantile(scalar(q), max_over_time(c[5m:1m]))",
        &[r#"__name__="c",tenant_id="a""#, r#"__name__="q",tenant_id="a""#],
    );
    check("1 + time()", &[]);
}

#[test]
fn other_tenants_cannot_be_asked_for() {
    check(r#"up{tenant_id="b"}"#, &[r#"__name__="up",tenant_id="a""#]);
    check(r#"{__name__=~".+",tenant_id=~".*",tenant_id!="a"}"#, &[r#"__name__=~".+",tenant_id="a""#]);
}
