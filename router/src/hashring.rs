//! Which ingesters a series goes to: the hash rings of a receiver, bit for bit as Thanos places series.
//!
//! A file lists rings; the first that matches a tenant takes its series. A ring names, for the hash of a series
//! ([`model::ring_hash`]) and a replica counted from 0, one of its endpoints. Pure: bytes in, places out; reading the file
//! again is the business of whoever holds the [`Rings`].
//!
//! Source: `pkg/receive/{config,hashring}.go` of Thanos 0.42 and recordings of it.

mod config;
mod go_rand;
mod hashmod;
mod json;
mod ketama;
mod shuffle;
mod tenant_match;

pub use config::{Endpoint, FileError, RingConfig, ShardOverride, ShuffleConfig};
pub use go_rand::GoRand;
pub use shuffle::shard_seed;
pub use tenant_match::{BadPattern, TenantMatch};

use hashmod::Hashmod;
use ketama::Ketama;
use sha2::{Digest, Sha256};
use shuffle::ShuffleSharding;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How a ring places series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// Hash modulo endpoints: any change of the endpoints moves nearly all series.
    #[default]
    Hashmod,
    /// Consistent hashing with 1,000 sections an endpoint.
    Ketama,
}

impl Algorithm {
    /// The algorithm of that name. Every name but `ketama` stands for hashmod, as in Thanos.
    pub fn named(name: &str) -> Self {
        if name == "ketama" { Self::Ketama } else { Self::Hashmod }
    }
}

/// The number of a node in [`Rings::nodes`].
pub type NodeId = u32;

/// The rings of one file.
#[derive(Debug)]
pub struct Rings {
    rings: Vec<Entry>,
    nodes: Vec<Endpoint>,
    replication_factor: usize,
    config_hash: u64,
}

#[derive(Debug)]
struct Entry {
    config: RingConfig,
    ring: Ring,
}

#[derive(Debug)]
enum Ring {
    Hashmod(Hashmod),
    Ketama(Arc<Ketama>),
    Shuffle(ShuffleSharding),
}

/// The ring of one tenant.
#[derive(Debug)]
pub enum TenantRing<'a> {
    Hashmod(&'a [NodeId]),
    Ketama(Placement),
}

/// Where the series of a tenant are placed by ketama.
#[derive(Debug)]
pub struct Placement(Arc<Ketama>);

/// Why rings cannot be made of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("hashring {ring:?}: hashmod knows no availability zones: use ketama, or remove az")]
    HashmodZones { ring: String },
    #[error("hashring {ring:?}: hashmod knows no shuffle sharding: use ketama, or remove shuffle_sharding_config")]
    HashmodShuffle { ring: String },
    #[error("hashring {ring:?} has {endpoints} endpoints, the replication factor is {replication_factor}")]
    TooFewEndpoints { ring: String, endpoints: usize, replication_factor: usize },
    #[error(
        "hashring {ring:?}: {replication_factor} replicas cannot be spread over its zones, because the smallest has too few endpoints"
    )]
    UnevenZones { ring: String, replication_factor: usize },
    #[error("hashring {ring:?}: a shard of {shard_size} is larger than its {endpoints} endpoints")]
    ShardTooLarge { ring: String, shard_size: i64, endpoints: usize },
    #[error("two hashrings with shuffle sharding are named {ring:?}: their metrics could not be told apart")]
    SameName { ring: String },
    #[error("hashring {ring:?} lists {address} twice: one disk would count as two replicas")]
    SameAddress { ring: String, address: String },
    #[error("hashring {ring:?} has external_labels, which this receiver cannot give the blocks it stores")]
    ExternalLabels { ring: String },
    #[error("there are {nodes} endpoints, which is too many")]
    TooManyNodes { nodes: usize },
}

