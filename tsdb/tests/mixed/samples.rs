//! Samples of all kinds: as the test makes them, as the model remembers them, as they are read.

#![allow(dead_code, reason = "several test programs share this, each uses a part")]

use model::{
    HistogramLayout, HistogramRef, Numbers, ResetHint, STALE_NAN, SampleColumns, Span, ZERO_COUNT_CELL, is_stale,
};
use std::collections::BTreeMap;

/// A histogram that owns what it is made of.
#[derive(Debug, Clone)]
pub(crate) struct TestHistogram {
    pub(crate) layout: HistogramLayout,
    pub(crate) hint: ResetHint,
    pub(crate) numbers: Numbers,
    pub(crate) cells: Vec<u64>,
    pub(crate) sum: f64,
}

/// A sample by its meaning: of two that are equal one is as good as the other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Sample {
    Float(u64),
    /// Its series ended, and had histograms.
    Stale(Numbers),
    Histogram(Box<Meaning>),
}

/// A histogram without its empty buckets, numbers by their bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Meaning {
    numbers: Numbers,
    gauge: bool,
    schema: i32,
    zero_threshold: u64,
    count: u64,
    zero_count: u64,
    sum: u64,
    positive: BTreeMap<i32, u64>,
    negative: BTreeMap<i32, u64>,
    bounds: Vec<u64>,
}

impl TestHistogram {
    pub(crate) fn as_ref(&self) -> HistogramRef<'_> {
        let Self { layout, hint, numbers, cells, sum } = self;
        HistogramRef { layout, hint: *hint, numbers: *numbers, cells, sum: *sum }
    }

    pub(crate) fn stale(numbers: Numbers) -> Self {
        let layout = HistogramLayout::default();
        Self { cells: vec![0; layout.cells()], layout, hint: ResetHint::Unknown, numbers, sum: STALE_NAN }
    }

    /// The histogram that `number` stands for, `age` scrapes after its series began: most grow, some begin anew or
    /// have other buckets.
    pub(crate) fn new(numbers: Numbers, number: u8, age: u64) -> Self {
        if number == 0 {
            return Self::stale(numbers);
        }
        let spans = |spans: &[(i32, u32)]| spans.iter().map(|&(offset, length)| Span { offset, length }).collect();
        let (schema, positive, negative, bounds): (_, &[_], &[_], &[f64]) = match number {
            1..60 => (2, &[(0, 2), (3, 1)], &[], &[]),
            60..110 => (2, &[(0, 3), (2, 1)], &[], &[]),
            110..140 => (2, &[(0, 2), (3, 2)], &[(-2, 2)], &[]),
            140..170 => (2, &[(1, 1)], &[], &[]),
            170..180 => (1, &[(0, 2)], &[], &[]),
            180..195 => (-53, &[(0, 3)], &[], &[1.0, 2.5]),
            195..200 => (-53, &[(0, 3)], &[], &[1.0, 2.25]),
            _ => (2, &[(0, 2), (3, 1)], &[(0, 1)], &[]),
        };
        let layout = HistogramLayout::new(schema, 0.0, spans(positive), spans(negative), bounds.to_vec()).unwrap();
        let hint = match number {
            200..210 => ResetHint::Reset,
            210..225 => ResetHint::Gauge,
            _ => ResetHint::Unknown,
        };
        // A reset now and then.
        let age = if (225..230).contains(&number) { 0 } else { age };
        let mut cells = vec![0; layout.cells()];
        for (at, cell) in (0..).zip(cells.iter_mut()).skip(ZERO_COUNT_CELL) {
            *cell = if number % 5 == 4 && at % 2 == 0 { 0 } else { age * (at + 1) + u64::from(number % 3) };
        }
        if layout.has_custom_buckets() {
            cells[ZERO_COUNT_CELL] = 0;
        }
        cells[0] = cells[1..].iter().sum();
        if numbers == Numbers::Float {
            cells.iter_mut().for_each(|cell| *cell = (*cell as f64 * 1.5).to_bits());
        }
        Self { layout, hint, numbers, cells, sum: age as f64 * f64::from(number) * 0.1 }
    }
}

impl Sample {
    pub(crate) fn of(histogram: HistogramRef<'_>) -> Self {
        let HistogramRef { layout, numbers, sum, .. } = histogram;
        if is_stale(sum) {
            return Self::Stale(numbers);
        }
        let side = |spans: &[Span], cells: &[u64]| {
            let mut next = 0_i32;
            let mut indices = Vec::new();
            for span in spans {
                next += span.offset;
                indices.extend(next..next + span.length as i32);
                next += span.length as i32;
            }
            let full = |cell: u64| numbers.value(cell) != 0.0;
            indices.into_iter().zip(cells.iter().copied()).filter(|(_, cell)| full(*cell)).collect()
        };
        Self::Histogram(Box::new(Meaning {
            numbers,
            gauge: histogram.hint == ResetHint::Gauge,
            schema: layout.schema(),
            zero_threshold: layout.zero_threshold().to_bits(),
            count: histogram.count(),
            zero_count: histogram.zero_count(),
            sum: sum.to_bits(),
            positive: side(layout.positive(), histogram.positive()),
            negative: side(layout.negative(), histogram.negative()),
            bounds: layout.custom_bounds().iter().map(|bound| bound.to_bits()).collect(),
        }))
    }

    /// Sample `at` of what was read.
    pub(crate) fn read(columns: &SampleColumns, at: usize) -> Self {
        match columns.histogram(at) {
            Some(histogram) => Self::of(histogram),
            None => Self::Float(columns.values[at].to_bits()),
        }
    }

    /// Whether the other is the same sent again: hints are not the sender's to give.
    pub(crate) fn is_repeated_by(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Histogram(one), Self::Histogram(other)) => {
                *one == Meaning { gauge: one.gauge, ..(**other).clone() }.into()
            }
            _ => self == other,
        }
    }

    pub(crate) fn is_stale(&self) -> bool {
        match self {
            Self::Float(bits) => is_stale(f64::from_bits(*bits)),
            Self::Stale(_) => true,
            Self::Histogram(_) => false,
        }
    }

    /// The numbers of a histogram.
    pub(crate) fn numbers(&self) -> Option<Numbers> {
        match self {
            Self::Float(_) => None,
            Self::Stale(numbers) => Some(*numbers),
            Self::Histogram(meaning) => Some(meaning.numbers),
        }
    }
}
