//! The records of a snapshot: what one says, how it is read and written.

use super::chunk_end::ChunkEnd;
use super::label_reader::{Alike, LabelReader};
use crate::cursor::{Corruption, Cursor, Fault, push_uvarint};
use crate::series::Encoding;
use crate::wal::{HistogramReader, RecordRun, Tombstone, push_histogram, push_labels, series_ref};
use crate::wal::{push_stone, read_exemplars};
use model::{ExemplarRef, HistogramColumn, HistogramRef, LabelsRef, Numbers, PackedBuilder, SeriesRef, TimeRange};

/// One thing that a snapshot holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SnapshotItem<'a> {
    Series(SnapshotSeries<'a>),
    Deletion(Tombstone),
    /// In the order in which exemplars came.
    Exemplar(SeriesRef, ExemplarRef<'a>),
}

/// A series of a head.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SnapshotSeries<'a> {
    pub series: SeriesRef,
    pub labels: LabelsRef<'a>,
    /// The chunk that is not full; `None`: the series has none, or this is another reference to a series that has one.
    pub open: Option<OpenChunk<'a>>,
}

/// A chunk that is not full.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OpenChunk<'a> {
    /// The times of the first and the last sample.
    pub min_ms: i64,
    pub max_ms: i64,
    pub encoding: Encoding,
    /// As in a chunk file, without length, encoding and checksum.
    pub data: &'a [u8],
    pub last: LastSample<'a>,
    /// Of floats, if a head of ours wrote it.
    pub end: Option<ChunkEnd>,
}

/// The last sample of a chunk.
#[derive(Debug, Clone, Copy)]
pub enum LastSample<'a> {
    Float(f64),
    Histogram(HistogramRef<'a>),
}

/// Reads records; reused.
#[derive(Debug, Default)]
pub struct SnapshotDecoder {
    labels: LabelReader,
    builder: PackedBuilder,
    histogram_reader: HistogramReader,
    histograms: HistogramColumn,
}

pub(crate) const SERIES: u8 = 1;
pub(crate) const DELETIONS: u8 = 2;
pub(super) const EXEMPLARS: u8 = 3;

/// Precedes deletions, as in a file of them.
pub(super) const DELETIONS_VERSION: u8 = 1;

impl PartialEq for LastSample<'_> {
    /// Bit for bit.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(one), Self::Float(other)) => one.to_bits() == other.to_bits(),
            (Self::Histogram(one), Self::Histogram(other)) => one == other,
            _ => false,
        }
    }
}

