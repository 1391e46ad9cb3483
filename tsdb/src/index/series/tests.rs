use super::{ChunkMeta, SeriesEntry, encode_chunks};
use crate::cursor::{Corruption, Fault, push_uvarint};
use crate::segment::ChunkRef;
use proptest::prelude::*;

/// An entry as it stands in a file.
fn encode(labels: &[(u32, u32)], chunks: &[ChunkMeta]) -> Vec<u8> {
    let mut body = Vec::new();
    push_uvarint(&mut body, labels.len() as u64);
    for &(name, value) in labels {
        push_uvarint(&mut body, u64::from(name));
        push_uvarint(&mut body, u64::from(value));
    }
    encode_chunks(chunks, &mut body);
    frame(&body)
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_uvarint(&mut bytes, body.len() as u64);
    bytes.extend_from_slice(body);
    bytes.extend(crc32c::crc32c(body).to_be_bytes());
    bytes
}

#[track_caller]
fn check_refused(bytes: &[u8], offset: u64, fault: Fault) {
    assert_eq!(SeriesEntry::default().decode(bytes), Err(Corruption { offset, fault }));
}

#[test]
fn entries_that_are_none_are_refused() {
    check_refused(&frame(&[1, 2, 3]), 4, Fault::Truncated { want: 1, left: 0 });
    check_refused(&frame(&[9, 0, 0]), 1, Fault::TooLarge { what: "count of labels", got: 9, limit: 1 });
    check_refused(&frame(&[0, 9, 0, 0, 0]), 2, Fault::TooLarge { what: "count of chunks", got: 9, limit: 1 });
    check_refused(&frame(&[2, 3, 0, 3, 1, 0]), 4, Fault::Malformed("label names are not sorted"));
    check_refused(&frame(&[0, 0, 0]), 3, Fault::Malformed("bytes after the last chunk"));
    let too_far = [&[0, 1, 2][..], &[0xff; 9], &[1], &[0]].concat();
    check_refused(&frame(&too_far), 3, Fault::Malformed("a chunk's time runs backwards"));
    let wide = [&[1][..], &[0xff; 4], &[0x7f, 0, 0]].concat();
    check_refused(&frame(&wide), 2, Fault::Malformed("a symbol number has more than 32 bits"));

    let whole = encode(&[(1, 2)], &[ChunkMeta { min_ms: -5, max_ms: 7, place: ChunkRef(8) }]);
    for size in 0..whole.len() {
        assert!(SeriesEntry::default().decode(&whole[..size]).is_err(), "cut to {size}");
    }
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(SeriesEntry::default().decode(&bytes).is_err(), "bit {bit}");
    }
}

fn any_chunks() -> impl Strategy<Value = Vec<ChunkMeta>> {
    let gap = prop_oneof![0_u64..1000, 0_u64..1 << 60];
    let chunk = (gap.clone(), gap, any::<u64>());
    (-1_i64 << 62..1 << 40, prop::collection::vec(chunk, 0..6)).prop_map(|(start_ms, chunks)| {
        let mut at_ms = start_ms;
        let mut metas = Vec::new();
        for (gap, length, place) in chunks {
            let min_ms = at_ms + gap as i64;
            at_ms = min_ms + length as i64;
            metas.push(ChunkMeta { min_ms, max_ms: at_ms, place: ChunkRef(place) });
        }
        metas
    })
}

proptest! {
    #[test]
    fn entries_come_back(labels in prop::collection::btree_map(any::<u32>(), any::<u32>(), 0..12), chunks in any_chunks()) {
        let labels: Vec<_> = labels.into_iter().collect();
        let mut entry = SeriesEntry { labels: vec![(7, 7)], chunks: vec![ChunkMeta { min_ms: 1, max_ms: 1, place: ChunkRef(1) }] };
        prop_assert_eq!(entry.decode(&encode(&labels, &chunks)), Ok(()));
        prop_assert_eq!(entry, SeriesEntry { labels, chunks });
    }

    #[test]
    fn hostile_entries_never_panic(body in prop::collection::vec(any::<u8>(), 0..48)) {
        let _ = SeriesEntry::default().decode(&frame(&body));
        let _ = SeriesEntry::default().decode(&body);
    }
}
