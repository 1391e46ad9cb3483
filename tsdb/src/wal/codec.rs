//! Compression of records.

/// What a log compresses its records with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    None,
    #[default]
    Snappy,
    Zstd,
}

/// How a record is stored: bits 3 and 4 of a fragment's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Plain,
    Snappy,
    Zstd,
}

impl Coding {
    pub(super) fn bits(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Snappy => 1 << 3,
            Self::Zstd => 1 << 4,
        }
    }
}

/// Compresses records, one after the other, without allocating once it is warm.
pub(super) struct Packer {
    snappy: snap::raw::Encoder,
    /// Made when the first log asks for it: it is large.
    zstd: Option<zstd::bulk::Compressor<'static>>,
    packed: Vec<u8>,
}

impl Packer {
    /// The form in which `record` is to be stored: packed, or as it is where packing does not make it smaller.
    pub(super) fn pack<'a>(&'a mut self, record: &'a [u8], compression: Compression) -> (&'a [u8], Coding) {
        let packed = match compression {
            Compression::None => None,
            Compression::Snappy => self.pack_snappy(record).map(|size| (size, Coding::Snappy)),
            Compression::Zstd => self.pack_zstd(record).map(|size| (size, Coding::Zstd)),
        };
        match packed.and_then(|(size, coding)| Some((self.packed.get(..size)?, coding))) {
            Some((packed, coding)) if packed.len() < record.len() => (packed, coding),
            _ => (record, Coding::Plain),
        }
    }

    /// Gives back memory beyond `keep_bytes`.
    pub(super) fn shrink_to(&mut self, keep_bytes: usize) {
        self.packed.truncate(keep_bytes);
        self.packed.shrink_to(keep_bytes);
    }

    fn pack_snappy(&mut self, record: &[u8]) -> Option<usize> {
        let room = snap::raw::max_compress_len(record.len());
        if room == 0 {
            return None; // Larger than snappy takes.
        }
        self.make_room(room);
        self.snappy.compress(record, &mut self.packed).ok()
    }

    fn pack_zstd(&mut self, record: &[u8]) -> Option<usize> {
        if self.zstd.is_none() {
            self.zstd = zstd::bulk::Compressor::new(1).ok();
        }
        self.make_room(zstd::zstd_safe::compress_bound(record.len()));
        self.zstd.as_mut()?.compress_to_buffer(record, &mut self.packed[..]).ok()
    }

    fn make_room(&mut self, size: usize) {
        if self.packed.len() < size {
            self.packed.resize(size, 0);
        }
    }
}

impl Default for Packer {
    fn default() -> Self {
        Self { snappy: snap::raw::Encoder::new(), zstd: None, packed: Vec::new() }
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Packer")
    }
}
