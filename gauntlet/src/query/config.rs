//! What was accepted, checked.

use super::flags::{EndpointFlags, Flags};
use crate::common::{ClientFiles, GrpcConfig, InvalidDuration, InvalidTenants, InvalidTls, Tenants, go_duration};
use crate::known::NotYet;
use query::{Querier, Tenancy};
use service::{ClientOptions, Compression, HttpLimits, TenantLabel};
use std::collections::BTreeMap;
use std::time::Duration;
use storeapi::grpc::RemoteOptions;
use storeapi::{DedupFunc, EndpointAddress, EndpointsConfig, InvalidEndpoint};

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) http_address: String,
    pub(crate) http: HttpLimits,
    pub(crate) cors: bool,
    pub(crate) grpc: GrpcConfig,
    pub(crate) tenants: TenantLabel,
    pub(crate) endpoints: EndpointsConfig,
    pub(crate) client: ClientOptions,
    pub(crate) query: query::Config,
    pub(crate) querier: Querier,
    /// As typed, for `/api/v1/status/flags`.
    pub(crate) flags: BTreeMap<String, String>,
}

/// Why flags that were read cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidConfig {
    #[error(transparent)]
    NotYet(#[from] NotYet),
    #[error("--query.max-memory-per-query is {one}, more than the {all} that --query.max-memory allows all of them")]
    QueryMemory { one: flags::ByteSize, all: flags::ByteSize },
    #[error(transparent)]
    Query(#[from] query::InvalidConfig),
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    #[error(transparent)]
    Tenants(#[from] InvalidTenants),
    #[error(transparent)]
    Duration(#[from] InvalidDuration),
    #[error(transparent)]
    Tls(#[from] InvalidTls),
}

impl Config {
    /// Checks `flags`; `values` are the same as typed.
    ///
    /// # Errors
    /// Flags that contradict each other, or that this version does not honour.
    pub(crate) fn read(flags: Flags, values: Vec<(String, String)>) -> Result<Self, InvalidConfig> {
        flags.known.check()?;
        flags.known.tell();
        let tenants = Tenants::read(
            ("query.tenant-header", &flags.tenancy.header),
            ("query.default-tenant-id", &flags.tenancy.default_tenant),
        )?;
        let query = query_config(&flags)?;
        let grpc =
            GrpcConfig { limits: flags.grpc.limits()?, tls: flags.grpc.tls()?, address: flags.grpc.address.clone() };
        let querier = querier(&flags, &tenants)?;
        Ok(Self {
            http: flags.http.limits(query.timeout),
            http_address: flags.http.address,
            cors: !flags.disable_cors,
            grpc,
            tenants: tenants.label(),
            client: client(&flags.endpoints),
            endpoints: endpoints(&flags.endpoints)?,
            query,
            querier,
            flags: values.into_iter().collect(),
        })
    }
}

fn query_config(flags: &Flags) -> Result<query::Config, InvalidConfig> {
    let of = &flags.query;
    if of.memory_per_query > of.memory {
        return Err(InvalidConfig::QueryMemory { one: of.memory_per_query, all: of.memory });
    }
    let bytes = |size: flags::ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
    let defaults = query::Config::default();
    let lookback = of.lookback.map(|lookback| go_duration("query.lookback-delta", lookback)).transpose()?;
    let config = query::Config {
        // Thanos takes 0 for its default, too.
        lookback: lookback.filter(|lookback| !lookback.is_zero()).unwrap_or(defaults.lookback),
        timeout: of.timeout.as_std(),
        max_concurrent: of.max_concurrent,
        max_samples: of.max_samples,
        memory_bytes: bytes(of.memory),
        query_memory_bytes: bytes(of.memory_per_query),
        default_step: of.default_step.as_std(),
        features: crate::common::query_features(&of.features),
    };
    Ok(config.check()?)
}

fn querier(flags: &Flags, tenants: &Tenants) -> Result<Querier, query::InvalidConfig> {
    let of = &flags.query;
    let querier = Querier {
        replica_labels: of.replica_labels.clone(),
        dedup_func: if of.dedup == "chain" { DedupFunc::Chain } else { DedupFunc::Penalty },
        partial_response: of.partial_response,
        auto_downsampling: of.auto_downsampling,
        tenancy: Tenancy {
            header: tenants.header.to_string(),
            default_tenant: Some(tenants.default.clone()),
            label: flags.tenancy.label.clone(),
            enforce: flags.tenancy.enforce,
        },
    };
    querier.check()
}

fn endpoints(flags: &EndpointFlags) -> Result<EndpointsConfig, InvalidEndpoint> {
    let usual = flags.endpoints.iter().map(|address| EndpointAddress::parse(address));
    let strict = flags.strict.iter().map(|address| EndpointAddress::parse_strict(address));
    let addresses = usual.chain(strict).collect::<Result<Vec<_>, _>>()?;
    let info_timeout = flags.info_timeout.as_std();
    Ok(EndpointsConfig {
        dns_interval: flags.dns_interval.as_std(),
        info_timeout: if info_timeout.is_zero() { DEFAULT_INFO_TIMEOUT } else { info_timeout },
        unhealthy_timeout: flags.unhealthy_timeout.as_std(),
        remote: RemoteOptions { frame_timeout: flags.response_timeout.as_std(), ..RemoteOptions::default() },
        ..EndpointsConfig::new(addresses)
    })
}

/// How endpoints are spoken with.
fn client(flags: &EndpointFlags) -> ClientOptions {
    let EndpointFlags { tls, skip_verify, cert, key, ca, server_name, .. } = flags;
    let tls = ClientFiles { secure: *tls, skip_verify: *skip_verify, cert, key, ca, server_name }.read();
    let compression = if flags.compression == "snappy" { Compression::Snappy } else { Compression::None };
    ClientOptions { compression, tls, ..ClientOptions::default() }
}

/// An endpoint cannot be polled without a pause.
const DEFAULT_INFO_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
