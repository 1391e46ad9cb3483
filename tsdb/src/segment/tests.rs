use super::{ChunkRef, SegmentWriter, Segments, decode_frame, encode_frame, frame_bytes};
use crate::cursor::{Corruption, Fault};
use crate::fs::StdFs;
use crate::series::{Encoding, SourceError};
use proptest::prelude::*;

fn chunk(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 7 + size) as u8).collect()
}

#[track_caller]
fn check_frame(section: &[u8], want: Result<(Encoding, usize), Corruption>) {
    assert_eq!(decode_frame(section).map(|frame| (frame.encoding, frame.data.len())), want);
}

#[test]
fn a_frame_is_read_back_and_says_what_it_lacks() {
    let mut bytes = Vec::new();
    encode_frame(Encoding::Xor, &chunk(200), &mut bytes);
    assert_eq!(bytes.len() as u64, frame_bytes(200));
    bytes.extend([1, 2, 3]);
    check_frame(&bytes, Ok((Encoding::Xor, 200)));
    let truncated = |offset, want, left| Err(Corruption { offset, fault: Fault::Truncated { want, left } });
    check_frame(&bytes[..206], truncated(2, 205, 204));
    check_frame(&bytes[..1], truncated(0, 2, 1));
    check_frame(&[], truncated(0, 1, 0));
    check_frame(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 1], truncated(10, u64::MAX, 1));

    let mut unknown = vec![1, 99, 7];
    unknown.extend(crc32c::crc32c(&[99, 7]).to_be_bytes());
    check_frame(&unknown, Err(Corruption { offset: 1, fault: Fault::Encoding(99) }));
}

#[test]
fn a_flipped_bit_is_noticed() {
    let mut bytes = Vec::new();
    encode_frame(Encoding::Xor, &chunk(40), &mut bytes);
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(decode_frame(&bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// Writes chunks of those sizes in files of at most `max_bytes`; places and file sizes.
fn write(dir: &std::path::Path, max_bytes: u64, sizes: &[usize]) -> (Vec<ChunkRef>, Vec<u64>) {
    let mut writer = SegmentWriter::new(&StdFs, dir, max_bytes);
    let places = sizes.iter().map(|&size| writer.append(Encoding::Xor, &chunk(size)).unwrap()).collect();
    (places, writer.finish().unwrap().iter().map(|file| file.size_bytes).collect())
}

#[test]
fn chunks_come_back_from_the_places_told() {
    let dir = tempfile::tempdir().unwrap();
    // Frames of 56 bytes: two fill a file of 120 to the last byte; one of 300 is alone in its file.
    let sizes = [50, 50, 50, 292, 50, 0];
    let (places, file_sizes) = write(dir.path(), 120, &sizes);
    let place = ChunkRef::new;
    assert_eq!(places, [place(0, 8), place(0, 64), place(1, 8), place(2, 8), place(3, 8), place(3, 64)]);
    assert_eq!(file_sizes, [120, 64, 307, 70]);

    let segments = Segments::open(&StdFs, dir.path()).unwrap();
    assert_eq!(segments.size_bytes(), file_sizes.iter().sum::<u64>());
    for (&place, size) in places.iter().zip(sizes) {
        let (encoding, data) = segments.chunk(place).unwrap();
        assert_eq!((encoding, data.as_ref()), (Encoding::Xor, chunk(size).as_slice()));
    }
    for nowhere in [place(0, 0), place(0, 7), place(0, 120), place(0, u32::MAX), place(4, 8), place(u32::MAX, 8)] {
        assert!(matches!(segments.chunk(nowhere), Err(SourceError::Corrupt { .. })), "{nowhere:?}");
    }
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 60, &[50, 50, 50]);
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("000004"), [0x85, 0xBD, 0x40, 0xDD, 2, 0, 0, 0]).unwrap();
    let error = Segments::open(&StdFs, dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("000004 at byte 4: version 2 is not known"), "{error}");
    std::fs::remove_file(path("000004")).unwrap();

    let mut bytes = std::fs::read(path("000003")).unwrap();
    bytes[20] ^= 1;
    std::fs::write(path("000003"), bytes).unwrap();
    let segments = Segments::open(&StdFs, dir.path()).unwrap();
    assert!(segments.chunk(ChunkRef::new(1, 8)).is_ok());
    let error = segments.chunk(ChunkRef::new(2, 8)).unwrap_err().to_string();
    assert!(error.contains("000003 at byte 60: checksum is"), "{error}");

    std::fs::remove_file(path("000002")).unwrap();
    let error = Segments::open(&StdFs, dir.path()).unwrap_err().to_string();
    assert!(error.contains("000002: "), "{error}");
}

proptest! {
    #[test]
    fn hostile_frames_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode_frame(&bytes);
    }
}
