//! Small damage by chance, from a seed: what stands for a fuzzer where there is none.

use testkit::Chance;

/// What lies at the edges of things.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];

/// Damages `input` in one to four places, with parts of `other` among them.
pub fn damage(chance: &mut Chance, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..1 + chance.below(4) {
        let at = chance.below(input.len() + 1);
        match chance.below(8) {
            0 | 1 if at < input.len() => input[at] ^= 1 << chance.below(8),
            2 if at < input.len() => input[at] = chance.next_u64() as u8,
            3 => input.truncate(at),
            4 => drop(input.drain(at..(at + 1 + chance.below(8)).min(input.len()))),
            5 => put_edge(chance, input, at),
            6 => {
                let from = chance.below(other.len() + 1);
                let part = &other[from..(from + chance.below(32)).min(other.len())];
                drop(input.splice(at..at, part.iter().copied()));
            }
            _ => {
                let part = input[at..(at + chance.below(16)).min(input.len())].to_vec();
                drop(input.splice(at..at, part));
            }
        }
    }
}

/// Writes an edge, big-endian or as varint, over what is there or before it.
fn put_edge(chance: &mut Chance, input: &mut Vec<u8>, at: usize) {
    let edge = EDGES[chance.below(EDGES.len())].wrapping_add(chance.below(3) as u64).wrapping_sub(1);
    let mut written = edge.to_be_bytes()[8 - (1 << chance.below(4))..].to_vec();
    if chance.below(2) == 0 {
        written.clear();
        tsdb::cursor::push_uvarint(&mut written, edge);
    }
    let over = if chance.below(2) == 0 { (at + written.len()).min(input.len()) } else { at };
    drop(input.splice(at..over, written));
}
