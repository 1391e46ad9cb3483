//! Samples of a shard that wait, a few for each line.
//!
//! A log goes round: each series has one sample, then each has its next. Applied like that, a sample finds neither the line of
//! its series nor the end of its chunk in a cache once the head is larger than that. So samples wait until there are some
//! for a line, and one visit takes them all.
//!
//! The first samples of some lines that follow each other lie together, then their second ones, as the log has them: so what
//! is put there is written as it is read, and what is taken from there has room in a processor's first cache.

use super::split::{Float, Sample};

/// What waits for a shard.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// How many samples of a line may wait.
    room: usize,
    /// By line: how many do.
    lens: Vec<u8>,
    /// By line, the first sample in the lowest bit: of which it is told when their counters began.
    starts: Vec<u16>,
    /// By block of lines: by turn, then by line, as many turns as any of them had samples. There is room for all: what is not used
    /// is never written.
    blocks: Vec<Vec<Sample>>,
    taken: Taken,
}

/// What waited for a line, in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Taken {
    samples: [Sample; MAX_ROOM],
    len: usize,
    starts: u16,
}

/// The most samples of a line that wait.
const MAX_ROOM: usize = 16;
/// Lines of a block: their samples have room in 32 KiB.
const BLOCK_LINES: usize = 128;
/// How many samples of all shards may wait, 32 MiB, before it is fewer for each line: a head with so many series takes
/// several times as much.
const MAX_WAITING: usize = 2 << 20;

impl Gathered {
    /// How many lines there are.
    #[inline]
    pub(super) fn lines(&self) -> u32 {
        self.lens.len() as u32
    }

    /// Has room for `lines` lines, or more, of a shard that is one of `shards`. Nothing may wait if there is to be less for
    /// each: see [`Gathered::keeps_room`].
    pub(super) fn reach(&mut self, lines: u32, shards: usize) {
        let blocks = (lines as usize).div_ceil(BLOCK_LINES);
        if !self.keeps_room(lines, shards) {
            self.blocks.clear();
        }
        self.room = room(lines, shards);
        self.lens.resize(blocks * BLOCK_LINES, 0);
        self.starts.resize(blocks * BLOCK_LINES, 0);
        self.blocks.resize_with(blocks, Vec::new);
    }

    /// Whether each of so many lines has as much room as each has now.
    pub(super) fn keeps_room(&self, lines: u32, shards: usize) -> bool {
        self.lens.is_empty() || room(lines, shards) == self.room
    }

    /// Has samples wait for their lines, which are some of those reached, up to the first whose line has no room. Says how
    /// many. On its own, for what it needs has room in registers then.
    #[inline(never)]
    pub(super) fn push(&mut self, floats: &[Float]) -> usize {
        floats.iter().take_while(|float| self.push_one(float)).count()
    }

    #[inline(always)]
    fn push_one(&mut self, float: &Float) -> bool {
        let Float { sample, number, starts } = *float;
        let (block, line) = place(number);
        let (Some(len), Some(block)) = (self.lens.get_mut(number as usize), self.blocks.get_mut(block)) else {
            return false;
        };
        let turn = usize::from(*len);
        if turn >= self.room {
            return false;
        }
        let at = turn * BLOCK_LINES + line;
        if at >= block.len() {
            begin_turn(block, self.room);
        }
        let Some(to) = block.get_mut(at) else { return false };
        *to = sample;
        *len += 1;
        if starts {
            self.starts[number as usize] |= 1 << turn;
        }
        true
    }

    /// Takes what waits for a line.
    #[inline(always)]
    pub(super) fn take(&mut self, number: u32) -> &Taken {
        let Self { lens, starts, blocks, taken, .. } = self;
        taken.len = lens.get_mut(number as usize).map_or(0, |len| usize::from(std::mem::take(len)));
        if taken.len > 0 {
            taken.starts = std::mem::take(&mut starts[number as usize]);
            let (block, line) = place(number);
            let turns = blocks.get(block).and_then(|block| block.get(line..)).unwrap_or_default();
            for (to, from) in taken.samples.iter_mut().zip(turns.iter().step_by(BLOCK_LINES)).take(taken.len) {
                *to = *from;
            }
        }
        taken
    }
}

impl Taken {
    pub(super) fn samples(&self) -> &[Sample] {
        self.samples.get(..self.len).unwrap_or_default()
    }

    /// Of how many samples from `at` on, `len` of them, it is told when their counters began.
    pub(super) fn starts(&self, at: usize, len: usize) -> u64 {
        let these = u32::from(self.starts) >> at & ((1 << len) - 1);
        u64::from(these.count_ones())
    }
}

/// Begins the next turn of a block of lines with so much room each.
#[cold]
fn begin_turn(block: &mut Vec<Sample>, room: usize) {
    block.reserve_exact(BLOCK_LINES * room - block.len());
    block.resize(block.len() + BLOCK_LINES, Sample::default());
}

/// The block of a line, and which of its lines it is.
#[inline(always)]
fn place(number: u32) -> (usize, usize) {
    (number as usize / BLOCK_LINES, number as usize % BLOCK_LINES)
}

/// How many samples of a line may wait, a power of two, in a shard of so many that is one of `shards`.
fn room(lines: u32, shards: usize) -> usize {
    let most = MAX_WAITING / shards.max(1) / (lines as usize).max(1);
    1 << most.clamp(1, MAX_ROOM).ilog2()
}

#[cfg(test)]
mod tests;
