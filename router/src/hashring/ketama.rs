//! Consistent hashing: each endpoint owns 1,000 sections of the circle of hashes.

use super::{Endpoint, NoPlace, NodeId};
use std::collections::BTreeMap;
use std::fmt::Write;
use xxhash_rust::xxh64::xxh64;

/// Sections an endpoint owns.
const SECTIONS: usize = 1000;

/// A ring whose sections know their replicas in advance.
#[derive(Debug)]
pub(super) struct Ketama {
    /// The ends of the sections, inside, rising.
    hashes: Vec<u64>,
    /// So many for each section, in its order.
    replicas: Vec<NodeId>,
    replication_factor: usize,
    endpoints: usize,
}

/// Why there is no such ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CannotBuild {
    /// Fewer endpoints than replicas.
    TooFew,
    /// The zones cannot take turns: where Thanos would look for a replica for ever.
    UnevenZones,
}

/// A section while the ring is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section {
    pub(super) hash: u64,
    /// Which endpoint owns it.
    pub(super) endpoint: usize,
}

/// The sections of `endpoints`, in the order of their hashes.
pub(super) fn sections(endpoints: &[(NodeId, &Endpoint)]) -> Vec<Section> {
    let mut sections = Vec::with_capacity(endpoints.len() * SECTIONS);
    let mut name = String::new();
    for (endpoint, (_, Endpoint { address, .. })) in endpoints.iter().enumerate() {
        for number in 1..=SECTIONS {
            name.clear();
            // Writing to a string does not fail.
            let _ = write!(name, "{address}:{number}");
            sections.push(Section { hash: xxh64(name.as_bytes(), 0), endpoint });
        }
    }
    sections.sort_by_key(|section| section.hash);
    sections
}

impl Ketama {
    pub(super) fn build(endpoints: &[(NodeId, &Endpoint)], replication_factor: usize) -> Result<Self, CannotBuild> {
        if endpoints.len() < replication_factor {
            return Err(CannotBuild::TooFew);
        }
        let sections = sections(endpoints);
        let (zones, zone_count) = zones(endpoints);
        let mut replicas = Vec::with_capacity(sections.len() * replication_factor);
        let mut spread = Spread { zones: &zones, of_zone: vec![0; zone_count], chosen: Vec::new() };
        for start in 0..sections.len() {
            spread.choose(&sections, start, replication_factor)?;
            replicas.extend(spread.chosen.iter().filter_map(|chosen| endpoints.get(*chosen)).map(|(node, _)| *node));
        }
        let hashes = sections.iter().map(|section| section.hash).collect();
        Ok(Self { hashes, replicas, replication_factor, endpoints: endpoints.len() })
    }

    /// The nodes of the first `count` replicas.
    #[inline]
    pub(super) fn nodes(&self, hash: u64, count: usize) -> Result<&[NodeId], NoPlace> {
        let section = self.hashes.partition_point(|end| *end < hash);
        let section = if section == self.hashes.len() { 0 } else { section };
        let start = section * self.replication_factor;
        let nodes = self.replicas.get(start..start + count).filter(|_| count <= self.replication_factor);
        nodes.ok_or(NoPlace::TooFewNodes { have: self.endpoints.min(self.replication_factor), want: count })
    }

    pub(super) fn node(&self, hash: u64, replica: usize) -> Result<NodeId, NoPlace> {
        let want = replica.saturating_add(1);
        let last = self.nodes(hash, want)?.last().copied();
        last.ok_or(NoPlace::TooFewNodes { have: self.endpoints, want })
    }

    /// The sections in order: hash and replicas.
    pub(super) fn sections(&self) -> impl Iterator<Item = (u64, &[NodeId])> {
        // A factor of 0 has no replicas to show.
        self.hashes.iter().copied().zip(self.replicas.chunks_exact(self.replication_factor.max(1)))
    }
}

/// The number of each endpoint's zone, and how many zones there are.
fn zones(endpoints: &[(NodeId, &Endpoint)]) -> (Vec<usize>, usize) {
    let mut numbers = BTreeMap::new();
    let mut zones = Vec::with_capacity(endpoints.len());
    for (_, endpoint) in endpoints {
        let next = numbers.len();
        zones.push(*numbers.entry(endpoint.zone.as_str()).or_insert(next));
    }
    (zones, numbers.len())
}

/// Chooses the replicas of one section after another.
struct Spread<'a> {
    /// The zone of each endpoint.
    zones: &'a [usize],
    /// How many replicas each zone has.
    of_zone: Vec<usize>,
    chosen: Vec<usize>,
}

impl Spread<'_> {
    /// Walks the ring from `start` and takes each endpoint once, leaving out those whose zone is ahead of another.
    fn choose(&mut self, sections: &[Section], start: usize, replicas: usize) -> Result<(), CannotBuild> {
        self.chosen.clear();
        self.of_zone.fill(0);
        let (mut at, mut fruitless) = (start, 0);
        while self.chosen.len() < replicas {
            let Some(section) = sections.get(at) else { return Err(CannotBuild::TooFew) };
            at = if at + 1 == sections.len() { 0 } else { at + 1 };
            if self.take(section.endpoint) {
                fruitless = 0;
            } else {
                fruitless += 1;
                // Once round without a choice: the next round would be the same.
                if fruitless > sections.len() {
                    return Err(CannotBuild::UnevenZones);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, endpoint: usize) -> bool {
        if self.chosen.contains(&endpoint) {
            return false;
        }
        let least = self.of_zone.iter().min().copied().unwrap_or(0);
        let Some(own) = self.zones.get(endpoint).and_then(|zone| self.of_zone.get_mut(*zone)) else { return false };
        // A zone alone is never ahead of another.
        if *own > least {
            return false;
        }
        *own += 1;
        self.chosen.push(endpoint);
        true
    }
}