impl SnapshotDecoder {
    /// Reads one record and hands what it says to `take`. `false`: its type is not known.
    ///
    /// # Errors
    /// Says where in the record and why; `take` may have got some of it.
    pub fn decode(&mut self, record: &[u8], take: &mut impl FnMut(SnapshotItem<'_>)) -> Result<bool, Corruption> {
        let mut cursor = Cursor::new(record);
        match cursor.u8()? {
            SERIES => take(SnapshotItem::Series(self.series(record)?.0)),
            DELETIONS => deletions(&mut cursor, take)?,
            EXEMPLARS => read_exemplars(&mut cursor, &mut self.builder, |series, exemplar| {
                take(SnapshotItem::Exemplar(series, exemplar));
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Reads the record of a series.
    ///
    /// # Errors
    /// As [`SnapshotDecoder::decode`].
    pub(crate) fn series<'a>(&'a mut self, record: &'a [u8]) -> Result<(SnapshotSeries<'a>, Alike<'a>), Corruption> {
        let Self { labels, histogram_reader, histograms, .. } = self;
        let cursor = &mut Cursor::new(record);
        let _kind = cursor.u8()?;
        let series = series_ref(cursor.be_u64()?, cursor)?;
        let Some((labels, alike)) = labels.read(cursor)? else {
            return Err(cursor.fault(Fault::Malformed("label names are empty, repeated or too long")));
        };
        let _chunk_range_ms = cursor.be_u64()?;
        if cursor.uvarint()? == 0 {
            return Ok((SnapshotSeries { series, labels, open: None }, alike));
        }
        let (min_ms, max_ms) = (cursor.be_u64()?.cast_signed(), cursor.be_u64()?.cast_signed());
        if min_ms > max_ms {
            return Err(cursor.fault(Fault::Malformed("chunk ends before it begins")));
        }
        let number = cursor.u8()?;
        let encoding = Encoding::from_byte(number).ok_or_else(|| cursor.fault(Fault::Encoding(number)))?;
        let data = cursor.string()?;
        let mut end = None;
        let last = match encoding {
            Encoding::Xor | Encoding::Xor2 => {
                end = ChunkEnd::read(cursor)?;
                LastSample::Float(f64::from_bits(cursor.be_u64()?))
            }
            Encoding::Histogram | Encoding::HistogramSt => {
                LastSample::Histogram(histogram(histogram_reader, histograms, Numbers::Integer, cursor)?)
            }
            Encoding::FloatHistogram | Encoding::FloatHistogramSt => {
                LastSample::Histogram(histogram(histogram_reader, histograms, Numbers::Float, cursor)?)
            }
        };
        let open = Some(OpenChunk { min_ms, max_ms, encoding, data, last, end });
        Ok((SnapshotSeries { series, labels, open }, alike))
    }
}

/// Reads one histogram in place of those before.
fn histogram<'a>(
    reader: &mut HistogramReader,
    column: &'a mut HistogramColumn,
    numbers: Numbers,
    cursor: &mut Cursor<'_>,
) -> Result<HistogramRef<'a>, Corruption> {
    column.clear();
    reader.forget_beyond(column);
    let is_known = reader.read(cursor, numbers, column)?;
    let read = column.get(0).filter(|_| is_known);
    read.ok_or_else(|| cursor.fault(Fault::Malformed("schema of a histogram is not known")))
}

fn deletions(cursor: &mut Cursor<'_>, take: &mut impl FnMut(SnapshotItem<'_>)) -> Result<(), Corruption> {
    let mut stones = Cursor::new(cursor.string()?);
    let version = stones.u8()?;
    if version != DELETIONS_VERSION {
        return Err(stones.fault(Fault::Version(version)));
    }
    while !stones.is_empty() {
        let series = series_ref(stones.uvarint()?, &stones)?;
        let (min_ms, max_ms) = (stones.varint()?, stones.varint()?);
        let Some(range) = TimeRange::new(min_ms, max_ms) else {
            return Err(stones.fault(Fault::Malformed("deletion ends before it begins")));
        };
        take(SnapshotItem::Deletion(Tombstone { series, range }));
    }
    Ok(())
}

/// Writes a series as a record of its own.
pub(super) fn push_series(run: &mut RecordRun, item: &SnapshotSeries<'_>) {
    run.record(SERIES, |out| {
        out.extend_from_slice(&item.series.0.to_be_bytes());
        push_labels(out, item.labels);
        out.extend_from_slice(&0_u64.to_be_bytes());
        let Some(open) = &item.open else { return push_uvarint(out, 0) };
        push_uvarint(out, 1);
        out.extend_from_slice(&open.min_ms.to_be_bytes());
        out.extend_from_slice(&open.max_ms.to_be_bytes());
        out.push(open.encoding as u8);
        push_uvarint(out, open.data.len() as u64);
        out.extend_from_slice(open.data);
        match &open.last {
            LastSample::Float(value) => {
                ChunkEnd::push(open.end.as_ref(), out);
                out.extend_from_slice(&value.to_bits().to_be_bytes());
            }
            LastSample::Histogram(histogram) => push_histogram(out, histogram),
        }
    });
}

/// Writes all deletions as one record.
pub(super) fn push_deletions(run: &mut RecordRun, stones: &[u8]) {
    run.record(DELETIONS, |out| {
        push_uvarint(out, stones.len() as u64 + 1);
        out.push(DELETIONS_VERSION);
        out.extend_from_slice(stones);
    });
}

/// Adds a deletion to those to be written.
pub(super) fn push_deletion(stones: &mut Vec<u8>, Tombstone { series, range }: Tombstone) {
    push_uvarint(stones, series.0);
    push_stone(stones, range);
}
