//! What an administrator deletes is gone, here and in every later life; what was not meant stays.

use crate::write_and_query::now_ms;
use e2e::{Answer, Series, Server};

async fn post(gauntlet: &Server, rest: &str) -> Answer {
    gauntlet.send(gauntlet.request(reqwest::Method::POST, &format!("/api/v1/admin/tsdb/{rest}"))).await
}

async fn count(gauntlet: &Server, selector: &str, now_ms: i64) -> String {
    let found = gauntlet.query(&format!("sum(count_over_time({selector}[10m])) or vector(0)"), now_ms).await;
    found[0]["value"][1].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_deleted_does_not_come_back_after_a_stop_or_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let now_ms = now_ms();
    let launch = || Server::standalone(dir.path()).arg("--web.enable-admin-api");
    let first = launch().start().await;
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let samples: Vec<_> = (0..=300_i64).map(|second| (now_ms - (300 - second) * 1000, second as f64)).collect();
    let series = ["a", "b"].map(|host| Series::new("up", &[("host", host)], &samples));
    assert_eq!(first.write(&series).await.status, 200);
    // Selectors are about the labels that series are read with.
    let nobody = post(&first, "delete_series?match[]=up{tenant_id=\"other\"}").await;
    assert_eq!((nobody.status, count(&first, "up", now_ms).await.as_str()), (204, "602"));
    let (start, end) = (now_ms / 1000 - 99, now_ms / 1000);
    let rest = format!("delete_series?match[]=up{{host=\"a\",tenant_id=\"default-tenant\"}}&start={start}&end={end}");
    let deleted = post(&first, &rest).await;
    assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    assert_eq!(count(&first, "up{host=\"a\"}", now_ms).await, "201");
    assert_eq!(count(&first, "up{host=\"b\"}", now_ms).await, "301");
    assert_eq!(first.kill().code(), None);

    let second = launch().start().await;
    let snapshot = post(&second, "snapshot").await;
    assert_eq!((snapshot.status, snapshot.json()["status"].as_str()), (200, Some("success")));
    let name = snapshot.json()["data"]["name"].as_str().unwrap().to_owned();
    let blocks = dir.path().join("receive/default-tenant/snapshots").join(name);
    assert_eq!(std::fs::read_dir(blocks).unwrap().count(), 1, "the head");
    assert_eq!(count(&second, "up{host=\"a\"}", now_ms).await, "201");
    assert_eq!(post(&second, "delete_series?match[]=up{host=\"b\"}").await.status, 204);
    assert_eq!(post(&second, "clean_tombstones").await.status, 204);
    assert_eq!(count(&second, "up", now_ms).await, "201");
    assert_eq!(second.stop().code(), Some(0));

    let third = Server::standalone(dir.path()).start().await;
    assert_eq!(count(&third, "up", now_ms).await, "201");
    let off = post(&third, "delete_series?match[]=up").await;
    assert_eq!((off.status, off.json()["error"].as_str()), (500, Some("admin APIs disabled")));
    assert_eq!(count(&third, "up", now_ms).await, "201");
}
