//! The side file of an index-header: where each symbol and each row begins, so that one is found without a walk and without
//! memory for it.
//!
//! Format: `store/docs/format/index-header.md`. The file is ours alone. It says which header it was made of and is made again
//! when it is missing, damaged or of another one.

use bytes::Bytes;
use std::path::{Path, PathBuf};
use tsdb::cursor::{Corruption, Cursor, Fault};
use tsdb::fs::{Fs, replace_cache_file};
use tsdb::index::Places;
use tsdb::index::postings::PostingsTable;
use tsdb::index::symbols::Symbols;

/// "GOFF".
const MAGIC: u32 = 0x474F_4646;
const VERSION: u8 = 1;
/// Magic number, version and padding, the header's size, two checksums, three counts.
const HEAD_BYTES: usize = 4 + 4 + 8 + 4 + 4 + 4 + 4 + 4;
const PLACE_BYTES: usize = 4;
const CRC_BYTES: usize = 4;

/// Which header a side file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) size_bytes: u64,
    /// The stored checksums of its sections, which were found right.
    pub(super) symbols_sum: u32,
    pub(super) table_sum: u32,
}

/// The contents of a header's two sections, and where they begin in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contents<'a> {
    pub(super) symbols: &'a [u8],
    pub(super) symbols_at: u64,
    pub(super) table: &'a [u8],
    pub(super) table_at: u64,
}

/// What finds symbols and rows in those.
#[derive(Debug)]
pub(super) struct Finders {
    pub(super) symbols: Symbols,
    pub(super) table: PostingsTable,
}

/// Where the side file of the header at `header` is.
pub(super) fn path_of(header: &Path) -> PathBuf {
    let mut path = header.as_os_str().to_owned();
    path.push(".offsets");
    path.into()
}

impl Finders {
    /// Maps the side file at `path`, which is made first if there is none that fits. Where none can be made, every few places
    /// are kept in memory instead: the header serves without it.
    ///
    /// # Errors
    /// Sections that are none: the header is damaged.
    pub(super) fn open(
        fs: &dyn Fs,
        path: &Path,
        identity: Identity,
        contents: Contents<'_>,
    ) -> Result<Self, Corruption> {
        if let Ok(finders) = Self::map(fs, path, identity, contents) {
            return Ok(finders);
        }
        let file = encode(identity, contents)?;
        // Not synced: what a crash leaves of it has a wrong checksum, or is missing, and is made again.
        let made = replace_cache_file(fs, path, &file).map_err(|error| error.to_string());
        drop(file);
        match made.and_then(|()| Self::map(fs, path, identity, contents)) {
            Ok(finders) => Ok(finders),
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "offsets of an index-header are kept in memory");
                Self::scan(contents, None)
            }
        }
    }

    /// Walks over the sections. The place of every `stride`th thing is kept in memory, of as many as a mapped index keeps if
    /// it is not said.
    fn scan(contents: Contents<'_>, stride: Option<usize>) -> Result<Self, Corruption> {
        let symbols = match stride {
            Some(stride) => Symbols::scan_each(contents.symbols, stride),
            None => Symbols::scan(contents.symbols),
        };
        let table = match stride {
            Some(stride) => PostingsTable::scan_each(contents.table, stride),
            None => PostingsTable::scan(contents.table),
        };
        Ok(Self { symbols: symbols.map_err(at(contents.symbols_at))?, table: table.map_err(at(contents.table_at))? })
    }

    fn map(fs: &dyn Fs, path: &Path, identity: Identity, contents: Contents<'_>) -> Result<Self, String> {
        let bytes = fs.map(path).map_err(|error| error.to_string())?;
        Self::decode(&bytes, identity, contents).map_err(|corruption| corruption.to_string())
    }

    fn decode(file: &Bytes, identity: Identity, contents: Contents<'_>) -> Result<Self, Corruption> {
        let mut cursor = Cursor::new(file);
        let magic = cursor.be_u32()?;
        if magic != MAGIC {
            return Err(Corruption { offset: 0, fault: Fault::Magic(magic) });
        }
        let [version, ..] = cursor.array::<4>()?;
        if version != VERSION {
            return Err(Corruption { offset: 4, fault: Fault::Version(version) });
        }
        let at = cursor.clone();
        let of = Identity { size_bytes: cursor.be_u64()?, symbols_sum: cursor.be_u32()?, table_sum: cursor.be_u32()? };
        if of != identity {
            return Err(at.fault(Fault::Malformed("the offsets are those of another index-header")));
        }
        let at = cursor.clone();
        let [symbols, rows, names] = [cursor.be_u32()?, cursor.be_u32()?, cursor.be_u32()?];
        let want = [symbols, rows, names].map(|count| u64::from(count) * PLACE_BYTES as u64).iter().sum::<u64>()
            + CRC_BYTES as u64;
        let left = cursor.rest().len() as u64;
        if left != want {
            return Err(at.fault(Fault::Truncated { want, left }));
        }
        let counted = |content: &[u8]| Cursor::new(content).be_u32();
        if symbols != counted(contents.symbols)? || rows != counted(contents.table)? {
            return Err(at.fault(Fault::Malformed("there are not so many offsets as symbols and rows")));
        }
        check_sum(file)?;
        let mut places = |count: u32| {
            // `left` is a length in memory, so this is one as well.
            let words = cursor.bytes(count as usize * PLACE_BYTES)?;
            Ok(Places::Stored(file.slice_ref(words)))
        };
        let (symbols, rows, names) = (places(symbols)?, places(rows)?, places(names)?);
        Ok(Self { symbols: Symbols::stored(symbols), table: PostingsTable::stored(contents.table, rows, &names)? })
    }
}

