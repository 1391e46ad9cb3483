use super::*;
use futures::FutureExt;
use telemetry::Registry;

#[tokio::test]
async fn so_many_enter_so_many_wait_and_no_more() {
    let gate = Gate::new(2, 1, Metrics::register(&Registry::default()));
    let first = gate.enter().now_or_never().unwrap().unwrap();
    let _second = gate.enter().now_or_never().unwrap().unwrap();
    let mut third = Box::pin(gate.enter());
    assert!(third.as_mut().now_or_never().is_none());
    assert_eq!(gate.enter().await.unwrap_err(), TooMany { max: 2, max_waiting: 1 });
    assert_eq!(gate.metrics.gate_in_flight.get(), 2);
    drop(first);
    let third = third.now_or_never().unwrap().unwrap();
    // One that gives up waiting makes room for another.
    drop(Box::pin(gate.enter()).as_mut().now_or_never());
    assert!(Box::pin(gate.enter()).as_mut().now_or_never().is_none());
    drop(third);
    assert!(gate.enter().now_or_never().unwrap().is_ok());
    assert_eq!(gate.metrics.gate_in_flight.get(), 1);
}
