use super::*;
use bytes::Bytes;

fn params(uri: &str, headers: &[(&str, &str)]) -> Params {
    let mut request = http::Request::builder().uri(format!("/?{uri}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    Params::read(parts, &Bytes::new())
}

fn thanos() -> Querier {
    Querier { replica_labels: vec!["replica".to_owned()], ..Querier::default() }
}

fn read(querier: &Querier, uri: &str) -> Result<Scope, ApiError> {
    Scope::read(Flavour::Thanos, querier, &params(uri, &[]))
}

fn read_as_prometheus(uri: &str) -> Result<Scope, ApiError> {
    Scope::read(Flavour::Prometheus, &Querier::default(), &params(uri, &[]))
}

#[track_caller]
fn check_replicas(uri: &str, want: &[&str]) {
    let scope = read(&thanos(), uri).unwrap();
    let names: Vec<_> = scope.replica_labels.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(names, want, "{uri}");
    let series = scope.series(Arc::from([]), TimeRange::ALL);
    assert_eq!(series.without_labels, scope.replica_labels);
}

#[test]
fn replicas_are_one_unless_told() {
    check_replicas("", &["replica"]);
    check_replicas("dedup=true", &["replica"]);
    check_replicas("dedup=false", &[]);
    check_replicas("replicaLabels[]=a&replicaLabels[]=b", &["a", "b"]);
    check_replicas("replicaLabels[]=", &[]);
    assert!(read(&thanos(), "dedup=maybe").is_err());
}

#[test]
fn partial_answers_are_taken_unless_told() {
    for (uri, flag, want) in [
        ("", true, PartialResponse::Warn),
        ("", false, PartialResponse::Abort),
        ("partial_response=0", true, PartialResponse::Abort),
        ("partial_response=true", false, PartialResponse::Warn),
    ] {
        let querier = Querier { partial_response: flag, ..thanos() };
        assert_eq!(read(&querier, uri).unwrap().labels(Arc::from([]), TimeRange::ALL).partial, want, "{uri}");
    }
}

#[test]
fn stores_can_be_named_where_there_are_several() {
    let uri = "storeMatch[]=%7B__address__=%22a%22%7D&storeMatch[]=%7Bx=%22y%22%7D";
    assert_eq!(read(&thanos(), uri).unwrap().stores.len(), 2);
    assert!(read(&thanos(), "storeMatch[]=bad%7B").is_err());
    assert!(read_as_prometheus(uri).is_err());
}

#[track_caller]
fn check_resolution(uri: &str, auto: bool, step_ms: i64, want: Option<i64>) {
    let querier = Querier { auto_downsampling: auto, ..thanos() };
    assert_eq!(max_resolution_ms(Flavour::Thanos, &querier, &params(uri, &[]), step_ms).ok(), want, "{uri}");
}

#[test]
fn how_coarse_data_may_be() {
    check_resolution("", false, 600_000, Some(0));
    check_resolution("", true, 600_000, Some(120_000));
    check_resolution("max_source_resolution=auto", false, 600_000, Some(120_000));
    check_resolution("max_source_resolution=auto", false, 0, Some(0));
    check_resolution("max_source_resolution=5m", true, 1, Some(300_000));
    check_resolution("max_source_resolution=300", false, 1, Some(300_000));
    check_resolution("max_source_resolution=-1", false, 1, None);
    check_resolution("max_source_resolution=x", false, 1, None);
    assert!(max_resolution_ms(Flavour::Prometheus, &thanos(), &params("max_source_resolution=5m", &[]), 1).is_err());
}

#[test]
fn a_coarse_sample_may_be_older() {
    let mut scope = read(&thanos(), "").unwrap();
    for (max_resolution_ms, lookback_ms, want) in [
        (0, 300_000, 300_000),
        (300_000, 300_000, 300_000),
        (300_001, 300_000, 3_600_000),
        (200_000, 60_000, 300_000),
        (3_600_000, 7_200_000, 7_200_000),
    ] {
        scope.max_resolution_ms = max_resolution_ms;
        assert_eq!(scope.lookback_ms(lookback_ms), want, "{max_resolution_ms} {lookback_ms}");
    }
}

#[test]
fn a_select_asks_for_what_its_function_reads() {
    let mut scope = read(&thanos(), "").unwrap();
    scope.max_resolution_ms = 3_600_000;
    let select = |func: &str, range_ms| Select {
        matchers: Vec::new(),
        range: TimeRange::ALL,
        step_ms: 60_000,
        range_ms,
        func: func.to_owned(),
        newest_only: false,
        labels: None,
        after: 0,
    };
    let rate = scope.select(&select("rate", 600_000));
    assert_eq!((rate.max_resolution_ms, &*rate.aggregates), (300_000, Reading::Counter.aggregates()));
    let max = scope.select(&select("max_over_time", 600_000));
    assert_eq!((max.max_resolution_ms, &*max.aggregates), (3_600_000, Reading::Max.aggregates()));
    assert_eq!(scope.reading(&select("rate", 1)).dedup, Some(storeapi::DedupFunc::Penalty));
    let apart = read(&thanos(), "dedup=0").unwrap();
    assert_eq!(apart.reading(&select("rate", 1)).dedup, None);
    let newest = Select { newest_only: true, ..select("", 0) };
    assert!(scope.reading(&newest).newest_only && !scope.reading(&select("", 0)).newest_only);
}

#[track_caller]
fn check_tenant(header: &str, headers: &[(&str, &str)], want: Option<&str>) {
    let tenancy = Tenancy { header: header.to_owned(), ..Tenancy::default() };
    let found = tenant(&tenancy, &params("", headers)).ok();
    assert_eq!(found.as_ref().map(TenantId::as_str), want);
}

#[test]
fn tenants_come_from_headers() {
    check_tenant("THANOS-TENANT", &[], Some("default-tenant"));
    check_tenant("THANOS-TENANT", &[("thanos-tenant", "a")], Some("a"));
    check_tenant("X-Scope", &[("thanos-tenant", "a")], Some("a"));
    check_tenant("X-Scope", &[("thanos-tenant", "a"), ("x-scope", "b")], Some("b"));
    check_tenant("THANOS-TENANT", &[("thanos-tenant", "a/b")], None);
    check_tenant("THANOS-TENANT", &[("thanos-tenant", "..")], None);
    assert_eq!(read_as_prometheus("").unwrap().tenant, None);
}

#[test]
fn an_enforced_tenant_sees_its_series_only() {
    let querier = Querier { tenancy: Tenancy { enforce: true, ..Tenancy::default() }, ..thanos() };
    let scope = Scope::read(Flavour::Thanos, &querier, &params("", &[("thanos-tenant", "a")])).unwrap();
    let text = |matchers: &[Matcher]| matchers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    assert_eq!(text(&scope.confined(Arc::from([]))), r#"tenant_id="a""#);
    let other = Matcher::new(MatchOp::Equal, "tenant_id", "b").unwrap();
    assert_eq!(text(&scope.confined(Arc::from([other]))), r#"tenant_id="a""#);
    let open = Scope::read(Flavour::Thanos, &thanos(), &params("", &[("thanos-tenant", "a")])).unwrap();
    assert_eq!(text(&open.confined(Arc::from([]))), "");
    assert_eq!(open.labels(Arc::from([]), TimeRange::ALL).tenant.unwrap().as_str(), "a");
}
