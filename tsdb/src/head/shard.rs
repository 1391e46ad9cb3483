//! A part of the head: the series whose fingerprints fall into it, as plain data behind one lock.

mod full_chunks;
mod histograms;
mod open_chunk;
mod restore;

use super::arena::Arena;
use super::dictionary::PairId;
use super::hot_line::{HotLine, NO_LINE, table_hash};
use super::late::Late;
use super::layouts::Layouts;
use super::metadata::Metadata;
use super::postings::Postings;
use super::slab::{Slab, Slot, Use};
use crate::append::RefusedBecause;
use crate::prefetch::{prefetch, prefetch_bytes};
use full_chunks::Kept;
use hashbrown::HashTable;
use histograms::Histograms;
use model::{Fingerprint, SeriesRef, TimeRange};
use open_chunk::{LIKELY_FULL_BITS, WORD_BYTES};

pub(super) use full_chunks::EncodedChunk;
pub(super) use histograms::{NewestHistogram, is_same};
pub(super) use restore::{RestoredHistograms, state_at};

/// Series of a head, by line number.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) lines: Arena<HotLine>,
    pub(super) cold: Arena<Cold>,
    /// Line numbers by fingerprint; only those of live lines.
    table: HashTable<u32>,
    slab: Slab,
    pub(super) postings: Postings,
    pub(super) late: Late,
    /// Lines that a new series may take.
    free: Vec<u32>,
    /// Lines that fell free in an epoch which readers may still be in.
    dying: Vec<(u32, Vec<u32>)>,
    /// Full chunks that the files did not take.
    kept: Vec<Option<Kept>>,
    free_kept: Vec<u32>,
    pub(super) metadata: Metadata,
    histograms: Histograms,
    /// The line that was found last: the next batch likely begins with its successor.
    pub(super) newest: u32,
    scratch: Vec<u8>,
}

/// What is known of a series beyond its hot line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cold {
    labels: Slot,
    chunks: Slot,
    label_count: u32,
    /// The size of the list of full chunks.
    chunk_bytes: u32,
}

/// What samples are held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Samples before this are out of bounds.
    pub(super) floor_ms: i64,
    /// Samples after this are too far ahead.
    pub(super) max_ms: i64,
    /// Chunks end at multiples of this.
    pub(super) chunk_range_ms: i64,
}

impl Rules {
    /// Whether a sample of that time is taken at all, whatever its series holds.
    #[inline(always)]
    pub(super) fn bound(&self, timestamp_ms: i64) -> Result<(), RefusedBecause> {
        if timestamp_ms > self.max_ms {
            return Err(RefusedBecause::TooFarInFuture);
        }
        if timestamp_ms < self.floor_ms {
            return Err(RefusedBecause::OutOfBounds);
        }
        Ok(())
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self {
            lines: Arena::default(),
            cold: Arena::default(),
            table: HashTable::new(),
            slab: Slab::default(),
            postings: Postings::default(),
            late: Late::default(),
            free: Vec::new(),
            dying: Vec::new(),
            kept: Vec::new(),
            free_kept: Vec::new(),
            metadata: Metadata::default(),
            histograms: Histograms::default(),
            newest: NO_LINE,
            scratch: Vec::new(),
        }
    }
}

impl Shard {
    /// The line of a series.
    #[inline]
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Option<u32> {
        let is_it = |&number: &u32| self.lines[number].is(fingerprint);
        self.table.find(table_hash(fingerprint), is_it).copied()
    }

    /// The line that likely is that of a series: one in a hundred guesses is wrong. Looks at no line.
    #[inline]
    pub(super) fn guess(&self, fingerprint: Fingerprint) -> Option<u32> {
        self.table.find(table_hash(fingerprint), |_| true).copied()
    }

    /// Asks for the memory of a line, if there is such a line.
    #[inline]
    pub(super) fn prefetch(&self, number: u32) {
        if number < self.lines.len() {
            prefetch(&self.lines[number]);
        }
    }

