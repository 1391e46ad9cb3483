//! Where samples come so fast that much is logged between two upkeeps, a start after a crash has little of it to read.

use super::*;
use tsdb::db::Snapshots;

const FLOODED: &str = r#"gauntlet_head_snapshots_total{tenant="flooded"}"#;
const CALM: &str = r#"gauntlet_head_snapshots_total{tenant="calm"}"#;

#[tokio::test]
async fn a_flood_is_in_a_snapshot_before_the_next_upkeep() {
    let fs = SimFs::new();
    let mut config = config();
    config.db.snapshots = Snapshots { every_ms: Some(i64::MAX), log_bytes: 0, ..Snapshots::NEVER };
    config.maintenance_interval = Duration::from_secs(3600);
    let rig = Rig::closed(&fs, config.clone());
    let (ingester, registry) = (Arc::clone(&rig.ingester), rig.registry.clone());
    let probes = Probes::new("receive", &registry);
    let floods: Vec<_> = (0..100).map(|step| rig.batch(&body(&[(UP, &[(T + step, step as f64)])]))).collect();
    let calm = rig.batch(&body(&[(UP, &[(T, 1.0)])]));
    let write = async |name: &str, batch: &proto::WriteBatch| {
        proto::WriteTarget::write(&*ingester, &tenant(name), batch.clone()).await.unwrap();
    };
    let failures = run(rig, &probes, async {
        until("ready", async || probes.not_ready_because().is_none()).await;
        write("calm", &calm).await;
        for batch in &floods {
            write("flooded", batch).await;
        }
        until("a snapshot", async || rig::metric(&registry, FLOODED) == Some(1.0)).await;
        assert_eq!(rig::metric(&registry, CALM), Some(0.0));
    })
    .await;
    assert_eq!(failures, [""; 0]);
    let rig = Rig::open_with(&fs.crash(Loss::All), config).await;
    assert_eq!(rig.metric(r#"gauntlet_head_from_snapshot{tenant="flooded"}"#), Some(1.0));
    assert_eq!(rig.metric(r#"gauntlet_head_from_snapshot{tenant="calm"}"#), Some(0.0));
}