/// Why a series of a tenant has no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    #[error("no matching hashring to handle tenant {tenant:?}")]
    NoRing { tenant: String },
    #[error("tenant {tenant:?}: {source}")]
    Pattern { tenant: String, source: BadPattern },
    #[error("insufficient nodes; have {have}, want {want}")]
    TooFewNodes { have: usize, want: usize },
    #[error("shard size {shard_size} is larger than number of nodes in AZ {zone} ({nodes})")]
    ShardTooLarge { shard_size: i64, zone: String, nodes: usize },
    #[error("the shard of the tenant has {nodes} nodes, the replication factor is {replication_factor}")]
    ShardTooSmall { nodes: usize, replication_factor: usize },
    #[error("{replication_factor} replicas cannot be spread over the zones of the tenant's shard")]
    UnevenZones { replication_factor: usize },
}

impl Rings {
    /// Makes the rings of a hashring file, accepting what Thanos accepts. `algorithm` is that of rings that name none.
    ///
    /// # Errors
    /// A file that is malformed or empty, or rings that cannot be.
    pub fn parse(file: &[u8], algorithm: Algorithm, replication_factor: usize) -> Result<Self, RingError> {
        let configs = config::parse(file)?;
        let mut nodes = Nodes::default();
        let mut rings = Vec::with_capacity(configs.len());
        let mut sharded = BTreeSet::new();
        for config in configs {
            let ring = build(&config, algorithm, replication_factor, &mut nodes)?;
            if matches!(ring, Ring::Shuffle(_)) && !sharded.insert(config.name.clone()) {
                return Err(RingError::SameName { ring: config.name });
            }
            rings.push(Entry { config, ring });
        }
        Ok(Self { rings, nodes: nodes.endpoints, replication_factor, config_hash: config_hash(file) })
    }

    /// Checks what Thanos leaves to requests, so that a file under which writes would fail or be stored too few times is not
    /// taken. `stores` says whether this process is itself an ingester.
    ///
    /// # Errors
    /// The first ring with fewer endpoints than replicas, with an address twice, or with labels nobody would apply.
    pub fn validate(self, stores: bool) -> Result<Self, RingError> {
        for Entry { config, .. } in &self.rings {
            let (ring, replication_factor) = (config.name.clone(), self.replication_factor);
            let mut addresses = BTreeSet::new();
            if let Some(twice) = config.endpoints.iter().find(|endpoint| !addresses.insert(&endpoint.address)) {
                return Err(RingError::SameAddress { ring, address: twice.address.clone() });
            }
            if addresses.len() < replication_factor {
                return Err(RingError::TooFewEndpoints { ring, endpoints: addresses.len(), replication_factor });
            }
            if stores && !config.external_labels.is_empty() {
                return Err(RingError::ExternalLabels { ring });
            }
        }
        Ok(self)
    }

    /// The ring of `tenant`.
    ///
    /// # Errors
    /// No ring is for it, or its shard cannot be made.
    pub fn of_tenant(&self, tenant: &str) -> Result<TenantRing<'_>, NoPlace> {
        for Entry { config, ring } in &self.rings {
            let matches = config.takes(tenant);
            let matches = matches.map_err(|source| NoPlace::Pattern { tenant: tenant.to_owned(), source })?;
            if matches {
                return Ok(match ring {
                    Ring::Hashmod(ring) => TenantRing::Hashmod(ring.nodes()),
                    Ring::Ketama(ring) => TenantRing::Ketama(Placement(Arc::clone(ring))),
                    Ring::Shuffle(ring) => TenantRing::Ketama(Placement(ring.of_tenant(tenant)?)),
                });
            }
        }
        Err(NoPlace::NoRing { tenant: tenant.to_owned() })
    }

    /// All endpoints, each once.
    pub fn nodes(&self) -> &[Endpoint] {
        &self.nodes
    }

    /// The rings as they are configured, in order.
    pub fn configs(&self) -> impl Iterator<Item = &RingConfig> {
        self.rings.iter().map(|entry| &entry.config)
    }

    /// How many replicas each series has.
    pub fn replication_factor(&self) -> usize {
        self.replication_factor
    }

    /// What `thanos_receive_config_hash` shows: the first 48 bits of the file's SHA-256, little-endian.
    pub fn config_hash(&self) -> u64 {
        self.config_hash
    }
}

