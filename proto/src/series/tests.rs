//! Reading and writing against generated messages, against hostile bytes, and against a table of faults.

use super::*;
use crate::grpc::Raw;
use crate::thanos::{AggrChunk, Chunk, Label, Series, SeriesBatch, SeriesResponse, series_response::Result as Content};
use model::{Labels, PackedBuilder};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use prost::Message;
use xxhash_rust::xxh64::xxh64;

type Row = (Labels, Vec<(WireChunk<Vec<u8>>, u64)>);

/// The series of a frame.
fn read(frame: &[u8]) -> Result<Vec<Row>, MalformedFrame> {
    let frame = Bytes::copy_from_slice(frame);
    let FrameContent::Series(mut fields) = read_frame(&frame)? else { return Ok(Vec::new()) };
    let (mut rows, mut labels, mut chunks) = (Vec::new(), PackedBuilder::default(), Vec::new());
    let owned = |(chunk, hash): ReadChunk| {
        let WireChunk { min_ms, max_ms, aggregate, encoding, data } = chunk;
        (WireChunk { min_ms, max_ms, aggregate, encoding, data: data.to_vec() }, hash)
    };
    while let Some(labels) = fields.next_series(&mut labels, &mut |chunk| chunks.push(owned(chunk)))? {
        rows.push((labels.to_owned(), std::mem::take(&mut chunks)));
    }
    Ok(rows)
}

/// The frames of some series.
fn write(form: FrameForm, rows: &[Row]) -> Vec<Bytes> {
    let (mut writer, mut frames) = (FrameWriter::new(form), Vec::new());
    let borrow = |(chunk, _): &'_ (WireChunk<Vec<u8>>, u64)| chunk.clone();
    for (labels, chunks) in rows {
        let chunks: Vec<_> = chunks.iter().map(borrow).collect();
        let chunks = chunks.iter().map(|chunk| {
            let WireChunk { min_ms, max_ms, aggregate, encoding, data } = chunk;
            WireChunk {
                min_ms: *min_ms,
                max_ms: *max_ms,
                aggregate: *aggregate,
                encoding: *encoding,
                data: data.as_slice(),
            }
        });
        writer.write(labels.as_ref(), chunks, &mut |frame| frames.push(frame));
    }
    frames.extend(writer.finish());
    frames.into_iter().map(Raw::into_bytes).collect()
}

