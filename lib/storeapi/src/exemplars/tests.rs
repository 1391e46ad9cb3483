use super::*;
use crate::table::labels;
use model::MatchOp;

type Told<'a> = (&'a [(&'a str, &'a str)], &'a [(i64, f64, &'a str)]);

fn series((pairs, exemplars): &Told<'_>) -> ExemplarSeries {
    let exemplar = |(timestamp_ms, value, trace): &(i64, f64, &str)| Exemplar {
        labels: labels(&[("trace", trace)]),
        timestamp_ms: *timestamp_ms,
        value: *value,
    };
    ExemplarSeries { labels: labels(pairs), exemplars: exemplars.iter().map(exemplar).collect() }
}

#[track_caller]
fn check(told: &[Told<'_>], without: &[&str], want: &[Told<'_>]) {
    let answer = ExemplarsAnswer { series: told.iter().map(series).collect(), warnings: vec!["w".to_owned()] };
    let without: Vec<_> = without.iter().map(|name| name.as_bytes().to_vec()).collect();
    let want = ExemplarsAnswer { series: want.iter().map(series).collect(), warnings: vec!["w".to_owned()] };
    assert_eq!(answer.without(&without), want);
}

const A1: &[(&str, &str)] = &[("a", "1"), ("r", "1")];
const A2: &[(&str, &str)] = &[("a", "1"), ("r", "2")];
const A: &[(&str, &str)] = &[("a", "1")];
const B: &[(&str, &str)] = &[("a", "2")];

#[test]
fn series_that_are_alike_are_one() {
    let (x, y, z) = ((1, 1.0, "x"), (2, 2.0, "y"), (3, 3.0, "z"));
    check(&[(B, &[x]), (A1, &[x, z]), (A2, &[y])], &[], &[(A1, &[x, z]), (A2, &[y]), (B, &[x])]);
    check(&[(B, &[x]), (A1, &[x, z]), (A2, &[y])], &["r"], &[(A, &[x, y, z]), (B, &[x])]);
    check(&[(A2, &[x]), (A1, &[z]), (A2, &[y])], &["x"], &[(A1, &[z]), (A2, &[x, y])]);
    check(&[], &["r"], &[]);
}

/// By time, then value, then labels; only what is just alike is left out.
#[test]
fn of_replicas_every_exemplar_is_there_once() {
    let all = [(1, 1.0, "x"), (1, 1.0, "y"), (1, 2.0, "x"), (2, 1.0, "x")];
    check(&[(A1, &[all[3], all[0], all[2]]), (A2, &[all[1], all[0], all[2]])], &["r"], &[(A, &all)]);
    let nan = (1, f64::NAN, "x");
    let joined = joined(vec![series(&(A, &[nan])), series(&(A, &[nan]))]);
    assert_eq!(joined[0].exemplars.len(), 1);
}

/// Of one time, a source may have an order of its own.
#[test]
fn what_one_source_has_is_left_as_it_came() {
    let told: Told<'_> = (A1, &[(1, 1.0, "y"), (1, 1.0, "x")]);
    check(&[told], &["r"], &[(A, &[(1, 1.0, "y"), (1, 1.0, "x")])]);
}

#[test]
fn any_selector_may_accept_a_series() {
    let matcher = |name: &str, value: &str| Matcher::new(MatchOp::Equal, name, value).unwrap();
    let selectors: [Arc<[Matcher]>; 2] =
        [[matcher("a", "1"), matcher("r", "2")].into(), [matcher("a", "2"), matcher("r", "")].into()];
    let request = ExemplarsRequest::new(selectors, TimeRange::ALL);
    assert_eq!([A1, A2, A, B].map(|pairs| request.accepts(&labels(pairs))), [false, true, false, true]);
}
