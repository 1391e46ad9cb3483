//! Chunks bit by bit, after `reference` tables: for encodings that nothing here writes.

use tsdb::chunk::xor::XorState;

/// Bits, the first one highest.
#[derive(Debug, Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn after(header: &[u8]) -> Self {
        Self { bytes: header.to_vec(), used: header.len() * 8 }
    }

    fn push(&mut self, value: u64, bits: usize) {
        for bit in (0..bits).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((value >> bit & 1) as u8) << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }

    /// A number of either sign in Prometheus' steps of 3, 6, 9, 12, 18, 25, 56 and 64 bits.
    fn varbit_int(&mut self, value: i64) {
        let fits = |bits: usize| value > -(1 << (bits - 1)) && value <= 1 << (bits - 1);
        self.varbit(value.cast_unsigned(), value == 0, fits);
    }

    fn varbit_uint(&mut self, value: u64) {
        self.varbit(value, value == 0, |bits| value < 1 << bits);
    }

    fn varbit(&mut self, value: u64, zero: bool, fits: impl Fn(usize) -> bool) {
        if zero {
            return self.push(0, 1);
        }
        let steps = [3, 6, 9, 12, 18, 25, 56];
        match steps.iter().position(|&bits| fits(bits)) {
            Some(step) => {
                self.push((1 << (step + 2)) - 2, step + 2);
                self.push(value, steps[step]);
            }
            None => {
                self.push(0xff, 8);
                self.push(value, 64);
            }
        }
    }

    /// Go's varint, byte by byte.
    fn varint(&mut self, value: i64) {
        let mut bytes = Vec::new();
        tsdb::cursor::push_varint(&mut bytes, value);
        bytes.iter().for_each(|&byte| self.push(u64::from(byte), 8));
    }

    fn uvarint(&mut self, value: u64) {
        let mut bytes = Vec::new();
        tsdb::cursor::push_uvarint(&mut bytes, value);
        bytes.iter().for_each(|&byte| self.push(u64::from(byte), 8));
    }
}

pub(super) fn chunk_xor(samples: &[(i64, f64)]) -> Vec<u8> {
    let (mut state, mut words) = (XorState::default(), Vec::new());
    samples.iter().for_each(|&(timestamp_ms, value)| state.append(timestamp_ms, value, &mut words));
    state.finish(&words).to_vec()
}

/// The second float encoding: one sample; three with start timestamps from the second on; a stale marker.
pub(super) fn xor2() -> Vec<Vec<u8>> {
    let first = |count: u8, starts: u8| {
        let mut bits = Bits::after(&[0, count, starts]);
        bits.varint(1_700_000_000_000);
        bits.push(1.5_f64.to_bits(), 64);
        bits
    };
    let one = first(1, 0);
    let mut one_with_start = first(1, 0x80);
    one_with_start.varint(5_000);
    let mut three = first(3, 1);
    three.uvarint(15_000);
    three.push(0, 1);
    three.varbit_int(20_000);
    // No change of time or value; then the change of the start's distance.
    three.push(0, 1);
    three.varbit_int(15_000);
    let mut stale = first(4, 0);
    stale.uvarint(15_000);
    stale.push(0b111, 3);
    stale.push(0b11111, 5);
    // Another step in time, another value in a window of its own.
    stale.push(0b110, 3);
    stale.push(77, 13);
    stale.push(0b110, 3);
    stale.push(11, 5);
    stale.push(6, 6);
    stale.push(0b10_1011, 6);
    [one, one_with_start, three, stale].map(|bits| bits.bytes).to_vec()
}

/// Whether counts are whole numbers, and whether there are start timestamps.
#[derive(Clone, Copy)]
struct Form {
    integer: bool,
    starts: bool,
}

/// Two spans of positive buckets, one of negative ones.
fn layout(bits: &mut Bits, schema: i64) {
    // The threshold: 2^-128 as one byte, or none.
    bits.push(if schema == -53 { 0 } else { 243 - 128 }, 8);
    bits.varbit_int(schema);
    bits.varbit_uint(2);
    for (length, offset) in [(2, 0), (1, 3)] {
        bits.varbit_uint(length);
        bits.varbit_int(offset);
    }
    let negative = u64::from(schema != -53);
    bits.varbit_uint(negative);
    if negative > 0 {
        bits.varbit_uint(1);
        bits.varbit_int(-2);
    }
    if schema == -53 {
        bits.varbit_uint(6);
        for bound in [1_u64, 2, 5, 10, 25] {
            bits.varbit_uint(bound * 1000 + 1);
        }
        // A bound that is no multiple of a thousandth.
        bits.push(0, 1);
        bits.push(33.000_001_f64.to_bits(), 64);
    }
}

/// A chunk with a sample and, of those after it, such that change nothing.
fn histogram(form: Form, schema: i64, samples: u8) -> Vec<u8> {
    let cells = if schema == -53 { 3 } else { 4 };
    let mut bits = match form.starts {
        false => Bits::after(&[0, samples, 0b0100_0000]),
        true => Bits::after(&[0b0100_0000, samples, 0x80]),
    };
    layout(&mut bits, schema);
    bits.varbit_int(1_700_000_000_000);
    match form.integer {
        true => {
            bits.varbit_uint(9);
            bits.varbit_uint(1);
            bits.push(12.5_f64.to_bits(), 64);
            [2, 1, -1, 2].iter().take(cells).for_each(|&delta| bits.varbit_int(delta));
        }
        false => [9.0, 1.0, 12.5, 2.0, 3.0, 2.0, 2.0]
            .iter()
            .take(3 + cells)
            .for_each(|value: &f64| bits.push(value.to_bits(), 64)),
    }
    if form.starts {
        bits.varbit_int(60_000);
    }
    for sample in 1..i64::from(samples) {
        bits.varbit_int(if sample == 1 { 15_000 } else { 0 });
        // Count, zero count, sum, buckets: none differs.
        (0..3 + cells).for_each(|_| bits.push(0, 1));
    }
    bits.bytes
}

/// Integer, float, and both with start timestamps.
pub(super) fn histogram_chunks() -> [Vec<Vec<u8>>; 4] {
    [(true, false), (false, false), (true, true), (false, true)].map(|(integer, starts)| {
        let form = Form { integer, starts };
        let samples = if starts { 1 } else { 5 };
        vec![histogram(form, 3, 1), histogram(form, 0, samples), histogram(form, -53, samples)]
    })
}
