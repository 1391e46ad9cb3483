//! Histograms of one series, or of one batch, in rows.

mod sums;

pub use sums::KahanColumn;

use super::{HistogramLayout, HistogramRef, LayoutParts, Numbers, ResetHint, TooManyBuckets};
use std::ops::Range;
use std::sync::Arc;

/// Histograms, one a row. Counts of rows that share a layout lie next to each other: see [`HistogramColumn::matrices`].
///
/// Decoders append rows in place with [`HistogramColumn::push_row`]; cleared, it keeps its memory.
#[derive(Debug, Default, Clone)]
pub struct HistogramColumn {
    layouts: Vec<Arc<HistogramLayout>>,
    rows: Vec<Row>,
    cells: Vec<u64>,
    /// Layouts that were cleared and are nobody else's: memory for those to come.
    spare: Vec<Arc<HistogramLayout>>,
    /// The last one that was cleared: what comes next often has its equal, and then both share it.
    recent: Option<Arc<HistogramLayout>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    layout: u32,
    hint: ResetHint,
    numbers: Numbers,
    sum: f64,
    /// Where its cells begin.
    cells: usize,
}

/// Rows that share layout and numbers, as a matrix.
#[derive(Debug, Clone)]
pub struct HistogramMatrix<'a> {
    /// Which rows of the column.
    pub rows: Range<usize>,
    pub layout: &'a Arc<HistogramLayout>,
    pub numbers: Numbers,
    /// [`HistogramLayout::cells`] numbers a row, row by row.
    pub cells: &'a [u64],
}

/// So many cleared layouts are kept at most,
const SPARE_LAYOUTS: usize = 4096;
/// none larger than this.
const SPARE_LAYOUT_BYTES: usize = 1024;

impl PartialEq for HistogramColumn {
    fn eq(&self, other: &Self) -> bool {
        self.layouts == other.layouts && self.rows == other.rows && self.cells == other.cells
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        (self.layout, self.hint, self.numbers, self.sum.to_bits(), self.cells)
            == (other.layout, other.hint, other.numbers, other.sum.to_bits(), other.cells)
    }
}

impl HistogramColumn {
    /// Makes room for so many more rows, each of so many cells.
    pub fn reserve(&mut self, rows: usize, cells: usize) {
        self.rows.reserve_exact(rows);
        self.cells.reserve_exact(rows * cells);
    }

    /// Gives memory back if less than half of it is in use.
    pub fn shrink(&mut self) {
        if self.rows.len() < self.rows.capacity() / 2 {
            self.rows.shrink_to_fit();
        }
        if self.cells.len() < self.cells.capacity() / 2 {
            self.cells.shrink_to_fit();
        }
    }

    /// How many histograms there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many cells all rows have.
    pub fn cells(&self) -> usize {
        self.cells.len()
    }

