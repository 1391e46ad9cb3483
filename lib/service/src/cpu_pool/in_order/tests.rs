use super::InOrder;
use crate::{CpuPool, CpuPoolError};
use std::sync::{Arc, Barrier};
use std::thread;
use telemetry::Registry;

fn pool(threads: usize) -> CpuPool {
    CpuPool::start(threads, &Registry::default()).unwrap()
}

/// All results, with at most `ahead` pieces open.
fn results(pool: CpuPool, ahead: usize, pieces: usize) -> Vec<Result<usize, CpuPoolError>> {
    let (mut shared, mut results) = (InOrder::new(pool), Vec::new());
    for piece in 0..pieces {
        if shared.len() > ahead {
            results.extend(shared.next());
        }
        shared.push(move || {
            // The first ones take longest.
            (0..(pieces - piece) * 200).for_each(|_| std::hint::spin_loop());
            piece
        });
    }
    results.extend(shared);
    results
}

#[tokio::test]
async fn results_come_in_order_from_however_many_threads() {
    for threads in [1, 2, 4] {
        for ahead in [0, 1, 3] {
            let pool = pool(threads);
            let sharing = pool.clone();
            let results = pool.run(move || results(sharing, ahead, 100)).await.unwrap();
            assert_eq!(results, (0..100).map(Ok).collect::<Vec<_>>(), "{threads} threads, {ahead} ahead");
        }
    }
}

#[tokio::test]
async fn idle_threads_take_part() {
    let pool = pool(2);
    let sharing = pool.clone();
    // Idle is who has come to wait for work.
    while sharing.0.idle.load(std::sync::atomic::Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    let (here, there) = pool
        .run(move || {
            let meet = Arc::new(Barrier::new(2));
            let mut shared = InOrder::new(sharing);
            let other = Arc::clone(&meet);
            shared.push(|| thread::current().id());
            shared.push(move || {
                other.wait();
                thread::current().id()
            });
            // Nobody would come if it were left to this thread.
            meet.wait();
            let ids = [shared.next(), shared.next()].map(|id| id.unwrap().unwrap());
            (thread::current().id(), ids)
        })
        .await
        .unwrap();
    assert_eq!((here == there[0], here == there[1]), (true, false), "the first stays");
}

/// With all threads of the pool in such a place none may wait for work that has not begun.
#[tokio::test]
async fn threads_that_all_share_do_not_wait_for_each_other() {
    let pool = pool(2);
    let jobs = (0..16).map(|_| {
        let sharing = pool.clone();
        pool.run(move || results(sharing, 3, 50).len())
    });
    assert_eq!(futures::future::join_all(jobs).await, vec![Ok(50); 16]);
}

#[test]
fn a_panic_is_the_error_of_its_piece() {
    let mut shared = InOrder::new(pool(1));
    shared.push(|| 1);
    shared.push(|| panic!("no luck"));
    shared.push(|| 3);
    assert_eq!(shared.next(), Some(Ok(1)));
    assert_eq!(shared.next(), Some(Err(CpuPoolError::Panicked("no luck".to_owned()))));
    assert_eq!((shared.next(), shared.next()), (Some(Ok(3)), None));
}
