use super::*;
use clap::Parser;
use std::ffi::OsString;

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

#[test]
fn flags_reach_the_querier() {
    let config = read(&[
        "--endpoint=a:10901",
        "--store=b:10901",
        "--endpoint=dns+c:10901",
        "--endpoint-strict=d:10901",
        "--query.replica-label=replica",
        "--query.replica-label=rule_replica",
        "--deduplication.func=chain",
        "--no-query.partial-response",
        "--query.auto-downsampling",
        "--store.response-timeout=3s",
        "--grpc-compression=snappy",
        "--query.enforce-tenancy",
        "--query.tenant-header=X-Org",
    ]);
    let config = config.unwrap();
    assert_eq!(config.endpoints.addresses.len(), 4);
    assert_eq!(config.endpoints.remote.frame_timeout, Duration::from_secs(3));
    assert_eq!(config.client.compression, Compression::Snappy);
    assert_eq!(config.querier.replica_labels, ["replica", "rule_replica"]);
    assert_eq!(config.querier.dedup_func, DedupFunc::Chain);
    assert!(!config.querier.partial_response && config.querier.auto_downsampling && config.querier.tenancy.enforce);
    assert_eq!(config.querier.tenancy.header, "x-org");
    assert_eq!(config.query.lookback, Duration::from_secs(300));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let check = |args: &[&str], want: &str| match read(args) {
        Ok(_) => panic!("{args:?} were taken"),
        Err(text) => assert!(text.contains(want), "{args:?}: {text}"),
    };
    check(&["--query.mode=distributed"], "--query.mode=distributed is a flag of Thanos");
    check(&["--endpoint=dns+a"], "dns+a");
    check(&["--endpoint-strict=dns+a:1"], "cannot be looked up");
    check(&["--query.max-memory=1GB", "--query.max-memory-per-query=2GB"], "--query.max-memory-per-query is 2");
}
