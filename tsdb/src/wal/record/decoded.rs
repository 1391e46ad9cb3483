//! What records say, in columns.

use crate::cursor::{Corruption, Cursor, Fault};
use model::{LabelsRef, PackedBuilder, SeriesRef, TimeRange};

/// What some records of the log said, in their order; reused.
#[derive(Debug, Default)]
pub struct Decoded {
    builder: PackedBuilder,
    labels: Vec<u8>,
    series: Vec<SeriesEntry>,
    /// Samples in the order they were logged.
    pub samples: Vec<LoggedSample>,
    /// Deletions in the order they were logged.
    pub tombstones: Vec<Tombstone>,
    /// What was read and checked, but is not kept.
    pub left_out: LeftOut,
}

/// A logged sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedSample {
    pub series: SeriesRef,
    pub timestamp_ms: i64,
    pub value: f64,
}

/// A logged series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoggedSeries<'a> {
    pub series: SeriesRef,
    pub labels: LabelsRef<'a>,
}

/// A logged deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    pub series: SeriesRef,
    pub range: TimeRange,
}

/// Items that were read and checked, but that there is no place for yet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    pub histograms: u64,
    pub exemplars: u64,
    pub metadata: u64,
    pub mmap_markers: u64,
    /// Deletions that the head did not carry out.
    pub deletions: u64,
    /// Samples that were kept, but without their start timestamp.
    pub start_timestamps: u64,
    /// Records of a type that is not known.
    pub unknown_records: u64,
}

#[derive(Debug, Clone, Copy)]
struct SeriesEntry {
    series: SeriesRef,
    labels_end: usize,
}

/// A place to go back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    labels: usize,
    series: usize,
    samples: usize,
    tombstones: usize,
    left_out: LeftOut,
}

impl Decoded {
    /// The series in the order they were logged.
    pub fn series(&self) -> impl Iterator<Item = LoggedSeries<'_>> {
        let mut start = 0;
        self.series.iter().map_while(move |entry| {
            let packed = self.labels.get(start..entry.labels_end)?;
            start = entry.labels_end;
            Some(LoggedSeries { series: entry.series, labels: LabelsRef::from_packed_unchecked(packed) })
        })
    }

    /// How many series there are.
    pub fn series_len(&self) -> usize {
        self.series.len()
    }

    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        self.reset(Mark { labels: 0, series: 0, samples: 0, tombstones: 0, left_out: LeftOut::default() });
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            labels: self.labels.len(),
            series: self.series.len(),
            samples: self.samples.len(),
            tombstones: self.tombstones.len(),
            left_out: self.left_out,
        }
    }

    pub(super) fn reset(&mut self, mark: Mark) {
        self.labels.truncate(mark.labels);
        self.series.truncate(mark.series);
        self.samples.truncate(mark.samples);
        self.tombstones.truncate(mark.tombstones);
        self.left_out = mark.left_out;
    }

    #[inline]
    pub(super) fn push_sample(&mut self, sample: LoggedSample) {
        self.samples.push(sample);
    }

    /// Reads labels (a count, then names and values) and adds the series. Labels that an untidy writer did not sort are
    /// put in order.
    pub(super) fn push_series(&mut self, series: SeriesRef, cursor: &mut Cursor<'_>) -> Result<(), Corruption> {
        let invalid =
            |cursor: &Cursor<'_>| cursor.fault(Fault::Malformed("label names are empty, repeated or too long"));
        self.builder.clear();
        for _ in 0..cursor.uvarint()? {
            let (name, value) = (cursor.string()?, cursor.string()?);
            self.builder.push(name, value).map_err(|_| invalid(cursor))?;
        }
        let labels = self.builder.finish().map_err(|_| invalid(cursor))?;
        self.labels.extend_from_slice(labels.as_packed());
        self.series.push(SeriesEntry { series, labels_end: self.labels.len() });
        Ok(())
    }
}

impl LeftOut {
    /// Adds what another part of the log left out.
    pub fn add(&mut self, other: &LeftOut) {
        self.histograms += other.histograms;
        self.exemplars += other.exemplars;
        self.metadata += other.metadata;
        self.mmap_markers += other.mmap_markers;
        self.deletions += other.deletions;
        self.start_timestamps += other.start_timestamps;
        self.unknown_records += other.unknown_records;
    }
}