    /// Asks for the end of a series' open chunk, if the next sample likely writes to it.
    #[inline]
    pub(super) fn prefetch_chunk(&self, number: u32) {
        let line = &self.lines[number];
        if line.pending_bits() >= LIKELY_FULL_BITS && line.words > 0 {
            let bytes = self.slab.bytes(line.slot, usize::from(line.words) * WORD_BYTES);
            bytes.last().into_iter().for_each(prefetch);
        }
    }

    /// Asks for what says where the rest of a series is.
    #[inline]
    pub(super) fn prefetch_series(&self, number: u32) {
        prefetch(&self.lines[number]);
        prefetch(&self.cold[number]);
    }

    /// Asks for the labels of a series, of which the rest should be at hand.
    #[inline]
    pub(super) fn prefetch_pairs(&self, number: u32) {
        let cold = &self.cold[number];
        if cold.label_count > 0 {
            let bytes = self.slab.bytes(cold.labels, cold.label_count as usize * size_of::<PairId>());
            bytes.first().into_iter().chain(bytes.last()).for_each(prefetch);
        }
    }

    /// Asks for the list of full chunks of a series, and for its open chunk.
    #[inline]
    pub(super) fn prefetch_chunks(&self, number: u32) {
        self.chunk_list(number).first().into_iter().for_each(prefetch);
        let line = &self.lines[number];
        if line.words > 0 {
            prefetch_bytes(self.slab.bytes(line.slot, usize::from(line.words) * WORD_BYTES));
        }
    }

    /// The line that followed the one found last, the last time.
    #[inline]
    pub(super) fn successor_of_newest(&self) -> Option<u32> {
        let newest = Some(self.newest).filter(|&newest| newest != NO_LINE)?;
        Some(self.lines[newest].successor).filter(|&successor| successor != NO_LINE)
    }

    /// Remembers that `number` followed the line found last.
    #[inline]
    pub(super) fn succeed(&mut self, number: u32) {
        if self.newest != NO_LINE {
            self.lines[self.newest].successor = number;
        }
        self.newest = number;
    }

    /// Has room for so many more series in the table.
    pub(super) fn reserve(&mut self, series: usize) {
        let Self { table, lines, .. } = self;
        table.reserve(series, |&number| lines[number].table_hash());
    }

    /// Adds a series, which must not be there, with these label pairs. Its postings are to be settled.
    pub(super) fn create(&mut self, fingerprint: Fingerprint, reference: SeriesRef, pairs: &[PairId]) -> u32 {
        let size_bytes = size_of_val(pairs);
        let labels = self.slab.allocate(Use::List, size_bytes);
        for (to, pair) in self.slab.bytes_mut(labels, size_bytes).chunks_exact_mut(4).zip(pairs) {
            to.copy_from_slice(&pair.to_le_bytes());
        }
        let cold = Cold { labels, chunks: Slot::NONE, label_count: pairs.len() as u32, chunk_bytes: 0 };
        if self.table.len() == self.table.capacity() {
            self.grow_table();
        }
        let line = HotLine::new(fingerprint, reference);
        let number = match self.free.pop() {
            Some(number) => {
                self.lines[number] = line;
                self.cold[number] = cold;
                number
            }
            None => {
                self.cold.push(cold);
                self.lines.push(line)
            }
        };
        let lines = &self.lines;
        self.table.insert_unique(table_hash(fingerprint), number, |&number| lines[number].table_hash());
        self.postings.add(pairs, number);
        number
    }

    /// Makes a larger table, or one of the same size without the places of series that are gone. Left to itself, the table
    /// would ask for its lines in an order that memory is slow to give.
    #[cold]
    fn grow_table(&mut self) {
        let len = self.table.len();
        let lines = &self.lines;
        let mut table = HashTable::with_capacity(len + len / 4 + 1);
        for (number, line) in (0..).zip(lines.iter()).filter(|(_, line)| line.is_live()) {
            table.insert_unique(line.table_hash(), number, |&number: &u32| lines[number].table_hash());
        }
        self.table = table;
    }

