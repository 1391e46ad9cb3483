//! The last few late samples of a series, in order of time, as plain numbers in the slab.
//!
//! A float takes 16 bytes: time and bits. Where a histogram is among them each takes 32: the bits are those of its sum, and
//! then come the number of its layout, the slot that its cells are in, and what kind it is. So a series without late
//! histograms pays nothing for them, and no sample is an object of its own.

use crate::chunk::histogram::layout_of;
use crate::head::layouts::{LayoutId, Layouts};
use crate::head::shard::is_same;
use crate::head::slab::{Slab, Slot, Use};
use model::{BUCKET_CELLS, HistogramRef, Numbers, ResetHint, SampleColumns};
use std::sync::Arc;

/// A late sample.
#[derive(Debug, Clone, Copy)]
pub(in crate::head) enum LateSample<'a> {
    Float(f64),
    Histogram(HistogramRef<'a>),
}

/// What became of a late sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::head) enum Inserted {
    /// It is in the buffer now.
    New,
    /// It was there.
    Again,
    /// Another value was there, and stays.
    Other,
}

/// The buffer of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer {
    /// [`Buffer::item_bytes`] for each of `len` samples, oldest first.
    slot: Slot,
    len: u32,
    /// A histogram is among them, or was since the buffer was empty.
    is_wide: bool,
}

/// A sample of a buffer.
#[derive(Debug, Clone, Copy)]
struct Item {
    timestamp_ms: i64,
    /// Of a histogram those of its sum.
    bits: u64,
    histogram: Option<Histogram>,
}

/// What a histogram has besides its sum.
#[derive(Debug, Clone, Copy)]
struct Histogram {
    layout: LayoutId,
    /// [`CELL_BYTES`] for each cell of the layout.
    cells: Slot,
    numbers: Numbers,
    hint: ResetHint,
}

const NARROW_BYTES: usize = 16;
const WIDE_BYTES: usize = 32;
const CELL_BYTES: usize = size_of::<u64>();

impl Buffer {
    /// Holds no sample.
    pub(super) const EMPTY: Self = Self { slot: Slot::NONE, len: 0, is_wide: false };

    /// How many samples there are.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// The first and the last time.
    pub(super) fn range(&self, slab: &Slab) -> Option<(i64, i64)> {
        let time = |item: &[u8]| Item::read(item).timestamp_ms;
        let mut items = self.items(slab);
        let first_ms = time(items.next()?);
        Some((first_ms, items.next_back().map_or(first_ms, time)))
    }

    /// Puts a sample between the others.
    pub(super) fn insert(
        &mut self,
        timestamp_ms: i64,
        sample: LateSample<'_>,
        slab: &mut Slab,
        layouts: &mut Layouts,
    ) -> Inserted {
        // Mostly at the end: late samples often rise, too.
        let time = |item: &[u8]| Item::read(item).timestamp_ms;
        let behind = self.items(slab).rev().take_while(|item| time(item) >= timestamp_ms).count();
        let at = self.len as usize - behind;
        if let Some(item) = self.items(slab).nth(at).map(Item::read).filter(|item| item.timestamp_ms == timestamp_ms) {
            return if item.is(sample, slab, layouts) { Inserted::Again } else { Inserted::Other };
        }
        let item = Item::new(timestamp_ms, sample, slab, layouts);
        if item.histogram.is_some() && !self.is_wide {
            self.widen(slab);
        }
        let width = self.item_bytes();
        let (old_bytes, start) = (self.size_bytes(), at * width);
        let new_bytes = old_bytes + width;
        self.slot = match self.len {
            0 => slab.allocate(Use::Chunk, new_bytes),
            _ => slab.grow(Use::Chunk, self.slot, old_bytes, new_bytes),
        };
        self.len += 1;
        let bytes = slab.bytes_mut(self.slot, new_bytes);
        bytes.copy_within(start..old_bytes, start + width);
        item.write(&mut bytes[start..start + width]);
        Inserted::New
    }

    /// Appends all samples to `columns`.
    pub(super) fn read(&self, slab: &Slab, layouts: &Layouts, columns: &mut SampleColumns) {
        for item in self.items(slab).map(Item::read) {
            item.push_to(slab, layouts, columns);
        }
    }

