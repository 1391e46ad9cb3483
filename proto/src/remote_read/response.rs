//! `ReadResponse` and `ChunkedReadResponse`.

use crate::wire::{push_uvarint, uvarint_size};
use model::{HistogramRef, LabelsRef, Numbers, ResetHint, SampleColumns, Span};

/// Writes the series of one query.
#[derive(Debug, Default)]
pub struct SeriesEncoder {
    result: Vec<u8>,
    series: Vec<u8>,
    field: Vec<u8>,
    packed: Vec<u8>,
}

/// A chunk of an answer, both times inside.
#[derive(Debug, Clone, Copy)]
pub struct ChunkSlice<'a> {
    pub min_ms: i64,
    pub max_ms: i64,
    /// The number of the encoding.
    pub encoding: u8,
    pub data: &'a [u8],
}

/// Says after which chunk of a series a frame ends.
#[derive(Debug)]
pub struct FrameSplit {
    most: i64,
    left: i64,
}

/// Appends the result of one query to an answer.
pub fn push_result(series: &SeriesEncoder, answer: &mut Vec<u8>) {
    push_len(answer, 0x0a, &series.result);
}

/// One frame of a streamed answer, with its size and checksum in front: chunks of one series.
pub fn frame_of_chunks(
    labels: LabelsRef<'_>,
    chunks: &[ChunkSlice<'_>],
    query: u64,
    checksum: fn(&[u8]) -> u32,
) -> Vec<u8> {
    let (mut field, mut series, mut message) = (Vec::new(), Vec::new(), Vec::new());
    push_labels(labels, &mut field, &mut series);
    for chunk in chunks {
        field.clear();
        push_chunk(chunk, &mut field);
        push_len(&mut series, 0x12, &field);
    }
    push_len(&mut message, 0x0a, &series);
    push_number(&mut message, 0x10, query);
    let mut frame = Vec::with_capacity(message.len() + 16);
    push_uvarint(&mut frame, message.len() as u64);
    frame.extend_from_slice(&checksum(&message).to_be_bytes());
    frame.extend_from_slice(&message);
    frame
}

impl FrameSplit {
    /// For frames of about `most_bytes`.
    pub fn new(labels: LabelsRef<'_>, most_bytes: usize) -> Self {
        let (mut field, mut series) = (Vec::new(), Vec::new());
        push_labels(labels, &mut field, &mut series);
        // What stands in front of each label is not counted.
        let fronts: usize = labels.iter().map(|label| 1 + uvarint_size(label_size(label.name, label.value))).sum();
        let most = most_bytes as i64 - (series.len() - fronts) as i64;
        Self { most, left: most }
    }

    /// Whether the frame is full with this chunk.
    pub fn ends_with(&mut self, chunk: &ChunkSlice<'_>) -> bool {
        let mut field = Vec::new();
        push_chunk(&ChunkSlice { data: &[], ..*chunk }, &mut field);
        let data = chunk.data.len();
        let of_data = if data == 0 { 0 } else { 1 + uvarint_size(data as u64) + data };
        self.left -= (field.len() + of_data) as i64;
        let ends = self.left <= 0;
        if ends {
            self.left = self.most;
        }
        ends
    }
}

impl SeriesEncoder {
    /// Forgets all series.
    pub fn clear(&mut self) {
        self.result.clear();
    }

    /// Bytes written so far.
    pub fn size_bytes(&self) -> usize {
        self.result.len()
    }

    /// Adds a series.
    pub fn push(&mut self, labels: LabelsRef<'_>, samples: &SampleColumns) {
        let Self { result, series, field, packed } = self;
        series.clear();
        push_labels(labels, field, series);
        let times = samples.timestamps_ms.iter().zip(&samples.values).enumerate();
        for (_, (time_ms, value)) in times.clone().filter(|(at, _)| samples.histogram(*at).is_none()) {
            field.clear();
            push_double(field, 0x09, *value);
            push_number(field, 0x10, time_ms.cast_unsigned());
            push_len(series, 0x12, field);
        }
        for (at, (time_ms, _)) in times {
            let Some(histogram) = samples.histogram(at) else { continue };
            field.clear();
            push_histogram(*time_ms, &histogram, packed, field);
            push_len(series, 0x22, field);
        }
        push_len(result, 0x0a, series);
    }
}

fn label_size(name: &[u8], value: &[u8]) -> u64 {
    let of = |text: &[u8]| if text.is_empty() { 0 } else { 1 + uvarint_size(text.len() as u64) + text.len() };
    (of(name) + of(value)) as u64
}

fn push_labels(labels: LabelsRef<'_>, field: &mut Vec<u8>, series: &mut Vec<u8>) {
    for label in labels.iter() {
        field.clear();
        for (key, text) in [(0x0a, label.name), (0x12, label.value)] {
            if !text.is_empty() {
                push_len(field, key, text);
            }
        }
        push_len(series, 0x0a, field);
    }
}

fn push_chunk(chunk: &ChunkSlice<'_>, field: &mut Vec<u8>) {
    push_number(field, 0x08, chunk.min_ms.cast_unsigned());
    push_number(field, 0x10, chunk.max_ms.cast_unsigned());
    push_number(field, 0x18, u64::from(chunk.encoding));
    if !chunk.data.is_empty() {
        push_len(field, 0x22, chunk.data);
    }
}

fn push_histogram(time_ms: i64, histogram: &HistogramRef<'_>, packed: &mut Vec<u8>, field: &mut Vec<u8>) {
    let (layout, is_float) = (histogram.layout, histogram.numbers == Numbers::Float);
    // What is one of two is written even if it is zero.
    let either = |field: &mut Vec<u8>, (integer, float): (u8, u8), cell: u64| {
        if is_float {
            field.push(float);
            field.extend_from_slice(&cell.to_le_bytes());
        } else {
            field.push(integer);
            push_uvarint(field, cell);
        }
    };
    either(field, (0x08, 0x11), histogram.count());
    push_double(field, 0x19, histogram.sum);
    push_number(field, 0x20, zigzag(i64::from(layout.schema())));
    push_double(field, 0x29, layout.zero_threshold());
    either(field, (0x30, 0x39), histogram.zero_count());
    let sides = [
        (layout.negative(), histogram.negative(), [0x42, 0x4a, 0x52]),
        (layout.positive(), histogram.positive(), [0x5a, 0x62, 0x6a]),
    ];
    for (spans, cells, [of_spans, of_deltas, of_counts]) in sides {
        spans.iter().for_each(|span| push_span(*span, of_spans, packed, field));
        packed.clear();
        if is_float {
            cells.iter().for_each(|cell| packed.extend_from_slice(&cell.to_le_bytes()));
        } else {
            let mut before = 0_u64;
            for cell in cells {
                push_uvarint(packed, zigzag(cell.wrapping_sub(before).cast_signed()));
                before = *cell;
            }
        }
        if !packed.is_empty() {
            push_len(field, if is_float { of_counts } else { of_deltas }, packed);
        }
    }
    let hint = match histogram.hint {
        ResetHint::Unknown => 0,
        ResetHint::Reset => 1,
        ResetHint::NotReset => 2,
        ResetHint::Gauge => 3,
    };
    push_number(field, 0x70, hint);
    push_number(field, 0x78, time_ms.cast_unsigned());
    if !layout.custom_bounds().is_empty() {
        packed.clear();
        layout.custom_bounds().iter().for_each(|bound| packed.extend_from_slice(&bound.to_le_bytes()));
        // Field 16 has a key of two bytes.
        field.push(0x82);
        push_len(field, 0x01, packed);
    }
}

fn push_span(span: Span, key: u8, packed: &mut Vec<u8>, field: &mut Vec<u8>) {
    packed.clear();
    push_number(packed, 0x08, zigzag(i64::from(span.offset)));
    push_number(packed, 0x10, u64::from(span.length));
    push_len(field, key, packed);
}

/// Zero is what an absent field means, but −0 is not that zero.
fn push_double(out: &mut Vec<u8>, key: u8, value: f64) {
    if value.to_bits() != 0 {
        out.push(key);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

fn push_number(out: &mut Vec<u8>, key: u8, value: u64) {
    if value != 0 {
        out.push(key);
        push_uvarint(out, value);
    }
}

fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

fn push_len(out: &mut Vec<u8>, key: u8, bytes: &[u8]) {
    out.push(key);
    push_uvarint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
