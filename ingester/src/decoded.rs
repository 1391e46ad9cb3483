//! What the rows of a batch have besides floats, decoded before any shard of the head is locked.
//!
//! One of these belongs to each thread that appends, and is filled anew for each batch, in the memory it has. A batch whose
//! histograms and exemplars would take too much of it is taken in by several windows of rows, the last row of a window
//! continued in the next if need be. Most batches have only floats, and one window.

use model::{ExemplarRef, HistogramColumn, HistogramRef, Label, LabelsRef};
use proto::{
    ExemplarField, ExemplarFields, HistogramFields, HistogramScratch, InvalidLabelSet, Malformed, Rejection,
    Rejections, WriteBatch,
};
use std::ops::Range;

/// See the module's page.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    /// Of each row of the window, from its first; empty if no row has anything.
    rows: Vec<DecodedRow>,
    first: usize,
    column: HistogramColumn,
    /// Bytes of the column's layouts.
    layouts_bytes: usize,
    /// Timestamps, and rows of the column.
    histograms: Vec<(i64, usize)>,
    exemplars: Vec<PackedExemplar>,
    /// The labels of exemplars.
    packed: Vec<u8>,
    scratch: HistogramScratch,
}

/// What a row has, as places in the lists above.
#[derive(Debug, Clone, Default)]
struct DecodedRow {
    histograms: Range<usize>,
    exemplars: Range<usize>,
}

#[derive(Debug)]
struct PackedExemplar {
    labels: Range<usize>,
    timestamp_ms: i64,
    value: f64,
}

/// How rows are decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoding {
    /// Histograms with more are refused.
    pub(crate) max_buckets: usize,
    /// Whether anybody keeps exemplars; if not, they are counted as taken.
    pub(crate) keeps_exemplars: bool,
    /// A window ends when what was decoded for it takes so many bytes, at least 1.
    pub(crate) window_bytes: usize,
}

/// Rows of a batch that go in together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) rows: Range<usize>,
    /// The first row goes on where the window before ended; its floats were in that one.
    pub(crate) resumed: bool,
}

/// How far a batch is decoded.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    batch: &'a WriteBatch,
    row: usize,
    /// What is left of that row, if it was begun.
    rest: Option<Rest<'a>>,
    /// There is nothing in it to be decoded.
    only_floats: bool,
}

/// What is left of a row. Histograms come first: an exemplar is kept only of a series that is there.
#[derive(Debug)]
struct Rest<'a> {
    histograms: HistogramFields<'a>,
    exemplars: ExemplarFields<'a>,
}

/// What became of what was decoded.
#[derive(Debug, Default)]
pub(crate) struct DecodedCounts {
    pub(crate) rejections: Rejections,
    /// Exemplars that nobody keeps.
    pub(crate) exemplars: u64,
}

pub(crate) const WINDOW_BYTES: usize = 4 << 20;
/// Memory beyond this is given back after a batch that needed more.
const KEPT_BYTES: usize = 1 << 20;
/// What a histogram takes besides its cells and its layout: its entry here, and its row of the column.
const HISTOGRAM_BYTES: usize = 64;

impl<'a> Cursor<'a> {
    pub(crate) fn new(batch: &'a WriteBatch) -> Self {
        let only_floats = batch.series.iter().all(|series| !series.has_histograms() && !series.has_extras());
        Self { batch, row: 0, rest: None, only_floats }
    }

    /// Whether all rows are decoded.
    pub(crate) fn is_done(&self) -> bool {
        self.row >= self.batch.series.len()
    }
}

impl Decoded {
    /// Decodes the next window. What is invalid is left out and counted.
    ///
    /// # Errors
    /// Malformed labels of an exemplar.
    pub(crate) fn fill(
        &mut self,
        cursor: &mut Cursor<'_>,
        decoding: Decoding,
        counts: &mut DecodedCounts,
    ) -> Result<Window, Malformed> {
        self.clear();
        let (batch, resumed, len) = (cursor.batch, cursor.rest.is_some(), cursor.batch.series.len());
        self.first = cursor.row;
        if cursor.only_floats {
            cursor.row = len;
            return Ok(Window { rows: self.first..len, resumed });
        }
        // Of the batch, and so not of the thread.
        let mut order = Vec::new();
        while cursor.row < len {
            let new = || Rest { histograms: batch.histograms(cursor.row), exemplars: batch.exemplars(cursor.row) };
            let mut rest = cursor.rest.take().unwrap_or_else(new);
            let (row, decoding) = (cursor.row, (decoding, &mut *counts));
            if !self.row_of(&mut rest, (batch, row), decoding, &mut order)? {
                cursor.rest = Some(rest);
                return Ok(Window { rows: self.first..row + 1, resumed });
            }
            cursor.row += 1;
        }
        Ok(Window { rows: self.first..len, resumed })
    }

