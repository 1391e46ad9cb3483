//! `MetricMetadata` through messages.

use super::*;
use crate::metadata::MetricSaid;
use model::MetricKind;

fn answer(metrics: usize, help: &str) -> MetadataAnswer {
    let said = |kind| MetricSaid { kind, help: help.to_owned(), unit: "s".to_owned() };
    let kinds = |at: usize| vec![said(MetricKind::from_number(at as u64 % 8))];
    MetadataAnswer {
        metrics: (0..metrics).map(|at| (format!("m{at:04}"), kinds(at))).collect(),
        warnings: vec!["half of it".to_owned()],
    }
}

/// What the store at the other end of the service answers, and what it was asked.
async fn ask(
    request: MetadataRequest,
    peer: StoreInfo,
    answer: Result<MetadataAnswer, StoreError>,
) -> (Result<MetadataAnswer, StoreError>, Vec<String>) {
    let store = Arc::new(Told { metadata: answer, ..Told::default() });
    let service = MetadataServer::service(Arc::clone(&store) as Arc<dyn Store>);
    let found = RemoteStore::new(peer, service, RemoteOptions::default()).metadata(request).await;
    let asked = std::mem::take(&mut *store.asked.lock());
    (found, asked)
}

#[tokio::test]
async fn a_request_arrives_as_it_was_made() {
    let all = MetadataRequest::default();
    let one = MetadataRequest {
        metric: Some("é".to_owned()),
        limit: Some(0),
        partial: PartialResponse::Abort,
        tenant: Some(TenantId::parse("team-a").unwrap()),
        ..MetadataRequest::default()
    };
    for request in [all, one] {
        let (_, asked) = ask(request.clone(), info("far"), Ok(MetadataAnswer::default())).await;
        assert_eq!(asked, [format!("{request:?}")]);
    }
    let many = MetadataRequest { limit: Some(usize::MAX), ..MetadataRequest::default() };
    let (_, asked) = ask(many.clone(), info("far"), Ok(MetadataAnswer::default())).await;
    assert_eq!(asked, [format!("{:?}", MetadataRequest { limit: Some(i32::MAX as usize), ..many })]);
}

#[tokio::test]
async fn an_answer_arrives_as_it_was_given() {
    for metrics in [0, 1, 8, 2500] {
        let given = answer(metrics, "what it is");
        assert_eq!(ask(MetadataRequest::default(), info("far"), Ok(given.clone())).await.0, Ok(given));
    }
}

/// A peer may tell more than it was asked for.
#[tokio::test]
async fn what_was_not_asked_for_is_left_out() {
    let metric = MetadataRequest { metric: Some("m0003".to_owned()), ..MetadataRequest::default() };
    let found = ask(metric, info("far"), Ok(answer(9, "h"))).await.0.unwrap();
    assert_eq!(Vec::from_iter(found.metrics.keys()), ["m0003"]);
    let few = MetadataRequest { limit: Some(2), ..MetadataRequest::default() };
    assert_eq!(ask(few, info("far"), Ok(answer(9, "h"))).await.0.unwrap().metrics.len(), 2);
}

#[tokio::test]
async fn a_peer_that_tells_nothing_of_metrics_is_not_asked() {
    let silent = StoreInfo { metadata: false, ..info("far") };
    let (found, asked) = ask(MetadataRequest::default(), silent, Err(StoreError::Canceled)).await;
    assert_eq!((found, asked.len()), (Ok(MetadataAnswer::default()), 0));
    let error = ask(MetadataRequest::default(), info("far"), Err(StoreError::Canceled)).await.0.unwrap_err();
    assert!(error.to_string().starts_with("far: rpc error: code = "), "{error}");
}

#[tokio::test]
async fn a_peer_that_tells_too_much_is_left() {
    // 30 KiB a metric: over 64 MiB in messages of 30.
    let error = ask(MetadataRequest::default(), info("far"), Ok(answer(2300, &"x".repeat(30 << 10)))).await.0;
    let text = "far: what is said of its metrics takes more than 67108864 bytes";
    assert_eq!(error, Err(StoreError::LimitExceeded(text.to_owned())));
}

/// Each message is small, and there is no end to them.
#[tokio::test]
async fn a_peer_that_warns_too_much_is_left() {
    let warnings = vec!["x".repeat(60 << 10); 1200];
    let error = ask(MetadataRequest::default(), info("far"), Ok(MetadataAnswer { warnings, ..answer(1, "h") })).await.0;
    let text = "far: what is said of its metrics takes more than 67108864 bytes";
    assert_eq!(error, Err(StoreError::LimitExceeded(text.to_owned())));
}
