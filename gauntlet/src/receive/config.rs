//! What was accepted, checked.

use super::flags::{Flags, RingFlags, WriteFlags};
use crate::common::{
    ClientFiles, GrpcConfig, InvalidDuration, InvalidObjstore, InvalidTenants, InvalidTls, InvalidTsdb, ServerFiles,
    Tenants, TsdbSettings, external_labels, read_header,
};
use crate::known::NotYet;
use flags::InvalidContent;
use model::Labels;
use router::hashring::Algorithm;
use router::{ForwardForm, ForwardOptions};
use service::{ClientOptions, Compression, HttpLimits, TenantLabel, TlsServerConfig};
use std::path::PathBuf;
use std::time::Duration;
use storeapi::SeriesLimits;

#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) http_address: String,
    pub(crate) http: HttpLimits,
    pub(crate) write_address: String,
    pub(crate) write_tls: Option<TlsServerConfig>,
    pub(crate) grpc: GrpcConfig,
    pub(crate) tenants: TenantLabel,
    /// Whose requests are.
    pub(crate) whose: Tenants,
    pub(crate) router: router::Config,
    pub(crate) role: Role,
    /// What one request for series may take.
    pub(crate) limits: SeriesLimits,
}

/// What the process does with series, decided as Thanos does: with a hash ring it routes, and without a place in the ring it
/// does nothing else.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    Router(Ring),
    Ingester(Box<Storage>),
    RouterIngester { ring: Ring, local: String, storage: Box<Storage> },
}

/// Where series are stored.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    pub(crate) ingester: ingester::Config,
    pub(crate) bucket: Option<bucket::Config>,
}

/// Who stores which series.
#[derive(Debug, Clone)]
pub(crate) struct Ring {
    pub(crate) source: RingSource,
    pub(crate) forward: ForwardOptions,
    pub(crate) client: ClientOptions,
}

/// Where the ring is told.
#[derive(Debug, Clone)]
pub(crate) enum RingSource {
    File { path: PathBuf, refresh_interval: Duration },
    Text(String),
}

