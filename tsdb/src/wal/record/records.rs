//! Records in the making: what a shard logs of one batch.

use crate::cursor::push_uvarint;
use crate::wal::record::RecordKind;
use model::{LabelsRef, SeriesRef};

/// A record is ended when it has so many bytes. Snappy looks back no further, and what one bad sector can take with it
/// stays small.
const RECORD_BYTES: usize = 64 << 10;

/// Type byte, reference and time that the deltas of a samples record are taken from.
const SAMPLES_HEADER_BYTES: usize = 17;

/// The most bytes a sample takes: two varints of 64 bits and the value.
const SAMPLE_MAX_BYTES: usize = 28;

/// Whole records of a batch in the layout of the log, uncompressed; reused, so that a steady batch allocates nothing.
///
/// A shard pushes series and samples in any order; in the log the series records come first, so a sample never comes
/// before the series it names.
#[derive(Debug, Default)]
pub struct Records {
    series: Run,
    samples: Run,
    base_ref: u64,
    base_ms: i64,
}

/// Records one after the other, each preceded by its size as little-endian u32.
#[derive(Debug, Default)]
struct Run {
    /// The bytes up to `used`; beyond it there may be room.
    bytes: Vec<u8>,
    used: usize,
    /// Where the open record's size stands. That of the last record is filled in only when the run is copied.
    open: usize,
}

const SIZE_BYTES: usize = 4;

impl Records {
    /// Logs that `series` has these labels.
    pub fn series(&mut self, series: SeriesRef, labels: LabelsRef<'_>) {
        if self.series.wants_new_record() {
            self.series.start(RecordKind::Series);
        }
        let run = &mut self.series;
        // Series are rare: they may grow the vector as they like.
        run.bytes.truncate(run.used);
        run.bytes.extend_from_slice(&series.0.to_be_bytes());
        push_uvarint(&mut run.bytes, labels.iter().count() as u64);
        for string in labels.iter().flat_map(|label| [label.name, label.value]) {
            push_uvarint(&mut run.bytes, string.len() as u64);
            run.bytes.extend_from_slice(string);
        }
        run.used = run.bytes.len();
    }

    /// Logs a sample of `series`.
    #[inline]
    pub fn sample(&mut self, series: SeriesRef, timestamp_ms: i64, value: f64) {
        if self.samples.wants_new_record() {
            self.start_samples(series, timestamp_ms);
        }
        let delta_ref = zigzag(series.0.wrapping_sub(self.base_ref).cast_signed());
        let delta_ms = zigzag(timestamp_ms.wrapping_sub(self.base_ms));
        let room = self.samples.room();
        let at = put_uvarint(room, 0, delta_ref);
        let at = put_uvarint(room, at, delta_ms);
        // One store: at most 20 of the 28 bytes are taken by then.
        if let Some(place) = room.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = value.to_bits().to_be_bytes();
        }
        self.samples.used += at + size_of::<f64>();
    }

    /// Forgets all records, keeps the memory.
    pub fn clear(&mut self) {
        self.series.clear();
        self.samples.clear();
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.size_bytes() == 0
    }

    /// What the records take in the log's buffer.
    pub fn size_bytes(&self) -> usize {
        self.series.used + self.samples.used
    }

    /// Gives back memory beyond `keep_bytes` for each of series and samples.
    pub fn shrink_to(&mut self, keep_bytes: usize) {
        for run in [&mut self.series, &mut self.samples] {
            run.bytes.truncate(run.used.max(keep_bytes));
            run.bytes.shrink_to(keep_bytes);
        }
    }

    /// Appends the series records to `out`.
    pub(in crate::wal) fn copy_series(&self, out: &mut Vec<u8>) {
        self.series.copy(out);
    }

    /// Appends the records of samples to `out`.
    pub(in crate::wal) fn copy_samples(&self, out: &mut Vec<u8>) {
        self.samples.copy(out);
    }

    #[cold]
    fn start_samples(&mut self, series: SeriesRef, timestamp_ms: i64) {
        self.samples.start(RecordKind::Samples);
        (self.base_ref, self.base_ms) = (series.0, timestamp_ms);
        let run = &mut self.samples;
        run.bytes.truncate(run.used);
        run.bytes.extend_from_slice(&series.0.to_be_bytes());
        run.bytes.extend_from_slice(&timestamp_ms.to_be_bytes());
        run.used = run.bytes.len();
        debug_assert_eq!(run.used - run.open, SIZE_BYTES + SAMPLES_HEADER_BYTES);
    }
}

impl Run {
    fn wants_new_record(&self) -> bool {
        self.used == 0 || self.used - self.open >= RECORD_BYTES
    }

    #[cold]
    fn start(&mut self, kind: RecordKind) {
        self.bytes.truncate(self.used);
        self.end_record();
        self.open = self.used;
        self.bytes.extend_from_slice(&[0; SIZE_BYTES]);
        self.bytes.push(kind as u8);
        self.used = self.bytes.len();
    }

    /// Fills in the size of the open record.
    fn end_record(&mut self) {
        let size = self.used - self.open;
        if size > SIZE_BYTES {
            put_size(&mut self.bytes, self.open, size - SIZE_BYTES);
        }
    }

    /// Room for one sample behind what is used.
    #[inline]
    fn room(&mut self) -> &mut [u8; SAMPLE_MAX_BYTES] {
        if self.bytes.len() < self.used + SAMPLE_MAX_BYTES {
            self.grow();
        }
        match self.bytes.get_mut(self.used..).and_then(|rest| rest.first_chunk_mut()) {
            Some(room) => room,
            None => unreachable!("the run was just grown"),
        }
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.used + SAMPLE_MAX_BYTES).max(self.bytes.len() * 2).max(4 << 10);
        self.bytes.resize(size, 0);
    }

    fn clear(&mut self) {
        self.used = 0;
        self.open = 0;
    }

    fn copy(&self, out: &mut Vec<u8>) {
        let Some(bytes) = self.bytes.get(..self.used).filter(|bytes| !bytes.is_empty()) else { return };
        let start = out.len();
        out.extend_from_slice(bytes);
        put_size(out, start + self.open, self.used - self.open - SIZE_BYTES);
    }
}

/// The records of a buffer that [`Records`] were copied to, in order.
pub(in crate::wal) fn split_records(buffer: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = buffer;
    std::iter::from_fn(move || {
        let (size, tail) = rest.split_first_chunk::<SIZE_BYTES>()?;
        let (record, tail) = tail.split_at_checked(u32::from_le_bytes(*size) as usize)?;
        rest = tail;
        Some(record)
    })
}

fn put_size(bytes: &mut [u8], at: usize, size: usize) {
    let size = u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = size;
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// Writes `value` at `at`; returns where it ends.
#[inline]
fn put_uvarint(room: &mut [u8; SAMPLE_MAX_BYTES], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        if let Some(slot) = room.get_mut(at) {
            *slot = value.to_le_bytes()[0] | 0x80;
        }
        value >>= 7;
        at += 1;
    }
    if let Some(slot) = room.get_mut(at) {
        *slot = value.to_le_bytes()[0];
    }
    at + 1
}
