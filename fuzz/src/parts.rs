//! An input as parts: how structured targets read theirs, and seeds write them.

/// Takes parts from the front of an input. Where it is too short, a part is what is left, or zero.
#[derive(Debug, Clone)]
pub(crate) struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    pub(crate) fn of(input: &'a [u8]) -> Self {
        Self(input)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes(&mut self, size: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at(size.min(self.0.len()));
        self.0 = rest;
        part
    }

    pub(crate) fn u8(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes([self.u8(), self.u8()])
    }

    /// Bytes preceded by their size in two bytes.
    pub(crate) fn sized(&mut self) -> &'a [u8] {
        let size = self.u16();
        self.bytes(usize::from(size))
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

/// Appends bytes as [`Parts::sized`] takes them.
pub(crate) fn push_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Bytes with their size in four bytes before and their checksum behind: a section of an index.
pub(crate) fn section(content: &[u8]) -> Vec<u8> {
    let mut section = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    section.extend_from_slice(content);
    section.extend_from_slice(&crc32c::crc32c(content).to_be_bytes());
    section
}

/// The body of a series entry with its size as varint before and its checksum behind.
pub(crate) fn entry(body: &[u8]) -> Vec<u8> {
    let mut entry = Vec::new();
    tsdb::cursor::push_uvarint(&mut entry, body.len() as u64);
    entry.extend_from_slice(body);
    entry.extend_from_slice(&crc32c::crc32c(body).to_be_bytes());
    entry
}
