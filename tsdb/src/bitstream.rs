//! Bits, most significant first, as chunks hold them.

/// Takes whole words of a bit stream, in order: a vector, or a slot of a slab.
pub trait WordSink {
    /// Takes the next eight bytes.
    fn push_word(&mut self, word: [u8; 8]);
}

impl WordSink for Vec<u8> {
    fn push_word(&mut self, word: [u8; 8]) {
        self.extend_from_slice(&word);
    }
}

/// Bits that do not fill a word yet: the end of a stream that is being written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PendingBits {
    /// The bits, from the top; the rest is zero.
    pub(crate) word: u64,
    /// How many there are, 0 to 63.
    pub(crate) count: u8,
}

impl PendingBits {
    /// Appends the low `count` bits of `bits`, 1 to 64; the others are zero. A word that is complete goes to `sink`.
    #[inline(always)]
    pub(crate) fn push(&mut self, bits: u64, count: u32, sink: &mut impl WordSink) {
        let free = 64 - u32::from(self.count);
        if count < free {
            self.word |= bits << (free - count);
            self.count += count as u8;
            return;
        }
        let over = count - free;
        sink.push_word((self.word | bits >> over).to_be_bytes());
        // A shift by 64 would be none at all.
        self.word = if over == 0 { 0 } else { bits << (64 - over) };
        self.count = over as u8;
    }
}

/// Takes the first `end` bits of `data` to write on behind them: whole words go to `sink`.
pub(crate) fn take_words(data: &[u8], end: usize, sink: &mut impl WordSink) -> PendingBits {
    let mut words = data;
    for _ in 0..end / 64 {
        let Some((word, rest)) = words.split_first_chunk::<8>() else { break };
        sink.push_word(*word);
        words = rest;
    }
    let count = (end % 64) as u8;
    let unused = 64 - u32::from(count);
    let bits = BitReader::new(words, 0).peek().checked_shr(unused).unwrap_or(0);
    PendingBits { word: bits.checked_shl(unused).unwrap_or(0), count }
}

/// So many bits [`BitReader::window`] shows at least.
pub(crate) const WINDOW_BITS: u32 = 57;

/// Reads bits through a window of 64. Beyond the end there are zeros: whoever reads asks [`BitReader::overran`] once per
/// sample, not once per bit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at byte `offset`.
    pub(crate) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, at: offset * 8 }
    }

    /// The next bit to be read, counted from the start.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The bytes from the next bit on, which must stand at a byte's border.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at / 8..).unwrap_or_default()
    }

    /// The next [`WINDOW_BITS`] bits or some more, and zeros behind them; nothing is consumed. Cheaper than
    /// [`BitReader::peek`]: one load.
    #[inline(always)]
    pub(crate) fn window(&self) -> u64 {
        let (byte, bit) = (self.at / 8, self.at % 8);
        let rest = self.bytes.get(byte..).unwrap_or_default();
        match rest.first_chunk::<8>() {
            Some(word) => u64::from_be_bytes(*word) << bit,
            None => self.peek_end(byte) << bit,
        }
    }

    /// The next 64 bits; nothing is consumed.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u64 {
        self.peek_at(0)
    }

    /// The 64 bits behind the next `count`; nothing is consumed.
    #[inline(always)]
    pub(crate) fn peek_at(&self, count: usize) -> u64 {
        let at = self.at + count;
        let (byte, bit) = (at / 8, at % 8);
        let rest = self.bytes.get(byte..).unwrap_or_default();
        match rest.first_chunk::<9>() {
            Some(&[a, b, c, d, e, f, g, h, next]) => {
                u64::from_be_bytes([a, b, c, d, e, f, g, h]) << bit | u64::from(next) >> (8 - bit)
            }
            None => self.peek_end(byte) << bit,
        }
    }

    /// At most eight bytes from `byte` on, padded with zeros.
    #[cold]
    fn peek_end(self, byte: usize) -> u64 {
        let rest = self.bytes.get(byte..).unwrap_or_default();
        let last = match self.bytes.last_chunk::<8>() {
            Some(last) => u64::from_be_bytes(*last),
            None => self.bytes.iter().fold(0, |last, byte| last << 8 | u64::from(*byte)),
        };
        // Those before them go.
        last.checked_shl(64 - 8 * rest.len() as u32).unwrap_or(0)
    }

    /// Passes over `count` bits.
    #[inline(always)]
    pub(crate) fn skip(&mut self, count: usize) {
        self.at += count;
    }

    /// The next `count` bits, 1 to 64, as a number.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> u64 {
        let bits = self.peek() >> (64 - count);
        self.skip(count as usize);
        bits
    }

    /// How many bytes there are in all.
    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many bits were not read yet.
    pub(crate) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.at)
    }

    /// Whether more bits were consumed than there are.
    #[inline(always)]
    pub(crate) fn overran(&self) -> bool {
        self.at > self.bytes.len() * 8
    }
}

#[cfg(test)]
mod tests;