/// What is read of a generated series.
fn expected(series: &Series) -> Row {
    let labels = Labels::from_pairs(series.labels.iter().map(|label| (label.name.as_str(), label.value.as_str())));
    let chunks = series.chunks.iter().flat_map(|chunk| {
        let aggregates = [
            (Aggr::Raw, &chunk.raw),
            (Aggr::Count, &chunk.count),
            (Aggr::Sum, &chunk.sum),
            (Aggr::Min, &chunk.min),
            (Aggr::Max, &chunk.max),
            (Aggr::Counter, &chunk.counter),
        ];
        aggregates.into_iter().filter_map(|(aggregate, data)| {
            let data = data.as_ref()?;
            let (min_ms, max_ms, encoding) = (chunk.min_time, chunk.max_time, data.r#type());
            Some((WireChunk { min_ms, max_ms, aggregate, encoding, data: data.data.to_vec() }, data.hash))
        })
    });
    (labels.unwrap(), chunks.collect())
}

// === generated messages ===

fn chunk_message() -> impl Strategy<Value = Chunk> {
    let data = vec(any::<u8>(), 0..40);
    (0..3, data, any::<bool>()).prop_map(|(encoding, data, hashed)| {
        let hash = if hashed { xxh64(&data, 0) } else { 0 };
        Chunk { r#type: encoding, data: data.into(), hash }
    })
}

fn series_message() -> impl Strategy<Value = Series> {
    let time = || prop_oneof![Just(0), any::<i64>(), 1_700_000_000_000..1_800_000_000_000_i64];
    let some = || proptest::option::of(chunk_message());
    let chunk = (time(), time(), some(), [some(), some(), some(), some(), some()]).prop_map(
        |(min_time, max_time, raw, others)| {
            // A chunk is raw or downsampled.
            let [count, sum, min, max, counter] = if raw.is_some() { Default::default() } else { others };
            AggrChunk { min_time, max_time, raw, count, sum, min, max, counter }
        },
    );
    let labels = btree_map("[a-zß_]{1,9}", "[a-z0-9日]{1,20}", 0..6);
    (labels, vec(chunk, 0..5)).prop_map(|(labels, chunks)| Series {
        labels: labels.into_iter().map(|(name, value)| Label { name, value }).collect(),
        chunks,
    })
}

/// Without what does not come back as it was: equal ranges side by side, and chunks of no aggregate. With all hashes.
fn as_written(mut series: Series) -> Series {
    let alone = |chunk: &AggrChunk| expected(&Series { labels: Vec::new(), chunks: vec![chunk.clone()] });
    series.chunks.retain(|chunk| !alone(chunk).1.is_empty());
    series.chunks.dedup_by_key(|chunk| (chunk.min_time, chunk.max_time));
    for AggrChunk { raw, count, sum, min, max, counter, .. } in &mut series.chunks {
        let parts = [raw, count, sum, min, max, counter];
        parts.into_iter().flatten().for_each(|part| part.hash = xxh64(&part.data, 0));
    }
    series
}

fn frame_of(content: Content) -> Vec<u8> {
    SeriesResponse { result: Some(content) }.encode_to_vec()
}

proptest! {
    #[test]
    fn a_frame_reads_as_generated_code_reads_it(series in vec(series_message(), 0..4)) {
        let rows: Vec<Row> = series.iter().map(expected).collect();
        let batch = frame_of(Content::Batch(SeriesBatch { series: series.clone() }));
        prop_assert_eq!(read(&batch).unwrap(), rows.clone());
        for (series, row) in series.into_iter().zip(rows) {
            prop_assert_eq!(read(&frame_of(Content::Series(series))).unwrap(), [row]);
        }
    }

    #[test]
    fn labels_in_any_order_come_sorted(mut series in series_message(), seed in any::<u64>()) {
        let row = expected(&series);
        series.labels.sort_by_key(|label| xxh64(label.name.as_bytes(), seed));
        prop_assert_eq!(read(&frame_of(Content::Series(series))).unwrap(), [row]);
    }

    #[test]
    fn what_is_written_equals_generated_code(series in vec(series_message(), 1..5), batch_series in 0..4_usize) {
        let series: Vec<Series> = series.into_iter().map(as_written).collect();
        let rows: Vec<Row> = series.iter().map(expected).collect();
        let frames = write(FrameForm { batch_series, hashes: true }, &rows);
        let expected: Vec<Vec<u8>> = match batch_series {
            0 | 1 => series.into_iter().map(|series| frame_of(Content::Series(series))).collect(),
            most => {
                let batch = |some: &[Series]| frame_of(Content::Batch(SeriesBatch { series: some.to_vec() }));
                series.chunks(most).map(batch).collect()
            }
        };
        prop_assert_eq!(frames, expected);
    }

    #[test]
    fn bytes_of_anyone_are_read_or_refused(
        mut frame in vec(any::<u8>(), 0..200),
        series in series_message(),
        at in any::<prop::sample::Index>(),
    ) {
        let _ = read(&frame);
        let whole = frame_of(Content::Series(series));
        let at = at.index(whole.len());
        // Behind a valid start; and a valid frame, cut off: the outermost size does not fit any more.
        let mut mixed = whole.clone();
        mixed.truncate(at);
        prop_assert!(at == 0 || read(&mixed).is_err());
        mixed.append(&mut frame);
        let _ = read(&mixed);
    }
}

// === frames that are large ===

fn large(count: usize, size: usize) -> Row {
    let chunk = |index: usize| {
        let (min_ms, max_ms) = (index as i64 * 10, index as i64 * 10 + 9);
        (WireChunk { min_ms, max_ms, aggregate: Aggr::Raw, encoding: Encoding::Xor, data: vec![7; size] }, 0)
    };
    (Labels::from_pairs([("a", "b")]).unwrap(), (0..count).map(chunk).collect())
}

#[test]
fn a_large_series_goes_over_frames_of_equal_labels() {
    for batch_series in [1, 64] {
        let row = large(10, 300 << 10);
        let frames = write(FrameForm { batch_series, hashes: false }, std::slice::from_ref(&row));
        let sizes: Vec<_> = frames.iter().map(|frame| frame.len() >> 10).collect();
        assert_eq!(sizes, [1200, 1200, 600], "{batch_series}");
        let parts: Vec<Row> = frames.iter().flat_map(|frame| read(frame).unwrap()).collect();
        assert!(parts.iter().all(|part| part.0 == row.0));
        assert_eq!(parts.into_iter().flat_map(|part| part.1).collect::<Vec<_>>(), row.1);
    }
}

#[test]
fn a_batch_ends_at_its_size_too() {
    let rows: Vec<Row> = (0..8).map(|_| large(1, 300 << 10)).collect();
    let frames = write(FrameForm { batch_series: 64, hashes: false }, &rows);
    assert_eq!(frames.iter().map(|frame| read(frame).unwrap().len()).collect::<Vec<_>>(), [4, 4]);
}

#[test]
fn raw_chunks_of_one_range_stay_apart() {
    let (labels, mut chunks) = large(2, 3);
    chunks[1].0 = WireChunk { data: vec![8], ..chunks[0].0.clone() };
    let frames = write(FrameForm { batch_series: 1, hashes: false }, &[(labels.clone(), chunks.clone())]);
    assert_eq!(read(&frames[0]).unwrap(), [(labels, chunks)]);
}

// === faults ===

#[track_caller]
fn refused(frame: &[u8], expected: &str) {
    assert_eq!(read(frame).unwrap_err().to_string(), expected);
}

#[test]
fn malformed_frames_name_field_and_byte() {
    refused(&[0x0a, 0x05, 0x0a], "SeriesResponse at byte 1: truncated field");
    refused(&[0x08, 0x05], "SeriesResponse at byte 0: wrong wire type for the field");
    refused(&[0x0a, 0x00, 0x12, 0x00], "SeriesResponse at byte 2: more than one result");
    refused(&[0x0a, 0x02, 0x0a, 0x05], "Series at byte 3: truncated field");
    refused(&[0x0a, 0x04, 0x0a, 0x02, 0x0a, 0x03], "Label at byte 5: truncated field");
    refused(&[0x0a, 0x05, 0x0a, 0x03, 0x12, 0x01, 0x61], "Label at byte 4: label name is empty");
    // A label ends before its value does, or its name; what follows would make it whole.
    refused(&[0x0a, 0x08, 0x0a, 0x04, 0x0a, 0x01, 0x61, 0x12, 0x01, 0x62], "Label at byte 8: truncated varint");
    refused(&[0x0a, 0x09, 0x0a, 0x02, 0x0a, 0x02, 0x61, 0x61, 0x12, 0x01, 0x62], "Label at byte 5: truncated field");
    let label = [0x0a, 0x06, 0x0a, 0x01, 0x61, 0x12, 0x01, 0x62];
    let between = [0x0a, 0x06, 0x0a, 0x01, 0x62, 0x12, 0x01, 0x62];
    let twice = [[0x0a, 0x18].as_slice(), &label, &between, &label].concat();
    refused(&twice, "Series.labels at byte 2: label name \"a\" occurs more than once");
}

#[test]
fn malformed_chunks_name_field_and_byte() {
    refused(&[0x0a, 0x04, 0x12, 0x02, 0x08, 0x80], "AggrChunk at byte 5: truncated varint");
    refused(&[0x0a, 0x05, 0x12, 0x03, 0x1a, 0x05, 0x08], "AggrChunk at byte 5: truncated field");
    refused(&[0x0a, 0x06, 0x12, 0x04, 0x22, 0x02, 0x08, 0x03], "AggrChunk.count at byte 6: chunk of unknown type 3");
    refused(&[0x0a, 0x06, 0x12, 0x04, 0x2a, 0x02, 0x12, 0x09], "AggrChunk.sum at byte 7: truncated field");
    // A chunk ends before its data does.
    let short = [0x0a, 0x0b, 0x12, 0x09, 0x08, 0x03, 0x10, 0x05, 0x1a, 0x02, 0x12, 0x01, 0x07];
    refused(&short, "AggrChunk.raw at byte 11: truncated field");
    let twice = [0x0a, 0x06, 0x12, 0x04, 0x1a, 0x00, 0x1a, 0x00];
    refused(&twice, "AggrChunk.raw at byte 6: more than one chunk of the aggregate");
}

#[test]
fn unknown_fields_are_passed_over_everywhere() {
    // Field 15 of each wire type, in each message.
    let unknown: &[&[u8]] = &[&[0x78, 1], &[0x79, 0, 0, 0, 0, 0, 0, 0, 0], &[0x7a, 1, 9], &[0x7d, 0, 0, 0, 0]];
    for unknown in unknown {
        let field = |key: u8, inside: &[&[u8]]| {
            let inside = [inside.concat(), unknown.to_vec()].concat();
            [vec![key, inside.len() as u8], inside].concat()
        };
        let label = field(0x0a, &[&[0x0a, 1, b'a', 0x12, 1, b'b']]);
        let chunk = field(0x12, &[&[0x08, 3], &field(0x1a, &[&[0x12, 1, 7]])]);
        let series = field(0x0a, &[&label, &chunk]);
        let rows = read(&[series.as_slice(), unknown].concat()).unwrap();
        assert_eq!(rows[0].0, Labels::from_pairs([("a", "b")]).unwrap());
        assert_eq!((rows[0].1[0].0.min_ms, rows[0].1[0].0.data.as_slice()), (3, [7].as_slice()));
        assert_eq!(read(&field(0x22, &[&series])).unwrap(), rows);
    }
}

#[test]
fn what_lies_in_a_chunk_in_another_way_is_read_as_generated_code_reads_it() {
    let (kind, data, hash) = ([0x08, 1].as_slice(), [0x12, 1, 7].as_slice(), [0x18, 9].as_slice());
    let insides: &[&[&[u8]]] = &[
        &[kind, data, hash],
        &[data],
        &[kind],
        &[],
        &[data, hash, &[0x12, 1, 8]],
        &[kind, data, &[0x12, 1, 8], hash],
        &[data, &[0x08, 2]],
        &[hash, data, kind],
        &[kind, data, hash, &[0x18, 8]],
    ];
    let of_size = |key: u8, inside: &[u8]| [&[key, inside.len() as u8], inside].concat();
    for inside in insides {
        let raw = of_size(0x1a, &inside.concat());
        let (min, max) = ([0x08, 3].as_slice(), [0x10, 5].as_slice());
        for chunk in [[min, max, &raw], [min, &raw, max], [&raw, max, min], [max, min, &raw]] {
            let frame = of_size(0x0a, &of_size(0x12, &chunk.concat()));
            let Ok(SeriesResponse { result: Some(Content::Series(series)) }) = SeriesResponse::decode(&*frame) else {
                panic!("{frame:?}");
            };
            assert_eq!(read(&frame).unwrap(), [expected(&series)], "{frame:?}");
        }
    }
}

#[test]
fn warnings_and_hints_come_as_they_are() {
    let text = "receive series from store: ü";
    let frame = warning_frame(text).into_bytes();
    assert_eq!(frame, frame_of(Content::Warning(text.to_owned())));
    assert!(matches!(read_frame(&frame).unwrap(), FrameContent::Warning(read) if read == text));
    let hints = Bytes::from(frame_of(Content::Hints(prost_types::Any { type_url: "t".into(), value: vec![1, 2] })));
    assert!(matches!(read_frame(&hints).unwrap(), FrameContent::Hints(any) if any == hints.slice(2..)));
    assert!(matches!(read_frame(&Bytes::new()).unwrap(), FrameContent::Nothing));
}
