//! The records of the log: what one says, and how it is read.
//!
//! Layouts are those of Prometheus 3.14 (`tsdb/record/record.go`); the byte tables are in `docs/format/wal.md`. All
//! thirteen types are read; those of samples with start timestamps are not written.

mod decoded;
mod histogram;
mod packed;
mod records;
#[cfg(test)]
mod tests;

pub use decoded::{
    Decoded, HistogramRun, LeftOut, LoggedHistogram, LoggedSample, LoggedSeries, MmapMarker, Run, SampleRun, Tombstone,
};
pub(crate) use histogram::{HistogramReader, push_histogram};
pub(in crate::wal) use packed::Floats;
pub use packed::{Next, PackedSamples};
pub use records::Records;
pub(crate) use records::{BasedRun, Run as RecordRun, push_exemplar, push_labels, push_stone, split_records};

use crate::cursor::{Corruption, Cursor, Fault};
use crate::head_chunks::HeadChunkRef;
use model::{ExemplarRef, LabelsRef, MetricKind, Numbers, PackedBuilder, SeriesRef, TimeRange};
use packed::{SHORT_SAMPLE_BYTES, read_samples};

/// What a record holds: its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum RecordKind {
    Series = 1,
    Samples = 2,
    Tombstones = 3,
    Exemplars = 4,
    /// Only in the log of out-of-order samples.
    MmapMarkers = 5,
    Metadata = 6,
    Histograms = 7,
    FloatHistograms = 8,
    CustomHistograms = 9,
    CustomFloatHistograms = 10,
    /// Samples with start timestamps.
    SamplesV2 = 11,
    HistogramsV2 = 12,
    FloatHistogramsV2 = 13,
}

impl RecordKind {
    /// The kind of that number; `None` for one not known, whose records are passed over.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Series,
            2 => Self::Samples,
            3 => Self::Tombstones,
            4 => Self::Exemplars,
            5 => Self::MmapMarkers,
            6 => Self::Metadata,
            7 => Self::Histograms,
            8 => Self::FloatHistograms,
            9 => Self::CustomHistograms,
            10 => Self::CustomFloatHistograms,
            11 => Self::SamplesV2,
            12 => Self::HistogramsV2,
            13 => Self::FloatHistogramsV2,
            _ => return None,
        })
    }
}

/// Reads one record, decompressed, and appends what it says to `into`. `None`: its type is not known.
///
/// # Errors
/// Says where in the record and why; `into` is then as it was before.
pub fn decode_record(record: &[u8], into: &mut Decoded) -> Result<Option<RecordKind>, Corruption> {
    let before = into.mark();
    let mut cursor = Cursor::new(record);
    let result = cursor.u8().and_then(|byte| match RecordKind::from_byte(byte) {
        Some(kind) => decode_items(kind, &mut cursor, into).map(|()| Some(kind)),
        None => Ok(None),
    });
    match result {
        Ok(_) => into.end_record(&before),
        Err(_) => into.reset(before),
    }
    result
}

fn decode_items(kind: RecordKind, cursor: &mut Cursor<'_>, into: &mut Decoded) -> Result<(), Corruption> {
    match kind {
        RecordKind::Series => series(cursor, into),
        RecordKind::Samples => samples(cursor, into),
        RecordKind::Tombstones => tombstones(cursor, into),
        RecordKind::Exemplars => exemplars(cursor, into),
        RecordKind::MmapMarkers => mmap_markers(cursor, into),
        RecordKind::Metadata => metadata(cursor, into),
        RecordKind::Histograms | RecordKind::CustomHistograms => histograms(cursor, into, Numbers::Integer),
        RecordKind::FloatHistograms | RecordKind::CustomFloatHistograms => histograms(cursor, into, Numbers::Float),
        RecordKind::SamplesV2 => samples_v2(cursor, into),
        RecordKind::HistogramsV2 => histograms_v2(cursor, into, Numbers::Integer),
        RecordKind::FloatHistogramsV2 => histograms_v2(cursor, into, Numbers::Float),
    }
}

fn series(cursor: &mut Cursor<'_>, into: &mut Decoded) -> Result<(), Corruption> {
    while !cursor.is_empty() {
        let series = series_ref(cursor.be_u64()?, cursor)?;
        into.push_series(series, cursor)?;
    }
    Ok(())
}

fn samples(cursor: &mut Cursor<'_>, into: &mut Decoded) -> Result<(), Corruption> {
    let take = |sample| {
        into.push_sample(sample);
        Next::Any
    };
    read_samples(cursor, |_, _| false, take).map(drop)
}

/// A varint of at most four bytes at the front, and its size.
#[inline(always)]
fn short_varint(low: u32) -> Option<(i64, usize)> {
    let (zigzag, size) = if low & 0x80 == 0 {
        (low & 0x7f, 1)
    } else if low & 0x8000 == 0 {
        (low & 0x7f | low >> 1 & 0x3f80, 2)
    } else if low & 0x80_0000 == 0 {
        (low & 0x7f | low >> 1 & 0x3f80 | low >> 2 & 0x1f_c000, 3)
    } else if low & 0x8000_0000 == 0 {
        (low & 0x7f | low >> 1 & 0x3f80 | low >> 2 & 0x1f_c000 | low >> 3 & 0x0fe0_0000, 4)
    } else {
        return None;
    };
    Some((i64::from(zigzag >> 1) ^ -i64::from(zigzag & 1), size))
}

