use super::*;
use clap::Parser;
use std::ffi::OsString;

#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    flags: Flags,
}

const BUCKET: &str = "--objstore.config=type: FILESYSTEM\nconfig:\n  directory: /bucket\n";

fn read(args: &[&str]) -> Result<Config, String> {
    let args = std::iter::once("alone").chain(args.iter().copied()).map(OsString::from);
    let line = flags::parse::<Alone>(args).map_err(|exit| exit.text)?;
    Config::read(line.flags.flags).map_err(|err| err.to_string())
}

#[test]
fn flags_reach_the_store() {
    let config = read(&[
        BUCKET,
        "--data-dir=/cache",
        "--min-time=-6w",
        "--max-time=2026-01-01T00:00:00Z",
        "--sync-block-duration=1m",
        "--consistency-delay=30m",
        "--chunk-pool-size=1MB",
        "--store.grpc.touched-series-limit=7",
        "--store.limits.request-samples=9",
        "--index-cache-size=1GB",
    ]);
    let store = config.unwrap().store;
    assert_eq!(store.dir.to_str(), Some("/cache"));
    assert_eq!(store.within.min, TimeBound::FromNow(-6 * 7 * 86_400_000));
    assert_eq!(store.within.max, TimeBound::At(1_767_225_600_000));
    assert_eq!(store.sync_interval, Duration::from_secs(60));
    assert_eq!(store.fetch.consistency_delay, Duration::from_secs(1800));
    assert_eq!((store.memory.total_bytes, store.memory.request_bytes), (1 << 20, 1 << 19));
    assert_eq!((store.limits.series, store.limits.samples, store.limits.downloaded_bytes), (Some(7), Some(9), None));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let check = |args: &[&str], want: &str| match read(args) {
        Ok(_) => panic!("{args:?} were taken"),
        Err(text) => assert!(text.contains(want), "{args:?}: {text}"),
    };
    check(&[], "--objstore.config-file");
    check(&[BUCKET, "--selector.relabel-config=x"], "--selector.relabel-config");
    check(&[BUCKET, "--block-sync-concurrency=0"], "--block-sync-concurrency must be at least 1");
    check(&[BUCKET, "--min-time=2026-01-02T00:00:00Z", "--max-time=2026-01-01T00:00:00Z"], "--min-time is later");
}
