use crate::fixture::Fixture;
use crate::{ParseOptions, Query, QueryParams, Value, parse};

/// What `query` gives at minute 0 over `lines`, as text; or its error.
fn answer(lines: &[&str], query: &str) -> Result<Vec<String>, String> {
    let options = ParseOptions { experimental_functions: true, ..ParseOptions::default() };
    let mut running = Query::prepare(&parse(query, &options).unwrap(), QueryParams::instant(0)).unwrap();
    for (at, select) in running.selects().to_vec().into_iter().enumerate() {
        let mut found = Fixture::new(lines);
        found.0.retain(|(labels, _)| {
            select.matchers.iter().all(|matcher| matcher.matches(labels.get(matcher.name()).unwrap_or_default()))
        });
        running.push(at, &found).map_err(|err| err.to_string())?;
        running.finish(at).map_err(|err| err.to_string())?;
    }
    let Value::Vector { series, .. } = running.into_output().map_err(|err| err.to_string())?.value else { panic!() };
    Ok(series.iter().map(|series| format!("{:?}", series.labels)).collect())
}

const UP: &str = "__name__=up instance=a job=1 : 1";

#[track_caller]
fn check(lines: &[&str], query: &str, want: Result<&[&str], &str>) {
    let got = answer(lines, query);
    let want = want.map(|series| series.iter().map(|text| (*text).to_owned()).collect()).map_err(str::to_owned);
    assert_eq!(got, want, "{query} of {lines:?}");
}

#[test]
fn labels_of_the_info_series_are_added() {
    let target = "__name__=target_info instance=a job=1 os=linux job2=x : 1";
    let other = "__name__=target_info instance=b job=1 os=plan9 : 1";
    let build = "__name__=build_info instance=a job=1 version=3 : 1";
    let all = [UP, target, other, build];
    check(&all, "info(up)", Ok(&[r#"{__name__="up", instance="a", job="1", job2="x", os="linux"}"#]));
    check(&all, r#"info(up, {os=~".+"})"#, Ok(&[r#"{__name__="up", instance="a", job="1", os="linux"}"#]));
    check(&all, r#"info(up, {os="plan9"})"#, Ok(&[]));
    check(&all, r#"info(up, {none=""})"#, Ok(&[r#"{__name__="up", instance="a", job="1"}"#]));
    check(
        &all,
        r#"info(up, {__name__=~".+_info", version!=""})"#,
        Ok(&[r#"{__name__="up", instance="a", job="1", version="3"}"#]),
    );
    check(
        &all,
        r#"info(build_info, {__name__="build_info"})"#,
        Ok(&[r#"{__name__="build_info", instance="a", job="1", version="3"}"#]),
    );
}

#[test]
fn two_that_say_something_else_are_refused() {
    let one = "__name__=target_info instance=a job=1 os=linux : 1";
    let other = "__name__=target_info instance=a job=1 os=plan9 : 1";
    let twice = "found duplicate series for info metric: existing {__name__=\"target_info\", instance=\"a\", job=\"1\", \
                 os=\"linux\"} @ 0, new {__name__=\"target_info\", instance=\"a\", job=\"1\", os=\"plan9\"} @ 0";
    check(&[UP, one, other], "info(up)", Err(twice));
    let build = "__name__=build_info instance=a job=1 os=plan9 : 1";
    check(&[UP, one, build], r#"info(up, {__name__=~".+_info"})"#, Err("conflicting label: os"));
}

#[test]
fn what_speaks_for_nobody_says_nothing() {
    let one = "__name__=target_info instance=z job=1 os=linux : 1";
    let other = "__name__=target_info instance=z job=1 os=plan9 : 1";
    check(&[UP, one, other], "info(up)", Ok(&[r#"{__name__="up", instance="a", job="1"}"#]));
    check(&[one, other], "info(up)", Ok(&[]));
}