/// The references and times that precede the items of the first versions: as differences to those at the front.
#[derive(Debug, Clone, Copy)]
struct Prefixes {
    base_ref: u64,
    base_ms: i64,
}

impl Prefixes {
    /// Reads what the differences are taken from; a record without items has none.
    fn new(cursor: &mut Cursor<'_>) -> Result<Self, Corruption> {
        if cursor.is_empty() {
            return Ok(Self { base_ref: 0, base_ms: 0 });
        }
        Ok(Self { base_ref: cursor.be_u64()?, base_ms: cursor.be_u64()?.cast_signed() })
    }

    /// A sample at the front of `bytes` whose varints are short and whose reference is one, and its size.
    #[inline(always)]
    fn short_sample(self, bytes: &[u8; SHORT_SAMPLE_BYTES]) -> Option<(LoggedSample, usize)> {
        let (series, timestamp_ms, size) = self.short(bytes)?;
        let value = f64::from_bits(u64::from_be_bytes(*bytes.get(size..)?.first_chunk()?));
        (series.0 < SeriesRef::END).then_some((LoggedSample { series, timestamp_ms, value }, size + 8))
    }

    /// Reference and time at the front of `bytes`, if their varints are short, and the size of both.
    #[inline(always)]
    fn short(self, bytes: &[u8; SHORT_SAMPLE_BYTES]) -> Option<(SeriesRef, i64, usize)> {
        let prefix = u64::from_le_bytes(*bytes.first_chunk()?);
        let (delta_ref, ref_size) = short_varint(prefix as u32)?;
        let (delta_ms, time_size) = short_varint((prefix >> (8 * ref_size)) as u32)?;
        let series = SeriesRef(self.base_ref.wrapping_add_signed(delta_ref));
        Some((series, self.base_ms.wrapping_add(delta_ms), ref_size + time_size))
    }

    /// How many samples at the front of `bytes` are short and accepted by `passes`, which must accept no reference that is none,
    /// and how many bytes they take. On its own, for the few things that it needs have room in registers then.
    #[inline(never)]
    fn pass_over(self, bytes: &[u8], passes: &impl Fn(SeriesRef, i64) -> bool) -> (u64, usize) {
        let (mut count, mut at) = (0, 0);
        while let Some(sample) = bytes.get(at..).and_then(|bytes| bytes.first_chunk())
            && let Some((series, timestamp_ms, size)) = self.short(sample)
            && passes(series, timestamp_ms)
        {
            (count, at) = (count + 1, at + size + 8);
        }
        (count, at)
    }

    /// The sample that begins `at` bytes behind the cursor, and its size.
    #[cold]
    fn long_sample(self, cursor: &Cursor<'_>, at: usize) -> Result<(LoggedSample, usize), Corruption> {
        let mut cursor = cursor.clone();
        cursor.skip(at);
        let start = cursor.offset();
        let (series, timestamp_ms) = self.next(&mut cursor)?;
        let value = f64::from_bits(cursor.be_u64()?);
        Ok((LoggedSample { series, timestamp_ms, value }, cursor.offset() - start))
    }

    /// Reference and time.
    #[inline]
    fn next(self, cursor: &mut Cursor<'_>) -> Result<(SeriesRef, i64), Corruption> {
        let series = series_ref(self.base_ref.wrapping_add_signed(cursor.varint()?), cursor)?;
        Ok((series, self.base_ms.wrapping_add(cursor.varint()?)))
    }
}

/// A walk over the references, times and start times that precede the items of the second versions.
#[derive(Debug, Default)]
struct PrefixesV2 {
    started: bool,
    first_ms: i64,
    first_start_ms: i64,
    previous_ref: u64,
    previous_start_ms: i64,
}

impl PrefixesV2 {
    /// Reference, time, and start time (0: none).
    fn next(&mut self, cursor: &mut Cursor<'_>) -> Result<(SeriesRef, i64, i64), Corruption> {
        let (delta_ref, delta_ms) = (cursor.varint()?, cursor.varint()?);
        if !self.started {
            self.started = true;
            self.previous_ref = delta_ref.cast_unsigned();
            (self.first_ms, self.first_start_ms) = (delta_ms, cursor.varint()?);
            self.previous_start_ms = self.first_start_ms;
            return Ok((series_ref(self.previous_ref, cursor)?, self.first_ms, self.first_start_ms));
        }
        self.previous_ref = self.previous_ref.wrapping_add_signed(delta_ref);
        self.previous_start_ms = match cursor.u8()? {
            0 => 0,
            1 => self.previous_start_ms,
            2 => self.first_start_ms.wrapping_add(cursor.varint()?),
            _ => return Err(cursor.fault(Fault::Malformed("start timestamp marker is not 0, 1 or 2"))),
        };
        Ok((series_ref(self.previous_ref, cursor)?, self.first_ms.wrapping_add(delta_ms), self.previous_start_ms))
    }
}

