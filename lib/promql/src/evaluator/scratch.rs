//! Buffers of a thread: a series as it was decoded, and what windows see of it.

use super::SAMPLE_BYTES;
use super::without_buckets::WithoutBuckets;
use crate::chain::OpScratch;
use crate::kernels::{Histograms, Samples};
use model::{SampleColumns, is_stale};
use std::cell::Cell;

/// Buffers that grew beyond so many samples are not kept for the next batch.
const KEPT_SAMPLES: usize = 1 << 20;

thread_local! {
    /// Those that nobody has in use.
    static FREE: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Buffers of a thread.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) columns: SampleColumns,
    pub(super) fresh: Fresh,
    pub(super) without_buckets: WithoutBuckets,
    pub(super) ops: OpScratch,
    /// Of the batch.
    pub(super) used_labels_only: bool,
}

/// What windows see of a series: no stale markers, and floats and histograms apart.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// The floats; empty where windows see all samples as they are.
    floats: SampleColumns,
    /// Whether it is they that windows see.
    sifted: bool,
    /// The times of the histograms, their rows, and when their counters began.
    times_ms: Vec<i64>,
    rows: Vec<usize>,
    starts_ms: Vec<i64>,
}

/// Lends the buffers for operators that the thread has.
pub(crate) fn with_op_scratch<T>(work: impl FnOnce(&mut OpScratch) -> T) -> T {
    Scratch::with(|scratch| work(&mut scratch.ops))
}

impl Scratch {
    /// Lends the buffers that the thread has. Who asks while they are lent (nobody does, but who knows) gets others.
    pub(super) fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut scratch = FREE.take().unwrap_or_default();
        let done = work(&mut scratch);
        scratch.trim();
        FREE.set(Some(scratch));
        done
    }

    /// Sets the stale markers apart: windows do not see them, instant selectors do.
    pub(super) fn sift(&mut self) {
        self.fresh.clear();
        // Not `any`, which would look at one after the other.
        let has_stale = self.columns.values.iter().fold(false, |found, value| found | is_stale(*value));
        if has_stale || self.columns.has_histograms() {
            self.fresh.sift(&self.columns, has_stale);
        }
    }

    /// Puts histograms without buckets in the place of those with them, or back.
    pub(super) fn swap_histograms(&mut self) {
        std::mem::swap(&mut self.columns.histograms, self.without_buckets.histograms());
    }

    /// Bytes of the decoded samples.
    pub(super) fn size_bytes(&self) -> usize {
        let samples = self.columns.values.capacity() + self.fresh.floats.values.capacity();
        samples * SAMPLE_BYTES + self.columns.histograms.cells() * size_of::<u64>()
    }

    /// Forgets what one very long series left behind.
    fn trim(&mut self) {
        let decoded = self.columns.values.capacity().max(self.columns.histograms.cells());
        if decoded.max(self.ops.samples()) > KEPT_SAMPLES {
            *self = Self::default();
        }
    }
}

impl Fresh {
    fn clear(&mut self) {
        self.sifted = false;
        self.floats.clear();
        self.times_ms.clear();
        self.rows.clear();
        self.starts_ms.clear();
    }

    fn sift(&mut self, columns: &SampleColumns, has_stale: bool) {
        self.sifted = true;
        if !has_stale && columns.histogram_at.len() == columns.len() {
            self.times_ms.extend_from_slice(&columns.timestamps_ms);
            self.rows.extend(0..columns.len());
            self.starts_ms.extend_from_slice(&columns.starts_ms);
            self.starts_ms.resize(columns.len(), 0);
            return;
        }
        let mut rows = columns.histogram_at.iter().enumerate().peekable();
        for (at, (timestamp_ms, value)) in columns.timestamps_ms.iter().zip(&columns.values).enumerate() {
            let row = rows.next_if(|(_, row_at)| **row_at as usize == at);
            match row {
                _ if is_stale(*value) => {}
                Some((row, _)) => {
                    self.times_ms.push(*timestamp_ms);
                    self.rows.push(row);
                    self.starts_ms.push(columns.start_ms(at));
                }
                None => {
                    self.floats.push(*timestamp_ms, *value);
                    self.floats.set_start(columns.start_ms(at));
                }
            }
        }
    }

    /// What windows see of `columns`.
    pub(super) fn of<'a>(&'a self, columns: &'a SampleColumns) -> (Samples<'a>, Option<Histograms<'a>>) {
        if !self.sifted {
            return (columns.into(), None);
        }
        let histograms = Histograms {
            timestamps_ms: &self.times_ms,
            rows: &self.rows,
            column: &columns.histograms,
            starts_ms: &self.starts_ms,
        };
        ((&self.floats).into(), (!self.rows.is_empty()).then_some(histograms))
    }
}

#[cfg(test)]
mod tests;
