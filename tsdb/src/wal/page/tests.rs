use super::{PAGE_BYTES, frame, framed_bytes};
use crate::wal::codec::Coding;

/// The kinds and lengths of the fragments of records of these sizes, one after the other.
fn fragments(sizes: &[usize]) -> Vec<(u8, usize)> {
    let mut segment = Vec::new();
    for &size in sizes {
        let (at, expected) = (segment.len() as u64, framed_bytes(segment.len() as u64, size));
        frame(at, &vec![0xab; size], Coding::Plain, &mut segment);
        assert_eq!(segment.len() as u64 - at, expected, "size of {size} at {at}");
    }
    let (mut at, mut found) = (0, Vec::new());
    while at < segment.len() {
        if PAGE_BYTES - at % PAGE_BYTES < 7 {
            at = at.next_multiple_of(PAGE_BYTES);
            continue;
        }
        let length = usize::from(u16::from_be_bytes([segment[at + 1], segment[at + 2]]));
        found.push((segment[at], length));
        at += 7 + length;
    }
    found
}

#[test]
fn records_are_split_at_pages() {
    let full = PAGE_BYTES - 7;
    assert_eq!(fragments(&[0, 5]), [(1, 0), (1, 5)]);
    assert_eq!(fragments(&[full, 1]), [(1, full), (1, 1)]);
    assert_eq!(fragments(&[full + 1]), [(2, full), (4, 1)]);
    assert_eq!(fragments(&[3 * full]), [(2, full), (3, full), (4, full)]);
    assert_eq!(fragments(&[full - 7, 3]), [(1, full - 7), (2, 0), (4, 3)], "room for a header and no more");
    assert_eq!(fragments(&[full - 6, 3]), [(1, full - 6), (1, 3)], "no room for a header");
}

#[test]
fn the_bytes_are_prometheus_own() {
    let mut out = Vec::new();
    frame(0, b"123456789", Coding::Snappy, &mut out);
    assert_eq!(out, [&[0x09, 0x00, 0x09, 0xe3, 0x06, 0x92, 0x83], b"123456789".as_slice()].concat());
}
