use super::*;
use futures::FutureExt;
use std::future::Future;
use std::pin::pin;

const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(60);

fn budget(total_bytes: u64, request_bytes: u64, wait: Duration) -> Budget {
    Budget::new(BudgetLimits { total_bytes, request_bytes, wait })
}

/// Whether the future is done now.
fn done<T>(future: impl Future<Output = T>) -> Option<T> {
    future.now_or_never()
}

fn taken(request: &RequestBudget, bytes: u64) -> Reservation {
    done(request.reserve(bytes)).unwrap().unwrap()
}

#[tokio::test]
async fn what_is_taken_counts_until_it_is_dropped() {
    let budget = budget(100, 50, LONG);
    let request = budget.request();
    let mut first = taken(&request, 20);
    let second = taken(&request, 10);
    assert_eq!((budget.used_bytes(), request.held_bytes()), (30, 30));
    first.shrink_to(5);
    assert_eq!(budget.used_bytes(), 15);
    drop(first);
    assert_eq!(second.bytes(), 10);
    drop((second, request));
    assert_eq!((budget.used_bytes(), budget.peak_bytes()), (0, 30));
}

#[tokio::test]
async fn a_reservation_is_parted() {
    let budget = budget(100, 50, LONG);
    let mut first = taken(&budget.request(), 20);
    let second = first.split_off(15);
    let third = first.split_off(9);
    assert_eq!((first.bytes(), second.bytes(), third.bytes(), budget.used_bytes()), (0, 15, 5, 20));
    drop((first, second));
    assert_eq!(budget.used_bytes(), 5);
}

#[tokio::test]
async fn bytes_hold_their_reservation_until_the_last_slice_goes() {
    let budget = budget(100, 50, LONG);
    let request = budget.request();
    let held = taken(&request, 20).hold(Bytes::from_static(b"0123456789"));
    assert_eq!(budget.used_bytes(), 10);
    let slice = held.slice(3..4);
    drop((held, request));
    assert_eq!((budget.used_bytes(), slice.as_ref()), (10, b"3".as_slice()));
    drop(slice);
    assert_eq!(budget.used_bytes(), 0);
}

#[tokio::test]
async fn a_request_that_alone_is_too_large_is_refused_by_name() {
    let request = budget(100, 50, SHORT).request();
    let error = done(request.reserve(51)).unwrap().unwrap_err();
    assert_eq!(error, BudgetError::RequestTooLarge { need_bytes: 51, held_bytes: 0, limit_bytes: 50 });
    assert!(error.to_string().contains("--chunk-pool-size"), "{error}");
    let _held = taken(&request, 30);
    let error = request.reserve(21).await.unwrap_err();
    assert_eq!(error, BudgetError::RequestTooLarge { need_bytes: 21, held_bytes: 30, limit_bytes: 50 });
}

#[tokio::test]
async fn half_is_kept_for_the_oldest_whatever_was_configured() {
    let budget = budget(100, 90, SHORT);
    assert_eq!(budget.limits().request_bytes, 50);
    let (oldest, other) = (budget.request(), budget.request());
    let _other = taken(&other, 50);
    let error = other.reserve(1).await.unwrap_err();
    assert!(matches!(error, BudgetError::RequestTooLarge { .. }), "{error}");
    let third = budget.request();
    let error = third.reserve(1).await.unwrap_err();
    assert!(matches!(error, BudgetError::Busy { need_bytes: 1, held_bytes: 50, limit_bytes: 100, .. }), "{error}");
    let _oldest = (taken(&oldest, 30), taken(&oldest, 20));
    assert_eq!(budget.peak_bytes(), 100);
}

#[tokio::test]
async fn who_waits_is_served_in_order_as_bytes_come_back() {
    let budget = budget(100, 50, LONG);
    let (_oldest, first, second) = (budget.request(), budget.request(), budget.request());
    let held = taken(&first, 40);
    let (mut much, mut little) = (pin!(second.reserve(30)), pin!(first.reserve(5)));
    assert!(done(&mut much).is_none());
    // It would fit, but much is not to be starved by little.
    assert!(done(&mut little).is_none());
    assert_eq!(budget.waiting(), 2);
    drop(held);
    let (much, little) = (done(much).unwrap().unwrap(), done(little).unwrap().unwrap());
    assert_eq!((much.bytes(), little.bytes(), budget.used_bytes()), (30, 5, 35));
}

#[tokio::test]
async fn requests_that_wait_for_each_other_end_one_after_the_other() {
    let budget = budget(100, 50, LONG);
    let requests = [budget.request(), budget.request(), budget.request()];
    let held = requests.each_ref().map(|request| taken(request, 16));
    let mut ended = Vec::new();
    let [mut first, mut second, mut third] = [0, 1, 2].map(|at| {
        let (request, budget) = (requests[at].clone(), budget.clone());
        async move {
            let more = request.reserve(34).await;
            assert!(budget.used_bytes() <= 100);
            drop(more.unwrap());
            at
        }
        .boxed()
    });
    let mut held = held.into_iter();
    let mut requests = requests.into_iter();
    // All wait but the oldest, for whom bytes are kept.
    assert!(done(&mut third).is_none() && done(&mut second).is_none());
    for wait in [&mut first, &mut second, &mut third] {
        ended.push(done(wait).unwrap());
        drop((held.next(), requests.next()));
    }
    assert_eq!((ended, budget.used_bytes()), (vec![0, 1, 2], 0));
}

#[tokio::test]
async fn whoever_stops_waiting_takes_nothing_with_it() {
    let budget = budget(100, 50, LONG);
    let (_oldest, first, second) = (budget.request(), budget.request(), budget.request());
    let held = taken(&first, 50);
    {
        let mut waiting = pin!(second.reserve(20));
        assert!(done(&mut waiting).is_none());
        drop(held);
        // Granted, but never looked at.
    }
    assert_eq!((budget.used_bytes(), budget.waiting()), (0, 0));
    let held = taken(&first, 50);
    assert!(done(second.reserve(20)).is_none());
    drop(held);
    assert_eq!((budget.used_bytes(), budget.waiting()), (0, 0));
}

#[tokio::test]
async fn work_ahead_takes_half_at_most_and_never_waits() {
    let budget = budget(200, 100, LONG);
    let (oldest, request) = (budget.request(), budget.request());
    let ahead = request.reserve_ahead(50);
    assert!(ahead.is_some() && request.reserve_ahead(1).is_none());
    assert!(oldest.reserve_ahead(1).is_none(), "half of what is shared is taken");
    drop(ahead);
    assert!(oldest.reserve_ahead(1).is_some());
}
