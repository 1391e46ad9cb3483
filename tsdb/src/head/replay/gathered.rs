//! Samples of a shard that wait, by blocks of lines.
//!
//! A log goes round: each series has one sample, then each has its next. Applied like that, a sample finds neither the line of
//! its series nor the end of its chunk in a cache once the head is larger than that. So samples are first put by those
//! for the same few series, as in a radix join, and a block that is full is applied series by series.

use super::split::Item;

/// A sample on its way to its series.
#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    value_bits: u64,
    /// From the block's base.
    delta_ms: u32,
    /// In the block.
    line: u16,
    /// It is told when its counter began.
    starts: bool,
}

/// A sample that comes out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub(super) timestamp_ms: i64,
    pub(super) value: f64,
    /// It is told when its counter began.
    pub(super) starts: bool,
}

/// What waits for a shard.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// A block is for so many lines that follow each other, as a power of two.
    lines_log2: u32,
    blocks: Vec<Block>,
    /// The samples of a block by line, as numbers, and where those of each line end.
    order: Vec<u16>,
    ends: Vec<u32>,
    /// Those of one line.
    samples: Vec<Sample>,
}

#[derive(Debug, Default)]
struct Block {
    base_ms: i64,
    /// How many wait.
    len: usize,
    /// Room for them: none, or [`BLOCK_SAMPLES`].
    waiting: Vec<Waiting>,
}

/// Lines of a block, as a power of two, while that makes few enough blocks: with the ends of their chunks they have room in a
/// processor's first cache.
const LINES_LOG2: u32 = 7;
/// The most lines of a block, as a power of two.
const MAX_LINES_LOG2: u32 = 16;
/// A block that is full has so many samples, in 16 KiB.
const BLOCK_SAMPLES: usize = 1024;
/// The most blocks of all shards, 32 MiB: a head with so many series takes several times as much.
const MAX_BLOCKS: usize = 2048;

impl Gathered {
    /// Whether there is a block for each of `lines` lines.
    #[inline]
    pub(super) fn reaches(&self, lines: u32) -> bool {
        (lines as usize).div_ceil(1 << self.lines_log2) <= self.blocks.len()
    }

    /// Makes blocks for `lines` lines of a shard that is one of `shards`. Nothing may wait if blocks are to have more lines.
    pub(super) fn reach(&mut self, lines: u32, shards: usize) {
        self.lines_log2 = lines_log2(lines, shards);
        self.blocks.resize_with((lines as usize).div_ceil(1 << self.lines_log2), Block::default);
    }

    /// Whether blocks of as many lines do for so many.
    pub(super) fn keeps_blocks(&self, lines: u32, shards: usize) -> bool {
        self.blocks.is_empty() || lines_log2(lines, shards) == self.lines_log2
    }

    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The block of a line.
    #[inline(always)]
    pub(super) fn block_of(&self, number: u32) -> usize {
        (number >> self.lines_log2) as usize
    }

    /// Has the first of `items` wait in `block`, as long as they belong there, are not too many and their times not too far
    /// apart. Items of which `sample_of` tells none are passed over. Says how many were taken; an empty block takes one.
    #[inline(always)]
    pub(super) fn push(
        &mut self,
        block: usize,
        items: &[Item],
        mut sample_of: impl FnMut(&Item) -> Option<Sample>,
    ) -> usize {
        let lines_log2 = self.lines_log2;
        let Some(Block { base_ms, len, waiting }) = self.blocks.get_mut(block) else { return items.len() };
        if waiting.is_empty() {
            waiting.resize(BLOCK_SAMPLES, Waiting::default());
        }
        // Beside the loop, so that it stays in a register.
        let mut at = *len;
        let belongs = |item: &&Item| (item.number >> lines_log2) as usize == block;
        let taken = items.iter().take_while(belongs).take_while(|item| {
            let Some(Sample { timestamp_ms, value, starts }) = sample_of(item) else { return true };
            if at == 0 {
                // So that it may be followed by earlier ones.
                *base_ms = timestamp_ms.saturating_sub(1 << 31);
            }
            let delta_ms = u32::try_from(timestamp_ms.wrapping_sub(*base_ms));
            let (Ok(delta_ms), Some(to)) = (delta_ms, waiting.get_mut(at)) else { return false };
            let line = (item.number & ((1 << lines_log2) - 1)) as u16;
            *to = Waiting { value_bits: value.to_bits(), delta_ms, line, starts };
            at += 1;
            true
        });
        let taken = taken.count();
        *len = at;
        taken
    }

    /// Empties a block: has `take` take each line that has samples in it, with these in the order in which they came.
    #[inline(always)]
    pub(super) fn empty(&mut self, block: usize, mut take: impl FnMut(u32, &[Sample])) {
        let Self { lines_log2, blocks, order, ends, samples } = self;
        let Some(Block { base_ms, len, waiting }) = blocks.get_mut(block) else { return };
        let waiting = waiting.get(..std::mem::take(len)).unwrap_or_default();
        if waiting.is_empty() {
            return;
        }
        ends.clear();
        ends.resize(1 << *lines_log2, 0);
        for sample in waiting {
            ends[usize::from(sample.line)] += 1;
        }
        let mut start = 0;
        for end in ends.iter_mut() {
            // For now each holds where its line begins.
            start += std::mem::replace(end, start);
        }
        order.resize(waiting.len(), 0);
        for (at, sample) in (0..).zip(waiting) {
            let end = &mut ends[usize::from(sample.line)];
            order[*end as usize] = at;
            *end += 1;
        }
        let (first, mut start) = ((block as u32) << *lines_log2, 0);
        for (number, &end) in (first..).zip(&*ends) {
            let order = order.get(start..end as usize).unwrap_or_default();
            start = end as usize;
            if order.is_empty() {
                continue;
            }
            samples.clear();
            samples.extend(order.iter().map(|&at| {
                let Waiting { value_bits, delta_ms, starts, .. } = waiting[usize::from(at)];
                let timestamp_ms = base_ms.wrapping_add(i64::from(delta_ms));
                Sample { timestamp_ms, value: f64::from_bits(value_bits), starts }
            }));
            take(number, samples);
        }
    }
}

/// How many lines a block has, as a power of two, in a shard of so many that is one of `shards`.
fn lines_log2(lines: u32, shards: usize) -> u32 {
    let most = (MAX_BLOCKS / shards.max(1)).max(1);
    let needed = (lines as usize).div_ceil(most).next_power_of_two().ilog2();
    needed.clamp(LINES_LOG2, MAX_LINES_LOG2)
}

#[cfg(test)]
mod tests;
