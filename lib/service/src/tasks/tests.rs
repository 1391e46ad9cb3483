use super::{Stop, TaskResult, Tasks};
use crate::Probes;
use parking_lot::Mutex;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use telemetry::Registry;
use tokio::sync::Notify;

const GRACE: Duration = Duration::from_secs(30);

type Log = Arc<Mutex<Vec<&'static str>>>;

fn tasks() -> (Tasks, Probes) {
    let probes = Probes::new("test", &Registry::default());
    (Tasks::new(probes.clone()), probes)
}

/// Runs until told, then takes `drain` to stop, and writes `name` down.
async fn diligent(stop: Stop, log: Log, name: &'static str, drain: Duration) -> TaskResult {
    stop.cancelled().await;
    tokio::time::sleep(drain).await;
    log.lock().push(name);
    Ok(())
}

async fn failures(tasks: Tasks, told: impl AsyncFnMut() -> &'static str) -> Vec<String> {
    tasks.run(told, GRACE).await.iter().map(ToString::to_string).collect()
}

/// Never tells.
async fn never() -> &'static str {
    pending().await
}

#[tokio::test(start_paused = true)]
async fn the_last_started_stops_first() {
    let (mut tasks, probes) = tasks();
    let log = Log::default();
    for (name, drain) in [("storage", 0), ("api", 1), ("server", 3)] {
        let log = log.clone();
        tasks.spawn(name, move |stop| diligent(stop, log, name, Duration::from_secs(drain)));
    }
    let ready_when_told = Arc::new(Mutex::new(None));
    let part = probes.part("all");
    part.ready();
    let mut told = 0;
    let seen = ready_when_told.clone();
    let left = failures(tasks, async move || {
        told += 1;
        if told > 1 {
            return never().await;
        }
        *seen.lock() = Some(probes.not_ready_because().is_none());
        "SIGTERM"
    });
    assert_eq!(left.await, Vec::<String>::new());
    assert_eq!(*log.lock(), ["server", "api", "storage"]);
    assert_eq!(*ready_when_told.lock(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn readiness_goes_first() {
    let (mut tasks, probes) = tasks();
    probes.part("all").ready();
    let (asked, answer) = (probes.clone(), Arc::new(Mutex::new(None)));
    let kept = answer.clone();
    tasks.spawn("server", move |stop| async move {
        stop.cancelled().await;
        *kept.lock() = asked.not_ready_because();
        Ok(())
    });
    let told = Notify::new();
    told.notify_one();
    failures(tasks, async || {
        told.notified().await;
        "SIGTERM"
    })
    .await;
    assert_eq!(answer.lock().as_deref(), Some("stopping"));
}

#[tokio::test(start_paused = true)]
async fn one_dead_task_stops_the_process() {
    type Run = fn(Stop) -> std::pin::Pin<Box<dyn Future<Output = TaskResult> + Send>>;
    let ways: [(Run, &str); 3] = [
        (|_| Box::pin(async { panic!("disk {}", "gone") }), "flush panicked: disk gone"),
        (|_| Box::pin(async { Err("disk full".into()) }), "flush failed: disk full"),
        (|_| Box::pin(async { Ok(()) }), "flush ended although nobody told it to"),
    ];
    for (run, want) in ways {
        let (mut tasks, _) = tasks();
        let log = Log::default();
        let kept = log.clone();
        tasks.spawn("listener", move |stop| diligent(stop, kept, "listener", Duration::ZERO));
        tasks.spawn("flush", run);
        assert_eq!(failures(tasks, never).await, [want]);
        assert_eq!(*log.lock(), ["listener"], "the others were stopped in order");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_stop_in_time_is_named() {
    let (mut tasks, _) = tasks();
    let log = Log::default();
    let kept = log.clone();
    tasks.spawn("storage", move |stop| diligent(stop, kept, "storage", Duration::ZERO));
    tasks.spawn("stuck", |_| pending());
    let told = Notify::new();
    told.notify_one();
    let began = tokio::time::Instant::now();
    let left = failures(tasks, async || {
        told.notified().await;
        "SIGTERM"
    });
    let want = ["storage", "stuck"].map(|name| format!("{name} was still running when the time to stop was over"));
    assert_eq!(left.await, want);
    assert_eq!(began.elapsed(), GRACE);
    assert!(log.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn told_twice_means_at_once() {
    let (mut tasks, _) = tasks();
    tasks.spawn("stuck", |_| pending());
    let began = tokio::time::Instant::now();
    let told = async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        "SIGINT"
    };
    assert_eq!(failures(tasks, told).await.len(), 1);
    assert_eq!(began.elapsed(), Duration::from_secs(2));
}
