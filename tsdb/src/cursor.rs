//! A walk over bytes from outside: every read is checked, an error says at which byte and why.

/// What is wrong with bytes from a file, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("at byte {offset}: {fault}")]
pub struct Corruption {
    /// Counted from the start of the bytes that were decoded, or of the file where a file is named beside it.
    pub offset: u64,
    pub fault: Fault,
}

/// The ways in which bytes can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("{want} bytes needed, {left} left")]
    Truncated { want: u64, left: u64 },
    #[error("varint has more than 64 bits")]
    VarintOverflow,
    #[error("checksum is {stored:08x}, the bytes have {computed:08x}")]
    Checksum { stored: u32, computed: u32 },
    #[error("magic number is {0:08x}")]
    Magic(u32),
    #[error("version {0} is not known")]
    Version(u8),
    #[error("chunk encoding {0} is not known")]
    Encoding(u8),
    #[error("{what} is {got}, at most {limit} is possible")]
    TooLarge { what: &'static str, got: u64, limit: u64 },
    #[error("{0}")]
    Malformed(&'static str),
}

/// Reads from the front of a slice. Fixed-width integers are big-endian, varints those of Go (LEB128, zigzag if signed).
///
/// Every read fails with a [`Corruption`] where the bytes end too early, and takes nothing then.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Whether all was read.
    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The fault, placed where the cursor stands.
    pub fn fault(&self, fault: Fault) -> Corruption {
        Corruption { offset: self.at as u64, fault }
    }

    /// Passes over `size` bytes, or what is left if that is less.
    #[inline]
    pub(crate) fn skip(&mut self, size: usize) {
        self.at = self.at.saturating_add(size).min(self.bytes.len());
    }

    /// The next `size` bytes.
    pub fn bytes(&mut self, size: usize) -> Result<&'a [u8], Corruption> {
        let Some((taken, _)) = self.rest().split_at_checked(size) else {
            return Err(self.truncated(size as u64));
        };
        self.at += size;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Corruption> {
        let Some(taken) = self.rest().first_chunk::<N>() else {
            return Err(self.truncated(N as u64));
        };
        self.at += N;
        Ok(*taken)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Corruption> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// What a file begins with: `magic`, and one of `versions`, which is given back.
    pub fn header(&mut self, magic: u32, versions: &[u8]) -> Result<u8, Corruption> {
        let at_magic = self.clone();
        let found = self.be_u32()?;
        if found != magic {
            return Err(at_magic.fault(Fault::Magic(found)));
        }
        let at_version = self.clone();
        let version = self.u8()?;
        versions.contains(&version).then_some(version).ok_or_else(|| at_version.fault(Fault::Version(version)))
    }

    /// Four bytes, big-endian.
    pub fn be_u32(&mut self) -> Result<u32, Corruption> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight bytes, big-endian.
    pub fn be_u64(&mut self) -> Result<u64, Corruption> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// An unsigned varint of at most ten bytes.
    #[inline]
    pub fn uvarint(&mut self) -> Result<u64, Corruption> {
        let (mut value, mut shift) = (0_u64, 0_u32);
        for (index, &byte) in self.rest().iter().enumerate() {
            let low = u64::from(byte & 0x7f);
            if shift == 63 && byte > 1 {
                return Err(self.fault(Fault::VarintOverflow));
            }
            value |= low << shift;
            if byte < 0x80 {
                self.at += index + 1;
                return Ok(value);
            }
            shift += 7;
        }
        Err(self.truncated(self.rest().len() as u64 + 1))
    }

    /// A signed varint: zigzag over [`Cursor::uvarint`].
    pub fn varint(&mut self) -> Result<i64, Corruption> {
        let zigzag = self.uvarint()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    /// A size or count that must fit the machine's `usize`.
    pub fn uvarint_usize(&mut self) -> Result<usize, Corruption> {
        let at = self.clone();
        let value = self.uvarint()?;
        usize::try_from(value).map_err(|_| at.truncated(value))
    }

    /// Bytes preceded by their size as uvarint.
    pub fn string(&mut self) -> Result<&'a [u8], Corruption> {
        let size = self.uvarint_usize()?;
        self.bytes(size)
    }

    fn truncated(&self, want: u64) -> Corruption {
        self.fault(Fault::Truncated { want, left: self.rest().len() as u64 })
    }
}

/// How many bytes `value` takes as uvarint.
pub fn uvarint_bytes(value: u64) -> usize {
    (value.max(1).ilog2() / 7 + 1) as usize
}

/// Appends `value` as Go's uvarint.
pub fn push_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

/// Appends `value` as Go's varint: zigzag, then uvarint.
pub fn push_varint(out: &mut Vec<u8>, value: i64) {
    push_uvarint(out, (value << 1 ^ value >> 63).cast_unsigned());
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests;