impl TenantRing<'_> {
    /// The node of replica `replica` (from 0) of a series.
    ///
    /// # Errors
    /// The ring has fewer nodes.
    pub fn node(&self, hash: u64, replica: usize) -> Result<NodeId, NoPlace> {
        match self {
            Self::Hashmod(nodes) => hashmod::node(nodes, hash, replica),
            Self::Ketama(Placement(ring)) => ring.node(hash, replica),
        }
    }

    /// Appends the nodes of the first `replicas` replicas of a series to `out`.
    ///
    /// # Errors
    /// The ring has fewer nodes.
    pub fn nodes(&self, hash: u64, replicas: usize, out: &mut Vec<NodeId>) -> Result<(), NoPlace> {
        match self {
            Self::Hashmod(nodes) => {
                for replica in 0..replicas {
                    out.push(hashmod::node(nodes, hash, replica)?);
                }
            }
            Self::Ketama(Placement(ring)) => out.extend_from_slice(ring.nodes(hash, replicas)?),
        }
        Ok(())
    }

    /// The sections of a ketama ring in order: hash and replicas; none for hashmod.
    pub fn sections(&self) -> impl Iterator<Item = (u64, &[NodeId])> {
        let ring = match self {
            Self::Hashmod(_) => None,
            Self::Ketama(Placement(ring)) => Some(ring),
        };
        ring.into_iter().flat_map(|ring| ring.sections())
    }
}

/// Endpoints by address, each once.
#[derive(Debug, Default)]
struct Nodes {
    endpoints: Vec<Endpoint>,
    by_address: HashMap<String, NodeId>,
}

impl Nodes {
    /// The number of `endpoint`, a new one if its address is.
    fn number(&mut self, endpoint: &Endpoint) -> Result<NodeId, RingError> {
        if let Some(number) = self.by_address.get(&endpoint.address) {
            return Ok(*number);
        }
        let nodes = self.endpoints.len();
        let number = NodeId::try_from(nodes).map_err(|_| RingError::TooManyNodes { nodes })?;
        self.endpoints.push(endpoint.clone());
        self.by_address.insert(endpoint.address.clone(), number);
        Ok(number)
    }
}

fn build(
    config: &RingConfig,
    default: Algorithm,
    replication_factor: usize,
    nodes: &mut Nodes,
) -> Result<Ring, RingError> {
    let ring = || config.name.clone();
    let numbered: Vec<(NodeId, &Endpoint)> = (config.endpoints.iter())
        .map(|endpoint| Ok((nodes.number(endpoint)?, endpoint)))
        .collect::<Result<_, RingError>>()?;
    let shard_size = config.shuffle.shard_size;
    match if config.algorithm.is_empty() { default } else { Algorithm::named(&config.algorithm) } {
        Algorithm::Hashmod if config.endpoints.iter().any(|endpoint| !endpoint.zone.is_empty()) => {
            Err(RingError::HashmodZones { ring: ring() })
        }
        Algorithm::Hashmod if shard_size > 0 => Err(RingError::HashmodShuffle { ring: ring() }),
        Algorithm::Hashmod => Ok(Ring::Hashmod(Hashmod::new(numbered))),
        Algorithm::Ketama => {
            let endpoints = numbered.len();
            let whole = Ketama::build(&numbered, replication_factor).map_err(|error| match error {
                ketama::CannotBuild::TooFew => {
                    RingError::TooFewEndpoints { ring: ring(), endpoints, replication_factor }
                }
                ketama::CannotBuild::UnevenZones => RingError::UnevenZones { ring: ring(), replication_factor },
            })?;
            if shard_size <= 0 {
                return Ok(Ring::Ketama(Arc::new(whole)));
            }
            if usize::try_from(shard_size).is_ok_and(|size| size > endpoints) {
                return Err(RingError::ShardTooLarge { ring: ring(), shard_size, endpoints });
            }
            Ok(Ring::Shuffle(ShuffleSharding::new(&numbered, config.shuffle.clone(), replication_factor)))
        }
    }
}

fn config_hash(file: &[u8]) -> u64 {
    let digest = Sha256::digest(file);
    digest.iter().take(6).rev().fold(0, |hash, byte| hash << 8 | u64::from(*byte))
}
