//! `count_values`: a series for each value.
//!
//! There may be as many values as there are samples, each at a few steps: what is kept of a value, and what comes out for it,
//! follows how often it was met, and is never more than a number per step.

use crate::QueryError;
use crate::chain::Row;
use crate::column::{FloatColumn, Presence};
use crate::labelset::{LabelScratch, LabelTable, NameSet};
use crate::stage::{Stage, StageContext};
use hashbrown::HashMap;
use model::{Labels, PlainFloat};
use smallvec::SmallVec;

/// A running `count_values`.
#[derive(Debug)]
pub(crate) struct CountValues {
    label: Vec<u8>,
    group: NameSet,
    steps: usize,
    /// The labels of rows but for that of the value.
    bases: LabelTable,
    /// The series of a value, by base and bits.
    known: HashMap<(usize, u64), usize>,
    /// The labels of series. Values of different bits may have the same.
    names: LabelTable,
    /// By series.
    counts: Vec<Counts>,
    scratch: LabelScratch,
    /// The text of a value.
    text: Vec<u8>,
}

/// How many rows have a value, step by step.
#[derive(Debug)]
enum Counts {
    /// Each time that it was met, in any order.
    Met(SmallVec<[u32; 4]>),
    /// At each step.
    Spread(Vec<f64>),
}

/// An entry of the map of known values, with the room that maps keep free.
const KNOWN_BYTES: usize = 2 * size_of::<((usize, u64), usize)>();

impl CountValues {
    /// Counts under the label `label`, which `group` keeps if it names what is kept.
    pub(crate) fn new(label: Vec<u8>, group: NameSet, steps: usize) -> Self {
        Self {
            label,
            group,
            steps,
            bases: LabelTable::default(),
            known: HashMap::new(),
            names: LabelTable::default(),
            counts: Vec::new(),
            scratch: LabelScratch::default(),
            text: Vec::new(),
        }
    }

    /// The labels that all values of a row share, by number.
    fn base_of(&mut self, row: &Row, cx: &mut StageContext<'_>) -> Result<usize, QueryError> {
        self.label_as(row, b"");
        let (base, is_new) = self.bases.insert(self.scratch.labels());
        if is_new {
            cx.hold(size_of::<Labels>() + self.scratch.labels().as_packed().len())?;
        }
        Ok(base)
    }

    /// The series of a float of a row.
    fn series_of_float(
        &mut self,
        (row, base): (&Row, usize),
        value: f64,
        cx: &mut StageContext<'_>,
    ) -> Result<usize, QueryError> {
        if let Some(series) = self.known.get(&(base, value.to_bits())) {
            return Ok(*series);
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        PlainFloat(value).append_to(&mut text);
        let series = self.series_of(row, &text, cx)?;
        self.text = text;
        cx.hold(KNOWN_BYTES)?;
        self.known.insert((base, value.to_bits()), series);
        Ok(series)
    }

    /// The series of a value of a row, as text.
    fn series_of(&mut self, row: &Row, value: &[u8], cx: &mut StageContext<'_>) -> Result<usize, QueryError> {
        self.label_as(row, value);
        let (series, is_new) = self.names.insert(self.scratch.labels());
        if is_new {
            cx.hold(size_of::<(Labels, Counts)>() + self.scratch.labels().as_packed().len())?;
            self.counts.push(Counts::Met(SmallVec::new()));
        }
        Ok(series)
    }

    /// Leaves the labels of a row with such a value in the scratch.
    fn label_as(&mut self, row: &Row, value: &[u8]) {
        self.scratch.start(row.labels.as_ref());
        self.scratch.set(&self.label, value);
        self.scratch.keep(&self.group);
    }
}

impl Stage for CountValues {
    fn push(&mut self, _input: usize, row: Row, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        let mut grown_bytes = 0;
        for (step, histogram) in row.column.histograms.iter() {
            let series = self.series_of(&row, histogram.to_string().as_bytes(), cx)?;
            grown_bytes += self.counts[series].add(step, self.steps);
        }
        let base = self.base_of(&row, cx)?;
        let mut last: Option<(u64, usize)> = None;
        for (step, value) in row.column.floats.iter() {
            let series = match last {
                Some((bits, series)) if bits == value.to_bits() => series,
                _ => self.series_of_float((&row, base), value, cx)?,
            };
            last = Some((value.to_bits(), series));
            grown_bytes += self.counts[series].add(step, self.steps);
        }
        cx.hold(grown_bytes)
    }

    fn finish(&mut self, _input: usize, cx: &mut StageContext<'_>) -> Result<(), QueryError> {
        self.known = HashMap::new();
        for (series, counts) in std::mem::take(&mut self.counts).into_iter().enumerate() {
            let bytes = counts.heap_bytes();
            let row = Row::new(self.names.get(series).clone(), false, counts.into_column(self.steps));
            cx.hold(row.size_bytes())?;
            cx.release(bytes);
            cx.out.push(row);
        }
        Ok(())
    }
}

impl Counts {
    /// Counts one more at `step` of `steps`; answers by how many bytes that made it larger.
    fn add(&mut self, step: usize, steps: usize) -> usize {
        let before_bytes = self.heap_bytes();
        match self {
            Self::Spread(counts) => {
                counts[step] += 1.0;
                return 0;
            }
            // Up to so many take no more than a number per step would.
            Self::Met(met) if met.len() < steps.max(met.inline_size()) => {
                met.push(u32::try_from(step).unwrap_or(u32::MAX))
            }
            Self::Met(met) => {
                let mut counts = vec![0.0; steps];
                met.iter().map(|met| *met as usize).chain([step]).for_each(|step| counts[step] += 1.0);
                *self = Self::Spread(counts);
            }
        }
        self.heap_bytes().saturating_sub(before_bytes)
    }

    fn heap_bytes(&self) -> usize {
        match self {
            Self::Met(met) if met.spilled() => met.capacity() * size_of::<u32>(),
            Self::Met(_) => 0,
            Self::Spread(counts) => counts.len() * size_of::<f64>(),
        }
    }

    fn into_column(self, steps: usize) -> FloatColumn {
        match self {
            Self::Met(mut met) => {
                met.sort_unstable();
                let runs = met.chunk_by(|a, b| a == b);
                FloatColumn::packed(steps, runs.map(|run| (run[0] as usize, run.len() as f64)))
            }
            Self::Spread(counts) => {
                let mut present = Presence::none(steps);
                counts.iter().enumerate().filter(|(_, count)| **count > 0.0).for_each(|(step, _)| present.set(step));
                FloatColumn::from_parts(counts, present)
            }
        }
    }
}
