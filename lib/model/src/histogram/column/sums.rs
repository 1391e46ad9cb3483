//! Sums of columns of histograms, row by row.

use super::super::float::FloatHistogram;
use super::super::kahan::KahanHistogram;
use super::super::runs::Runs;
use super::super::sum::Sum;
use super::super::{BUCKET_CELLS, HistogramLayout, HistogramRef, Numbers};
use super::HistogramColumn;
use std::sync::Arc;

/// What [`KahanHistogram`] is to a histogram, to a column of histograms: each row is the sum of the rows of its place.
///
/// All rows share a plain layout, and what they lost lies as their cells do: of a column with that layout all cells are added
/// in one loop, however many rows there are, and no row allocates anything.
#[derive(Debug)]
pub struct KahanColumn {
    sums: HistogramColumn,
    layout: Arc<HistogramLayout>,
    /// Of each cell and of each row's sum; none before anything was added.
    lost: Vec<f64>,
    lost_of_sums: Vec<f64>,
}

impl KahanColumn {
    /// The sums of `first` alone; `None`: its rows do not share a plain layout, or are no floats.
    pub fn new(first: &HistogramColumn) -> Option<Self> {
        let mut matrices = first.matrices();
        let (matrix, None) = (matrices.next()?, matrices.next()) else { return None };
        if !matrix.layout.is_plain() || matrix.numbers != Numbers::Float {
            return None;
        }
        let layout = Arc::clone(matrix.layout);
        let mut sums = HistogramColumn { layouts: vec![Arc::clone(&layout)], ..HistogramColumn::default() };
        sums.cells.extend_from_slice(matrix.cells);
        let starts = (0..).step_by(layout.cells());
        sums.rows.extend(first.rows.iter().zip(starts).map(|(row, cells)| super::Row { layout: 0, cells, ..*row }));
        Some(Self { sums, layout, lost: Vec::new(), lost_of_sums: Vec::new() })
    }

    /// Adds the rows of `other`, each to the one of its place. False: there are not as many, or one does not go into the layout
    /// as it is; nothing was added then.
    pub fn add(&mut self, other: &HistogramColumn) -> bool {
        if !self.takes(other) {
            return false;
        }
        self.lost.resize(self.sums.cells.len(), 0.0);
        self.lost_of_sums.resize(self.sums.len(), 0.0);
        let width = self.layout.cells();
        for matrix in other.matrices() {
            if Arc::ptr_eq(matrix.layout, &self.layout) {
                self.add_cells(matrix.rows.start * width, matrix.cells);
                continue;
            }
            for at in matrix.rows {
                if let Some(row) = other.get(at) {
                    self.add_row(at, row);
                }
            }
        }
        for ((row, lost), term) in self.sums.rows.iter_mut().zip(&mut self.lost_of_sums).zip(&other.rows) {
            let sum = Sum { value: row.sum, lost: *lost }.kahan(term.sum);
            (row.sum, *lost) = (sum.value, sum.lost);
            row.hint = row.hint.combine(term.hint).0;
        }
        true
    }

    /// Whether each row of `other` has a row to go to, and no buckets that this one lacks.
    fn takes(&self, other: &HistogramColumn) -> bool {
        let is_at_home =
            |row: HistogramRef<'_>| row.layout.is_plain() && matches!(Runs::new(&self.layout, row), Ok(Some(_)));
        other.len() == self.sums.len()
            && other.matrices().all(|matrix| {
                matrix.numbers == Numbers::Float
                    && (Arc::ptr_eq(matrix.layout, &self.layout)
                        || other.get(matrix.rows.start).is_some_and(is_at_home))
            })
    }

    /// Adds the counts of a row of another layout, which [goes into](KahanColumn::takes) this one.
    fn add_row(&mut self, at: usize, row: HistogramRef<'_>) {
        let layout = Arc::clone(&self.layout);
        if let Ok(Some(runs)) = Runs::new(&layout, row) {
            runs.each(row.layout, |to, from, len| {
                self.add_cells(at * layout.cells() + to, row.cells.get(from..from + len).unwrap_or_default());
            });
        }
    }

    /// Adds `terms` to the cells from `start` on: [`Sum::kahan`] without a branch, so that some cells are added at once.
    fn add_cells(&mut self, start: usize, terms: &[u64]) {
        let sums = self.sums.cells.get_mut(start..).unwrap_or_default();
        let lost = self.lost.get_mut(start..).unwrap_or_default();
        for ((cell, lost), term) in sums.iter_mut().zip(lost).zip(terms) {
            let (sum, term) = (f64::from_bits(*cell), f64::from_bits(*term));
            let next = sum + term;
            let (greater, other) = if sum.abs() >= term.abs() { (sum, term) } else { (term, sum) };
            let all_lost = *lost + ((greater - next) + other);
            *lost = if next.is_infinite() { 0.0 } else { all_lost };
            *cell = next.to_bits();
        }
    }

    /// The sums one by one, with what each lost.
    pub fn into_rows(self) -> impl Iterator<Item = KahanHistogram> {
        let width = self.layout.cells();
        (0..self.sums.len()).filter_map(move |at| {
            let value = FloatHistogram::from_shared(&self.layout, self.sums.get(at)?);
            let lost = self.lost.get(at * width..(at + 1) * width).unwrap_or_default().to_vec();
            Some(KahanHistogram::from_parts(value, lost, self.lost_of_sums.get(at).copied().unwrap_or(0.0)))
        })
    }

    /// The sums together with what they lost, without [empty buckets](FloatHistogram::compact).
    pub fn total(mut self) -> HistogramColumn {
        for (cell, lost) in self.sums.cells.iter_mut().zip(&self.lost) {
            *cell = (f64::from_bits(*cell) + lost).to_bits();
        }
        for (row, lost) in self.sums.rows.iter_mut().zip(&self.lost_of_sums) {
            row.sum += lost;
        }
        let mut rows = self.sums.cells.chunks_exact(self.layout.cells());
        if !rows.any(|row| row.iter().skip(BUCKET_CELLS).any(|cell| f64::from_bits(*cell) == 0.0)) {
            return self.sums;
        }
        let mut compacted = HistogramColumn::default();
        for row in self.sums.iter() {
            let mut row = FloatHistogram::from_shared(&self.layout, row);
            row.compact(0);
            compacted.push_floats(row.as_ref());
        }
        compacted
    }

    /// Bytes of memory that it takes once something was added.
    pub fn size_bytes(&self) -> usize {
        self.sums.size_bytes() + (self.sums.cells.len() + self.sums.len()) * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests;
