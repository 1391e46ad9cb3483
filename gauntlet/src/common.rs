//! What the sub-commands have in common: flags of the servers, of object storage, of tenants, and what becomes of them.

mod features;
mod heads;
mod http;
mod known;
mod memory;
mod objstore;
mod start;
mod tenants;
mod tls;
mod tsdb;

pub(crate) use features::query_features;
pub(crate) use heads::heads;
pub(crate) use http::{
    GrpcServerFlags, HttpFlags, InvalidDuration, QUERY_HANDLERS, go_duration, http_limits, optional_path,
};
pub(crate) use known::{COMMON, SERVERS};
pub(crate) use memory::{budget_bytes, write_budget};
pub(crate) use objstore::{InvalidObjstore, ObjstoreFlags, external_labels};
pub(crate) use start::{Base, GrpcConfig, StartError, fingerprinter};
pub(crate) use tenants::{InvalidTenants, Tenants, read_header};
pub(crate) use tls::{ClientFiles, InvalidTls, ServerFiles};
pub(crate) use tsdb::{InvalidTsdb, TsdbSettings, WalDurability, cores};
