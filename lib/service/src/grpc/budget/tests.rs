//! A service that reads its message and gives back what lies beside it.

use super::*;
use http::Extensions;
use http_body_util::{BodyExt, Full};
use proto::messages::PREFIX_BYTES;
use std::convert::Infallible;
use tonic::Code;
use tower::{ServiceExt, service_fn};

const PATIENCE: Duration = Duration::from_millis(40);

/// A message of so many bytes with its prefix.
fn message(bytes: usize) -> Request<Body> {
    let size = u32::try_from(bytes).unwrap().to_be_bytes();
    let frame = [&[0][..], &size, &vec![7; bytes]].concat();
    Request::new(Body::new(Full::new(Bytes::from(frame)).map_err(|never| match never {})))
}

/// Sends it; what a handler would hold, or why there is no message.
async fn call(budget: &MessageBudget, bytes: usize) -> Result<Extensions, Code> {
    let answer = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&answer);
    let read = service_fn(move |request: Request<Body>| {
        let keep = Arc::clone(&keep);
        async move {
            let (head, body) = request.into_parts();
            let read = body.collect().await.map(|read| assert_eq!(read.to_bytes().len(), PREFIX_BYTES + bytes));
            *keep.lock() = Some(read.map(|()| head.extensions).map_err(|status| status.code()));
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    budget.around(read).oneshot(message(bytes)).await.unwrap();
    let answer = answer.lock().take();
    answer.unwrap()
}

#[tokio::test]
async fn a_message_takes_memory_for_as_long_as_it_is_held() {
    let budget = MessageBudget::new(300, PATIENCE);
    let first = call(&budget, 100).await.unwrap();
    assert_eq!(budget.taken_bytes(), 150);
    let second = call(&budget, 100).await.unwrap();
    assert_eq!(budget.taken_bytes(), 300);
    assert_eq!(call(&budget, 2).await.unwrap_err(), Code::Unavailable);
    // An empty one takes nothing.
    call(&budget, 0).await.unwrap();
    drop(first);
    assert_eq!(budget.taken_bytes(), 150);
    let third = async { call(&budget, 200).await.map(drop) };
    let (third, ()) = tokio::join!(third, async { drop(second) });
    assert_eq!((third, budget.taken_bytes()), (Ok(()), 0));
}

#[tokio::test]
async fn what_can_never_be_had_is_not_waited_for() {
    let budget = MessageBudget::new(300, Duration::from_secs(60));
    assert_eq!(call(&budget, 201).await.unwrap_err(), Code::ResourceExhausted);
    call(&budget, 200).await.unwrap();
}

#[tokio::test]
async fn only_some_wait() {
    let budget = MessageBudget::new(300, PATIENCE);
    let all = call(&budget, 200).await.unwrap();
    let waiting = futures::future::join_all((0..WAITING).map(|_| call(&budget, 10)));
    let beyond = async {
        let began = tokio::time::Instant::now();
        assert_eq!(call(&budget, 10).await.unwrap_err(), Code::Unavailable);
        assert!(began.elapsed() < PATIENCE);
        drop(all);
    };
    let (waited, ()) = tokio::join!(waiting, beyond);
    assert!(waited.iter().all(Result::is_ok), "{waited:?}");
}
