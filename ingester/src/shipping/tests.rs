use super::{ServedElsewhere, Shipping};
use bucket::{Bucket, Metrics};
use model::SystemClock;
use object_store::memory::InMemory;
use std::sync::Arc;
use ulid::Ulid;

fn shipping() -> Shipping {
    Shipping::new(Bucket::over(Arc::new(InMemory::new()), "b", "", &Metrics::default(), Arc::new(SystemClock)))
}

#[test]
fn a_block_goes_when_it_was_shipped_and_the_margin_passed() {
    let (shipping, block) = (shipping(), Ulid(1));
    for (shipped_ms, now_ms, may_go) in
        [(None, i64::MAX, false), (Some(0), 3_599_999, false), (Some(0), 3_600_000, true), (Some(i64::MAX), 0, false)]
    {
        assert_eq!(shipping.may_go(block, shipped_ms, now_ms), may_go, "{shipped_ms:?} {now_ms}");
    }
}

#[test]
fn who_knows_need_not_wait() {
    let served = ServedElsewhere(Arc::new(|block| block == Ulid(1)));
    let shipping = Shipping { served_elsewhere: Some(served), ..shipping() };
    assert!(shipping.may_go(Ulid(1), Some(0), 0));
    assert!(!shipping.may_go(Ulid(2), Some(0), i64::MAX));
    assert!(!shipping.may_go(Ulid(1), None, 0), "served, but never shipped by us");
}
