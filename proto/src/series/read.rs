//! The walk over a frame.

use super::{Aggr, Encoding, MalformedFrame, ReadChunk, WireChunk};
use crate::wire::{self, Fault, WRONG_WIRE_TYPE, Wire};
use bytes::Bytes;
use model::{LabelsRef, PackedBuilder};
use std::borrow::Cow;
use std::ops::Range;

/// What a frame carries.
#[derive(Debug, Clone)]
pub enum FrameContent {
    /// A series, or a batch of them.
    Series(SeriesFields),
    /// Text, of which nothing is checked.
    Warning(Bytes),
    /// An encoded `google.protobuf.Any`.
    Hints(Bytes),
    /// No field that is known.
    Nothing,
}

/// The series of a frame, one after the other.
#[derive(Debug, Clone)]
pub struct SeriesFields {
    frame: Bytes,
    /// Where the rest lies.
    rest: Range<usize>,
    in_batch: bool,
}

/// Where in its frame a series lies, which may not have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSeries(Range<usize>);

// SeriesResponse
const SERIES: u32 = 1;
const WARNING: u32 = 2;
const HINTS: u32 = 3;
const BATCH: u32 = 4;
// SeriesBatch
const BATCH_SERIES: u32 = 1;
// Series
const LABELS: u32 = 1;
const CHUNKS: u32 = 2;
// Label
const NAME: u32 = 1;
const VALUE: u32 = 2;
// The keys of a label among the fields of a series, and of what is in it.
const SHORT_LABEL: u8 = (LABELS << 3 | 2) as u8;
const SHORT_NAME: u8 = (NAME << 3 | 2) as u8;
const SHORT_VALUE: u8 = (VALUE << 3 | 2) as u8;
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

/// Reads the outermost message of `frame`, which has one result.
///
/// # Errors
/// Malformed bytes, and more than one result: no writer makes such a frame.
pub fn read_frame(frame: &Bytes) -> Result<FrameContent, MalformedFrame> {
    let mut fields = Fields::new(frame, 0..frame.len(), "SeriesResponse");
    let mut content = FrameContent::Nothing;
    let series = |rest, in_batch| FrameContent::Series(SeriesFields { frame: frame.clone(), rest, in_batch });
    while let Some(field) = fields.next()? {
        let found = match field.number {
            SERIES => series(field.range()?, false),
            BATCH => series(field.range()?, true),
            WARNING => FrameContent::Warning(frame.slice(field.range()?)),
            HINTS => FrameContent::Hints(frame.slice(field.range()?)),
            _ => continue,
        };
        if !matches!(content, FrameContent::Nothing) {
            return Err(fields.fault(Fault { at: field.at, what: "more than one result" }));
        }
        content = found;
    }
    Ok(content)
}

impl SeriesFields {
    /// Reads the next series: its labels into `labels`, whose former contents are forgotten, and each chunk to `chunk`.
    /// `None` at the end.
    ///
    /// # Errors
    /// Malformed bytes, a type of chunk that is not known, or labels that are no label set. The frame is to be given up;
    /// chunks may have been handed out already.
    pub fn next_series<'b>(
        &mut self,
        labels: &'b mut PackedBuilder,
        chunk: &mut impl FnMut(ReadChunk),
    ) -> Result<Option<LabelsRef<'b>>, MalformedFrame> {
        let Some(found) = self.find_next()? else { return Ok(None) };
        Ok(Some(self.read(&found, labels, chunk)?.0))
    }

    /// Passes the next series without reading it. `None` at the end.
    ///
    /// # Errors
    /// Malformed bytes. The frame is to be given up.
    pub fn find_next(&mut self) -> Result<Option<FoundSeries>, MalformedFrame> {
        if !self.in_batch {
            let all = self.rest.clone();
            (self.in_batch, self.rest.start) = (true, all.end);
            return Ok(Some(FoundSeries(all)));
        }
        let mut fields = Fields::new(&self.frame, self.rest.clone(), "SeriesBatch");
        let mut found = None;
        while found.is_none() {
            let Some(field) = fields.next()? else { break };
            if field.number == BATCH_SERIES {
                found = Some(FoundSeries(field.range()?));
            }
        }
        self.rest.start = fields.at;
        Ok(found)
    }

    /// How many bytes all series have that were not found yet.
    pub fn size_bytes(&self) -> usize {
        self.rest.len()
    }

    /// The bytes of a series that was found. Equal bytes are equal series.
    pub fn bytes(&self, found: &FoundSeries) -> &[u8] {
        self.frame.get(found.0.clone()).unwrap_or_default()
    }

    /// Reads a series that was found, as [`SeriesFields::next_series`]. Of its bytes so many are labels, if these lie at its
    /// front.
    ///
    /// # Errors
    /// As [`SeriesFields::next_series`].
    pub fn read<'b>(
        &self,
        FoundSeries(series): &FoundSeries,
        labels: &'b mut PackedBuilder,
        chunk: &mut impl FnMut(ReadChunk),
    ) -> Result<(LabelsRef<'b>, Option<usize>), MalformedFrame> {
        labels.clear();
        let start = series.start;
        let (mut fields, mut labels_end) = (Fields::new(&self.frame, series.clone(), "Series"), Some(start));
        loop {
            let at = fields.at;
            // Nearly all fields are labels, and these short.
            while let Some((name, value)) = fields.next_short_label() {
                labels.push(name, value).map_err(|error| invalid("Label", start, &error))?;
            }
            if fields.at > at {
                labels_end = labels_end.filter(|end| *end == at).map(|_| fields.at);
            }
            let Some(field) = fields.next()? else { break };
            match field.number {
                LABELS => {
                    read_label(&self.frame, field.range()?, labels)?;
                    labels_end = labels_end.filter(|end| *end == field.at).map(|_| fields.at);
                }
                CHUNKS => read_chunks(&self.frame, field.range()?, chunk)?,
                _ => {}
            }
        }
        let set = labels.finish().map_err(|error| invalid("Series.labels", start, &error))?;
        Ok((set, labels_end.map(|end| end - start)))
    }

    /// Reads the chunks of a series that was found, whose first `labels` bytes are known. `false`: it has more labels behind
    /// these, and chunks may have been handed out.
    ///
    /// # Errors
    /// As [`SeriesFields::next_series`].
    pub fn read_behind(
        &self,
        FoundSeries(series): &FoundSeries,
        labels: usize,
        chunk: &mut impl FnMut(ReadChunk),
    ) -> Result<bool, MalformedFrame> {
        let start = series.start.saturating_add(labels).min(series.end);
        let mut fields = Fields::new(&self.frame, start..series.end, "Series");
        while let Some(field) = fields.next()? {
            match field.number {
                LABELS => return Ok(false),
                CHUNKS => read_chunks(&self.frame, field.range()?, chunk)?,
                _ => {}
            }
        }
        Ok(true)
    }
}

