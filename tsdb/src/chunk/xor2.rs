//! XOR2 chunks (encoding 4), which are only read: time and value share their control bits, and samples may have start
//! timestamps.
//!
//! Bit layout as in Prometheus, `tsdb/chunkenc/xor2.go`; page: `tsdb/docs/format/chunks.md`.

use super::start::Starts;
use super::varbit::{read_uvarint, read_varint};
use super::window::Window;
use super::{ChunkError, SampleFault};
use crate::bitstream::BitReader;
use model::{STALE_NAN, SampleColumns};

/// Bytes before the first sample: the count, and what there is of start timestamps.
const HEADER_BYTES: usize = 3;

/// Appends all samples of an XOR2 chunk to `columns`.
///
/// # Errors
/// As [`super::decode`].
pub(super) fn decode(data: &[u8], columns: &mut SampleColumns) -> Result<(), ChunkError> {
    let &[first, second, starts] =
        data.first_chunk::<HEADER_BYTES>().ok_or(ChunkError::Truncated { sample: 0, count: 0, offset: 0 })?;
    let count = u16::from_be_bytes([first, second]);
    // No sample has less than a bit.
    let most = data.len() * 8;
    if usize::from(count) > most {
        return Err(ChunkError::CountTooLarge { size_bytes: data.len(), count, most });
    }
    let mut decoder = Decoder {
        reader: BitReader::new(data, HEADER_BYTES),
        starts: Starts::new(starts),
        time_ms: 0,
        delta_ms: 0,
        value_bits: 0,
        base_bits: 0,
        window: Window::default(),
    };
    let (before, had_starts) = (columns.len(), !columns.starts_ms.is_empty());
    let decoded = decoder.run(count, columns);
    if decoded.is_err() {
        columns.truncate(before);
        if !had_starts {
            columns.starts_ms.clear();
        }
    }
    decoded
}

/// Where a decoder stands.
#[derive(Debug)]
struct Decoder<'a> {
    reader: BitReader<'a>,
    starts: Starts,
    time_ms: i64,
    delta_ms: i64,
    value_bits: u64,
    /// The newest value that was not the stale marker, 0 before there is one: what the next is XORed with.
    base_bits: u64,
    window: Window,
}

impl Decoder<'_> {
    fn run(&mut self, count: u16, columns: &mut SampleColumns) -> Result<(), ChunkError> {
        let samples = usize::from(count);
        columns.timestamps_ms.reserve(samples);
        columns.values.reserve(samples);
        let mut sample = 0;
        while sample < samples {
            let offset = self.reader.at() / 8;
            let unchanged = self.unchanged(sample, samples);
            self.reader.skip(unchanged);
            let read = if unchanged == 0 { self.read_sample(sample) } else { Ok(()) };
            let read = read.and_then(|()| if self.reader.overran() { Err(SampleFault::Truncated) } else { Ok(()) });
            read.map_err(|fault| fault.at(sample, count, offset))?;
            match unchanged {
                0 => self.push(columns),
                _ => {
                    self.value_bits = self.base_bits;
                    for _ in 0..unchanged {
                        self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
                        self.push(columns);
                    }
                }
            }
            sample += unchanged.max(1);
        }
        Ok(())
    }

    /// How many samples from `sample` on go on as before: where they have no starts of their own, each is a zero bit.
    #[inline(always)]
    fn unchanged(&self, sample: usize, samples: usize) -> usize {
        let end = samples.min(self.starts.own_from());
        if sample < 2 || sample >= end { 0 } else { (self.reader.peek().leading_zeros() as usize).min(end - sample) }
    }

    #[inline(always)]
    fn push(&self, columns: &mut SampleColumns) {
        columns.push(self.time_ms, f64::from_bits(self.value_bits));
        if !self.starts.are_absent() {
            columns.set_start(self.starts.start_ms);
        }
    }

    #[inline]
    fn read_sample(&mut self, sample: usize) -> Result<(), SampleFault> {
        let before_ms = self.time_ms;
        match sample {
            0 => {
                self.time_ms = read_varint(&mut self.reader).ok_or(SampleFault::Varint)?;
                self.value_bits = self.reader.take(64);
                if self.value_bits != STALE_NAN.to_bits() {
                    self.base_bits = self.value_bits;
                }
                return self.starts.read_first(&mut self.reader, self.time_ms);
            }
            1 => {
                self.delta_ms = read_uvarint(&mut self.reader).ok_or(SampleFault::Varint)?.cast_signed();
                self.read_value()?;
            }
            _ => self.read_joint()?,
        }
        self.time_ms = self.time_ms.wrapping_add(self.delta_ms);
        self.starts.read(&mut self.reader, sample, before_ms);
        Ok(())
    }

    /// Time and value of one of the later samples; the delta is that to the sample before.
    #[inline(always)]
    fn read_joint(&mut self) -> Result<(), SampleFault> {
        match self.reader.peek().leading_ones() {
            0 => {
                self.reader.skip(1);
                self.value_bits = self.base_bits;
                Ok(())
            }
            1 => {
                self.reader.skip(2);
                let is_new = self.reader.take(1) == 1;
                self.read_changed(is_new)
            }
            2 => self.read_timed(3, 13),
            3 => self.read_timed(4, 20),
            4 => self.read_timed(5, 64),
            _ => {
                self.reader.skip(5);
                self.value_bits = STALE_NAN.to_bits();
                Ok(())
            }
        }
    }

    /// A change of the delta as two's complement of `size` bits, which `prefix` bits announce, and a value.
    #[inline(always)]
    fn read_timed(&mut self, prefix: usize, size: u32) -> Result<(), SampleFault> {
        self.reader.skip(prefix);
        let unused = 64 - size;
        let change = (self.reader.take(size) << unused).cast_signed() >> unused;
        self.delta_ms = self.delta_ms.wrapping_add(change);
        self.read_value()
    }

    /// A value with control bits of its own.
    #[inline(always)]
    fn read_value(&mut self) -> Result<(), SampleFault> {
        match self.reader.peek().leading_ones() {
            0 => {
                self.reader.skip(1);
                self.value_bits = self.base_bits;
                Ok(())
            }
            1 => {
                self.reader.skip(2);
                self.read_changed(false)
            }
            ones => {
                self.reader.skip(3);
                if ones > 2 {
                    self.value_bits = STALE_NAN.to_bits();
                    return Ok(());
                }
                self.read_changed(true)
            }
        }
    }

    #[inline(always)]
    fn read_changed(&mut self, is_new: bool) -> Result<(), SampleFault> {
        let xor = match is_new {
            true => self.window.read_new(&mut self.reader).ok_or(SampleFault::BadWindow)?,
            false => self.window.read(&mut self.reader),
        };
        self.base_bits ^= xor;
        self.value_bits = self.base_bits;
        Ok(())
    }
}
