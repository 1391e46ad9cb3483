//! The hashring file.

use super::json::{Json, Unexpected};
use super::tenant_match::{BadPattern, TenantMatch};
use std::collections::BTreeMap;

/// One ring of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RingConfig {
    /// For metrics and errors; may be empty.
    pub name: String,
    /// Whose series it takes; empty: everybody's.
    pub tenants: Vec<String>,
    pub tenant_match: TenantMatch,
    pub endpoints: Vec<Endpoint>,
    /// By name; empty: the one that holds for all.
    pub algorithm: String,
    /// What an ingester of this ring adds to the labels of its tenants' blocks.
    pub external_labels: BTreeMap<String, String>,
    pub shuffle: ShuffleConfig,
}

/// Where an ingester is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// By gRPC. What the ring hashes.
    pub address: String,
    /// By Cap'n Proto.
    pub capnproto_address: String,
    /// The availability zone; empty if there are none.
    pub zone: String,
}

/// How many of the endpoints a tenant gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShuffleConfig {
    /// 0 and less: all of them.
    pub shard_size: i64,
    /// How many rings of tenants are kept; 0 and less: [`ShuffleConfig::DEFAULT_CACHE_SIZE`].
    pub cache_size: i64,
    pub zone_awareness_disabled: bool,
    /// The first that matches holds.
    pub overrides: Vec<ShardOverride>,
}

/// Another size for some tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardOverride {
    pub shard_size: i64,
    pub tenants: Vec<String>,
    pub tenant_match: TenantMatch,
}

/// Why a hashring file is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    #[error("the hashring file is not JSON: {0}")]
    NotJson(String),
    #[error("the hashring file lists no hashring")]
    Empty,
    #[error("the hashring file: {place}: {found} instead of {wanted}")]
    WrongType { place: String, found: &'static str, wanted: &'static str },
    #[error("the hashring file: hashring {ring}: endpoint {endpoint} has no address")]
    NoAddress { ring: usize, endpoint: usize },
}

/// The port of Cap'n Proto where none is given.
const CAPNPROTO_PORT: &str = "19391";

impl RingConfig {
    /// Whether the series of `tenant` go to this ring, if they went to none before it.
    pub(super) fn takes(&self, tenant: &str) -> Result<bool, BadPattern> {
        if self.tenants.is_empty() {
            return Ok(true);
        }
        self.tenant_match.any(&self.tenants, tenant)
    }
}

impl ShuffleConfig {
    /// How many rings of tenants are kept where the file does not say.
    pub const DEFAULT_CACHE_SIZE: usize = 100;
    /// More are never kept, whatever the file says: a ring of a tenant is some ten KiB for each endpoint.
    const MAX_CACHE_SIZE: usize = 10_000;

    /// How many rings of tenants to keep.
    pub(super) fn kept(&self) -> usize {
        let size = usize::try_from(self.cache_size).unwrap_or(0);
        if size == 0 { Self::DEFAULT_CACHE_SIZE } else { size.min(Self::MAX_CACHE_SIZE) }
    }

    /// The size of the shard of `tenant`. A pattern that is malformed matches nobody.
    pub(super) fn size_for(&self, tenant: &str) -> i64 {
        let special = self.overrides.iter().find(|special| {
            let matches = |listed| special.tenant_match.any(std::slice::from_ref(listed), tenant).unwrap_or(false);
            special.tenant_match != TenantMatch::Unset && special.tenants.iter().any(matches)
        });
        special.map_or(self.shard_size, |special| special.shard_size)
    }
}

/// Reads a hashring file.
pub(super) fn parse(file: &[u8]) -> Result<Vec<RingConfig>, FileError> {
    let json: Json = serde_json::from_slice(file).map_err(|error| FileError::NotJson(error.to_string()))?;
    let rings = json.elements().map_err(|fault| fault.at("the file"))?;
    if rings.is_empty() {
        return Err(FileError::Empty);
    }
    rings.iter().enumerate().map(|(number, ring)| one_ring(number, ring)).collect()
}

fn one_ring(number: usize, ring: &Json) -> Result<RingConfig, FileError> {
    let fault = |name: &'static str| move |fault: Unexpected| fault.at(&format!("hashring {number}, {name}"));
    let member = |name: &'static str| ring.member(name).map_err(fault(name));
    let string = |name| member(name)?.string().map_err(fault(name));
    let mut external_labels = BTreeMap::new();
    for (name, value) in member("external_labels")?.members().map_err(fault("external_labels"))? {
        external_labels.insert(name.clone(), value.string().map_err(fault("external_labels"))?);
    }
    let endpoints = member("endpoints")?.elements().map_err(fault("endpoints"))?;
    Ok(RingConfig {
        name: string("hashring")?,
        tenants: strings(member("tenants")?).map_err(fault("tenants"))?,
        tenant_match: TenantMatch::named(&string("tenant_matcher_type")?),
        endpoints: (endpoints.iter().enumerate())
            .map(|(endpoint, json)| {
                let found = one_endpoint(json).map_err(fault("endpoints"))?;
                found.ok_or(FileError::NoAddress { ring: number, endpoint })
            })
            .collect::<Result<_, _>>()?,
        algorithm: string("algorithm")?,
        external_labels,
        shuffle: shuffle(member("shuffle_sharding_config")?).map_err(fault("shuffle_sharding_config"))?,
    })
}

/// An address, or an object with one. `None`: it is empty.
fn one_endpoint(json: &Json) -> Result<Option<Endpoint>, Unexpected> {
    let mut endpoint = match json {
        Json::String(address) => {
            Endpoint { address: address.clone(), capnproto_address: String::new(), zone: String::new() }
        }
        object => Endpoint {
            address: object.member("address")?.string()?,
            capnproto_address: object.member("capnproto_address")?.string()?,
            zone: object.member("az")?.string()?,
        },
    };
    if endpoint.capnproto_address.is_empty() {
        let host = endpoint.address.split(':').next().unwrap_or_default();
        endpoint.capnproto_address = format!("{host}:{CAPNPROTO_PORT}");
    }
    Ok(Some(endpoint).filter(|endpoint| !endpoint.address.is_empty()))
}

fn shuffle(json: &Json) -> Result<ShuffleConfig, Unexpected> {
    let overrides = json.member("overrides")?.elements()?.iter().map(|special| {
        Ok(ShardOverride {
            shard_size: special.member("shard_size")?.integer()?,
            tenants: strings(special.member("tenants")?)?,
            tenant_match: TenantMatch::named(&special.member("tenant_matcher_type")?.string()?),
        })
    });
    Ok(ShuffleConfig {
        shard_size: json.member("shard_size")?.integer()?,
        cache_size: json.member("cache_size")?.integer()?,
        zone_awareness_disabled: json.member("zone_awareness_disabled")?.bool()?,
        overrides: overrides.collect::<Result<_, _>>()?,
    })
}

fn strings(json: &Json) -> Result<Vec<String>, Unexpected> {
    json.elements()?.iter().map(Json::string).collect()
}

impl Unexpected {
    fn at(self, place: &str) -> FileError {
        FileError::WrongType { place: place.to_owned(), found: self.found, wanted: self.wanted }
    }
}