fn samples_v2(cursor: &mut Cursor<'_>, into: &mut Decoded) -> Result<(), Corruption> {
    let mut prefixes = PrefixesV2::default();
    while !cursor.is_empty() {
        let (series, timestamp_ms, start_ms) = prefixes.next(cursor)?;
        let value = f64::from_bits(cursor.be_u64()?);
        into.push_sample(LoggedSample { series, timestamp_ms, value });
        into.set_start(start_ms);
    }
    Ok(())
}

fn histograms_v2(cursor: &mut Cursor<'_>, into: &mut Decoded, numbers: Numbers) -> Result<(), Corruption> {
    let mut prefixes = PrefixesV2::default();
    while !cursor.is_empty() {
        let (series, timestamp_ms, start_ms) = prefixes.next(cursor)?;
        into.push_histogram(series, (timestamp_ms, start_ms), numbers, cursor)?;
    }
    Ok(())
}

fn histograms(cursor: &mut Cursor<'_>, into: &mut Decoded, numbers: Numbers) -> Result<(), Corruption> {
    let prefixes = Prefixes::new(cursor)?;
    while !cursor.is_empty() {
        let (series, timestamp_ms) = prefixes.next(cursor)?;
        into.push_histogram(series, (timestamp_ms, 0), numbers, cursor)?;
    }
    Ok(())
}

fn tombstones(cursor: &mut Cursor<'_>, into: &mut Decoded) -> Result<(), Corruption> {
    while !cursor.is_empty() {
        let series = series_ref(cursor.be_u64()?, cursor)?;
        let (min_ms, max_ms) = (cursor.varint()?, cursor.varint()?);
        let Some(range) = TimeRange::new(min_ms, max_ms) else {
            return Err(cursor.fault(Fault::Malformed("tombstone ends before it begins")));
        };
        into.tombstones.push(Tombstone { series, range });
    }
    Ok(())
}

fn exemplars(cursor: &mut Cursor<'_>, into: &mut Decoded) -> Result<(), Corruption> {
    let prefixes = Prefixes::new(cursor)?;
    while !cursor.is_empty() {
        let (series, timestamp_ms) = prefixes.next(cursor)?;
        let value = f64::from_bits(cursor.be_u64()?);
        into.push_exemplar(series, timestamp_ms, value, cursor)?;
    }
    Ok(())
}

/// Reads the exemplars of a record, from behind its type byte. Those whose labels are none are passed over.
pub(crate) fn read_exemplars(
    cursor: &mut Cursor<'_>,
    builder: &mut PackedBuilder,
    mut take: impl FnMut(SeriesRef, ExemplarRef<'_>),
) -> Result<(), Corruption> {
    let prefixes = Prefixes::new(cursor)?;
    while !cursor.is_empty() {
        let (series, timestamp_ms) = prefixes.next(cursor)?;
        let value = f64::from_bits(cursor.be_u64()?);
        if let Some(labels) = read_labels(builder, cursor)? {
            take(series, ExemplarRef { labels, timestamp_ms, value });
        }
    }
    Ok(())
}

/// Reads labels (a count, then names and values) to their end; those that an untidy writer did not sort are put in order.
/// `None`: their names are not those of labels.
pub(crate) fn read_labels<'b>(
    builder: &'b mut PackedBuilder,
    cursor: &mut Cursor<'_>,
) -> Result<Option<LabelsRef<'b>>, Corruption> {
    builder.clear();
    let mut are_labels = true;
    for _ in 0..cursor.uvarint()? {
        let (name, value) = (cursor.string()?, cursor.string()?);
        are_labels = are_labels && builder.push(name, value).is_ok();
    }
    Ok(if are_labels { builder.finish().ok() } else { None })
}

fn mmap_markers(cursor: &mut Cursor<'_>, into: &mut Decoded) -> Result<(), Corruption> {
    while !cursor.is_empty() {
        let series = series_ref(cursor.be_u64()?, cursor)?;
        let chunk = HeadChunkRef(cursor.be_u64()?);
        into.markers.push(MmapMarker { series, chunk });
    }
    Ok(())
}

fn metadata(cursor: &mut Cursor<'_>, into: &mut Decoded) -> Result<(), Corruption> {
    while !cursor.is_empty() {
        let series = series_ref(cursor.uvarint()?, cursor)?;
        let kind = MetricKind::from_number(cursor.u8()?.into());
        into.push_metadata(series, kind, cursor)?;
    }
    Ok(())
}

/// Prometheus refuses references of more than 40 bits, so one that is larger was not written by anybody.
pub(crate) fn series_ref(raw: u64, cursor: &Cursor<'_>) -> Result<SeriesRef, Corruption> {
    if raw < SeriesRef::END {
        Ok(SeriesRef(raw))
    } else {
        Err(cursor.fault(Fault::TooLarge { what: "series reference", got: raw, limit: SeriesRef::END - 1 }))
    }
}
