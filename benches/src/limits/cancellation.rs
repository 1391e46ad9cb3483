//! How long a process works on for a client that closed its connection.

use crate::queries::Call;
use crate::systems::Running;
use anyhow::Context;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Questions that take seconds: where they take them, an expression, steps and the seconds between them.
const HEAVY: [(&str, &str, usize, usize); 3] = [
    ("in windows", "sum(quantile_over_time(0.9, requests_total[50m]))", 120, 30),
    ("in many steps", "sum by (pod) (rate(requests_total[5m]))", 3_000, 1),
    ("in a subquery", "max_over_time(sum by (pod) (rate(requests_total[5m]))[40m:5s])", 60, 10),
];

/// So long the client waits before it closes.
const PATIENCE: Duration = Duration::from_millis(400);
/// The connection is closed only if the process worked in the last such time.
const BUSY: Duration = Duration::from_millis(20);
/// What a process that rests may still use in a look at it.
const NOISE: Duration = Duration::from_micros(200);
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// It came to rest where it did nothing for so long: what it does later it does for others.
const RESTS: Duration = Duration::from_millis(100);
const GIVE_UP: Duration = Duration::from_secs(60);

/// Asks, closes, and prints when the process came to rest.
pub(super) fn measure(running: &Running, end_ms: i64, repetitions: usize) -> anyhow::Result<()> {
    for (place, query, steps, step_s) in HEAVY {
        let url = Call::Range(query.to_owned(), steps, step_s).url(&running.queried(), end_ms);
        let mut took = Vec::new();
        for _ in 0..repetitions.max(1) {
            took.extend(rest_after_close(running, &url)?);
        }
        let ms = |one: &Duration| format!("{:.0}", one.as_secs_f64() * 1e3);
        let runs = took.iter().map(ms).collect::<Vec<_>>().join(", ");
        match took.iter().max() {
            Some(most) => println!("  given up {place}: at rest after {} ms at most (run by run: {runs})", ms(most)),
            None => println!("  given up {place}: answered or at rest before the client gave up"),
        }
    }
    Ok(())
}

/// The time from the close to the last look at which the process worked; none if there was nothing to give up.
fn rest_after_close(running: &Running, url: &str) -> anyhow::Result<Option<Duration>> {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).context("no URL")?;
    let mut connection = TcpStream::connect(host)?;
    write!(connection, "GET /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n")?;
    std::thread::sleep(PATIENCE);
    let before = running.process.thread_times()?;
    std::thread::sleep(BUSY);
    let mut seen = running.process.thread_times()?;
    if seen.since(&before) < BUSY / 4 {
        return Ok(None);
    }
    drop(connection);
    let closed = Instant::now();
    let mut worked = Duration::ZERO;
    while closed.elapsed() < worked + RESTS && closed.elapsed() < GIVE_UP {
        std::thread::sleep(LOOK_EVERY);
        let now = running.process.thread_times()?;
        if now.since(&seen) > NOISE {
            worked = closed.elapsed();
        }
        seen = now;
    }
    Ok(Some(worked))
}
