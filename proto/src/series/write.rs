//! Frames written from packed labels and slices of chunks.

use super::{Aggr, WireChunk};
use crate::grpc::Raw;
use crate::wire::{len_field_size, push_uvarint, uvarint_size};
use bytes::{BufMut, BytesMut};
use model::{Label, LabelsRef};
use xxhash_rust::xxh64::xxh64;

/// A frame is ended once it has so many bytes; a series larger than that goes over several frames.
const FRAME_BYTES: usize = 1 << 20;
/// The least that is reserved: small frames share an allocation.
const RESERVE_BYTES: usize = 16 << 10;

/// How series are put into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameForm {
    /// So many series a frame at most; up to 1, each is a frame of its own.
    pub batch_series: usize,
    /// Whether the hash of each chunk's data goes along, by which proxies find equal chunks.
    pub hashes: bool,
}

/// Writes series as frames.
#[derive(Debug)]
pub struct FrameWriter {
    form: FrameForm,
    out: BytesMut,
    /// Series in `out`, whose frame is not ended.
    batched: usize,
    /// Of the series being written: its labels, as they go into each frame that has a part of it,
    labels: Vec<u8>,
    /// its `AggrChunk`s and the chunks in them.
    groups: Vec<Group>,
    chunks: Vec<Measured>,
}

/// An `AggrChunk`: how many chunks it has, and its size.
#[derive(Debug)]
struct Group {
    chunks: usize,
    size: usize,
}

/// A `Chunk`: its size, and the hash of its data (0: not written).
#[derive(Debug)]
struct Measured {
    size: usize,
    hash: u64,
}

/// The frame of a warning.
pub fn warning_frame(text: &str) -> Raw {
    let mut frame = BytesMut::with_capacity(len_field_size(text.len()));
    put_len(&mut frame, 0x12, text.len());
    frame.put_slice(text.as_bytes());
    frame.freeze().into()
}

impl FrameWriter {
    /// A writer of frames of that form.
    pub fn new(form: FrameForm) -> Self {
        Self { form, out: BytesMut::new(), batched: 0, labels: Vec::new(), groups: Vec::new(), chunks: Vec::new() }
    }

