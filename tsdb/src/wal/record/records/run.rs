//! Records of one kind in the making.

use crate::cursor::push_varint;
use model::SeriesRef;

/// A record is ended when it has so many bytes. Snappy looks back no further, and what one bad sector can take with it
/// stays small.
const RECORD_BYTES: usize = 64 << 10;

/// Type byte, reference and time that the differences of a record's items are taken from.
const BASE_HEADER_BYTES: usize = 17;

/// The most bytes that are reserved for an item at once: two varints of 64 bits and a value.
const ITEM_BYTES: usize = 28;

/// What precedes each record in a buffer: its size as little-endian u32.
const SIZE_BYTES: usize = 4;

/// What precedes the items of a record in a buffer.
const FRONT_BYTES: usize = SIZE_BYTES + BASE_HEADER_BYTES;

/// Records one after the other, each preceded by its size.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The bytes up to `used`; beyond it there may be room.
    bytes: Vec<u8>,
    used: usize,
    /// Where the open record's size stands. That of the last record is filled in only when the run is copied.
    open: usize,
}

/// Records whose items tell reference and time as differences to those at the front, which are the same for all of a batch:
/// those of its first item, or about those.
#[derive(Debug, Default)]
pub(crate) struct BasedRun {
    run: Run,
    has_base: bool,
    /// The base is to have a reference so much higher than the first item.
    lead: u64,
    base_ref: u64,
    base_ms: i64,
}

impl BasedRun {
    /// Adds a sample: reference, time and value.
    #[inline]
    pub(crate) fn sample(&mut self, kind: u8, series: SeriesRef, timestamp_ms: i64, value: f64) {
        if self.run.wants_new_record() {
            self.start(kind, series, timestamp_ms);
        }
        let delta_ref = zigzag(series.0.wrapping_sub(self.base_ref).cast_signed());
        let delta_ms = zigzag(timestamp_ms.wrapping_sub(self.base_ms));
        let room = self.run.room();
        let at = put_uvarint(room, 0, delta_ref);
        let at = put_uvarint(room, at, delta_ms);
        // One store: at most 20 of the 28 bytes are taken by then.
        if let Some(place) = room.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = value.to_bits().to_be_bytes();
        }
        self.run.used += at + size_of::<f64>();
    }

    /// Adds an item: reference, time, and what `rest` writes.
    pub(crate) fn item(&mut self, kind: u8, (series, timestamp_ms): (SeriesRef, i64), rest: impl FnOnce(&mut Vec<u8>)) {
        if self.run.wants_new_record() {
            self.start(kind, series, timestamp_ms);
        }
        let (base_ref, base_ms) = (self.base_ref, self.base_ms);
        self.run.extend(|bytes| {
            push_varint(bytes, series.0.wrapping_sub(base_ref).cast_signed());
            push_varint(bytes, timestamp_ms.wrapping_sub(base_ms));
            rest(bytes);
        });
    }

    /// Appends the records to `out`, going on in the one that stands at `open` and ends `out`, if that has the same kind and
    /// base and room. Returns where the last one stands.
    pub(in crate::wal) fn copy_onto(&self, out: &mut Vec<u8>, open: Option<usize>) -> Option<usize> {
        let Run { bytes, used, open: last } = &self.run;
        if *used == 0 {
            return open;
        }
        let Some(open) = open.filter(|&open| self.goes_on(out, open)) else {
            self.run.copy(out);
            return Some(out.len() - (used - last));
        };
        out.extend_from_slice(bytes.get(FRONT_BYTES..*used).unwrap_or_default());
        let size = out.len() - open - SIZE_BYTES;
        put_size(out, open, size);
        Some(open)
    }

    /// Whether this is one record, and one with what stands at `open`.
    fn goes_on(&self, out: &[u8], open: usize) -> bool {
        let Run { bytes, used, open: last } = &self.run;
        *last == 0
            && out.len() - open + used <= RECORD_BYTES
            && out.get(open + SIZE_BYTES..open + FRONT_BYTES) == bytes.get(SIZE_BYTES..FRONT_BYTES)
    }

    /// The next item is the first of a batch.
    pub(crate) fn begin(&mut self, lead: u64) {
        (self.has_base, self.lead) = (false, lead);
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    pub(crate) fn run_mut(&mut self) -> &mut Run {
        &mut self.run
    }

    #[cold]
    fn start(&mut self, kind: u8, series: SeriesRef, timestamp_ms: i64) {
        self.run.start(kind);
        if !self.has_base {
            (self.has_base, self.base_ref, self.base_ms) = (true, series.0 + self.lead, timestamp_ms);
        }
        let (base_ref, base_ms) = (self.base_ref, self.base_ms);
        self.run.extend(|bytes| {
            bytes.extend_from_slice(&base_ref.to_be_bytes());
            bytes.extend_from_slice(&base_ms.to_be_bytes());
        });
        debug_assert_eq!(self.run.used - self.run.open, FRONT_BYTES);
    }
}

impl Run {
    /// Adds an item.
    pub(crate) fn item(&mut self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        if self.wants_new_record() {
            self.start(kind);
        }
        self.extend(write);
    }

    /// Adds a record of its own.
    pub(crate) fn record(&mut self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        self.start(kind);
        self.extend(write);
    }

    pub(crate) fn size_bytes(&self) -> usize {
        self.used
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
        self.open = 0;
    }

    pub(crate) fn shrink_to(&mut self, keep_bytes: usize) {
        self.bytes.truncate(self.used.max(keep_bytes));
        self.bytes.shrink_to(keep_bytes);
    }

    pub(crate) fn copy(&self, out: &mut Vec<u8>) {
        let Some(bytes) = self.bytes.get(..self.used).filter(|bytes| !bytes.is_empty()) else { return };
        let start = out.len();
        out.extend_from_slice(bytes);
        put_size(out, start + self.open, self.used - self.open - SIZE_BYTES);
    }

    fn wants_new_record(&self) -> bool {
        self.used == 0 || self.used - self.open >= RECORD_BYTES
    }

    #[cold]
    fn start(&mut self, kind: u8) {
        self.end_record();
        self.open = self.used;
        self.extend(|bytes| {
            bytes.extend_from_slice(&[0; SIZE_BYTES]);
            bytes.push(kind);
        });
    }

    /// Fills in the size of the open record.
    fn end_record(&mut self) {
        let size = self.used - self.open;
        if size > SIZE_BYTES {
            put_size(&mut self.bytes, self.open, size - SIZE_BYTES);
        }
    }

    /// Has `write` append to what is used. It may grow the vector as it likes: what is written so is rare, or large.
    fn extend(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.truncate(self.used);
        write(&mut self.bytes);
        self.used = self.bytes.len();
    }

    /// Room for one item behind what is used.
    #[inline]
    fn room(&mut self) -> &mut [u8; ITEM_BYTES] {
        if self.bytes.len() < self.used + ITEM_BYTES {
            self.grow();
        }
        match self.bytes.get_mut(self.used..).and_then(|rest| rest.first_chunk_mut()) {
            Some(room) => room,
            None => unreachable!("the run was just grown"),
        }
    }

    #[cold]
    fn grow(&mut self) {
        let size = (self.used + ITEM_BYTES).max(self.bytes.len() * 2).max(4 << 10);
        self.bytes.resize(size, 0);
    }
}

/// The records of a buffer that runs were copied to, in order.
pub(crate) fn split_records(buffer: &[u8]) -> impl Iterator<Item = &[u8]> {
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
fn put_uvarint(room: &mut [u8; ITEM_BYTES], mut at: usize, mut value: u64) -> usize {
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
