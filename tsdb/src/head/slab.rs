//! Bytes of changing length, without an allocation each: open chunks, lists of label pairs, lists of chunk references,
//! strings of the dictionary.
//!
//! Memory comes in pages of 4 KiB. A page holds slots of one size class and one [`Use`]; once it is empty any class may
//! take it, so that series which grow in step do not leave a peak behind in each class they pass. Sizes of classes lie
//! 14 to 25 % apart up to 1 KiB. Which class a slot is of follows from the length of what it holds; whoever holds a slot
//! keeps that length and hands it in.

use super::arena::Arena;

/// What slots are for. Pages are not shared between uses: chunks come and go, lists stay, and one that stays would keep a
/// page from being emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Chunk = 0,
    List = 1,
}

/// Names a slot: the offset of its first byte in units of 8. Beyond [`MAX_PAGED`] bytes: the number of a vector of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// Bytes in slots. Up to 32 GiB.
#[derive(Debug)]
pub(super) struct Slab {
    segments: Vec<Box<[u8]>>,
    pages: Arena<Page>,
    /// The first of the empty pages, linked by [`Page::next`].
    empty: u32,
    /// By class and use: the first of the pages with room, linked both ways.
    with_room: [u32; CLASSES * USES],
    large: Vec<Vec<u8>>,
    free_large: Vec<u32>,
}

/// State of a page.
#[derive(Debug, Clone, Copy)]
struct Page {
    /// Class and use, as an index into [`Slab::with_room`].
    kind: u8,
    /// Slots in use.
    used: u16,
    /// The first freed slot, linked by their first two bytes; in units of 8 bytes, as is `fresh`.
    freed: u16,
    /// Where slots begin that were never used.
    fresh: u16,
    previous: u32,
    next: u32,
}

const PAGE_BYTES: usize = 4096;
const UNIT_BYTES: usize = 8;
const UNITS_PER_PAGE: u32 = (PAGE_BYTES / UNIT_BYTES) as u32;
const USES: usize = 2;
const NO_PAGE: u32 = u32::MAX;
const NO_SLOT: u16 = u16::MAX;

/// The most bytes that lie in a page; longer ones are vectors of their own.
pub(super) const MAX_PAGED: usize = PAGE_BYTES;

/// The sizes of slots, in bytes.
const SIZES: [u16; CLASSES] = [
    16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1360,
    2048, 4096,
];
const CLASSES: usize = 26;

/// The class for a length, by the units it takes.
const CLASS_OF: [u8; PAGE_BYTES / UNIT_BYTES + 1] = {
    let mut table = [0; PAGE_BYTES / UNIT_BYTES + 1];
    let (mut units, mut class) = (0, 0);
    while units < table.len() {
        if units * UNIT_BYTES > SIZES[class] as usize {
            class += 1;
        }
        table[units] = class as u8;
        units += 1;
    }
    table
};

/// The class that holds `size_bytes`, which is at most [`MAX_PAGED`].
#[inline(always)]
fn class_of(size_bytes: usize) -> usize {
    usize::from(CLASS_OF[size_bytes.div_ceil(UNIT_BYTES)])
}

impl Slot {
    /// Names no slot.
    pub(super) const NONE: Self = Self(u32::MAX);

    /// Its name as a number, for those who hold it among other bytes.
    pub(super) fn to_number(self) -> u32 {
        self.0
    }

    /// The slot of that number.
    pub(super) fn from_number(number: u32) -> Self {
        Self(number)
    }

    fn page(self) -> u32 {
        self.0 / UNITS_PER_PAGE
    }

    /// Where it begins in its page, in units.
    fn unit(self) -> u16 {
        (self.0 % UNITS_PER_PAGE) as u16
    }
}

impl Default for Slab {
    fn default() -> Self {
        Self {
            segments: Vec::new(),
            pages: Arena::default(),
            empty: NO_PAGE,
            with_room: [NO_PAGE; CLASSES * USES],
            large: Vec::new(),
            free_large: Vec::new(),
        }
    }
}

impl Slab {
    /// A slot for `size_bytes`. What it holds is undefined, not secret: leftovers of what lay there.
    pub(super) fn allocate(&mut self, purpose: Use, size_bytes: usize) -> Slot {
        if size_bytes > MAX_PAGED {
            return self.allocate_large(size_bytes);
        }
        let class = class_of(size_bytes);
        let kind = purpose as usize * CLASSES + class;
        let number = match self.with_room[kind] {
            NO_PAGE => self.open_page(kind),
            number => number,
        };
        let page = &mut self.pages[number];
        page.used += 1;
        let size_units = SIZES[class] / UNIT_BYTES as u16;
        let unit = match page.freed {
            NO_SLOT => {
                let unit = page.fresh;
                page.fresh += size_units;
                unit
            }
            unit => {
                let (segment, offset) = place(number * UNITS_PER_PAGE + u32::from(unit));
                let link = self.segments[segment].get(offset..).and_then(|slot| slot.first_chunk());
                page.freed = link.map_or(NO_SLOT, |link| u16::from_le_bytes(*link));
                unit
            }
        };
        if page.freed == NO_SLOT && u32::from(page.fresh + size_units) > UNITS_PER_PAGE {
            self.unlink(number);
        }
        Slot(number * UNITS_PER_PAGE + u32::from(unit))
    }

