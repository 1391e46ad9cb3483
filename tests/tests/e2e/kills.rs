//! Killed again and again under load: what was acknowledged is there, and nothing else but what was sent.

use crate::write_and_query::now_ms;
use e2e::{Series, Server, body};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// How often it is killed; `$GAUNTLET_KILLS` says otherwise.
const KILLS: usize = 4;
const WRITERS: usize = 8;
/// Series of one request.
const SERIES: usize = 20;

/// What became of the samples at one time of one writer's series.
#[derive(Debug, Default)]
struct Oracle {
    /// By series and time.
    acknowledged: BTreeSet<(String, i64)>,
    sent: BTreeSet<(String, i64)>,
}

/// Every sample's value follows from its series and time: a sample that no request carried has another one.
fn value(series: &str, at_ms: i64) -> f64 {
    let mixed =
        series.bytes().fold(at_ms.unsigned_abs(), |mixed, byte| mixed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    (mixed % 1_000_003) as f64
}

/// One request: the series of `name`, all with a sample at `at_ms`.
fn request(name: &str, at_ms: i64) -> Vec<Series> {
    (0..SERIES)
        .map(|number| {
            let id = format!("{name}-{number}");
            Series::new("load", &[("id", &id)], &[(at_ms, value(&id, at_ms))])
        })
        .collect()
}

/// Writes until the process is gone: to series of its own, and to series that all writers create and append to at once.
async fn write(gauntlet: &Server, writer: usize, clock: &AtomicI64) -> Oracle {
    let mut oracle = Oracle::default();
    loop {
        for name in [format!("own{writer}"), "shared".to_owned()] {
            let at_ms = clock.fetch_add(1, Ordering::Relaxed);
            let series = request(&name, at_ms);
            let keys = (0..SERIES).map(|number| (format!("{name}-{number}"), at_ms));
            oracle.sent.extend(keys.clone());
            let asked = gauntlet.write_request("/api/v1/receive", body(&series));
            match gauntlet.try_send(asked).await {
                Ok(answer) if answer.status == 200 => oracle.acknowledged.extend(keys),
                // Of the shared series another writer's later sample may be there already.
                Ok(answer) if answer.status == 409 && name == "shared" => {}
                Ok(answer) => panic!("{answer:?}"),
                Err(_) => return oracle,
            }
        }
    }
}

/// Everything that is stored, by series and time.
async fn stored(gauntlet: &Server, at_ms: i64) -> BTreeMap<(String, i64), f64> {
    let found = gauntlet.query("load[2h]", at_ms).await;
    let samples = found.as_array().unwrap().iter().flat_map(|series| {
        let id = series["metric"]["id"].as_str().unwrap().to_owned();
        let values = series["values"].as_array().unwrap().clone();
        values.into_iter().map(move |pair| {
            let time_ms = (pair[0].as_f64().unwrap() * 1000.0).round() as i64;
            ((id.clone(), time_ms), pair[1].as_str().unwrap().parse().unwrap())
        })
    });
    samples.collect()
}

fn check(oracle: &Oracle, stored: &BTreeMap<(String, i64), f64>) {
    let lost: Vec<_> = oracle.acknowledged.iter().filter(|key| !stored.contains_key(*key)).take(5).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    for ((id, at_ms), found) in stored {
        assert!(oracle.sent.contains(&(id.clone(), *at_ms)), "nobody sent {id} at {at_ms}");
        assert!(*found == value(id, *at_ms), "{id} at {at_ms} came back as {found}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_at_random_moments() {
    let kills = std::env::var("GAUNTLET_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let dir = tempfile::tempdir().unwrap();
    let begin_ms = now_ms() - 3_600_000;
    let clock = AtomicI64::new(begin_ms);
    let mut oracle = Oracle::default();
    for kill in 0..kills {
        let gauntlet = Server::standalone(dir.path()).start().await;
        check(&oracle, &stored(&gauntlet, clock.load(Ordering::Relaxed)).await);
        // Moments spread over the life of a load, from its first requests on.
        let moment = Duration::from_millis(20 + (kill as u64 * 7919) % 700);
        let writers = futures::future::join_all((0..WRITERS).map(|writer| write(&gauntlet, writer, &clock)));
        let killing = async {
            tokio::time::sleep(moment).await;
            gauntlet.process.kill();
        };
        let (oracles, ()) = tokio::join!(writers, killing);
        for one in oracles {
            oracle.acknowledged.extend(one.acknowledged);
            oracle.sent.extend(one.sent);
        }
    }
    let gauntlet = Server::standalone(dir.path()).start().await;
    let stored = stored(&gauntlet, clock.load(Ordering::Relaxed)).await;
    check(&oracle, &stored);
    println!("{kills} kills, {} samples acknowledged, {} stored", oracle.acknowledged.len(), stored.len());
    assert!(oracle.acknowledged.len() > SERIES * kills, "hardly anything was acknowledged");
}