    /// Histogram `row`; `None` beyond the end.
    #[inline]
    pub fn get(&self, row: usize) -> Option<HistogramRef<'_>> {
        let Row { layout, hint, numbers, sum, cells } = *self.rows.get(row)?;
        let layout = self.layouts.get(layout as usize)?;
        Some(HistogramRef { layout, hint, numbers, cells: self.cells.get(cells..cells + layout.cells())?, sum })
    }

    /// All histograms, in order.
    pub fn iter(&self) -> impl Iterator<Item = HistogramRef<'_>> {
        (0..self.len()).map_while(|row| self.get(row))
    }

    /// The layout of histogram `row`, to be shared.
    pub fn layout(&self, row: usize) -> Option<&Arc<HistogramLayout>> {
        self.layouts.get(self.rows.get(row)?.layout as usize)
    }

    /// Appends a copy of `histogram`. Its layout is copied only if the last row has another.
    pub fn push(&mut self, histogram: HistogramRef<'_>) {
        let layout = self.layout_like(histogram.layout);
        self.push_numbers(layout, histogram, histogram.numbers);
    }

    /// Appends a copy of `histogram` whose counts are floats.
    pub fn push_floats(&mut self, histogram: HistogramRef<'_>) {
        let layout = self.layout_like(histogram.layout);
        self.push_numbers(layout, histogram, Numbers::Float);
    }

    /// As [`HistogramColumn::push_floats`], of a histogram whose layout is `shared`, which is shared on.
    pub fn push_shared(&mut self, shared: &Arc<HistogramLayout>, histogram: HistogramRef<'_>) {
        let layout = self.share(shared);
        self.push_numbers(layout, histogram, Numbers::Float);
    }

    /// Appends a histogram whose layout is `shared` and whose counts are `values`, as many as the layout has cells.
    pub fn push_values(
        &mut self,
        shared: &Arc<HistogramLayout>,
        (hint, sum): (ResetHint, f64),
        values: impl Iterator<Item = f64>,
    ) {
        let layout = self.share(shared);
        self.push_each(layout, Numbers::Float, (hint, sum), values.map(f64::to_bits));
    }

    /// The number of a layout that is the equal of `layout`.
    fn layout_like(&mut self, layout: &HistogramLayout) -> u32 {
        if self.layouts.last().is_some_and(|last| std::ptr::eq(Arc::as_ptr(last), layout)) {
            return self.last_layout();
        }
        // A layout that is there has no more buckets than there may be.
        self.layout_of(layout.parts()).unwrap_or_else(|_| self.add_layout(Arc::new(layout.clone())))
    }

    /// The number of `layout`, or of its equal that was added last.
    fn share(&mut self, layout: &Arc<HistogramLayout>) -> u32 {
        match self.layouts.last().is_some_and(|last| Arc::ptr_eq(last, layout)) {
            true => self.last_layout(),
            false => self.add_layout(Arc::clone(layout)),
        }
    }

    fn push_numbers(&mut self, layout: u32, histogram: HistogramRef<'_>, numbers: Numbers) {
        let known = (histogram.hint, histogram.sum);
        let cells = histogram.cells.iter();
        match (histogram.numbers, numbers) {
            (Numbers::Integer, Numbers::Float) => {
                self.push_each(layout, numbers, known, cells.map(|cell| (*cell as f64).to_bits()));
            }
            _ => self.push_cells(layout, numbers, known, histogram.cells),
        }
    }

    /// Appends a row; where there are not as many cells as the layout has, the others are zero.
    #[inline]
    fn push_each(
        &mut self,
        layout: u32,
        numbers: Numbers,
        (hint, sum): (ResetHint, f64),
        cells: impl Iterator<Item = u64>,
    ) {
        let (start, width) = (self.cells.len(), self.layouts[layout as usize].cells());
        self.cells.extend(cells.take(width));
        self.cells.resize(start + width, 0);
        self.rows.push(Row { layout, hint, numbers, sum, cells: start });
    }

    /// The layouts of the column, by number.
    pub fn layouts(&self) -> &[Arc<HistogramLayout>] {
        &self.layouts
    }

    /// Takes a layout for rows to come; returns its number. If it is the last one's equal, that one's.
    pub fn add_layout(&mut self, layout: Arc<HistogramLayout>) -> u32 {
        if self.layouts.last().is_none_or(|last| *last != layout) {
            let recent = self.recent.as_ref().filter(|recent| **recent == layout);
            let layout = recent.map_or(layout, Arc::clone);
            self.layouts.push(layout);
        }
        self.last_layout()
    }

    /// Takes a layout for rows to come, as [`HistogramColumn::add_layout`] does. A new one goes into memory of one that was
    /// cleared, so that filling a column again and again allocates nothing in the end.
    ///
    /// # Errors
    /// More buckets than there may be.
    pub fn layout_of(&mut self, parts: LayoutParts<'_>) -> Result<u32, TooManyBuckets> {
        if self.layouts.last().is_some_and(|last| last.parts() == parts) {
            return Ok(self.last_layout());
        }
        if let Some(recent) = self.recent.as_ref().filter(|recent| recent.parts() == parts) {
            self.layouts.push(Arc::clone(recent));
        } else {
            let mut layout = self.spare.pop().unwrap_or_default();
            // Nobody else has it: whoever shared it meanwhile would see another one.
            match Arc::get_mut(&mut layout) {
                Some(layout) => layout.become_copy(parts)?,
                None => {
                    let mut own = HistogramLayout::default();
                    own.become_copy(parts)?;
                    layout = Arc::new(own);
                }
            }
            self.layouts.push(layout);
        }
        Ok(self.last_layout())
    }

    /// Appends a row of zeros, to be filled in. `layout` is the number of a layout of this column.
    ///
    /// # Panics
    /// If there is no such layout.
    pub fn push_row(&mut self, layout: u32, numbers: Numbers, hint: ResetHint, sum: f64) -> &mut [u64] {
        let cells = self.cells.len();
        self.cells.resize(cells + self.layouts[layout as usize].cells(), 0);
        self.rows.push(Row { layout, hint, numbers, sum, cells });
        &mut self.cells[cells..]
    }

    /// Appends a row with those cells. `layout` is the number of a layout of this column.
    ///
    /// # Panics
    /// If there is no such layout.
    #[inline]
    pub fn push_cells(&mut self, layout: u32, numbers: Numbers, (hint, sum): (ResetHint, f64), cells: &[u64]) {
        let (start, width) = (self.cells.len(), self.layouts[layout as usize].cells());
        self.cells.extend_from_slice(cells.get(..width).unwrap_or(cells));
        if cells.len() < width {
            self.cells.resize(start + width, 0);
        }
        self.rows.push(Row { layout, hint, numbers, sum, cells: start });
    }

    /// Says what the hint of histogram `row` is.
    pub fn set_hint(&mut self, row: usize, hint: ResetHint) {
        if let Some(row) = self.rows.get_mut(row) {
            row.hint = hint;
        }
    }

    /// Drops all rows from `len` on, and layouts that no row has.
    pub fn truncate(&mut self, len: usize) {
        if let Some(row) = self.rows.get(len) {
            self.cells.truncate(row.cells);
            self.rows.truncate(len);
        }
        // The last row may have an earlier layout than one before it; one that no row came for goes as well.
        let layouts = self.rows.iter().map(|row| row.layout as usize + 1).max();
        self.layouts.truncate(layouts.unwrap_or(0));
    }

    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        let is_small = |layout: &Arc<HistogramLayout>| layout.size_bytes() <= SPARE_LAYOUT_BYTES;
        let last = self.layouts.last().filter(|last| is_small(last)).map(Arc::clone);
        let before = last.and_then(|last| self.recent.replace(last));
        let free = |layout: &Arc<HistogramLayout>| Arc::strong_count(layout) == 1 && is_small(layout);
        let room = SPARE_LAYOUTS.saturating_sub(self.spare.len());
        self.spare.extend(self.layouts.drain(..).chain(before).filter(free).take(room));
        self.rows.clear();
        self.cells.clear();
    }

    /// The rows in order, those with one layout and one kind of numbers together.
    pub fn matrices(&self) -> impl Iterator<Item = HistogramMatrix<'_>> {
        let mut start = 0;
        let runs = self.rows.chunk_by(|one, other| (one.layout, one.numbers) == (other.layout, other.numbers));
        runs.filter_map(move |run| {
            let (first, rows) = (run.first()?, start..start + run.len());
            start = rows.end;
            let layout = self.layouts.get(first.layout as usize)?;
            let cells = self.cells.get(first.cells..first.cells + layout.cells() * run.len())?;
            Some(HistogramMatrix { rows, layout, numbers: first.numbers, cells })
        })
    }

    /// Bytes of memory held, shared layouts among them.
    pub fn size_bytes(&self) -> usize {
        let layouts = self.layouts.iter().chain(&self.spare).chain(&self.recent);
        let layouts: usize = layouts.map(|layout| layout.size_bytes()).sum();
        layouts + size_of_val(&*self.rows) + size_of_val(&*self.cells)
    }

    /// The number of the layout that was added last, which there is.
    fn last_layout(&self) -> u32 {
        u32::try_from(self.layouts.len() - 1).unwrap_or(u32::MAX)
    }
}
