//! Placing by the remainder of the hash.

use super::{Endpoint, NoPlace, NodeId};

/// Endpoints in the order of their addresses.
#[derive(Debug)]
pub(super) struct Hashmod {
    nodes: Vec<NodeId>,
}

impl Hashmod {
    pub(super) fn new(mut endpoints: Vec<(NodeId, &Endpoint)>) -> Self {
        endpoints.sort_by(|left, right| left.1.address.cmp(&right.1.address));
        Self { nodes: endpoints.into_iter().map(|(node, _)| node).collect() }
    }

    pub(super) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }
}

/// The node of a replica: hash plus replica, modulo nodes.
pub(super) fn node(nodes: &[NodeId], hash: u64, replica: usize) -> Result<NodeId, NoPlace> {
    let too_few = || NoPlace::TooFewNodes { have: nodes.len(), want: replica.saturating_add(1) };
    if replica >= nodes.len() {
        return Err(too_few());
    }
    let place = hash.wrapping_add(replica as u64) % nodes.len() as u64;
    usize::try_from(place).ok().and_then(|place| nodes.get(place)).copied().ok_or_else(too_few)
}
