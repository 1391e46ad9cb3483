use super::*;
use clap::Parser;
use std::ffi::OsString;

#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    flags: Flags,
}

fn read(args: &[&str]) -> Result<Config, String> {
    let args = ["alone", "--label=replica=\"a\""].into_iter().chain(args.iter().copied()).map(OsString::from);
    let line = flags::parse::<Alone>(args).map_err(|exit| exit.text)?;
    Config::read(line.flags.flags).map_err(|err| err.to_string())
}

#[track_caller]
fn check_refused(args: &[&str], want: &str) {
    match read(args) {
        Ok(_) => panic!("{args:?} were taken"),
        Err(text) => assert!(text.contains(want), "{args:?}: {text}"),
    }
}

const RING: &str = "--receive.hashrings=[{\"endpoints\":[\"a:1\"]}]";

#[test]
fn a_ring_and_a_place_in_it_decide_the_role() {
    assert!(matches!(read(&[]).unwrap().role, Role::Ingester(_)));
    assert!(matches!(read(&["--receive.local-endpoint=a:1"]).unwrap().role, Role::Ingester(_)));
    assert!(matches!(read(&[RING]).unwrap().role, Role::Router(_)));
    let both = read(&[RING, "--receive.local-endpoint=a:1"]).unwrap();
    assert!(matches!(&both.role, Role::RouterIngester { local, .. } if local == "a:1"), "{both:?}");
    assert!(both.router.takes_replicas);
}

#[test]
fn flags_reach_the_forwarder() {
    let config = read(&[
        RING,
        "--receive.replication-factor=3",
        "--receive.hashrings-algorithm=ketama",
        "--receive.grpc-compression=none",
        "--receive-forward-timeout=9s",
        "--receive.forward.async-workers=7",
        "--receive.split-tenant-label-name=team",
        "--receive.forward.format=head",
        "--remote-write.client-tls-secure",
        "--remote-write.client-tls-ca=/ca",
    ]);
    let Role::Router(ring) = config.unwrap().role else { panic!("no router") };
    assert_eq!((ring.forward.replication_factor, ring.forward.workers), (3, 7));
    assert_eq!(ring.forward.timeout, Duration::from_secs(9));
    assert_eq!(ring.forward.split_tenant_label.as_deref(), Some("team"));
    assert_eq!(ring.forward.form, ForwardForm::Tuples);
    assert_eq!(ring.client.compression, Compression::None);
    assert_eq!(ring.client.tls.unwrap().ca, Some("/ca".into()));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    check_refused(&["--receive.relabel-config=[]"], "--receive.relabel-config=[] is a flag of Thanos");
    check_refused(&[RING, "--receive.hashrings-file=/x"], "both receive.hashrings-file and receive.hashrings");
    check_refused(&[RING, "--receive.replication-factor=0"], "--receive.replication-factor must be at least 1");
    check_refused(&["--grpc-server-tls-cert=/x"], "--grpc-server-tls-cert and --grpc-server-tls-key");
    check_refused(&["--grpc-server-tls-min-version=1.1"], "not secure");
    check_refused(&["--objstore.config=type: NOPE"], "--objstore.config");
    check_refused(&["--tsdb.retention=1h"], "--tsdb.retention is 1h");
    let none: [OsString; 1] = ["alone".into()];
    let flags = flags::parse::<Alone>(none).unwrap().flags.flags;
    assert!(matches!(Config::read(flags), Err(InvalidConfig::NoLabels)));
}

#[test]
fn late_samples_are_taken_within_a_window() {
    let taken = |args: &[&str]| match read(args).unwrap().role {
        Role::Ingester(storage) => (storage.ingester.db.out_of_order.window_ms, storage.ingester.db.out_of_order.cap),
        role => panic!("{role:?}"),
    };
    assert_eq!(taken(&[]), (0, 32));
    let window = "--tsdb.out-of-order.time-window=30m";
    assert_eq!(taken(&[window]), (1_800_000, 32));
    assert_eq!(taken(&[window, "--tsdb.out-of-order.cap-max=-7"]), (1_800_000, 32));
    assert_eq!(taken(&[window, "--tsdb.out-of-order.cap-max=255"]), (1_800_000, 255));
    check_refused(&["--tsdb.out-of-order.cap-max=256"], "--tsdb.out-of-order.cap-max is 256, at most 255");
    check_refused(&["--tsdb.out-of-order.cap-max=4294967297"], "--tsdb.out-of-order.cap-max is 4294967297");
}
