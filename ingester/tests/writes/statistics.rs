//! What the heads of tenants hold, counted.

use super::*;
use tsdb::head::{Counted, HeadStatistics, LabelSize};

/// The series of a tenant of a Thanos receiver whose statistics were recorded.
const RECORDED: [Pairs<'_>; 11] = [
    &[("__name__", "http_requests_total"), ("code", "200"), ("instance", "i0"), ("job", "api")],
    &[("__name__", "http_requests_total"), ("code", "200"), ("instance", "i1"), ("job", "api")],
    &[("__name__", "http_requests_total"), ("code", "500"), ("instance", "i0"), ("job", "api")],
    &[("__name__", "http_requests_total"), ("code", "500"), ("instance", "i1"), ("job", "api")],
    &[("__name__", "latency_seconds_bucket"), ("job", "api"), ("le", "+Inf")],
    &[("__name__", "latency_seconds_bucket"), ("job", "api"), ("le", "0.1")],
    &[("__name__", "latency_seconds_bucket"), ("job", "api"), ("le", "1")],
    &[("__name__", "rpc_native_seconds"), ("job", "api")],
    &[("__name__", "temperature_celsius"), ("room", "a"), ("site", "Zürich")],
    &[("__name__", "up"), ("instance", "i0"), ("job", "api")],
    &[("__name__", "up"), ("instance", "i1"), ("job", "api")],
];

fn text(list: &[Counted]) -> String {
    let one = |one: &Counted| format!("{} {}", std::str::from_utf8(&one.name).unwrap(), one.count);
    list.iter().map(one).collect::<Vec<_>>().join(", ")
}

async fn statistics(rig: &Rig, name: &str, most: usize, size: LabelSize) -> HeadStatistics {
    let mut counted = rig.ingester.statistics(Some(&tenant(name)), most, size).await.unwrap();
    assert_eq!(counted.len(), 1);
    counted.remove(0).1
}

#[tokio::test]
async fn heads_are_counted_as_thanos_and_prometheus_count_them() {
    let rig = Rig::open(&SimFs::new()).await;
    let samples: Vec<_> = (0..130).map(|step| (T + step * 1000, step as f64)).collect();
    let series: Vec<_> = RECORDED.iter().map(|labels| (*labels, samples.as_slice())).collect();
    rig.writes("team-a", &body(&series), 11 * 130).await;
    let all = statistics(&rig, "team-a", 100, LabelSize::Strings).await;
    assert_eq!((all.series, all.label_pairs, all.chunks), (11, 15, 22));
    assert_eq!(all.range, TimeRange::new(T, T + 129_000));
    assert_eq!(
        text(&all.series_by_metric),
        "http_requests_total 4, latency_seconds_bucket 3, up 2, rpc_native_seconds 1, temperature_celsius 1"
    );
    assert_eq!(text(&all.values_by_name), "__name__ 5, le 3, code 2, instance 2, job 1, room 1, site 1");
    assert_eq!(text(&all.bytes_by_name), "__name__ 623, job 380, instance 252, code 156, le 110, site 43, room 37");
    assert!(text(&all.series_by_pair).starts_with("job=api 10, __name__=http_requests_total 4, "));
    assert_eq!(all.series_by_pair.len(), 15);
    let few = statistics(&rig, "team-a", 2, LabelSize::Packed).await;
    assert_eq!(text(&few.bytes_by_name), "__name__ 293, job 80");
    assert_eq!(text(&few.series_by_pair), "job=api 10, __name__=http_requests_total 4");
    assert_eq!((few.label_pairs, few.values_by_name.len()), (15, 2));
}

/// What no series has any longer counts no more.
#[tokio::test]
async fn what_is_gone_is_not_counted() {
    let rig = Rig::open(&SimFs::new()).await;
    let labels = |at: usize| (format!("v{at}"), T - 8 * 3_600_000);
    for at in 0..3 {
        let (value, time_ms) = labels(at);
        rig.writes("a", &body(&[(&[("__name__", "old"), ("gone", &value)], &[(time_ms, 1.0)])]), 1).await;
    }
    rig.writes("a", &body(&[(UP, &[(T, 1.0)])]), 1).await;
    assert_eq!(statistics(&rig, "a", 9, LabelSize::Packed).await.label_pairs, 7);
    rig.ingester.maintain().await;
    let left = statistics(&rig, "a", 9, LabelSize::Packed).await;
    assert_eq!((left.series, left.label_pairs, left.chunks), (1, 3, 1));
    assert_eq!(text(&left.values_by_name), "__name__ 1, instance 1, job 1");
}

#[tokio::test]
async fn tenants_are_told_apart() {
    let rig = Rig::open(&SimFs::new()).await;
    rig.writes("a", &body(&[(UP, &[(T, 1.0)])]), 1).await;
    rig.writes("b", &body(&[(UP, &[(T, 1.0)]), (&[("__name__", "m")], &[(T, 1.0)])]), 2).await;
    let told = async |wanted: Option<&TenantId>| {
        let counted = rig.ingester.statistics(wanted, 9, LabelSize::Packed).await.unwrap();
        counted.iter().map(|(tenant, counts)| format!("{tenant} {}", counts.series)).collect::<Vec<_>>()
    };
    assert_eq!(told(None).await, ["a 1", "b 2", "default-tenant 0"]);
    assert_eq!(told(Some(&tenant("b"))).await, ["b 2"]);
    assert!(told(Some(&tenant("nobody"))).await.is_empty());
    let closed = Rig::closed(&SimFs::new(), config());
    assert!(closed.ingester.statistics(None, 9, LabelSize::Packed).await.is_err());
}
