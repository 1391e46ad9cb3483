use super::{Config, Flags};
use clap::Parser;
use model::Labels;
use std::ffi::OsString;
use std::time::Duration;
use tsdb::wal::{Compression, Durability};

#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    flags: Flags,
}

fn read(args: &[&str]) -> Result<Config, String> {
    let args = std::iter::once("alone").chain(args.iter().copied()).map(OsString::from);
    let line = flags::parse::<Alone>(args).map_err(|exit| exit.text)?;
    Config::read(line.flags.flags, line.values).map_err(|err| err.to_string())
}

#[track_caller]
fn check_refused(args: &[&str], want: &str) {
    match read(args) {
        Ok(_) => panic!("{args:?} were taken"),
        Err(text) => assert_eq!(text, want, "{args:?}"),
    }
}

#[test]
fn defaults_are_those_that_are_documented() {
    let config = read(&[]).unwrap();
    assert_eq!(config.http_address, "127.0.0.1:10902");
    assert!(config.cors);
    assert_eq!(config.http.grace, Duration::from_secs(120));
    assert_eq!(config.ingester.dir.to_str(), Some("./data/receive"));
    assert_eq!(config.ingester.default_tenant.as_str(), "default-tenant");
    assert_eq!(config.ingester.tenant_label, b"tenant_id");
    assert_eq!(config.ingester.external_labels, Labels::from_pairs([("replica", "standalone")]).unwrap());
    assert_eq!(config.ingester.max_ahead, Duration::from_secs(600));
    assert_eq!(config.ingester.free_space_floor_bytes, 512 << 20);
    assert_eq!(config.ingester.db.block_range_ms, 2 * 3_600_000);
    assert_eq!(config.ingester.db.retention_ms, Some(15 * 24 * 3_600_000));
    assert_eq!(config.ingester.db.log.durability, Durability::Synced);
    assert_eq!(config.ingester.db.log.compression, Compression::Snappy);
    assert_eq!(config.query.timeout, Duration::from_secs(120));
    assert_eq!(config.query.lookback, Duration::from_secs(300));
    assert_eq!((config.query.max_concurrent, config.query.max_samples), (20, 50_000_000));
    assert_eq!(config.flags.get("tsdb.retention").map(String::as_str), Some("15d"));
}

#[test]
fn flags_reach_their_parts() {
    let config = read(&[
        "--data-dir=/d",
        "--tsdb.min-block-duration=1h",
        "--tsdb.max-block-duration=60m",
        "--tsdb.retention=0d",
        "--tsdb.wal-durability=write",
        "--no-tsdb.wal-compression",
        "--tsdb.too-far-in-future.time-window=1m",
        "--tsdb.free-space-floor=0",
        "--receive.max-series=7",
        "--receive.tenant-header=X-Org",
        "--receive.default-tenant-id=me",
        "--receive.tenant-label-name=org",
        "--query.timeout=1h",
        "--query.lookback-delta=1.5m",
        "--query.max-memory=3GB",
        "--query.max-memory-per-query=2GB",
        "--query.default-step=15s",
        "--http-grace-period=5s",
        "--web.disable-cors",
    ])
    .unwrap();
    assert_eq!(config.ingester.dir.to_str(), Some("/d/receive"));
    assert_eq!((config.ingester.db.block_range_ms, config.ingester.db.retention_ms), (3_600_000, None));
    assert_eq!(config.ingester.db.log.durability, Durability::Written);
    assert_eq!(config.ingester.db.log.compression, Compression::None);
    assert_eq!(config.ingester.max_ahead, Duration::from_secs(60));
    assert_eq!((config.ingester.free_space_floor_bytes, config.ingester.max_series), (0, 7));
    assert_eq!(config.ingester.tenant_label, b"org");
    assert_eq!((config.router.tenant_header.as_str(), config.router.default_tenant.as_str()), ("x-org", "me"));
    assert_eq!(config.ingester.default_tenant.as_str(), "me");
    assert_eq!((config.query.memory_bytes, config.query.query_memory_bytes), (3 << 30, 2 << 30));
    assert_eq!((config.query.lookback, config.query.default_step), (Duration::from_secs(90), Duration::from_secs(15)));
    assert_eq!(config.http.grace, Duration::from_secs(5));
    assert!(config.http.idle_time > config.query.timeout, "a connection outlives the longest query");
    assert!(!config.cors);
    assert_eq!(config.flags.get("tsdb.wal-compression").map(String::as_str), Some("false"));
}

#[test]
fn a_window_of_0_does_not_look_ahead() {
    let config = read(&["--tsdb.too-far-in-future.time-window=0s"]).unwrap();
    assert_eq!(config.ingester.max_ahead, Duration::MAX);
}

#[test]
fn contradictions_are_refused_by_name() {
    check_refused(
        &["--tsdb.max-block-duration=1d"],
        "--tsdb.max-block-duration is 1d and --tsdb.min-block-duration 2h: blocks are not merged into longer ones in this \
         version, leave the former out",
    );
    check_refused(&["--tsdb.min-block-duration=1s"], "--tsdb.min-block-duration is 1s, at least 1m is needed");
    check_refused(
        &["--tsdb.retention=1h"],
        "--tsdb.retention is 1h, shorter than one block of 2h: it would remove blocks as they are cut",
    );
    check_refused(&["--receive.tenant-header=a b"], "--receive.tenant-header is \"a b\", which is no name of a header");
    check_refused(
        &["--receive.default-tenant-id=.."],
        "--receive.default-tenant-id: tenant name \"..\" is a relative path",
    );
    check_refused(
        &["--receive.tenant-label-name=replica"],
        "--receive.tenant-label-name is \"replica\"; another name than those of external labels is needed, and not an empty one",
    );
    check_refused(
        &["--query.lookback-delta=-5m"],
        "--query.lookback-delta: a duration below zero has no meaning here: -5m0s",
    );
    check_refused(&["--query.timeout=0s"], "--query.timeout must be longer than 0");
    check_refused(
        &["--query.max-memory=1MB"],
        "--query.max-memory-per-query is 1GiB, more than the 1MiB that --query.max-memory allows all of them",
    );
}
