use super::super::fixture::{Fixture, get};
use super::*;
use http::HeaderName;
use model::TimeRange;

/// Two tenants with a head each, and a word for whoever asks while they are not open.
#[derive(Debug)]
struct Two {
    open: bool,
}

impl HeadCounts for Two {
    fn count<'a>(&'a self, tenant: Option<&'a TenantId>, most: usize, size: LabelSize) -> HeadCountsFuture<'a> {
        Box::pin(async move {
            if !self.open {
                return Err("not ready".to_owned());
            }
            let all = ["a", "b"].map(|name| TenantId::parse(name).unwrap());
            let of = all.into_iter().filter(|one| tenant.is_none_or(|wanted| wanted == one));
            Ok(of.map(|one| (one, statistics(most, size))).collect())
        })
    }
}

fn statistics(most: usize, size: LabelSize) -> HeadStatistics {
    let counted = |name: &str, count| vec![Counted { name: name.as_bytes().to_vec(), count }];
    HeadStatistics {
        series: 3,
        label_pairs: 6,
        chunks: 4,
        range: TimeRange::new(5, 9),
        series_by_metric: counted("metric.ü", 1),
        values_by_name: counted("__name__", most as u64),
        bytes_by_name: counted("__name__", if size == LabelSize::Packed { 2 } else { 32 }),
        series_by_pair: counted("a=<b>", 7),
    }
}

fn heads(open: bool) -> Heads {
    let tenant_header = HeaderName::from_static("x-whose");
    Heads {
        counted: Arc::new(Two { open }),
        whose: Whose { tenant_header, default_tenant: TenantId::parse("a").unwrap() },
    }
}

fn request(params: &str, tenant: Option<&str>) -> http::Request<axum::body::Body> {
    let mut request = http::Request::get(format!("/api/v1/status/tsdb{params}"));
    if let Some(tenant) = tenant {
        request = request.header("x-whose", tenant);
    }
    request.body(axum::body::Body::empty()).unwrap()
}

async fn prometheus(params: &str, tenant: Option<&str>, open: bool) -> (u16, String) {
    Fixture::default().ask_with(request(params, tenant), |api| api.with_heads(heads(open))).await
}

async fn receiver(params: &str, tenant: Option<&str>, open: bool) -> (u16, String) {
    get(receive_routes(heads(open)), request(params, tenant)).await
}

const STATS: &str = r#""headStats":{"numSeries":3,"numLabelPairs":6,"chunkCount":4,"minTime":5,"maxTime":9},"seriesCountByMetricName":[{"name":"metric.ü","value":1}],"labelValueCountByLabelName":[{"name":"__name__","value":MOST}],"memoryInBytesByLabelName":[{"name":"__name__","value":SIZE}],"seriesCountByLabelValuePair":[{"name":"a=\u003cb\u003e","value":7}]}"#;

fn stats(most: &str, size: &str) -> String {
    STATS.replace("MOST", most).replace("SIZE", size)
}

#[tokio::test]
async fn prometheus_tells_of_one_head() {
    for (params, most) in [("", "10"), ("?limit=", "10"), ("?limit=2", "2"), ("?limit=10000", "10000")] {
        let want = format!(r#"{{"status":"success","data":{{{}}}"#, stats(most, "2"));
        assert_eq!(prometheus(params, None, true).await, (200, want), "{params}");
    }
    let (status, body) = prometheus("", Some("nobody"), true).await;
    let empty = r#""numSeries":0,"numLabelPairs":0,"chunkCount":0,"minTime":9223372036854775807,"maxTime":-9223372036854775808},"seriesCountByMetricName":[]"#;
    assert!(status == 200 && body.contains(empty), "{status} {body}");
}

#[tokio::test]
async fn a_receiver_tells_of_tenants() {
    let one = |tenant: &str, most: &str| format!(r#"{{"tenant":"{tenant}",{}"#, stats(most, "32"));
    let of = |heads: &[String]| (200, format!(r#"{{"status":"success","data":[{}]}}"#, heads.join(",")));
    assert_eq!(receiver("", None, true).await, of(&[one("a", "10")]));
    assert_eq!(receiver("?limit=2", Some("b"), true).await, of(&[one("b", "2")]));
    assert_eq!(receiver("?all_tenants=true", None, true).await, of(&[one("a", "10"), one("b", "10")]));
    assert_eq!(receiver("", Some("nobody"), true).await, of(&[]));
    // More is not kept of a list.
    assert_eq!(receiver("?limit=99999999", None, true).await, of(&[one("a", "10000")]));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let check = |(status, body): (u16, String), want: (u16, &str)| {
        assert!((status, body.contains(want.1)) == (want.0, true), "{status} {body}\nwant {want:?}");
    };
    for params in ["?limit=0", "?limit=-1", "?limit=x"] {
        check(prometheus(params, None, true).await, (400, r#""bad_data","error":"limit must be a positive number""#));
    }
    check(prometheus("?limit=10001", None, true).await, (400, "limit must not exceed 10000"));
    check(prometheus("", Some("a/b"), true).await, (400, "tenant name not valid"));
    check(prometheus("", None, false).await, (503, "not ready"));
    let both = "using both the all_tenants parameter and the X-WHOSE header is not supported";
    check(receiver("?all_tenants=true", Some("a"), true).await, (400, both));
    let syntax = r#"unable to parse 'limit' parameter: strconv.ParseInt: parsing \"x\": invalid syntax"#;
    check(receiver("?limit=x", None, true).await, (400, syntax));
    check(receiver("", None, false).await, (500, r#""internal""#));
}

#[tokio::test]
async fn where_there_is_no_head_there_is_no_route() {
    let (status, _) = Fixture::default().ask_with(request("", None), |api| api).await;
    assert_eq!(status, 404);
}