fn check_sum(file: &[u8]) -> Result<(), Corruption> {
    let Some((summed, sum)) = file.split_last_chunk::<CRC_BYTES>() else {
        return Err(Corruption { offset: 0, fault: Fault::Malformed("there is no checksum") });
    };
    let (stored, computed) = (u32::from_be_bytes(*sum), crc32c::crc32c(summed));
    if stored == computed {
        return Ok(());
    }
    Err(Corruption { offset: summed.len() as u64, fault: Fault::Checksum { stored, computed } })
}

/// The side file of the header with those sections, out of a walk over all that is in them.
fn encode(identity: Identity, contents: Contents<'_>) -> Result<Vec<u8>, Corruption> {
    let Finders { symbols, table } = Finders::scan(contents, Some(1))?;
    let first_rows = table.first_places();
    let all = [symbols.places(), table.places(), &first_rows];
    let places: usize = all.iter().map(|places| places.len()).sum();
    let mut file = Vec::with_capacity(HEAD_BYTES + places * PLACE_BYTES + CRC_BYTES);
    file.extend_from_slice(&MAGIC.to_be_bytes());
    file.extend_from_slice(&[VERSION, 0, 0, 0]);
    file.extend_from_slice(&identity.size_bytes.to_be_bytes());
    file.extend_from_slice(&identity.symbols_sum.to_be_bytes());
    file.extend_from_slice(&identity.table_sum.to_be_bytes());
    for places in all {
        // Sections have sizes of 32 bits, and so there are fewer of all that is in them.
        file.extend_from_slice(&u32::try_from(places.len()).unwrap_or(u32::MAX).to_be_bytes());
    }
    all.iter().for_each(|places| places.encode(&mut file));
    let sum = crc32c::crc32c(&file);
    file.extend_from_slice(&sum.to_be_bytes());
    Ok(file)
}

/// For `map_err`: the place of a fault, counted from further in front.
fn at(base: u64) -> impl FnOnce(Corruption) -> Corruption {
    move |fault| Corruption { offset: base.saturating_add(fault.offset), ..fault }
}

#[cfg(test)]
mod tests;