    /// Drops those that `keep` does not want, by position.
    pub(super) fn keep(&mut self, slab: &mut Slab, layouts: &mut Layouts, mut keep: impl FnMut(usize) -> bool) {
        let items: Vec<Item> = self.items(slab).map(Item::read).collect();
        let mut kept = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            if keep(at) {
                kept.push(*item);
            } else {
                item.free(slab, layouts);
            }
        }
        if kept.len() == items.len() {
            return;
        }
        slab.free(self.slot, self.size_bytes());
        *self = Self::EMPTY;
        if !kept.is_empty() {
            self.is_wide = kept.iter().any(|item| item.histogram.is_some());
            self.store(&kept, slab);
        }
    }

    /// Gives each sample room for a histogram.
    #[cold]
    fn widen(&mut self, slab: &mut Slab) {
        let items: Vec<Item> = self.items(slab).map(Item::read).collect();
        if !items.is_empty() {
            slab.free(self.slot, self.size_bytes());
        }
        self.is_wide = true;
        if !items.is_empty() {
            self.store(&items, slab);
        }
    }

    /// Puts samples, at least one, into a slot of their own.
    fn store(&mut self, items: &[Item], slab: &mut Slab) {
        self.len = items.len() as u32;
        self.slot = slab.allocate(Use::Chunk, self.size_bytes());
        let bytes = slab.bytes_mut(self.slot, self.size_bytes());
        for (to, item) in bytes.chunks_exact_mut(self.item_bytes()).zip(items) {
            item.write(to);
        }
    }

    fn items<'a>(&self, slab: &'a Slab) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        let bytes = if self.len == 0 { &[] } else { slab.bytes(self.slot, self.size_bytes()) };
        bytes.chunks_exact(self.item_bytes())
    }

    fn item_bytes(&self) -> usize {
        if self.is_wide { WIDE_BYTES } else { NARROW_BYTES }
    }

    fn size_bytes(&self) -> usize {
        self.len as usize * self.item_bytes()
    }
}

impl Item {
    /// Takes what a sample has into the slab.
    fn new(timestamp_ms: i64, sample: LateSample<'_>, slab: &mut Slab, layouts: &mut Layouts) -> Self {
        let histogram = match sample {
            LateSample::Float(value) => return Self { timestamp_ms, bits: value.to_bits(), histogram: None },
            LateSample::Histogram(histogram) => histogram,
        };
        let HistogramRef { numbers, hint, sum, .. } = histogram;
        let layout = layout_of(histogram);
        let shown = if histogram.is_stale() { &[0; BUCKET_CELLS][..] } else { histogram.cells };
        let size_bytes = layout.cells() * CELL_BYTES;
        let cells = slab.allocate(Use::Chunk, size_bytes);
        for (to, cell) in slab.bytes_mut(cells, size_bytes).chunks_exact_mut(CELL_BYTES).zip(shown) {
            to.copy_from_slice(&cell.to_le_bytes());
        }
        let histogram = Histogram { layout: layouts.intern(layout), cells, numbers, hint };
        Self { timestamp_ms, bits: sum.to_bits(), histogram: Some(histogram) }
    }

    /// Whether it says the same as `sample`.
    fn is(&self, sample: LateSample<'_>, slab: &Slab, layouts: &Layouts) -> bool {
        match (self.histogram, sample) {
            (None, LateSample::Float(value)) => value.to_bits() == self.bits,
            (Some(_), LateSample::Histogram(histogram)) => {
                let mut columns = SampleColumns::default();
                self.push_to(slab, layouts, &mut columns);
                columns.histogram(0).is_some_and(|have| is_same(have, histogram))
            }
            _ => false,
        }
    }

    fn push_to(&self, slab: &Slab, layouts: &Layouts, columns: &mut SampleColumns) {
        let value = f64::from_bits(self.bits);
        if let Some(Histogram { layout, cells, numbers, hint }) = self.histogram {
            let layout = layouts.get(layout);
            let bytes = slab.bytes(cells, layout.cells() * CELL_BYTES);
            let number = columns.histograms.add_layout(Arc::clone(layout));
            let row = columns.histograms.push_row(number, numbers, hint, value);
            for (to, cell) in row.iter_mut().zip(bytes.as_chunks().0) {
                *to = u64::from_le_bytes(*cell);
            }
            columns.histogram_at.push(columns.len() as u32);
        }
        columns.push(self.timestamp_ms, value);
    }

    /// Gives back what it has besides its place.
    fn free(&self, slab: &mut Slab, layouts: &mut Layouts) {
        if let Some(Histogram { layout, cells, .. }) = self.histogram {
            slab.free(cells, layouts.get(layout).cells() * CELL_BYTES);
            layouts.release(layout);
        }
    }

    fn write(&self, to: &mut [u8]) {
        let kind = |histogram: Histogram| match histogram.numbers {
            Numbers::Integer => 1,
            Numbers::Float => 2,
        };
        let (place, kind) = match self.histogram {
            Some(histogram) => {
                let place = u64::from(histogram.layout) << 32 | u64::from(histogram.cells.to_number());
                (place, u64::from(histogram.hint as u8) << 8 | kind(histogram))
            }
            None => (0, 0),
        };
        let words = [self.timestamp_ms.cast_unsigned(), self.bits, place, kind];
        for (to, word) in to.chunks_exact_mut(size_of::<u64>()).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
    }

    fn read(bytes: &[u8]) -> Self {
        let word = |at: usize| bytes.as_chunks().0.get(at).map_or(0, |word| u64::from_le_bytes(*word));
        let (timestamp_ms, bits, place, kind) = (word(0).cast_signed(), word(1), word(2), word(3));
        let histogram = |numbers| Histogram {
            layout: (place >> 32) as LayoutId,
            cells: Slot::from_number(place as u32),
            numbers,
            hint: ResetHint::from_number(kind >> 8).unwrap_or_default(),
        };
        let histogram = match kind as u8 {
            0 => None,
            1 => Some(histogram(Numbers::Integer)),
            _ => Some(histogram(Numbers::Float)),
        };
        Self { timestamp_ms, bits, histogram }
    }
}
