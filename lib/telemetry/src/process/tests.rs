use super::{Stat, octets, register_process};
use crate::{Format, Registry};

#[test]
fn a_program_name_may_hold_brackets() {
    let fields: Vec<String> = (3..=52).map(|field| field.to_string()).collect();
    let text = format!("17 (a) b) {}\n", fields.join(" "));
    let want = Stat { start_ticks: 22.0, virtual_bytes: 23.0, resident_pages: 24.0 };
    assert_eq!(Stat::parse(&text), Some(want));
    assert_eq!(Stat::parse("17 (a) S 1 2"), None);
}

#[test]
fn octets_are_found_by_name() {
    let text = "TcpExt: InOctets OutOctets\nTcpExt: 1 2\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 30 40\n";
    assert_eq!(octets(text), Some((30.0, 40.0)));
    assert_eq!(octets("IpExt: InOctets\n"), None);
}

#[test]
fn this_process_looks_alive() {
    let registry = Registry::default();
    register_process(&registry);
    let text = String::from_utf8(registry.encode(Format::Text).unwrap()).unwrap();
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("{name} in\n{text}")).split(' ').nth(1).unwrap().parse().unwrap()
    };
    assert!(value("process_cpu_seconds_total") > 0.0);
    assert!(value("process_resident_memory_bytes") > 1e5);
    assert!(value("gauntlet_process_anonymous_memory_bytes") < value("process_resident_memory_bytes"));
    assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
    assert!(value("process_open_fds") >= 3.0 && value("process_open_fds") < value("process_max_fds"));
    let now: f64 = value("process_start_time_seconds");
    #[allow(clippy::cast_precision_loss, reason = "a time of day")]
    let wall = model::Clock::now_ms(&model::SystemClock) as f64 / 1e3;
    assert!((wall - now).abs() < 3600.0, "started at {now}, it is {wall}");
}
