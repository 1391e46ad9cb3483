//! What was written comes back, from one process and from the next.

use e2e::{Series, Server};
use std::time::{SystemTime, UNIX_EPOCH};

/// The wall clock, in whole seconds so that times print the same everywhere.
#[allow(clippy::disallowed_methods, reason = "a client's clock")]
pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap() * 1000
}

/// One series that counts up by 2 a second, the last sample at `now_ms`.
fn counter(now_ms: i64, seconds: i64) -> Series {
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let samples: Vec<(i64, f64)> =
        (0..=seconds).map(|second| (now_ms - (seconds - second) * 1000, (second * 2) as f64)).collect();
    Series::new("requests_total", &[("job", "api"), ("instance", "a:1")], &samples)
}

async fn check(gauntlet: &Server, now_ms: i64) {
    let up = gauntlet.query("requests_total", now_ms).await;
    let labels = serde_json::json!({
        "__name__": "requests_total", "instance": "a:1", "job": "api",
        "replica": "standalone", "tenant_id": "default-tenant",
    });
    assert_eq!(up[0]["metric"], labels, "the sender's labels and the two documented ones");
    assert_eq!(up[0]["value"], serde_json::json!([now_ms / 1000, "600"]));
    assert_eq!(gauntlet.query("sum by (job) (rate(requests_total[1m]))", now_ms).await[0]["value"][1], "2");
    let count = gauntlet.query("count_over_time(requests_total[10m])", now_ms).await;
    assert_eq!(count[0]["value"][1], "301", "every sample once");
}

#[tokio::test]
async fn what_was_written_is_there_after_a_stop_and_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let now_ms = now_ms();
    let first = Server::standalone(dir.path()).start().await;
    let written = first.write(&[counter(now_ms, 300)]).await;
    assert_eq!(written.status, 200, "{written:?}");
    check(&first, now_ms).await;
    assert_eq!(first.stop().code(), Some(0));

    let second = Server::standalone(dir.path()).start().await;
    check(&second, now_ms).await;
    let more = second.write(&[Series::new("more", &[], &[(now_ms, 1.0)])]).await;
    assert_eq!(more.status, 200, "{more:?}");
    assert_eq!(second.kill().code(), None);

    let third = Server::standalone(dir.path()).start().await;
    check(&third, now_ms).await;
    assert_eq!(third.query("more", now_ms).await[0]["value"][1], "1");
}

#[tokio::test]
async fn the_alias_answers_as_prometheus_does() {
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(dir.path()).start().await;
    let body = e2e::body(&[Series::new("up", &[], &[(now_ms(), 1.0)])]);
    let answer = gauntlet.send(gauntlet.write_request("/api/v1/write", body)).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

#[tokio::test]
async fn tenants_are_told_apart_by_their_label() {
    let dir = tempfile::tempdir().unwrap();
    let gauntlet = Server::standalone(dir.path()).start().await;
    let now_ms = now_ms();
    for tenant in ["a", "b"] {
        let body = e2e::body(&[Series::new("up", &[("of", tenant)], &[(now_ms, 1.0)])]);
        let request = gauntlet.write_request("/api/v1/receive", body).header("THANOS-TENANT", tenant);
        assert_eq!(gauntlet.send(request).await.status, 200);
    }
    let found = gauntlet.query("up{tenant_id=\"b\"}", now_ms).await;
    assert_eq!((found.as_array().map(Vec::len), &found[0]["metric"]["of"]), (Some(1), &serde_json::json!("b")));
}
