//! The full chunks of a series: where each lies and which times it holds, in 16 bytes.
//!
//! A list begins with the time of its first sample (i64), the base. Each chunk then has its place (u64), how long after
//! the base it begins (u32 milliseconds) and how long its range is (u32). Where a beginning does not fit, a place of all
//! ones and a time announce another base for what follows. All little-endian.

/// A full chunk. Both ends of its range are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FullChunk {
    pub(super) min_ms: i64,
    pub(super) max_ms: i64,
    pub(super) place: Place,
}

/// Where the data of a full chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the head's chunk files: file above 32 bits of offset.
    File(u64),
    /// In the memory of the shard, because the files took nothing.
    Kept(u32),
}

const FRONT_BYTES: usize = 8;
const ENTRY_BYTES: usize = 16;
/// The place that announces another base.
const REBASE: u64 = u64::MAX;

impl Place {
    /// Files are numbered from 1, so a number below 2^32 is no place in one.
    fn to_word(self) -> u64 {
        match self {
            Self::File(place) => place,
            Self::Kept(number) => u64::from(number),
        }
    }

    fn from_word(word: u64) -> Self {
        u32::try_from(word).map_or(Self::File(word), Self::Kept)
    }
}

/// The chunks of a list, oldest first.
pub(super) fn chunks(list: &[u8]) -> impl Iterator<Item = FullChunk> {
    let (front, mut rest) = list.split_first_chunk::<FRONT_BYTES>().unwrap_or((&[0; FRONT_BYTES], &[]));
    let mut base_ms = i64::from_le_bytes(*front);
    std::iter::from_fn(move || {
        loop {
            let (entry, more) = rest.split_first_chunk()?;
            rest = more;
            match decode(entry) {
                (REBASE, time_ms) => base_ms = time_ms.cast_signed(),
                (place, times) => {
                    let min_ms = base_ms.saturating_add(i64::from(times as u32));
                    let max_ms = min_ms.saturating_add((times >> 32).cast_signed());
                    return Some(FullChunk { min_ms, max_ms, place: Place::from_word(place) });
                }
            }
        }
    })
}

/// How many chunks are in a list of so many bytes, or one more for each time that a base was announced in it, which is when
/// one begins 49 days after that before.
pub(super) fn count(list_bytes: usize) -> u64 {
    (list_bytes.saturating_sub(FRONT_BYTES) / ENTRY_BYTES) as u64
}

/// Appends to `tail` the bytes by which `list` grows when `chunk` is added, which is newer than all in it and spans less
/// than 2^32 ms.
pub(super) fn extend(list: &[u8], chunk: FullChunk, tail: &mut Vec<u8>) {
    if list.is_empty() {
        tail.extend_from_slice(&chunk.min_ms.to_le_bytes());
    }
    let base_ms = base_ms(list).unwrap_or(chunk.min_ms);
    let start = chunk.min_ms.checked_sub(base_ms).and_then(|start| u32::try_from(start).ok());
    if start.is_none() {
        tail.extend_from_slice(&REBASE.to_le_bytes());
        tail.extend_from_slice(&chunk.min_ms.to_le_bytes());
    }
    let span = chunk.max_ms.wrapping_sub(chunk.min_ms);
    debug_assert!(u32::try_from(span).is_ok(), "a chunk of {span} ms");
    tail.extend_from_slice(&chunk.place.to_word().to_le_bytes());
    tail.extend_from_slice(&start.unwrap_or(0).to_le_bytes());
    tail.extend_from_slice(&(span as u32).to_le_bytes());
}

/// The base that holds at the end of a list.
fn base_ms(list: &[u8]) -> Option<i64> {
    let (front, entries) = list.split_first_chunk()?;
    let rebased = entries.rchunks_exact(ENTRY_BYTES).find_map(|entry| match decode(entry.first_chunk()?) {
        (REBASE, time_ms) => Some(time_ms.cast_signed()),
        _ => None,
    });
    Some(rebased.unwrap_or(i64::from_le_bytes(*front)))
}

fn decode(entry: &[u8; ENTRY_BYTES]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *entry;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes([i, j, k, l, m, n, o, p]))
}

/// Appends a list of `chunks` to `out`.
pub(super) fn build(chunks: impl IntoIterator<Item = FullChunk>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut tail = Vec::new();
    for chunk in chunks {
        extend(out.get(start..).unwrap_or_default(), chunk, &mut tail);
        out.append(&mut tail);
    }
}

#[cfg(test)]
mod tests;
