use super::super::fixture::{Fixture, gone};
use super::*;
use crate::config::{Querier, Tenancy};
use model::Labels;
use storeapi::{ExemplarsAnswer, ExemplarsRequest};

/// Two replicas with an exemplar in common.
fn replicas() -> ExemplarsAnswer {
    let exemplar =
        |timestamp_ms, value| Exemplar { labels: Labels::from_pairs([("trace", "<t>")]).unwrap(), timestamp_ms, value };
    let series = |replica: &str, exemplars| ExemplarSeries {
        labels: Labels::from_pairs([("__name__", "up"), ("replica", replica)]).unwrap(),
        exemplars,
    };
    let (a, b) =
        (vec![exemplar(1500, 0.5), exemplar(3000, f64::NAN)], vec![exemplar(-2000, 1e30), exemplar(1500, 0.5)]);
    ExemplarsAnswer { series: vec![series("a", a), series("b", b)], warnings: vec!["a part is missing".to_owned()] }
}

/// Code, body, and what the store was asked; of a querier with these replica labels and tenancy, or of a Prometheus.
async fn ask(uri: &str, querier: Option<Querier>, fails: bool) -> (u16, String, Vec<ExemplarsRequest>) {
    let exemplars = if fails { Err(gone()) } else { Ok(replicas()) };
    let store = Arc::new(Fixture { exemplars, ..Fixture::default() });
    let (status, body) = store.ask(uri, querier).await;
    let asked = std::mem::take(&mut *store.asked_exemplars.lock());
    (status, body, asked)
}

fn with_replicas() -> Querier {
    Querier { replica_labels: vec!["replica".to_owned()], ..Querier::default() }
}

#[tokio::test]
async fn exemplars_are_written_as_prometheus_does() {
    let (status, body, asked) = ask("/api/v1/query_exemplars?query=up&start=-2&end=3.5", None, false).await;
    assert_eq!(
        (status, body.as_str()),
        (
            200,
            r#"{"status":"success","data":[{"seriesLabels":{"__name__":"up","replica":"a"},"exemplars":[{"labels":{"trace":"\u003ct\u003e"},"value":"0.5","timestamp":1.500},{"labels":{"trace":"\u003ct\u003e"},"value":"NaN","timestamp":3}]},{"seriesLabels":{"__name__":"up","replica":"b"},"exemplars":[{"labels":{"trace":"\u003ct\u003e"},"value":"1e+30","timestamp":-2},{"labels":{"trace":"\u003ct\u003e"},"value":"0.5","timestamp":1.500}]}],"warnings":["a part is missing"]}"#
        )
    );
    assert_eq!((asked[0].range.min_ms(), asked[0].range.max_ms()), (-2000, 3500));
}

#[tokio::test]
async fn replicas_are_one_series() {
    let (_, body, _) = ask("/api/v1/query_exemplars?query=up", Some(with_replicas()), false).await;
    assert_eq!((body.matches("seriesLabels").count(), body.matches("\"value\":\"0.5\"").count()), (1, 1), "{body}");
    let (_, body, _) = ask("/api/v1/query_exemplars?query=up&dedup=false", Some(with_replicas()), false).await;
    assert_eq!((body.matches("seriesLabels").count(), body.matches("\"value\":\"0.5\"").count()), (2, 2), "{body}");
}

/// Every selector is meant, of whatever they are operands, and each of them of one tenant only where that is enforced.
#[tokio::test]
async fn selectors_are_those_of_the_query() {
    let uri = "/api/v1/query_exemplars?query=sum(rate(a%7Bt=%22x%22%7D%5B5m%5D))%2Fscalar(b)&partial_response=false";
    let text = |asked: &[ExemplarsRequest]| format!("{:?} {:?}", asked[0].selectors, asked[0].partial);
    let (_, _, asked) = ask(uri, Some(with_replicas()), false).await;
    assert_eq!(text(&asked), r#"[[t="x", __name__="a"], [__name__="b"]] Abort"#);
    let tenancy = Tenancy { enforce: true, label: "t".to_owned(), ..Tenancy::default() };
    let (_, _, asked) = ask(uri, Some(Querier { tenancy, ..with_replicas() }), false).await;
    assert_eq!(text(&asked), r#"[[__name__="a", t="default-tenant"], [__name__="b", t="default-tenant"]] Abort"#);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused() {
    let check = async |uri: &str, querier: Option<Querier>, want: (u16, &str)| {
        let (status, body, _) = ask(uri, querier, true).await;
        assert!((status, body.contains(want.1)) == (want.0, true), "{uri}: {status} {body}");
    };
    let backwards = "/api/v1/query_exemplars?query=up&start=2&end=1";
    check(backwards, None, (400, "end timestamp must not be before start timestamp")).await;
    check(backwards, Some(with_replicas()), (200, r#""data":[]"#)).await;
    check("/api/v1/query_exemplars?query=up%7B", None, (400, "parse error")).await;
    check("/api/v1/query_exemplars?query=up", None, (503, "far: gone")).await;
    check(
        "/api/v1/query_exemplars?query=up",
        Some(with_replicas()),
        (422, "retrieving exemplars: proxy Exemplars: far: gone"),
    )
    .await;
}
