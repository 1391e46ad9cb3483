use super::*;
use model::MetricKind::{Counter, Gauge};

fn heard(request: &MetadataRequest, said: &[(&str, MetricKind, &str, &str)]) -> Result<Vec<String>, StoreError> {
    let mut all = Collected::new("far", request);
    said.iter().try_for_each(|(metric, kind, help, unit)| all.add(metric, *kind, help, unit))?;
    let text = |(metric, said): (String, Vec<MetricSaid>)| {
        let said: Vec<_> = said.iter().map(|one| format!("{} {} {}", one.kind.as_str(), one.help, one.unit)).collect();
        format!("{metric}: {}", said.join(", "))
    };
    Ok(all.finish().metrics.into_iter().map(text).collect())
}

#[track_caller]
fn check(metric: Option<&str>, limit: Option<usize>, want: &[&str]) {
    let request = MetadataRequest { metric: metric.map(str::to_owned), limit, ..MetadataRequest::default() };
    let said = [
        ("c", Gauge, "h", "s"),
        ("b", Gauge, "h", "s"),
        ("b", Counter, "i", ""),
        ("b", Gauge, "h", "s"),
        ("a", Counter, "h", "m"),
        ("b", Gauge, "g", "s"),
        ("c", Gauge, "h", "s"),
        ("a", Counter, "h", "l"),
    ];
    assert_eq!(heard(&request, &said).unwrap(), want);
}

#[test]
fn all_that_is_said_of_a_metric_is_there_once() {
    let (a, b, c) = ("a: counter h l, counter h m", "b: counter i , gauge g s, gauge h s", "c: gauge h s");
    check(None, None, &[a, b, c]);
    check(Some("b"), None, &[b]);
    check(Some("d"), None, &[]);
    check(None, Some(2), &[a, b]);
    check(None, Some(1), &[a]);
    check(None, Some(0), &[]);
    check(Some("b"), Some(1), &[b]);
}

/// Only what is kept counts.
#[test]
fn too_much_is_refused() {
    let (long, names) = ("x".repeat(1 << 20), (0..100).rev().map(|at| format!("{at:02}")).collect::<Vec<_>>());
    let said: Vec<_> = names.iter().map(|name| (name.as_str(), Gauge, long.as_str(), "")).collect();
    let error = heard(&MetadataRequest::default(), &said).unwrap_err();
    let text = "far: what is said of its metrics takes more than 67108864 bytes";
    assert_eq!(error, StoreError::LimitExceeded(text.to_owned()));
    let few = MetadataRequest { limit: Some(3), ..MetadataRequest::default() };
    assert_eq!(heard(&few, &said).unwrap().len(), 3);
}
