//! What the rows of a batch have besides floats, decoded before any shard of the head is locked.
//!
//! One of these belongs to each thread that appends, and is filled anew for each batch, in the memory it has. A batch whose
//! histograms would take too much of it is taken in by several windows of rows, the last row of a window continued in the next if need be. Most
//! batches have only floats, and one window.

use model::{ExemplarRef, HistogramColumn, HistogramRef, Label, LabelsRef};
use proto::{HistogramFields, HistogramScratch, InvalidLabelSet, Malformed, Rejection, Rejections, WriteBatch};
use std::ops::Range;

/// See the module's page.
#[derive(Debug, Default)]
pub(crate) struct Decoded {
    /// Of each row of the window, from its first; empty if no row has anything.
    rows: Vec<DecodedRow>,
    first: usize,
    column: HistogramColumn,
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
    /// A window ends when its histograms have so many cells.
    pub(crate) window_cells: usize,
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
    /// What is left of the histograms of that row.
    rest: Option<HistogramFields<'a>>,
    /// There is nothing in it to be decoded.
    only_floats: bool,
}

/// What became of what was decoded.
#[derive(Debug, Default)]
pub(crate) struct DecodedCounts {
    pub(crate) rejections: Rejections,
    /// Exemplars that nobody keeps.
    pub(crate) exemplars: u64,
}

/// 4 MiB.
pub(crate) const WINDOW_CELLS: usize = 1 << 19;
/// Memory for labels of exemplars beyond this is given back after a batch that needed more.
const KEPT_PACKED_BYTES: usize = 1 << 20;

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
            let mut row = DecodedRow::default();
            let mut fields = match cursor.rest.take() {
                Some(rest) => rest,
                None => {
                    row.exemplars = self.exemplars_of(batch, cursor.row, decoding, (&mut order, counts))?;
                    batch.histograms(cursor.row)
                }
            };
            row.histograms.start = self.histograms.len();
            let mut full = false;
            while let Some(decoded) = fields.decode_next(&mut self.column, &mut self.scratch, decoding.max_buckets) {
                match decoded {
                    Ok(at) => self.histograms.push((at.timestamp_ms, at.row)),
                    Err(bad) => batch.reject_histogram(cursor.row, &bad, &mut counts.rejections),
                }
                full = self.column.cells() >= decoding.window_cells;
                if full {
                    cursor.rest = Some(fields);
                    break;
                }
            }
            row.histograms.end = self.histograms.len();
            self.rows.push(row);
            if full {
                return Ok(Window { rows: self.first..cursor.row + 1, resumed });
            }
            cursor.row += 1;
        }
        Ok(Window { rows: self.first..len, resumed })
    }

    /// Packs the exemplars of a row.
    fn exemplars_of<'b>(
        &mut self,
        batch: &'b WriteBatch,
        row: usize,
        decoding: Decoding,
        (order, counts): (&mut Vec<Label<'b>>, &mut DecodedCounts),
    ) -> Result<Range<usize>, Malformed> {
        let start = self.exemplars.len();
        for exemplar in batch.exemplars(row) {
            if !decoding.keeps_exemplars {
                counts.exemplars += 1;
                continue;
            }
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
        }
        Ok(start..self.exemplars.len())
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

    fn clear(&mut self) {
        self.rows.clear();
        self.column.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.packed.clear();
        self.packed.shrink_to(KEPT_PACKED_BYTES);
    }
}

#[cfg(test)]
mod tests;
