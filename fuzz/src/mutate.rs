//! Small damage by chance, from a seed: what stands for a fuzzer where there is none.

/// Numbers by chance (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

/// What lies at the edges of things.
const EDGES: [u64; 12] =
    [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];

impl Chance {
    /// The same numbers for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next_u64() % end.max(1) as u64) as usize
    }

    /// Damages `input` in one to four places, with parts of `other` among them.
    pub fn damage(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..1 + self.below(4) {
            let at = self.below(input.len() + 1);
            match self.below(8) {
                0 | 1 if at < input.len() => input[at] ^= 1 << self.below(8),
                2 if at < input.len() => input[at] = self.next_u64() as u8,
                3 => input.truncate(at),
                4 => drop(input.drain(at..(at + 1 + self.below(8)).min(input.len()))),
                5 => self.put_edge(input, at),
                6 => {
                    let from = self.below(other.len() + 1);
                    let part = &other[from..(from + self.below(32)).min(other.len())];
                    drop(input.splice(at..at, part.iter().copied()));
                }
                _ => {
                    let part = input[at..(at + self.below(16)).min(input.len())].to_vec();
                    drop(input.splice(at..at, part));
                }
            }
        }
    }

    /// Writes an edge, big-endian or as varint, over what is there or before it.
    fn put_edge(&mut self, input: &mut Vec<u8>, at: usize) {
        let edge = EDGES[self.below(EDGES.len())].wrapping_add(self.below(3) as u64).wrapping_sub(1);
        let mut written = edge.to_be_bytes()[8 - (1 << self.below(4))..].to_vec();
        if self.below(2) == 0 {
            written.clear();
            tsdb::cursor::push_uvarint(&mut written, edge);
        }
        let over = if self.below(2) == 0 { (at + written.len()).min(input.len()) } else { at };
        drop(input.splice(at..over, written));
    }
}
