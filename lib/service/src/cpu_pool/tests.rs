use super::{CpuPool, CpuPoolError, QUEUED_PER_THREAD};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use telemetry::{Format, Registry};
use tokio::task::JoinSet;

fn metric(registry: &Registry, name: &str) -> String {
    let text = String::from_utf8(registry.encode(Format::Text).unwrap()).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().to_owned()
}

#[tokio::test]
async fn work_runs_on_its_own_threads() {
    let pool = CpuPool::start(2, &Registry::default()).unwrap();
    let name = pool.run(|| std::thread::current().name().map(str::to_owned)).await.unwrap();
    assert!(name.as_deref().is_some_and(|name| name.starts_with("cpu-")), "{name:?}");
    let together = Arc::new(Barrier::new(2));
    let meet = |barrier: Arc<Barrier>| pool.run(move || barrier.wait().is_leader());
    let (one, other) = tokio::join!(meet(together.clone()), meet(together));
    assert_ne!(one.unwrap(), other.unwrap(), "two threads met");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn its_threads_stand_back() {
    let niceness = || -> i32 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit(") ").next().unwrap().split(' ').nth(16).unwrap().parse().unwrap()
    };
    let pool = CpuPool::start(1, &Registry::default()).unwrap();
    let here = niceness();
    let there = pool.run(niceness).await.unwrap();
    assert!(there > here || here >= 15, "{there} there, {here} here");
    assert_eq!(niceness(), here, "only the pool's threads");
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_thread_lives() {
    let registry = Registry::default();
    let pool = CpuPool::start(1, &registry).unwrap();
    let err = pool.run(|| -> u8 { panic!("no {}", "luck") }).await.unwrap_err();
    assert_eq!(err, CpuPoolError::Panicked("no luck".to_owned()));
    assert_eq!(pool.run(|| 7).await, Ok(7));
    assert_eq!(metric(&registry, "gauntlet_cpu_pool_panics_total"), "1");
    // So it is for work that goes to no other thread.
    let err = pool.here(|| -> u8 { panic!("bad luck") }).unwrap_err();
    assert_eq!(err, CpuPoolError::Panicked("bad luck".to_owned()));
    let here = std::thread::current().id();
    assert_eq!(pool.here(|| std::thread::current().id()), Ok(here));
    assert_eq!(metric(&registry, "gauntlet_cpu_pool_panics_total"), "2");
    assert_eq!(metric(&registry, "gauntlet_cpu_pool_running_jobs"), "0");
}

#[tokio::test]
async fn the_queue_is_bounded_and_what_nobody_awaits_is_not_run() {
    let registry = Registry::default();
    let pool = CpuPool::start(1, &registry).unwrap();
    let (held, release) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (hold, until) = (held.clone(), release.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(pool.run(move || {
        hold.wait();
        until.wait();
        0
    }));
    tokio::task::spawn_blocking(move || held.wait()).await.unwrap();
    let ran = Arc::new(AtomicUsize::new(0));
    let mut waiting = JoinSet::new();
    for _ in 0..QUEUED_PER_THREAD + 10 {
        let ran = ran.clone();
        waiting.spawn(pool.run(move || ran.fetch_add(1, Ordering::Relaxed)));
    }
    while metric(&registry, "gauntlet_cpu_pool_queued_jobs") != QUEUED_PER_THREAD.to_string() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    waiting.shutdown().await;
    tokio::task::spawn_blocking(move || release.wait()).await.unwrap();
    assert_eq!(pool.run(|| 7).await, Ok(7));
    assert_eq!(ran.load(Ordering::Relaxed), 0);
    assert_eq!(metric(&registry, "gauntlet_cpu_pool_queued_jobs"), "0");
}
