//! `Exemplars` through messages.

use super::*;
use tsdb::head::{Exemplar, ExemplarSeries};

fn series(name: &str, count: usize) -> ExemplarSeries {
    let exemplar = |at: usize| Exemplar {
        labels: labels(&[("trace", "t")]),
        timestamp_ms: at as i64,
        value: if at == 0 { f64::INFINITY } else { 0.5 },
    };
    let labels = labels(&[("__name__", name), ("replica", "r1"), ("tenant_id", "a")]);
    ExemplarSeries { labels, exemplars: (0..count).map(exemplar).collect() }
}

/// The store at the other end of the service, which says `info` of itself.
fn remote(info: StoreInfo, store: &Arc<Told>) -> RemoteStore<impl Channel> {
    let service = ExemplarsServer::service(Arc::clone(store) as Arc<dyn Store>);
    RemoteStore::new(info, service, RemoteOptions::default())
}

fn told(exemplars: Result<ExemplarsAnswer, StoreError>) -> Arc<Told> {
    Arc::new(Told { exemplars, ..Told::default() })
}

fn selectors(of: &[&[(&str, MatchOp, &str)]]) -> Vec<Arc<[Matcher]>> {
    let matchers = |of: &[(&str, MatchOp, &str)]| {
        of.iter().map(|(name, op, value)| Matcher::new(*op, *name, value).unwrap()).collect()
    };
    of.iter().map(|of| matchers(of)).collect()
}

fn asking(of: &[&[(&str, MatchOp, &str)]]) -> ExemplarsRequest {
    ExemplarsRequest::new(selectors(of), TimeRange::new(-5, 9_999).unwrap())
}

#[tokio::test]
async fn a_request_arrives_as_it_was_made() {
    let odd = "a\"b\\c\n{}é";
    let request = ExemplarsRequest {
        partial: PartialResponse::Abort,
        tenant: Some(TenantId::parse("team-a").unwrap()),
        ..asking(&[
            &[("odd.name", MatchOp::NotEqual, odd), ("__name__", MatchOp::Equal, "up")],
            &[("a", MatchOp::Regex, "x|y.+"), ("b", MatchOp::NotRegex, ".*z")],
        ])
    };
    let store = told(Ok(ExemplarsAnswer::default()));
    remote(info("far"), &store).exemplars(request.clone()).await.unwrap();
    assert_eq!(*store.asked.lock(), [format!("{request:?}")]);
}

#[tokio::test]
async fn an_answer_arrives_as_it_was_given() {
    let answer = ExemplarsAnswer {
        series: vec![series("down", 1), series("up", 2500)],
        warnings: vec!["half of it".to_owned()],
    };
    let store = told(Ok(answer.clone()));
    let request = asking(&[&[("tenant_id", MatchOp::Equal, "a")]]);
    assert_eq!(remote(info("far"), &store).exemplars(request).await.unwrap(), answer);
}

/// A peer may not know of external labels, or of any selector at all.
#[tokio::test]
async fn what_was_not_asked_for_is_left_out() {
    let answer = ExemplarsAnswer { series: vec![series("down", 1), series("up", 1)], warnings: Vec::new() };
    let request = asking(&[&[("__name__", MatchOp::Equal, "up"), ("tenant_id", MatchOp::NotEqual, "b")]]);
    let found = remote(info("far"), &told(Ok(answer))).exemplars(request).await.unwrap();
    assert_eq!(found.series, [series("up", 1)]);
}

#[tokio::test]
async fn the_prometheus_behind_a_sidecar_is_not_asked_for_external_labels() {
    let said = StoreInfo { component: Component::Sidecar, ..info("far") };
    let store = told(Ok(ExemplarsAnswer::default()));
    let wanted: [&[_]; 2] =
        [&[("x", MatchOp::Equal, "y"), ("replica", MatchOp::Equal, "r1")], &[("tenant_id", MatchOp::Equal, "a")]];
    remote(said, &store).exemplars(asking(&wanted)).await.unwrap();
    let arrived = asking(&[&[("x", MatchOp::Equal, "y")], &[("__name__", MatchOp::NotEqual, "")]]);
    assert_eq!(*store.asked.lock(), [format!("{arrived:?}")]);
}

#[tokio::test]
async fn a_peer_without_exemplars_is_not_asked() {
    let store = told(Err(StoreError::Canceled));
    let silent = StoreInfo { exemplars: None, ..info("far") };
    let answer = remote(silent, &store).exemplars(asking(&[&[("a", MatchOp::Equal, "b")]])).await;
    assert_eq!((answer, store.asked.lock().len()), (Ok(ExemplarsAnswer::default()), 0));
    let error = remote(info("far"), &store).exemplars(asking(&[&[("a", MatchOp::Equal, "b")]])).await.unwrap_err();
    assert!(error.to_string().starts_with("far: rpc error: code = "), "{error}");
}

#[tokio::test]
async fn a_peer_that_tells_too_much_is_left() {
    // Labels of 60 KiB a series: more than a thousand of them are too much.
    let long = "x".repeat(60 << 10);
    let many = (0..1200).map(|at| {
        let labels = labels(&[("at", &format!("{at:04}")), ("long", &long)]);
        ExemplarSeries { labels, exemplars: series("up", 1).exemplars }
    });
    let store = told(Ok(ExemplarsAnswer { series: many.collect(), warnings: Vec::new() }));
    let error = remote(info("far"), &store).exemplars(asking(&[&[("a", MatchOp::Equal, "")]])).await.unwrap_err();
    assert_eq!(
        error,
        StoreError::LimitExceeded("far: its exemplars and warnings take more than 67108864 bytes".to_owned())
    );
}

/// Each message is small, and there is no end to them.
#[tokio::test]
async fn a_peer_that_warns_too_much_is_left() {
    let warnings = vec!["x".repeat(60 << 10); 1200];
    let store = told(Ok(ExemplarsAnswer { series: Vec::new(), warnings }));
    let error = remote(info("far"), &store).exemplars(asking(&[&[("a", MatchOp::Equal, "")]])).await.unwrap_err();
    let text = "far: its exemplars and warnings take more than 67108864 bytes";
    assert_eq!(error, StoreError::LimitExceeded(text.to_owned()));
}

/// What a client may send that is no request.
#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused() {
    use proto::thanos::exemplars_client::ExemplarsClient;
    let ask = async |query: &str, start: i64| {
        let store = told(Ok(ExemplarsAnswer { series: vec![series("up", 1)], warnings: Vec::new() }));
        let mut client = ExemplarsClient::new(ExemplarsServer::service(store));
        let message = proto::thanos::ExemplarsRequest { query: query.to_owned(), start, end: 9, ..Default::default() };
        let mut frames = client.exemplars(message).await.map_err(|status| status.code())?.into_inner();
        Ok::<_, Code>(frames.message().await.unwrap().is_some())
    };
    assert_eq!(ask("sum(up)", 9).await, Ok(true));
    assert_eq!(ask("sum(up)", 10).await, Ok(false), "nothing is in a range that runs backwards");
    assert_eq!(ask("sum(", 9).await, Err(Code::InvalidArgument));
    assert_eq!(ask("", 9).await, Err(Code::InvalidArgument));
}
