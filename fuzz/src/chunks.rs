//! Chunks: encoded samples, the frames around them, and what Thanos packs into one.

use crate::meter;
use crate::parts::Parts;
use bytes::Bytes;
use model::SampleColumns;
use std::path::Path;
use testkit::SimFs;
use tsdb::chunk::{self, xor::XorState};
use tsdb::downsample::split_aggregates;
use tsdb::segment::{ChunkRef, Segments, decode_frame, encode_frame, frame_bytes};
use tsdb::{Chunk, Encoding};

/// Bytes in columns and layouts for each byte of a chunk: a bucket takes a bit of the chunk and eight bytes of a column that
/// may have grown to twice what it needs.
const FACTOR: usize = 256;

/// The samples of a chunk. Whatever is wrong with it, nothing of it is left in the columns.
fn decode(encoding: Encoding, data: &[u8]) -> Option<SampleColumns> {
    let mut columns = SampleColumns::default();
    let decoded = meter::within(data.len(), FACTOR, 64 << 10, || chunk::decode(encoding, data, &mut columns));
    if decoded.is_err() {
        assert!(columns.is_empty() && columns.values.is_empty() && columns.starts_ms.is_empty());
        assert!(!columns.has_histograms() && columns.histograms.is_empty());
        return None;
    }
    let samples = columns.len();
    assert_eq!(Ok(samples), chunk::sample_count(encoding, data).map(usize::from));
    assert_eq!((columns.values.len(), columns.histogram_at.len()), (samples, columns.histograms.len()));
    assert!(columns.starts_ms.is_empty() || columns.starts_ms.len() == samples);
    // Behind others they are the same, and those are left alone.
    let mut twice = SampleColumns::default();
    twice.push(i64::MIN, 1.5);
    chunk::decode(encoding, data, &mut twice).expect("it decoded before");
    assert_eq!((twice.len(), twice.timestamps_ms[0]), (samples + 1, i64::MIN));
    for at in 0..samples {
        assert_eq!(twice.timestamps_ms[at + 1], columns.timestamps_ms[at]);
        assert_eq!(twice.values[at + 1].to_bits(), columns.values[at].to_bits());
        assert_eq!(twice.start_ms(at + 1), columns.start_ms(at));
        assert_eq!(twice.histogram(at + 1).is_some(), columns.histogram(at).is_some());
    }
    Some(columns)
}

/// Float samples: written again, they are read to the same.
pub fn fuzz_chunk_xor(data: &[u8]) {
    let Some(columns) = decode(Encoding::Xor, data) else { return };
    let (mut state, mut words) = (XorState::default(), Vec::new());
    for (&timestamp_ms, &value) in columns.timestamps_ms.iter().zip(&columns.values) {
        state.append(timestamp_ms, value, &mut words);
    }
    let again = decode(Encoding::Xor, &state.finish(&words)).expect("what was written is read");
    let bits = |columns: &SampleColumns| columns.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!((again.timestamps_ms.as_slice(), bits(&again)), (columns.timestamps_ms.as_slice(), bits(&columns)));
}

/// Integer histograms.
pub fn fuzz_chunk_histogram(data: &[u8]) {
    decode(Encoding::Histogram, data);
}

/// Float histograms.
pub fn fuzz_chunk_float_histogram(data: &[u8]) {
    decode(Encoding::FloatHistogram, data);
}

/// Floats of the second encoding, with start timestamps.
pub fn fuzz_chunk_xor2(data: &[u8]) {
    decode(Encoding::Xor2, data);
}

/// Integer histograms with start timestamps.
pub fn fuzz_chunk_histogram_st(data: &[u8]) {
    decode(Encoding::HistogramSt, data);
}

/// Float histograms with start timestamps.
pub fn fuzz_chunk_float_histogram_st(data: &[u8]) {
    decode(Encoding::FloatHistogramSt, data);
}

/// The five aggregates in one chunk: slices of it, in their order, none over another.
pub fn fuzz_chunk_aggregates(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    let Ok(split) = meter::within(data.len(), 1, 4 << 10, || split_aggregates(-5, 7, &data)) else { return };
    let mut behind = data.as_ptr() as usize;
    for Chunk { min_ms, max_ms, encoding, data: part, .. } in split.into_iter().flatten() {
        assert_eq!((min_ms, max_ms), (-5, 7));
        assert!(part.as_ptr() as usize >= behind);
        behind = part.as_ptr() as usize + part.len();
        decode(encoding, &part);
    }
    assert!(behind <= data.as_ptr() as usize + data.len());
}

/// A chunk file: frames are put one behind another as they stand in the input, each with the right checksum or, where its
/// size is odd, without.
pub fn fuzz_chunk_segment(data: &[u8]) {
    let mut file = vec![0x85, 0xBD, 0x40, 0xDD, 1, 0, 0, 0];
    let (mut parts, mut places) = (Parts::of(data), Vec::new());
    while !parts.is_empty() {
        let (encoding, piece) = (parts.u8(), parts.sized());
        places.push(file.len());
        match Encoding::from_byte(encoding).filter(|_| piece.len().is_multiple_of(2)) {
            Some(encoding) => encode_frame(encoding, piece, &mut file),
            None => file.extend_from_slice(piece),
        }
    }
    let (fs, dir) = (SimFs::new(), Path::new("/chunks"));
    tsdb::fs::Fs::create_dir_all(&fs, dir).expect("it is empty");
    fs.plant(&dir.join("000001"), &file).expect("the directory is there");
    let segments = meter::within(file.len(), 4, 64 << 10, || Segments::open(&fs, dir)).expect("its header is right");
    for place in places {
        let decoded = decode_frame(&file[place..]);
        let read = segments.chunk(ChunkRef::new(0, u32::try_from(place).expect("it is small")));
        match (decoded, read) {
            (Ok(frame), Ok((encoding, data))) => {
                assert_eq!((frame.encoding, frame.data), (encoding, data.as_ref()));
                assert!(frame.frame_bytes as u64 >= frame_bytes(data.len()));
            }
            (Err(_), Err(error)) => assert!(error.to_string().contains("000001"), "{error}"),
            (decoded, read) => panic!("{decoded:?}, {read:?}"),
        }
    }
}
