use super::super::fixture::{Fixture, gone};
use super::*;
use crate::config::{Querier, Tenancy};
use model::MetricKind;
use storeapi::{MetadataAnswer, MetadataRequest};

/// Two things said of one metric, and one of another.
fn says() -> MetadataAnswer {
    let said = |kind, help: &str, unit: &str| MetricSaid { kind, help: help.to_owned(), unit: unit.to_owned() };
    let up = vec![said(MetricKind::Counter, "a \"<b>\"\n", ""), said(MetricKind::Gauge, "é", "s")];
    let metrics = [("up".to_owned(), up), ("x.y".to_owned(), vec![said(MetricKind::StateSet, "", "")])];
    MetadataAnswer { metrics: metrics.into(), warnings: vec!["a part is missing".to_owned()] }
}

/// Code, body, and what the store was asked; of a querier, or of a Prometheus.
async fn ask(params: &str, querier: Option<Querier>, fails: bool) -> (u16, String, Vec<MetadataRequest>) {
    let metadata = if fails { Err(gone()) } else { Ok(says()) };
    let store = Arc::new(Fixture { metadata, ..Fixture::default() });
    let (status, body) = store.ask(&format!("/api/v1/metadata?{params}"), querier).await;
    let asked = std::mem::take(&mut *store.asked_metadata.lock());
    (status, body, asked)
}

#[tokio::test]
async fn members_are_in_the_order_of_whom_is_spoken_like() {
    let (status, body, _) = ask("", None, false).await;
    let prometheus = r#"{"status":"success","data":{"up":[{"type":"counter","unit":"","help":"a \"\u003cb\u003e\"\n"},{"type":"gauge","unit":"s","help":"é"}],"x.y":[{"type":"stateset","unit":"","help":""}]},"warnings":["a part is missing"]}"#;
    assert_eq!((status, body.as_str()), (200, prometheus));
    let (status, body, _) = ask("", Some(Querier::default()), false).await;
    let thanos = r#"{"status":"success","data":{"up":[{"type":"counter","help":"a \"\u003cb\u003e\"\n","unit":""},{"type":"gauge","help":"é","unit":"s"}],"x.y":[{"type":"stateset","help":"","unit":""}]},"warnings":["a part is missing"]}"#;
    assert_eq!((status, body.as_str()), (200, thanos));
}

#[tokio::test]
async fn what_is_said_of_a_metric_may_be_limited() {
    for (params, want) in [
        ("limit_per_metric=1", 1),
        ("limit_per_metric=2", 2),
        ("limit_per_metric=0", 2),
        ("limit_per_metric=-1", 2),
        ("limit_per_metric=", 2),
        ("limit_per_metric=9", 2),
    ] {
        let (status, body, _) = ask(params, None, false).await;
        assert_eq!((status, body.matches("\"type\"").count()), (200, want + 1), "{params}: {body}");
    }
}

#[tokio::test]
async fn a_store_is_asked_what_the_request_asks() {
    let text = |asked: &[MetadataRequest]| {
        let MetadataRequest { metric, limit, external, partial, .. } = &asked[0];
        format!("{metric:?} {limit:?} {external:?} {partial:?}")
    };
    for (params, want) in [
        ("", "None None [] Warn"),
        ("metric=&limit=", "None None [] Warn"),
        ("metric=up&limit=3", r#"Some("up") Some(3) [] Warn"#),
        ("limit=-1", "None None [] Warn"),
        ("limit=0&partial_response=false", "None Some(0) [] Abort"),
    ] {
        assert_eq!(text(&ask(params, Some(Querier::default()), false).await.2), want, "{params}");
    }
    let tenancy = Tenancy { enforce: true, label: "t".to_owned(), ..Tenancy::default() };
    let (_, _, asked) = ask("", Some(Querier { tenancy, ..Querier::default() }), false).await;
    assert_eq!(text(&asked), r#"None None [t="default-tenant"] Warn"#);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let check = async |params: &str, querier: Option<Querier>, want: (u16, &str)| {
        let (status, body, _) = ask(params, querier, true).await;
        assert!((status, body.contains(want.1)) == (want.0, true), "{params}: {status} {body}");
    };
    check("limit=x", None, (400, r#""error":"limit must be a number""#)).await;
    check("limit=1.5", Some(Querier::default()), (400, "invalid metric metadata limit='0'")).await;
    check("limit_per_metric=x", None, (400, "limit_per_metric must be a number")).await;
    check("", None, (503, "far: gone")).await;
    check("", Some(Querier::default()), (422, "retrieving metadata: far: gone")).await;
}
