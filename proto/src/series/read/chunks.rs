//! The chunks of a series.

use super::fields::{Fields, malformed};
use crate::series::{Aggr, Encoding, MalformedFrame, ReadChunk, WireChunk};
use crate::wire;
use bytes::Bytes;
use std::ops::Range;

// AggrChunk; behind these the chunk of each aggregate.
const MIN_TIME: u32 = 1;
const MAX_TIME: u32 = 2;
const FIRST_AGGREGATE: u32 = 3;
// Chunk
const TYPE: u32 = 1;
const DATA: u32 = 2;
const HASH: u32 = 3;
// The keys of a raw chunk, and of what is in it.
const SHORT_MIN_TIME: u8 = (MIN_TIME << 3) as u8;
const SHORT_MAX_TIME: u8 = (MAX_TIME << 3) as u8;
const SHORT_RAW: u8 = (FIRST_AGGREGATE << 3 | 2) as u8;
const SHORT_TYPE: u8 = (TYPE << 3) as u8;
const SHORT_DATA: u8 = (DATA << 3 | 2) as u8;
const SHORT_HASH: u8 = (HASH << 3) as u8;

const AGGREGATES: [(Aggr, &str); 6] = [
    (Aggr::Raw, "AggrChunk.raw"),
    (Aggr::Count, "AggrChunk.count"),
    (Aggr::Sum, "AggrChunk.sum"),
    (Aggr::Min, "AggrChunk.min"),
    (Aggr::Max, "AggrChunk.max"),
    (Aggr::Counter, "AggrChunk.counter"),
];

/// One `AggrChunk`: hands out the chunk of each aggregate it has. Its range may stand behind them.
pub(super) fn read_chunks(
    frame: &Bytes,
    message: Range<usize>,
    chunk: &mut impl FnMut(ReadChunk),
) -> Result<(), MalformedFrame> {
    if let Some(read) = usual_chunk(frame, &message) {
        chunk(read);
        return Ok(());
    }
    let mut fields = Fields::new(frame, message, "AggrChunk");
    let (mut min_ms, mut max_ms) = (0, 0);
    let mut found: [Option<ChunkFields>; AGGREGATES.len()] = std::array::from_fn(|_| None);
    while let Some(field) = fields.next()? {
        let aggregate = field.number.wrapping_sub(FIRST_AGGREGATE) as usize;
        match (field.number, found.get_mut(aggregate)) {
            (MIN_TIME, _) => min_ms = field.varint()?.cast_signed(),
            (MAX_TIME, _) => max_ms = field.varint()?.cast_signed(),
            (_, Some(place)) => {
                let named = AGGREGATES[aggregate].1;
                let read = ChunkFields::read(frame, field.range()?, named)?;
                if place.replace(read).is_some() {
                    return Err(malformed(named, field.at, "more than one chunk of the aggregate"));
                }
            }
            (_, None) => {}
        }
    }
    for ((aggregate, _), found) in AGGREGATES.into_iter().zip(found) {
        if let Some(ChunkFields { encoding, data, hash }) = found {
            let data = frame.slice(data);
            chunk((WireChunk { min_ms, max_ms, aggregate, encoding, data }, hash));
        }
    }
    Ok(())
}

/// A raw chunk as every writer writes it: its range, and all of it behind. `None`: it is to be read field by field.
#[inline]
fn usual_chunk(frame: &Bytes, message: &Range<usize>) -> Option<ReadChunk> {
    let body = frame.get(..message.end)?;
    let mut at = message.start;
    let min_ms = varint_behind(body, SHORT_MIN_TIME, &mut at)?.cast_signed();
    let max_ms = varint_behind(body, SHORT_MAX_TIME, &mut at)?.cast_signed();
    at = behind(body, SHORT_RAW, at)?;
    if wire::end_of_len(body, &mut at).ok()? != message.end {
        return None;
    }
    let encoding = match varint_behind(body, SHORT_TYPE, &mut at) {
        None => Encoding::Xor,
        Some(number) => Encoding::try_from(i32::try_from(number).ok()?).ok()?,
    };
    at = behind(body, SHORT_DATA, at)?;
    let end = wire::end_of_len(body, &mut at).ok()?;
    let data = at..end;
    at = end;
    let hash = varint_behind(body, SHORT_HASH, &mut at).unwrap_or(0);
    let data = (at == message.end).then(|| frame.slice(data))?;
    Some((WireChunk { min_ms, max_ms, aggregate: Aggr::Raw, encoding, data }, hash))
}

/// Behind a key of one byte that is expected here.
#[inline]
fn behind(body: &[u8], key: u8, at: usize) -> Option<usize> {
    (body.get(at) == Some(&key)).then_some(at + 1)
}

/// The value of a field that is expected here; if it is, `at` moves behind it.
#[inline]
fn varint_behind(body: &[u8], key: u8, at: &mut usize) -> Option<u64> {
    let mut value_at = behind(body, key, *at)?;
    let value = wire::uvarint(body, &mut value_at).ok()?;
    *at = value_at;
    Some(value)
}

struct ChunkFields {
    encoding: Encoding,
    data: Range<usize>,
    hash: u64,
}

impl ChunkFields {
    fn read(frame: &Bytes, message: Range<usize>, named: &'static str) -> Result<Self, MalformedFrame> {
        let mut chunk = Self { encoding: Encoding::Xor, data: 0..0, hash: 0 };
        let mut fields = Fields::new(frame, message, named);
        while let Some(field) = fields.next()? {
            match field.number {
                TYPE => {
                    let number = field.varint()?;
                    let known = i32::try_from(number).ok().and_then(|number| Encoding::try_from(number).ok());
                    let unknown = || malformed(named, field.at, format!("chunk of unknown type {number}"));
                    chunk.encoding = known.ok_or_else(unknown)?;
                }
                DATA => chunk.data = field.range()?,
                HASH => chunk.hash = field.varint()?,
                _ => {}
            }
        }
        Ok(chunk)
    }
}
