//! Shuffle sharding: each tenant gets some of the endpoints, and a ring of its own over them.

use super::ketama::{CannotBuild, Ketama, Section, sections};
use super::{Endpoint, GoRand, NoPlace, NodeId, ShuffleConfig};
use md5::{Digest, Md5};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The endpoints of a ring, to be dealt to tenants.
#[derive(Debug)]
pub(super) struct ShuffleSharding {
    /// Each address once, in the order of the file.
    endpoints: Vec<(NodeId, Endpoint)>,
    zones: Vec<Zone>,
    config: ShuffleConfig,
    replication_factor: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Zone {
    name: String,
    /// Places in `endpoints`.
    members: Vec<usize>,
    /// Their sections; a section's endpoint is a place in `members`.
    sections: Vec<Section>,
}

/// The rings of tenants that were asked for last.
#[derive(Debug, Default)]
struct Kept {
    rings: HashMap<String, (Arc<Ketama>, u64)>,
    /// Rises with each question.
    asked: u64,
}

/// What the generator for a tenant and a zone starts from: the first eight bytes of an MD5, big-endian.
pub fn shard_seed(tenant: &str, zone: &str) -> i64 {
    let mut hash = Md5::new();
    hash.update(tenant.as_bytes());
    if !zone.is_empty() {
        hash.update([0]);
        hash.update(zone.as_bytes());
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |seed, byte| seed << 8 | i64::from(*byte))
}

impl ShuffleSharding {
    pub(super) fn new(numbered: &[(NodeId, &Endpoint)], config: ShuffleConfig, replication_factor: usize) -> Self {
        let mut seen = BTreeSet::new();
        let once = numbered.iter().filter(|(node, _)| seen.insert(*node));
        let endpoints: Vec<_> = once.map(|(node, endpoint)| (*node, Endpoint::clone(endpoint))).collect();
        let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (place, (_, endpoint)) in endpoints.iter().enumerate() {
            let zone = if config.zone_awareness_disabled { "" } else { endpoint.zone.as_str() };
            members.entry(zone).or_default().push(place);
        }
        let zone = |(name, members): (&str, Vec<usize>)| {
            let of_zone = members.iter().filter_map(|place| endpoints.get(*place));
            let of_zone: Vec<_> = of_zone.map(|(node, endpoint)| (*node, endpoint)).collect();
            Zone { name: name.to_owned(), sections: sections(&of_zone), members }
        };
        let zones = members.into_iter().map(zone).collect();
        Self { endpoints, zones, config, replication_factor, kept: Mutex::default() }
    }

    /// The ring of `tenant`, made if it is not kept.
    pub(super) fn of_tenant(&self, tenant: &str) -> Result<Arc<Ketama>, NoPlace> {
        if let Some(ring) = self.kept.lock().get(tenant) {
            return Ok(ring);
        }
        let picked: Vec<_> = self.pick(tenant)?.into_iter().filter_map(|place| self.endpoints.get(place)).collect();
        let picked: Vec<_> = picked.into_iter().map(|(node, endpoint)| (*node, endpoint)).collect();
        let replication_factor = self.replication_factor;
        let ring = Ketama::build(&picked, replication_factor).map_err(|error| match error {
            CannotBuild::TooFew => NoPlace::ShardTooSmall { nodes: picked.len(), replication_factor },
            CannotBuild::UnevenZones => NoPlace::UnevenZones { replication_factor },
        })?;
        let ring = Arc::new(ring);
        self.kept.lock().insert(tenant, Arc::clone(&ring), self.config.kept());
        Ok(ring)
    }

    /// The places of the endpoints that `tenant` gets, in the order of the file.
    fn pick(&self, tenant: &str) -> Result<BTreeSet<usize>, NoPlace> {
        let shard_size = self.config.size_for(tenant);
        let wanted = usize::try_from(shard_size).unwrap_or(0);
        let take = if self.config.zone_awareness_disabled { wanted } else { wanted.div_ceil(self.zones.len().max(1)) };
        let mut picked = BTreeSet::new();
        for zone in &self.zones {
            let nodes = zone.members.len();
            if take > nodes {
                return Err(NoPlace::ShardTooLarge { shard_size, zone: zone.name.clone(), nodes });
            }
            let members = zone.pick(take, GoRand::new(shard_seed(tenant, &zone.name)));
            picked.extend(members.into_iter().filter_map(|member| zone.members.get(member)));
        }
        Ok(picked)
    }
}

impl Zone {
    /// `take` of its members, by drawing points on its ring and walking on to a member that is not picked yet.
    fn pick(&self, take: usize, mut random: GoRand) -> BTreeSet<usize> {
        let mut picked = BTreeSet::new();
        for _ in 0..take {
            let point = random.next_u64();
            let start = self.sections.partition_point(|section| section.hash < point);
            let (before, behind) = self.sections.split_at(start);
            let mut walk = behind.iter().chain(before).map(|section| section.endpoint);
            picked.extend(walk.find(|member| !picked.contains(member)));
        }
        picked
    }
}

impl Kept {
    fn get(&mut self, tenant: &str) -> Option<Arc<Ketama>> {
        self.asked += 1;
        let (ring, asked) = self.rings.get_mut(tenant)?;
        *asked = self.asked;
        Some(Arc::clone(ring))
    }

    /// Keeps a ring and forgets whoever was not asked for longest, so that at most `room` are kept.
    fn insert(&mut self, tenant: &str, ring: Arc<Ketama>, room: usize) {
        while self.rings.len() >= room.max(1) {
            let Some(oldest) = self.rings.iter().min_by_key(|(_, (_, asked))| *asked) else { break };
            let oldest = oldest.0.clone();
            self.rings.remove(&oldest);
        }
        self.rings.insert(tenant.to_owned(), (ring, self.asked));
    }
}