/// Why flags that were read cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidConfig {
    #[error(transparent)]
    NotYet(#[from] NotYet),
    #[error(
        "no external labels configured for receive, uniquely identifying external labels must be configured: give \
         --label='replica=\"<name>\"'"
    )]
    NoLabels,
    #[error("--label: {0}")]
    Labels(#[from] model::InvalidLabels),
    #[error("--receive.replication-factor must be at least 1")]
    NoReplicas,
    #[error(transparent)]
    Tenants(#[from] InvalidTenants),
    #[error(transparent)]
    Tsdb(#[from] InvalidTsdb),
    #[error(transparent)]
    Objstore(#[from] InvalidObjstore),
    #[error(transparent)]
    Duration(#[from] InvalidDuration),
    #[error(transparent)]
    Tls(#[from] InvalidTls),
    #[error("--{0}")]
    Content(#[from] InvalidContent),
}

impl Config {
    /// Checks `flags`.
    ///
    /// # Errors
    /// Flags that contradict each other, or that this version does not honour.
    pub(crate) fn read(flags: Flags) -> Result<Self, InvalidConfig> {
        flags.known.check()?;
        flags.known.tell();
        let write = &flags.write;
        let tenants = Tenants::read(
            ("receive.tenant-header", &write.tenant_header),
            ("receive.default-tenant-id", &write.default_tenant),
        )?;
        let role = role(&flags, &tenants)?;
        let router = router::Config {
            tenant_header: tenants.header.clone(),
            default_tenant: tenants.default.clone(),
            replica_header: read_header("receive.replica-header", &write.replica_header)?,
            takes_replicas: matches!(role, Role::RouterIngester { .. }),
            replication_factor: usize::try_from(flags.ring.replication_factor).unwrap_or(usize::MAX),
            ..router::Config::default()
        };
        let grpc = GrpcConfig { limits: flags.grpc.limits()?, tls: flags.grpc.tls()?, address: flags.grpc.address };
        Ok(Self {
            http: flags.http.limits(Duration::ZERO),
            http_address: flags.http.address,
            write_tls: write_tls(write)?,
            limits: SeriesLimits { series: write.store_series, samples: write.store_samples },
            write_address: flags.write.address,
            grpc,
            tenants: tenants.label(),
            whose: tenants,
            router,
            role,
        })
    }
}

fn role(flags: &Flags, tenants: &Tenants) -> Result<Role, InvalidConfig> {
    let labels = external_labels(&flags.tsdb.labels)?;
    if labels.as_ref().is_empty() {
        return Err(InvalidConfig::NoLabels);
    }
    let storage = || -> Result<_, InvalidConfig> {
        let ingester = ingester_config(flags, tenants, labels)?;
        Ok(Box::new(Storage { ingester, bucket: flags.objstore.read()? }))
    };
    Ok(
        match (ring(&flags.ring, &flags.write)?, flags.ring.local_endpoint.as_deref().filter(|local| !local.is_empty()))
        {
            (None, _) => Role::Ingester(storage()?),
            (Some(ring), None) => Role::Router(ring),
            (Some(ring), Some(local)) => Role::RouterIngester { ring, local: local.to_owned(), storage: storage()? },
        },
    )
}

fn ring(flags: &RingFlags, write: &WriteFlags) -> Result<Option<Ring>, InvalidConfig> {
    let inline = flags.text.as_deref().filter(|text| !text.is_empty());
    let source = match (flags.file.as_ref().filter(|path| !path.as_os_str().is_empty()), inline) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(InvalidContent::Both { flag: "receive.hashrings" }.into()),
        (Some(path), None) => {
            RingSource::File { path: path.clone(), refresh_interval: flags.refresh_interval.as_std() }
        }
        (None, Some(text)) => RingSource::Text(text.to_owned()),
    };
    if flags.replication_factor == 0 {
        return Err(InvalidConfig::NoReplicas);
    }
    let label = &write.split_tenant_label;
    let forward = ForwardOptions {
        replication_factor: usize::try_from(flags.replication_factor).unwrap_or(usize::MAX),
        algorithm: Algorithm::named(&flags.algorithm),
        split_tenant_label: (!label.is_empty()).then(|| label.clone()),
        timeout: flags.timeout.as_std(),
        max_backoff: flags.max_backoff.as_std(),
        workers: (flags.workers as usize).max(1),
        form: if flags.format == "head" { ForwardForm::Tuples } else { ForwardForm::Tenant },
        ..ForwardOptions::default()
    };
    let RingFlags { tls, skip_verify, cert, key, ca, server_name, .. } = flags;
    let tls = ClientFiles { secure: *tls, skip_verify: *skip_verify, cert, key, ca, server_name }.read();
    let compression = if flags.compression == "snappy" { Compression::Snappy } else { Compression::None };
    Ok(Some(Ring { source, forward, client: ClientOptions { compression, tls, ..ClientOptions::default() } }))
}

fn write_tls(flags: &WriteFlags) -> Result<Option<TlsServerConfig>, InvalidTls> {
    let WriteFlags { cert, key, client_ca, min_version, .. } = flags;
    ServerFiles { prefix: "remote-write.server-tls", cert, key, client_ca, min_version: *min_version }.read()
}

fn ingester_config(flags: &Flags, tenants: &Tenants, labels: Labels) -> Result<ingester::Config, InvalidTsdb> {
    let tsdb = &flags.tsdb;
    TsdbSettings {
        dir: tsdb.path.clone(),
        block: tsdb.min_block_duration,
        max_block: tsdb.max_block_duration,
        retention: tsdb.retention,
        max_ahead: tsdb.max_ahead,
        late_window: tsdb.late_window,
        late_cap: tsdb.late_cap,
        snapshot_at_end: tsdb.snapshot_at_end,
        snapshot_interval: tsdb.snapshot_interval,
        durability: tsdb.durability,
        wal_compression: tsdb.wal_compression,
        free_space_floor: tsdb.free_space_floor,
        max_series: tsdb.max_series,
        max_exemplars: tsdb.max_exemplars,
        external_labels: labels,
        tenant_label: flags.write.tenant_label.clone(),
        default_tenant: tenants.default.clone(),
    }
    .config()
}

#[cfg(test)]
mod tests;