    /// Gives back a slot that holds `size_bytes`.
    pub(super) fn free(&mut self, slot: Slot, size_bytes: usize) {
        if size_bytes > MAX_PAGED {
            self.large[slot.0 as usize] = Vec::new();
            return self.free_large.push(slot.0);
        }
        let number = slot.page();
        let page = &mut self.pages[number];
        let size_units = SIZES[usize::from(page.kind) % CLASSES] / UNIT_BYTES as u16;
        let was_full = page.freed == NO_SLOT && u32::from(page.fresh + size_units) > UNITS_PER_PAGE;
        page.used -= 1;
        let link = page.freed.to_le_bytes();
        page.freed = slot.unit();
        let emptied = page.used == 0;
        let (segment, offset) = place(slot.0);
        self.segments[segment][offset..offset + link.len()].copy_from_slice(&link);
        match (was_full, emptied) {
            (false, true) => {
                self.unlink(number);
                self.close_page(number);
            }
            (true, true) => self.close_page(number),
            (true, false) => self.link(number),
            (false, false) => {}
        }
    }

    /// Makes room for `new_bytes` in a slot that holds `old_bytes`, which are kept: the same slot if its class allows,
    /// else another one.
    #[inline]
    pub(super) fn grow(&mut self, purpose: Use, slot: Slot, old_bytes: usize, new_bytes: usize) -> Slot {
        if new_bytes <= MAX_PAGED && class_of(old_bytes) == class_of(new_bytes) {
            return slot;
        }
        self.relocate(purpose, slot, old_bytes, new_bytes)
    }

    fn relocate(&mut self, purpose: Use, slot: Slot, old_bytes: usize, new_bytes: usize) -> Slot {
        if old_bytes > MAX_PAGED {
            self.large[slot.0 as usize].resize(new_bytes, 0);
            return slot;
        }
        let grown = self.allocate(purpose, new_bytes);
        let (from_segment, from) = place(slot.0);
        if new_bytes > MAX_PAGED {
            let old = &self.segments[from_segment][from..from + old_bytes];
            self.large[grown.0 as usize][..old_bytes].copy_from_slice(old);
        } else {
            let (to_segment, to) = place(grown.0);
            if from_segment == to_segment {
                self.segments[from_segment].copy_within(from..from + old_bytes, to);
            } else if let Ok([source, target]) = self.segments.get_disjoint_mut([from_segment, to_segment]) {
                target[to..to + old_bytes].copy_from_slice(&source[from..from + old_bytes]);
            }
        }
        self.free(slot, old_bytes);
        grown
    }

    /// The bytes of a slot that holds `size_bytes`.
    #[inline]
    pub(super) fn bytes(&self, slot: Slot, size_bytes: usize) -> &[u8] {
        if size_bytes > MAX_PAGED {
            return &self.large[slot.0 as usize];
        }
        let (segment, offset) = place(slot.0);
        &self.segments[segment][offset..offset + size_bytes]
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn bytes_mut(&mut self, slot: Slot, size_bytes: usize) -> &mut [u8] {
        if size_bytes > MAX_PAGED {
            return &mut self.large[slot.0 as usize];
        }
        let (segment, offset) = place(slot.0);
        &mut self.segments[segment][offset..offset + size_bytes]
    }

    /// Bytes of the pages that were ever taken and of what lies outside them.
    pub(super) fn capacity_bytes(&self) -> usize {
        self.pages.len() as usize * PAGE_BYTES
            + self.pages.capacity_bytes()
            + self.large.iter().map(Vec::capacity).sum::<usize>()
    }

    #[cold]
    fn allocate_large(&mut self, size_bytes: usize) -> Slot {
        let bytes = vec![0; size_bytes];
        if let Some(number) = self.free_large.pop() {
            self.large[number as usize] = bytes;
            return Slot(number);
        }
        self.large.push(bytes);
        Slot((self.large.len() - 1) as u32)
    }

    /// Gives an empty page to `kind` and links it.
    fn open_page(&mut self, kind: usize) -> u32 {
        let page = Page { kind: kind as u8, used: 0, freed: NO_SLOT, fresh: 0, previous: NO_PAGE, next: NO_PAGE };
        let number = self.empty;
        let number = if number == NO_PAGE {
            self.add_page(page)
        } else {
            self.empty = self.pages[number].next;
            self.pages[number] = page;
            number
        };
        self.link(number);
        number
    }

    fn add_page(&mut self, page: Page) -> u32 {
        let number = self.pages.push(page);
        assert!(number < u32::MAX / UNITS_PER_PAGE, "a slab holds at most 32 GiB");
        let (segment, _) = place(number * UNITS_PER_PAGE);
        if segment == self.segments.len() {
            // Zeroed by the system when it is touched, not here.
            self.segments.push(vec![0; PAGE_BYTES << segment.saturating_sub(1)].into());
        }
        number
    }

    fn close_page(&mut self, number: u32) {
        self.pages[number].next = self.empty;
        self.empty = number;
    }

    fn link(&mut self, number: u32) {
        let kind = usize::from(self.pages[number].kind);
        let first = std::mem::replace(&mut self.with_room[kind], number);
        self.pages[number].previous = NO_PAGE;
        self.pages[number].next = first;
        if first != NO_PAGE {
            self.pages[first].previous = number;
        }
    }

    fn unlink(&mut self, number: u32) {
        let Page { kind, previous, next, .. } = self.pages[number];
        match previous {
            NO_PAGE => self.with_room[usize::from(kind)] = next,
            previous => self.pages[previous].next = next,
        }
        if next != NO_PAGE {
            self.pages[next].previous = previous;
        }
    }
}

/// Segment and byte offset of the unit `unit`: segments hold 1, 1, 2, 4 … pages.
#[inline(always)]
fn place(unit: u32) -> (usize, usize) {
    match (unit / UNITS_PER_PAGE).checked_ilog2() {
        None => (0, unit as usize * UNIT_BYTES),
        Some(octave) => (octave as usize + 1, (unit - (UNITS_PER_PAGE << octave)) as usize * UNIT_BYTES),
    }
}

#[cfg(test)]
mod tests;
