use super::Probes;
use telemetry::{Format, Registry};

#[track_caller]
fn check(probes: &Probes, want: Option<&str>) {
    assert_eq!(probes.not_ready_because().as_deref(), want);
}

#[test]
fn ready_when_all_parts_are() {
    let probes = Probes::new("test", &Registry::default());
    check(&probes, None);
    let (storage, ring) = (probes.part("storage"), probes.part("ring"));
    check(&probes, Some("ring: starting\nstorage: starting"));
    ring.ready();
    storage.not_ready("replaying the log, 3 of 17 segments");
    check(&probes, Some("storage: replaying the log, 3 of 17 segments"));
    storage.ready();
    check(&probes, None);
    ring.not_ready("has changed");
    check(&probes, Some("ring: has changed"));
}

#[test]
fn stopping_is_for_good() {
    let probes = Probes::new("test", &Registry::default());
    let storage = probes.part("storage");
    storage.ready();
    probes.stopping();
    storage.ready();
    check(&probes, Some("stopping"));
    assert_eq!(probes.unhealthy_because(), None);
}

#[test]
fn gauges_follow() {
    let registry = Registry::default();
    let probes = Probes::new("test", &registry);
    let status = || {
        let text = String::from_utf8(registry.encode(Format::Text).unwrap()).unwrap();
        let values = text.lines().filter(|line| line.starts_with("thanos_status{"));
        values.map(|line| line.replace("thanos_status", "")).collect::<Vec<_>>().join(" ")
    };
    let line = |healthy, ready| {
        format!("{{check=\"healthy\",component=\"test\"}} {healthy} {{check=\"ready\",component=\"test\"}} {ready}")
    };
    assert_eq!(status(), line(1, 1));
    let storage = probes.part("storage");
    assert_eq!(status(), line(1, 0));
    storage.ready();
    assert_eq!(status(), line(1, 1));
    probes.unhealthy("poisoned");
    assert_eq!(status(), line(0, 1));
    assert_eq!(probes.unhealthy_because().as_deref(), Some("poisoned"));
}
