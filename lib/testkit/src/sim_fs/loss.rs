//! What a crash leaves of steps that were not made durable.

use super::Loss;
use super::tree::{DirNode, FileNode, NameChange, Node, NodeId, Tree, Write};
use std::collections::BTreeMap;

const SECTOR_BYTES: usize = 512;

/// Answers drawn from a seed and the name of the question: the order of questions does not matter.
#[derive(Debug, Clone, Copy)]
struct Dice(u64);

impl Tree {
    /// The tree a new process finds: all of it durable.
    pub(super) fn after_crash(&self, loss: Loss) -> Tree {
        let mut after = Tree { nodes: Vec::new(), ..Tree::default() };
        self.copy(0, loss, &mut after);
        after
    }

    /// Copies what is left of `node` and of all below it; returns its place in `after`.
    fn copy(&self, node: NodeId, loss: Loss, after: &mut Tree) -> NodeId {
        let id = after.nodes.len();
        match &self.nodes[node] {
            Node::File(file) => {
                let content = file.after_crash(node, loss);
                let (live, durable) = (content.clone(), content);
                after.nodes.push(Node::File(FileNode { live, durable, unsynced: Vec::new() }));
            }
            Node::Dir(dir) => {
                after.nodes.push(Node::Dir(DirNode::default()));
                let names = dir.after_crash(self.changes, loss);
                let names = names.into_iter().map(|(name, child)| (name, self.copy(child, loss, after)));
                let live: BTreeMap<_, _> = names.collect();
                after.nodes[id] = Node::Dir(DirNode { durable: live.clone(), live, unsynced: Vec::new() });
            }
        }
        id
    }
}

impl DirNode {
    fn after_crash(&self, changes: u64, loss: Loss) -> BTreeMap<String, NodeId> {
        let kept = |change: &&NameChange| match loss {
            Loss::All => false,
            Loss::Torn(seed) => change.number <= Dice(seed).roll(NAMES, changes + 1),
            Loss::Reordered(seed) => Dice(seed).roll(NAMES + change.number, 2) == 1,
        };
        let mut names = self.durable.clone();
        for change in self.unsynced.iter().filter(kept) {
            change.apply(&mut names);
        }
        names
    }
}

/// Keeps questions about names apart from questions about files.
const NAMES: u64 = 1 << 32;

impl FileNode {
    fn after_crash(&self, node: NodeId, loss: Loss) -> Vec<u8> {
        let mut content = self.durable.clone();
        match loss {
            Loss::All => {}
            Loss::Torn(seed) => self.tear(Dice(seed ^ (node as u64) << 20), &mut content),
            Loss::Reordered(seed) => self.scatter(Dice(seed ^ (node as u64) << 20), &mut content),
        }
        content
    }

    /// Applies a run of writes, the last of them in part.
    fn tear(&self, dice: Dice, content: &mut Vec<u8>) {
        let keep = dice.roll(0, self.unsynced.len() as u64 + 1) as usize;
        for write in &self.unsynced[..keep] {
            write.apply(content);
        }
        if let Some(Write::Bytes { offset, bytes }) = self.unsynced.get(keep) {
            let mut end = dice.roll(1, bytes.len() as u64 + 1) as usize;
            if dice.roll(2, 2) == 1 {
                // The end of a sector of the file, not of the write.
                end = ((offset + end) / SECTOR_BYTES * SECTOR_BYTES).saturating_sub(*offset);
            }
            Write::Bytes { offset: *offset, bytes: bytes[..end].to_vec() }.apply(content);
        }
    }

    /// Applies each sector of each write, or not; what was not written reads as zeros.
    fn scatter(&self, dice: Dice, content: &mut Vec<u8>) {
        let mut question = 0;
        let mut kept = || {
            question += 1;
            dice.roll(question, 2) == 1
        };
        for write in &self.unsynced {
            let Write::Bytes { offset, bytes } = write else {
                if kept() {
                    write.apply(content);
                }
                continue;
            };
            let mut at = 0;
            while at < bytes.len() {
                let sector_end = ((offset + at) / SECTOR_BYTES + 1) * SECTOR_BYTES - offset;
                let end = sector_end.min(bytes.len());
                if kept() {
                    Write::Bytes { offset: offset + at, bytes: bytes[at..end].to_vec() }.apply(content);
                }
                at = end;
            }
        }
    }
}

impl Dice {
    /// A number below `sides` (which is not 0).
    fn roll(self, question: u64, sides: u64) -> u64 {
        // SplitMix64.
        let mut x = self.0.wrapping_add(question.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides
    }
}
