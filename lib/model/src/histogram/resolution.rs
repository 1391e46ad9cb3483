//! Histograms whose buckets are finer than anything we keep, made coarser.

use super::working::{coarser, shift};
use super::{BUCKET_CELLS, CUSTOM_BUCKETS_SCHEMA, HistogramLayout, HistogramRef, Numbers, Span};

/// The finest schema that is kept.
const FINEST_SCHEMA: i32 = 8;
/// The finest there may be: beyond [`FINEST_SCHEMA`] schemas are reserved, and reduced when they are met.
const FINEST_RESERVED_SCHEMA: i32 = 52;

/// A layout made coarser, and the way there for histograms that have the finer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduction {
    layout: HistogramLayout,
    /// Which cell of the coarser histogram each bucket of the finer one goes to.
    targets: Vec<u32>,
}

impl HistogramLayout {
    /// Whether a schema is reserved (9 to 52): finer than any that is kept.
    pub fn is_reserved(schema: i32) -> bool {
        (FINEST_SCHEMA + 1..=FINEST_RESERVED_SCHEMA).contains(&schema)
    }

    /// What becomes of a layout with a reserved schema (9 to 52): schema 8, in which each bucket holds several of the finer
    /// ones. `None` for any other schema, which stays.
    ///
    /// Source: Prometheus 3.14, `ReduceResolution` in `model/histogram/`.
    pub fn reduction(&self) -> Option<Reduction> {
        if Self::is_reserved(self.schema()) { self.reduction_to(FINEST_SCHEMA) } else { None }
    }

    /// What becomes of a layout when its buckets are made as coarse as `schema`. `None` where that is not coarser, or where
    /// either has custom buckets.
    ///
    /// Source: Prometheus 3.14, `ReduceResolution` in `model/histogram/`.
    pub fn reduction_to(&self, schema: i32) -> Option<Reduction> {
        if self.has_custom_buckets() || schema == CUSTOM_BUCKETS_SCHEMA || schema >= self.schema() {
            return None;
        }
        let shift = shift(self.schema(), schema);
        let mut targets = Vec::with_capacity(self.cells() - BUCKET_CELLS);
        let positive = reduce(self.positive(), shift, BUCKET_CELLS as u32, &mut targets);
        let negative_cells = targets.last().map_or(BUCKET_CELLS as u32, |last| last + 1);
        let negative = reduce(self.negative(), shift, negative_cells, &mut targets);
        // It has no more buckets than the finer one.
        let layout = Self::new(schema, self.zero_threshold(), positive, negative, Vec::new()).ok()?;
        Some(Reduction { layout, targets })
    }
}

impl Reduction {
    /// The coarser layout.
    pub fn layout(&self) -> &HistogramLayout {
        &self.layout
    }

    /// The coarser layout, without the way there.
    pub fn into_layout(self) -> HistogramLayout {
        self.layout
    }

    /// Puts the cells of a histogram of the finer layout into those of one of the coarser layout.
    pub fn fold(&self, histogram: HistogramRef<'_>, cells: &mut [u64]) {
        let (head, buckets) = histogram.cells.split_at_checked(BUCKET_CELLS).unwrap_or((histogram.cells, &[]));
        for (to, from) in cells.iter_mut().zip(head) {
            *to = *from;
        }
        let mut newest = None;
        for (&target, &bucket) in self.targets.iter().zip(buckets) {
            let Some(cell) = cells.get_mut(target as usize) else { return };
            *cell = match histogram.numbers {
                _ if newest != Some(target) => bucket,
                Numbers::Integer => cell.wrapping_add(bucket),
                Numbers::Float => (f64::from_bits(*cell) + f64::from_bits(bucket)).to_bits(),
            };
            newest = Some(target);
        }
    }
}

/// The spans of one side with each index shifted; the cells the buckets go to, from `cell` on, are added to `targets`.
fn reduce(spans: &[Span], shift: u32, mut cell: u32, targets: &mut Vec<u32>) -> Vec<Span> {
    let mut reduced: Vec<Span> = Vec::new();
    let mut index = 0_i64;
    let mut newest: Option<i64> = None;
    for span in spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            let target = i64::from(coarser(index as i32, shift));
            index += 1;
            match (newest, reduced.last_mut()) {
                (Some(before), Some(_)) if target == before => {}
                (Some(before), Some(last)) if target == before + 1 => {
                    (last.length, cell) = (last.length + 1, cell + 1);
                }
                (before, _) => {
                    let offset = target - before.map_or(0, |before| before + 1);
                    cell += u32::from(before.is_some());
                    let offset = i32::try_from(offset).unwrap_or(if offset < 0 { i32::MIN } else { i32::MAX });
                    reduced.push(Span { offset, length: 1 });
                }
            }
            newest = Some(target);
            targets.push(cell);
        }
    }
    reduced
}