    /// Writes a series and hands frames that are full to `frame`. Chunks that follow one another with the same range become
    /// one `AggrChunk` if each has an aggregate behind that of the one before; raw chunks stay alone.
    pub fn write<'a, I>(&mut self, labels: LabelsRef<'_>, chunks: I, frame: &mut impl FnMut(Raw))
    where
        I: Iterator<Item = WireChunk<&'a [u8]>> + Clone,
    {
        self.measure(chunks.clone());
        self.labels.clear();
        labels.iter().for_each(|label| push_label(&mut self.labels, label));
        let (groups, sizes) = (std::mem::take(&mut self.groups), std::mem::take(&mut self.chunks));
        let (mut groups_left, mut sizes_left, mut chunks) = (groups.as_slice(), sizes.as_slice(), chunks);
        loop {
            let (part, groups_after, size) = split(groups_left, self.labels.len());
            self.begin_series(size);
            self.out.put_slice(&self.labels);
            for group in part {
                let (inside, after) = sizes_left.split_at(group.chunks);
                sizes_left = after;
                self.put_group(group, inside, &mut chunks);
            }
            self.end_series(frame);
            groups_left = groups_after;
            if groups_left.is_empty() {
                break;
            }
        }
        (self.groups, self.chunks) = (groups, sizes);
    }

    /// Ends the frame that was begun, if there is one.
    pub fn finish(&mut self) -> Option<Raw> {
        if self.batched == 0 {
            return None;
        }
        self.batched = 0;
        let body = self.out.split().freeze();
        let mut head = BytesMut::with_capacity(1 + uvarint_size(body.len() as u64));
        put_len(&mut head, 0x22, body.len());
        Some(Raw { parts: vec![head.freeze(), body] })
    }

    /// Finds the sizes of a series' chunks, and which go together.
    fn measure<'a>(&mut self, chunks: impl Iterator<Item = WireChunk<&'a [u8]>>) {
        self.groups.clear();
        self.chunks.clear();
        let mut before: Option<(i64, i64, Aggr)> = None;
        for chunk in chunks {
            let hash = if self.form.hashes { xxh64(chunk.data, 0) } else { 0 };
            let size = varint_field_size(u64::from(chunk.encoding as u8))
                + if chunk.data.is_empty() { 0 } else { len_field_size(chunk.data.len()) }
                + varint_field_size(hash);
            let joins = before.is_some_and(|(min_ms, max_ms, aggregate)| {
                aggregate != Aggr::Raw
                    && aggregate < chunk.aggregate
                    && (min_ms, max_ms) == (chunk.min_ms, chunk.max_ms)
            });
            match self.groups.last_mut().filter(|_| joins) {
                Some(group) => {
                    group.chunks += 1;
                    group.size += len_field_size(size);
                }
                None => {
                    let range = varint_field_size(chunk.min_ms.cast_unsigned())
                        + varint_field_size(chunk.max_ms.cast_unsigned());
                    self.groups.push(Group { chunks: 1, size: range + len_field_size(size) });
                }
            }
            self.chunks.push(Measured { size, hash });
            before = Some((chunk.min_ms, chunk.max_ms, chunk.aggregate));
        }
    }

    /// Reserves what the series needs and writes its key and size: those of a frame, and of a series in a batch, are alike.
    fn begin_series(&mut self, size: usize) {
        let need = len_field_size(size);
        if self.out.capacity() - self.out.len() < need {
            self.out.reserve(need.max(RESERVE_BYTES));
        }
        put_len(&mut self.out, 0x0a, size);
    }

    fn end_series(&mut self, frame: &mut impl FnMut(Raw)) {
        if self.form.batch_series <= 1 {
            return frame(self.out.split().freeze().into());
        }
        self.batched += 1;
        if self.batched >= self.form.batch_series || self.out.len() >= FRAME_BYTES {
            self.finish().into_iter().for_each(frame);
        }
    }

    fn put_group<'a>(
        &mut self,
        group: &Group,
        sizes: &[Measured],
        chunks: &mut impl Iterator<Item = WireChunk<&'a [u8]>>,
    ) {
        put_len(&mut self.out, 0x12, group.size);
        for (index, (measured, chunk)) in sizes.iter().zip(chunks).enumerate() {
            if index == 0 {
                self.put_varint_field(0x08, chunk.min_ms.cast_unsigned());
                self.put_varint_field(0x10, chunk.max_ms.cast_unsigned());
            }
            // The fields of the aggregates follow in order, from 3 on.
            put_len(&mut self.out, (3 + chunk.aggregate as u8) << 3 | 2, measured.size);
            self.put_varint_field(0x08, u64::from(chunk.encoding as u8));
            if !chunk.data.is_empty() {
                put_len(&mut self.out, 0x12, chunk.data.len());
                self.out.put_slice(chunk.data);
            }
            self.put_varint_field(0x18, measured.hash);
        }
    }

    /// Zero is what an absent field means.
    fn put_varint_field(&mut self, key: u8, value: u64) {
        if value != 0 {
            self.out.put_u8(key);
            put_uvarint(&mut self.out, value);
        }
    }
}

/// The groups that go into the next frame, those that are left, and the size of the series of the former.
fn split(groups: &[Group], labels_size: usize) -> (&[Group], &[Group], usize) {
    let (mut size, mut taken) = (labels_size, 0);
    for group in groups {
        if taken > 0 && size >= FRAME_BYTES {
            break;
        }
        size += len_field_size(group.size);
        taken += 1;
    }
    let (part, after) = groups.split_at(taken);
    (part, after, size)
}

/// Appends a label as a field of a series. Neither name nor value is empty.
fn push_label(out: &mut Vec<u8>, Label { name, value }: Label<'_>) {
    let size = len_field_size(name.len()) + len_field_size(value.len());
    out.reserve(len_field_size(size));
    out.push(0x0a);
    push_uvarint(out, size as u64);
    for (key, text) in [(0x0a, name), (0x12, value)] {
        out.push(key);
        push_uvarint(out, text.len() as u64);
        out.extend_from_slice(text);
    }
}

fn varint_field_size(value: u64) -> usize {
    if value == 0 { 0 } else { 1 + uvarint_size(value) }
}

fn put_len(out: &mut BytesMut, key: u8, size: usize) {
    out.put_u8(key);
    put_uvarint(out, size as u64);
}

fn put_uvarint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}