fn read_label(frame: &Bytes, label: Range<usize>, labels: &mut PackedBuilder) -> Result<(), MalformedFrame> {
    let start = label.start;
    let mut fields = Fields::new(frame, label, "Label");
    let (mut name, mut value) = (0..0, 0..0);
    while let Some(field) = fields.next()? {
        match field.number {
            NAME => name = field.range()?,
            VALUE => value = field.range()?,
            _ => {}
        }
    }
    let text = |range| frame.get(range).unwrap_or_default();
    labels.push(text(name), text(value)).map_err(|error| invalid("Label", start, &error))
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

/// One `AggrChunk`: hands out the chunk of each aggregate it has. Its range may stand behind them.
fn read_chunks(frame: &Bytes, message: Range<usize>, chunk: &mut impl FnMut(ReadChunk)) -> Result<(), MalformedFrame> {
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

// === fields of a message ===

/// Walks the fields of the message that lies at `at..end` of the frame.
struct Fields<'a> {
    body: &'a [u8],
    at: usize,
    message: &'static str,
}

/// A field: its number, where its key is, and its value.
struct Field {
    number: u32,
    at: usize,
    value: Value,
    message: &'static str,
}

enum Value {
    Varint(u64),
    Len(Range<usize>),
    Other,
}

impl<'a> Fields<'a> {
    fn new(frame: &'a Bytes, message: Range<usize>, named: &'static str) -> Self {
        Self { body: frame.get(..message.end).unwrap_or_default(), at: message.start, message: named }
    }

    #[inline]
    fn next(&mut self) -> Result<Option<Field>, MalformedFrame> {
        if self.at >= self.body.len() {
            return Ok(None);
        }
        let at = self.at;
        self.read(at).map(Some).map_err(|fault| self.fault(fault))
    }

    /// Passes a label as every writer writes it, name and value shorter than what takes two bytes for its size. `None`: what
    /// comes next is to be read field by field.
    #[inline]
    fn next_short_label(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let (&[SHORT_LABEL, size @ ..0x80, SHORT_NAME, name @ 1..0x80], rest) =
            self.body.get(self.at..)?.split_first_chunk::<4>()?
        else {
            return None;
        };
        let (name, rest) = rest.split_at_checked(name.into())?;
        let (&[SHORT_VALUE, value @ ..0x80], rest) = rest.split_first_chunk::<2>()? else { return None };
        let value = rest.get(..value.into())?;
        if usize::from(size) != name.len() + value.len() + 4 {
            return None;
        }
        self.at += usize::from(size) + 2;
        Some((name, value))
    }

    #[inline]
    fn read(&mut self, at: usize) -> Result<Field, Fault> {
        let key = wire::key(self.body, &mut self.at)?;
        let value = match key.wire {
            Wire::Varint => Value::Varint(wire::uvarint(self.body, &mut self.at)?),
            Wire::Len => {
                let end = wire::end_of_len(self.body, &mut self.at)?;
                Value::Len(std::mem::replace(&mut self.at, end)..end)
            }
            Wire::Fixed64 | Wire::Fixed32 => {
                wire::skip(self.body, key.wire, &mut self.at)?;
                Value::Other
            }
        };
        Ok(Field { number: key.number, at, value, message: self.message })
    }

    fn fault(&self, fault: Fault) -> MalformedFrame {
        malformed(self.message, fault.at, fault.what)
    }
}

impl Field {
    #[inline]
    fn range(&self) -> Result<Range<usize>, MalformedFrame> {
        match &self.value {
            Value::Len(range) => Ok(range.clone()),
            Value::Varint(_) | Value::Other => Err(malformed(self.message, self.at, WRONG_WIRE_TYPE)),
        }
    }

    #[inline]
    fn varint(&self) -> Result<u64, MalformedFrame> {
        match self.value {
            Value::Varint(value) => Ok(value),
            Value::Len(_) | Value::Other => Err(malformed(self.message, self.at, WRONG_WIRE_TYPE)),
        }
    }
}

#[cold]
fn malformed(field: &'static str, at: usize, what: impl Into<Cow<'static, str>>) -> MalformedFrame {
    MalformedFrame { field, at, what: what.into() }
}

#[cold]
fn invalid(field: &'static str, at: usize, error: &model::InvalidLabels) -> MalformedFrame {
    malformed(field, at, error.to_string())
}