    /// Decodes what is left of a row; returns whether there was room for all of it.
    fn row_of<'b>(
        &mut self,
        rest: &mut Rest<'b>,
        (batch, number): (&'b WriteBatch, usize),
        (decoding, counts): (Decoding, &mut DecodedCounts),
        order: &mut Vec<Label<'b>>,
    ) -> Result<bool, Malformed> {
        let (histograms, exemplars) = (self.histograms.len(), self.exemplars.len());
        let mut has_room = true;
        while has_room {
            let layouts = self.column.layouts().len();
            match rest.histograms.decode_next(&mut self.column, &mut self.scratch, decoding.max_buckets) {
                Some(Ok(at)) => self.histograms.push((at.timestamp_ms, at.row)),
                Some(Err(bad)) => batch.reject_histogram(number, &bad, &mut counts.rejections),
                None => break,
            }
            let added = self.column.layouts().get(layouts..).unwrap_or_default();
            self.layouts_bytes += added.iter().map(|layout| layout.size_bytes()).sum::<usize>();
            has_room = self.taken_bytes() < decoding.window_bytes;
        }
        while has_room {
            let Some(exemplar) = rest.exemplars.next() else { break };
            if decoding.keeps_exemplars {
                self.exemplar(&exemplar, (batch, number), order, counts)?;
            } else {
                counts.exemplars += 1;
            }
            has_room = self.taken_bytes() < decoding.window_bytes;
        }
        let (histograms, exemplars) = (histograms..self.histograms.len(), exemplars..self.exemplars.len());
        self.rows.push(DecodedRow { histograms, exemplars });
        Ok(has_room)
    }

    /// Packs an exemplar.
    fn exemplar<'b>(
        &mut self,
        exemplar: &ExemplarField<'b>,
        (batch, row): (&'b WriteBatch, usize),
        order: &mut Vec<Label<'b>>,
        counts: &mut DecodedCounts,
    ) -> Result<(), Malformed> {
        match exemplar.pack(order, &mut self.packed) {
            Ok(labels) => {
                let (timestamp_ms, value) = (exemplar.timestamp_ms, exemplar.value);
                self.exemplars.push(PackedExemplar { labels, timestamp_ms, value });
            }
            Err(InvalidLabelSet::Malformed(malformed)) => return Err(malformed),
            Err(invalid) => {
                let detail = || format!("{invalid}: an exemplar of series {}", batch.labels(row));
                counts.rejections.add(u32::try_from(row).ok(), Rejection::InvalidExemplar, 1, detail);
            }
        }
        Ok(())
    }

    /// How many bytes what was decoded takes.
    pub(crate) fn taken_bytes(&self) -> usize {
        let histograms = self.column.cells() * size_of::<u64>() + self.column.len() * HISTOGRAM_BYTES;
        let exemplars = size_of_val(&*self.exemplars) + self.packed.len();
        histograms + self.layouts_bytes + exemplars
    }

    /// The valid histograms of row `row`, in the order they came in.
    pub(crate) fn histograms(&self, row: usize) -> impl Iterator<Item = (i64, HistogramRef<'_>)> {
        let range = self.row(row).map_or(0..0, |row| row.histograms.clone());
        let listed = self.histograms.get(range).unwrap_or_default().iter();
        listed.filter_map(|(timestamp_ms, row)| Some((*timestamp_ms, self.column.get(*row)?)))
    }

    /// Whether row `row` has a valid histogram.
    pub(crate) fn has_histograms(&self, row: usize) -> bool {
        self.row(row).is_some_and(|row| !row.histograms.is_empty())
    }

    /// The exemplars of row `row`, in the order they came in.
    pub(crate) fn exemplars(&self, row: usize) -> impl Iterator<Item = ExemplarRef<'_>> {
        let range = self.row(row).map_or(0..0, |row| row.exemplars.clone());
        self.exemplars.get(range).unwrap_or_default().iter().map(|exemplar| {
            let PackedExemplar { labels, timestamp_ms, value } = exemplar;
            let labels = LabelsRef::from_packed_unchecked(self.packed.get(labels.clone()).unwrap_or_default());
            ExemplarRef { labels, timestamp_ms: *timestamp_ms, value: *value }
        })
    }

    #[inline]
    fn row(&self, row: usize) -> Option<&DecodedRow> {
        self.rows.get(row.checked_sub(self.first)?)
    }

    /// Forgets all, and keeps the memory if it is not too much.
    pub(crate) fn clear(&mut self) {
        if self.taken_bytes() > KEPT_BYTES || self.scratch.held_bytes() > KEPT_BYTES {
            *self = Self::default();
            return;
        }
        self.rows.clear();
        self.column.clear();
        self.layouts_bytes = 0;
        self.histograms.clear();
        self.exemplars.clear();
        self.packed.clear();
    }
}

#[cfg(test)]
mod tests;
