use super::{AGGREGATES, split_aggregates};
use crate::chunk::ChunkError;
use crate::cursor::{Corruption, Fault, push_uvarint};
use crate::series::{Aggregate, Chunk, Encoding};
use bytes::Bytes;
use proptest::prelude::*;

type Part = Option<(Encoding, Vec<u8>)>;

/// The aggregates put together; an empty one cannot be told from one that is absent.
fn join(parts: &[Part; 5]) -> Bytes {
    let mut data = Vec::new();
    for part in parts {
        let Some((encoding, part)) = part else {
            data.push(0);
            continue;
        };
        push_uvarint(&mut data, part.len() as u64);
        data.push(*encoding as u8);
        data.extend_from_slice(part);
    }
    data.into()
}

fn parts() -> impl Strategy<Value = [Part; 5]> {
    let encoding = (1_u8..=6).prop_map(|byte| Encoding::from_byte(byte).unwrap());
    let part = prop::option::of((encoding, prop::collection::vec(any::<u8>(), 1..200)));
    prop::array::uniform5(part)
}

proptest! {
    #[test]
    fn takes_apart_what_was_put_together(parts in parts()) {
        let data = join(&parts);
        let chunks = split_aggregates(-5, 7, &data).unwrap();
        for ((chunk, part), aggregate) in chunks.iter().zip(&parts).zip(AGGREGATES) {
            let want = part.as_ref().map(|(encoding, part)| {
                Chunk { min_ms: -5, max_ms: 7, aggregate, encoding: *encoding, data: part.clone().into() }
            });
            prop_assert_eq!(chunk, &want);
            // Without a copy: the slice lies in what was given.
            let within = |chunk: &Chunk| data.as_ptr_range().contains(&chunk.data.as_ptr());
            prop_assert!(chunk.as_ref().is_none_or(within));
        }
    }

    #[test]
    fn a_prefix_is_refused(parts in parts()) {
        let data = join(&parts);
        for size in 0..data.len() {
            let split = split_aggregates(0, 0, &data.slice(..size));
            let cut = matches!(split, Err(ChunkError::Aggregate { fault: Corruption { fault: Fault::Truncated { .. }, .. }, .. }));
            prop_assert!(cut, "{:?} of {} bytes of {}", split, size, data.len());
        }
    }

    /// A flipped bit can make another chunk, but what comes out lies in the bytes, part after part.
    #[test]
    fn flipped_bits_are_refused_or_stay_within(parts in parts(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let mut data = join(&parts).to_vec();
        let at = at.index(data.len());
        data[at] ^= 1_u8 << bit;
        let data = Bytes::from(data);
        if let Ok(chunks) = split_aggregates(0, 0, &data) {
            let mut sizes = 0;
            for chunk in chunks.iter().flatten() {
                prop_assert!(!chunk.data.is_empty());
                sizes += chunk.data.len();
            }
            prop_assert!(sizes < data.len());
        }
    }

    #[test]
    fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = split_aggregates(i64::MIN, i64::MAX, &data.into());
    }
}

#[track_caller]
fn refused(data: &[u8], aggregate: Aggregate, offset: u64, fault: Fault) {
    let want = ChunkError::Aggregate { aggregate, fault: Corruption { offset, fault } };
    assert_eq!(split_aggregates(0, 0, &Bytes::copy_from_slice(data)), Err(want));
}

#[test]
fn errors_name_the_aggregate_and_the_place() {
    refused(&[], Aggregate::Count, 0, Fault::Truncated { want: 1, left: 0 });
    refused(&[0, 0, 0, 0], Aggregate::Counter, 4, Fault::Truncated { want: 1, left: 0 });
    refused(&[0, 3, 1, b'a', b'b'], Aggregate::Sum, 3, Fault::Truncated { want: 3, left: 2 });
    refused(&[0, 0, 1, 7, b'a'], Aggregate::Min, 3, Fault::Encoding(7));
    refused(&[0, 0, 1, 255, b'a'], Aggregate::Min, 3, Fault::Encoding(255));
    refused(&[0, 0, 0, 0, 0, 9], Aggregate::Counter, 5, Fault::Malformed("bytes follow the last aggregate"));
    let mut long = vec![0xff; 9];
    long.push(1);
    refused(&[&long[..], &[1]].concat(), Aggregate::Count, 11, Fault::Truncated { want: u64::MAX, left: 0 });
    refused(&[0xff; 11], Aggregate::Count, 0, Fault::VarintOverflow);
}

#[test]
fn none_of_the_aggregates_need_be_there() {
    assert_eq!(split_aggregates(0, 0, &Bytes::from_static(&[0; 5])), Ok([const { None }; 5]));
}