    /// The label pairs of a series, in order of names; none of a line that is not live.
    pub(super) fn pairs(&self, number: u32) -> impl Iterator<Item = PairId> {
        let cold = &self.cold[number];
        let bytes = match cold.label_count {
            0 => &[],
            count => self.slab.bytes(cold.labels, count as usize * size_of::<PairId>()),
        };
        bytes.chunks_exact(4).map(|pair| pair.try_into().map_or(0, PairId::from_le_bytes))
    }

    /// Whether a chunk of the series shares a time with `range`.
    pub(super) fn overlaps(&self, number: u32, range: TimeRange) -> bool {
        let line = &self.lines[number];
        if !line.has_sample() || line.last_ms < range.min_ms() {
            return false;
        }
        // Mostly a range ends after the newest sample, and then nothing else is looked at.
        let open = self.has_open_chunk(number)
            && (line.last_ms <= range.max_ms()
                || self.open_min_ms(number).is_some_and(|min_ms| min_ms <= range.max_ms()));
        open || self.full_chunks(number).any(|chunk| chunk.min_ms <= range.max_ms() && chunk.max_ms >= range.min_ms())
    }

    /// The late samples, to be changed, and the layouts of the histograms among them.
    pub(super) fn late_mut(&mut self) -> (&mut Late, &mut Layouts) {
        (&mut self.late, &mut self.histograms.layouts)
    }

    /// Histogram layouts, those of late samples among them.
    pub(super) fn layouts(&self) -> &Layouts {
        &self.histograms.layouts
    }

    /// Takes a series without chunks out of the table and frees its labels; postings and number are left.
    pub(super) fn kill(&mut self, number: u32) {
        let line = &mut self.lines[number];
        line.kill();
        if let Ok(entry) = self.table.find_entry(line.table_hash(), |&other| other == number) {
            entry.remove();
        }
        self.metadata.remove(number);
        if self.lines[number].is_histogram() {
            self.leave_histograms(number);
        }
        let cold = &mut self.cold[number];
        self.slab.free(cold.labels, cold.label_count as usize * size_of::<PairId>());
        *cold = Cold { labels: Slot::NONE, chunks: Slot::NONE, label_count: 0, chunk_bytes: 0 };
    }

    /// Takes note of lines that are in no posting any longer and fell free in `epoch`.
    pub(super) fn retire(&mut self, epoch: u32, numbers: Vec<u32>) {
        self.dying.push((epoch, numbers));
    }

    /// Lets new series take the lines that fell free before epoch `oldest`.
    pub(super) fn reuse(&mut self, oldest: u32) {
        let Self { dying, free, .. } = self;
        dying.retain(|(epoch, numbers)| {
            if *epoch < oldest {
                // Taken from the end: lowest first.
                free.extend(numbers.iter().rev());
            }
            *epoch >= oldest
        });
    }

    /// Bytes held, about.
    pub(super) fn size_bytes(&self) -> usize {
        self.lines.capacity_bytes()
            + self.cold.capacity_bytes()
            + self.table.allocation_size()
            + self.slab.capacity_bytes()
            + self.postings.size_bytes()
            + self.late.size_bytes()
            + (self.free.capacity() + self.free_kept.capacity()) * 4
            + self.kept.iter().flatten().map(|kept| kept.data.len() + size_of::<Kept>()).sum::<usize>()
            + self.metadata.size_bytes()
            + self.histograms.size_bytes()
            + self.scratch.capacity()
    }
}

impl Cold {
    fn chunk_len(&self) -> usize {
        self.chunk_bytes as usize
    }
}

#[cfg(test)]
mod tests;
